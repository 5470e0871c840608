use super::*;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Answers as it is told; the number of batches that reached it is shared.
struct Told {
    name: &'static str,
    targets: &'static [&'static str],
    handle: Handle,
}

impl Translator for Told {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: self.name.to_owned(), device: "test".to_owned(), precision: "none".to_owned() }
    }

    fn supports(&self, _: &str, target: &str) -> bool {
        self.targets.contains(&target)
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        self.handle.asked.lock().expect("no panic").push(batch.len());
        assert!(!self.handle.panics.load(Ordering::SeqCst), "told to panic");
        let failure = self.handle.failure.lock().expect("no panic").clone();
        let done =
            |request: &TranslateRequest| Translation { text: request.text.clone(), engine: self.name.to_owned() };
        batch.iter().map(|request| failure.clone().map_or_else(|| Ok(done(request)), Err)).collect()
    }
}

#[derive(Clone, Default)]
struct Handle {
    failure: Arc<Mutex<Option<EngineError>>>,
    panics: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Handle {
    fn fail(&self, error: impl Into<Option<EngineError>>) {
        *self.failure.lock().expect("no panic") = error.into();
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

struct Bench {
    first: Handle,
    second: Handle,
    heard: Arc<Mutex<Vec<String>>>,
    guard: Arc<Guard>,
    translator: FallbackTranslator,
}

/// `first`, on the network, does Spanish and French; `second`, in the process, Spanish and Italian. French is done by
/// `first` alone.
fn bench() -> Bench {
    bench_of(false)
}

/// The same with `first` in the process too, or not.
fn bench_of(is_local: bool) -> Bench {
    let (first, second, heard) = (Handle::default(), Handle::default(), Arc::new(Mutex::new(Vec::new())));
    let hears = Arc::clone(&heard);
    let listener: BreakerListener = Arc::new(move |engine: &str, state: BreakerState, _: &str| {
        hears.lock().expect("no panic").push(format!("{engine} {}", state.as_str()));
    });
    let guards = ["first", "second"].map(|name| Guard::new(name, BreakerOptions::default(), Arc::clone(&listener)));
    let link = |name: &'static str, targets: &'static [&'static str], handle: &Handle, index: usize, is_local| {
        let translator = Box::new(Told { name, targets, handle: handle.clone() });
        Link { name: name.to_owned(), translator, guard: Arc::clone(&guards[index]), is_local }
    };
    let links =
        vec![link("first", &["es", "fr"], &first, 0, is_local), link("second", &["es", "it"], &second, 1, true)];
    let guard = Arc::clone(&guards[0]);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let by_pair = HashMap::from([(("en".to_owned(), "fr".to_owned()), names(&["first"]))]);
    let preferences = Preferences { usual: names(&["first", "second"]), by_pair };
    let translator = FallbackTranslator::new(links, preferences, Duration::from_secs(60));
    Bench { first, second, heard, guard, translator }
}

impl Bench {
    fn translate(&mut self, targets: &[&str]) -> Vec<Result<String, EngineError>> {
        let request = |target: &&str| TranslateRequest {
            text: "x".to_owned(),
            source_language: "en".to_owned(),
            target_language: (*target).to_owned(),
            ..TranslateRequest::default()
        };
        let batch: Vec<_> = targets.iter().map(request).collect();
        self.translator.translate(&batch).into_iter().map(|answer| answer.map(|done| done.engine)).collect()
    }
}

fn by(engine: &str) -> Result<String, EngineError> {
    Ok(engine.to_owned())
}

fn down() -> EngineError {
    EngineError::Unavailable("down".to_owned())
}

#[test]
fn the_first_of_a_pairs_list_that_can_does_it() {
    let mut bench = bench();
    assert_eq!(bench.translate(&["es", "it", "fr", "es"]), [by("first"), by("second"), by("first"), by("first")]);
    assert_eq!((bench.first.asked(), bench.second.asked()), (1, 1), "one batch each");
    assert!(matches!(bench.translate(&["de"])[0], Err(EngineError::Unsupported(_))));
    assert!(bench.translator.supports("en", "fr") && !bench.translator.supports("en", "de"));
    assert_eq!(bench.translator.info().name, "first, second");
}

#[test]
fn what_the_first_cannot_do_the_next_does_and_its_error_is_told_where_there_is_none() {
    let mut bench = bench();
    bench.first.fail(down());
    assert_eq!(bench.translate(&["es", "fr", "it"]), [by("second"), Err(down()), by("second")]);
    bench.second.fail(EngineError::InvalidInput("no".to_owned()));
    assert_eq!(bench.translate(&["es"]), [Err(down())]);
}

#[test]
fn a_breaker_opens_and_the_first_is_no_longer_asked() {
    let mut bench = bench();
    bench.first.fail(down());
    for _ in 0..5 {
        assert_eq!(bench.translate(&["es"]), [by("second")]);
    }
    let seen = bench.guard.observe();
    assert_eq!((seen.engine.as_str(), seen.breaker), ("first", BreakerState::Open));
    assert!(seen.rest_ms.is_some_and(|rest| rest > 0.0) && seen.last_error.is_some_and(|why| why.contains("down")));
    let answers = bench.translate(&["es", "fr"]);
    assert_eq!(answers[0], by("second"));
    assert!(matches!(&answers[1], Err(EngineError::Unavailable(why)) if why.contains("left alone")), "{answers:?}");
    assert_eq!(bench.first.asked(), 5);
    assert_eq!(*bench.heard.lock().expect("no panic"), ["first open"]);
}

#[test]
fn an_engine_that_asks_for_rest_is_left_alone_and_probed_afterwards() {
    let mut bench = bench();
    let message = "slow down".to_owned();
    bench.first.fail(EngineError::RateLimited { message, retry_after: Some(Duration::ZERO) });
    assert_eq!(bench.translate(&["es"]), [by("second")]);
    bench.first.fail(None);
    assert_eq!(bench.translate(&["es"]), [by("first")], "its time is over");
    assert_eq!(*bench.heard.lock().expect("no panic"), ["first open", "first half_open", "first closed"]);
    bench.first.fail(EngineError::QuotaExceeded("used up".to_owned()));
    assert_eq!(bench.translate(&["es"]), [by("second")]);
    assert_eq!(bench.guard.observe().breaker, BreakerState::Open);
}

#[test]
fn requests_that_are_wrong_say_nothing_about_the_engine() {
    let mut bench = bench();
    bench.first.fail(EngineError::InvalidInput("no".to_owned()));
    for _ in 0..20 {
        assert_eq!(bench.translate(&["es"]), [by("second")]);
    }
    assert_eq!(bench.guard.observe().breaker, BreakerState::Closed);
}

#[test]
fn an_engine_that_cannot_be_trusted_is_told_at_once() {
    let mut bench = bench();
    let broken = EngineError::Poisoned("broken".to_owned());
    bench.first.fail(broken.clone());
    assert_eq!(bench.translate(&["es"]), [Err(broken)]);
    assert_eq!(bench.second.asked(), 0);
}

#[test]
fn without_time_left_an_engine_is_not_asked_and_not_blamed() {
    let mut bench = bench();
    bench.translator.network_limit = Duration::ZERO;
    let answers = bench.translate(&["es", "fr"]);
    assert_eq!(answers[0], by("second"), "the one in the process needs no time of the network");
    assert!(matches!(&answers[1], Err(EngineError::TimedOut(_))), "{answers:?}");
    let seen = bench.guard.observe();
    assert_eq!((bench.first.asked(), seen.breaker, seen.last_error), (0, BreakerState::Closed, None));
}

#[test]
fn an_engine_in_the_process_that_keeps_failing_hands_over_too() {
    for failure in [down(), EngineError::Poisoned("broken".to_owned())] {
        let mut bench = bench_of(true);
        bench.first.fail(failure.clone());
        let by_now = if may_be_done_by_another(&failure) { by("second") } else { Err(failure) };
        for _ in 0..5 {
            assert_eq!(bench.translate(&["es"]), std::slice::from_ref(&by_now));
        }
        assert_eq!(bench.translate(&["es"]), [by("second")]);
        assert_eq!((bench.first.asked(), bench.guard.observe().breaker), (5, BreakerState::Open));
        assert_eq!(*bench.heard.lock().expect("no panic"), ["first open"]);
    }
}

#[test]
fn panics_are_failures() {
    let mut bench = bench_of(true);
    bench.first.panics.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        assert!(catch_unwind(AssertUnwindSafe(|| bench.translate(&["es"]))).is_err());
    }
    assert_eq!(bench.translate(&["es"]), [by("second")]);
    let seen = bench.guard.observe();
    assert_eq!((seen.breaker, seen.last_error.as_deref()), (BreakerState::Open, Some("it panicked")));
}

#[test]
fn an_engine_in_the_process_does_what_nobody_else_could_however_often_it_failed() {
    let mut bench = bench_of(true);
    bench.first.fail(down());
    for asked in 1..=20 {
        assert_eq!((bench.translate(&["fr"]), bench.first.asked()), (vec![Err(down())], asked));
    }
    let seen = bench.guard.observe();
    assert_eq!((seen.breaker, seen.last_error), (BreakerState::Closed, Some(down().to_string())));

    for _ in 0..5 {
        assert_eq!(bench.translate(&["es"]), [by("second")]);
    }
    assert_eq!(bench.guard.observe().breaker, BreakerState::Open);
    assert_eq!(bench.translate(&["es", "fr"]), [by("second"), Err(down())]);
    assert_eq!(bench.first.asked.lock().expect("no panic").last(), Some(&1), "French alone");

    // What it can do again by itself it may also do for others.
    bench.first.fail(None);
    assert_eq!(bench.translate(&["es", "fr"]), [by("second"), by("first")]);
    assert_eq!(bench.guard.observe().breaker, BreakerState::Closed);
    assert_eq!(bench.translate(&["es", "fr"]), [by("first"), by("first")]);
}
