//! Second translations against hand-made facts: who is asked for what, what is spoken, and what is told.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sts_protocol::{ErrorCode, FragmentProcessed, FragmentStatus, ServiceMessage, Stage};

use super::session_tests::{fragment, open, report};
use super::{Effect, Session, StreamSettings};
use crate::events::{LifecycleEvent, RetranslationOutcome};
use crate::job::{
    AsrOutput, Dub, Shorter, SpeechWindow, TranslationInput, TranslationOutput, TtsInput, TtsOutput, WhenTooLong,
};
use crate::stage::StageFailure;

const FIRST: &str = "muchas palabras largas";
const SECOND: &str = "palabras";

/// A session whose fragment 0 was translated by an engine that could do it shorter.
struct Bench {
    session: Session,
    now: Instant,
}

impl Bench {
    fn new(settings: StreamSettings, can_be_shorter: bool) -> Self {
        let mut bench = Self { session: open(settings, None), now: Instant::now() };
        bench.offer(0);
        let window = Some(SpeechWindow { start_ms: 0.0, end_ms: 900.0 });
        let heard = AsrOutput { text: "words".to_owned(), window };
        bench.session.recognized(0, report(Ok(heard)), bench.now);
        bench.session.take_effects();
        bench.translate(FIRST, "one", can_be_shorter);
        bench
    }

    fn offer(&mut self, number: u64) {
        self.session.accept(fragment(number, 16_000), true, self.now).expect("accepted");
    }

    fn translate(&mut self, text: &str, engine: &str, can_be_shorter: bool) {
        let output = TranslationOutput { text: text.to_owned(), engine: engine.to_owned(), can_be_shorter };
        self.session.translated(0, report(Ok(output)), self.now);
    }

    fn synthesis(&mut self) -> TtsInput {
        let found = self.session.take_effects().into_iter().find_map(|effect| match effect {
            Effect::Synthesize(0, input) => Some(input),
            _ => None,
        });
        found.expect("the synthesiser is asked")
    }

    /// The synthesiser is asked and finds the words too long; gives what the translator is asked then.
    fn too_long(&mut self, predicted_ms: f64) -> TranslationInput {
        assert_eq!(self.synthesis().when_too_long, WhenTooLong::Ask);
        let output = TtsOutput::TooLong { predicted_ms, wanted_ms: 1000.0 };
        self.session.synthesized(0, report(Ok(output)), self.now);
        let found = self.session.take_effects().into_iter().find_map(|effect| match effect {
            Effect::Translate(0, input) => Some(input),
            _ => None,
        });
        found.expect("the translator is asked again")
    }

    /// The synthesiser speaks; gives what came of the second translation, and the result.
    fn speak(&mut self, is_hurried: bool, spoke_other: bool) -> (Option<RetranslationOutcome>, FragmentProcessed) {
        let dub = Dub { is_hurried, spoke_other, ..Dub::at_ease(Bytes::from(vec![2; 32_000])) };
        self.session.synthesized(0, report(Ok(TtsOutput::Dub(dub))), self.now);
        self.result()
    }

    fn result(&mut self) -> (Option<RetranslationOutcome>, FragmentProcessed) {
        let effects = self.session.take_effects();
        let outcomes: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Publish(LifecycleEvent::Retranslated { outcome, .. }) => Some(*outcome),
                _ => None,
            })
            .collect();
        assert!(outcomes.len() <= 1, "told once: {outcomes:?}");
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Deliver(0))), "a result: {effects:?}");
        let Some(ServiceMessage::Processed(result)) = self.session.result(0) else { panic!("it is kept") };
        (outcomes.first().copied(), *result)
    }
}

fn spoken(result: &FragmentProcessed) -> (Option<&str>, Option<&str>) {
    let translation = result.assets.as_ref().and_then(|assets| assets.translation.as_ref());
    (result.translated_text.as_deref(), translation.and_then(|translation| translation.engine.as_deref()))
}

#[test]
fn a_shorter_translation_that_fits_is_spoken() {
    let mut bench = Bench::new(StreamSettings::default(), true);
    let asked = bench.too_long(1250.0);
    let wanted = Shorter { than: FIRST.to_owned(), by: "one".to_owned(), percent: 80 };
    assert_eq!((asked.text.as_str(), asked.shorter), ("words", Some(wanted)));
    bench.translate(SECOND, "two", true);
    let asked = bench.synthesis();
    assert_eq!((asked.text.as_str(), asked.when_too_long), (SECOND, WhenTooLong::Rather(FIRST.to_owned())));
    let (outcome, result) = bench.speak(false, false);
    assert_eq!((outcome, spoken(&result)), (Some(RetranslationOutcome::Fits), (Some(SECOND), Some("two"))));
    assert_eq!(result.status, FragmentStatus::Success);
    // Each of the two stages had it twice, for 5 ms.
    let times = [Stage::Asr, Stage::Translation, Stage::Tts].map(|stage| result.stage_timings.work_ms(stage));
    assert_eq!(times, [Some(5.0), Some(10.0), Some(10.0)]);
}

#[test]
fn of_two_that_are_too_long_the_shorter_is_spoken() {
    for (spoke_other, outcome, words) in [
        (false, RetranslationOutcome::Shorter, (Some(SECOND), Some("two"))),
        (true, RetranslationOutcome::None, (Some(FIRST), Some("one"))),
    ] {
        let mut bench = Bench::new(StreamSettings::default(), true);
        bench.too_long(1250.0);
        bench.translate(SECOND, "two", true);
        bench.synthesis();
        let (told, result) = bench.speak(true, spoke_other);
        assert_eq!((told, spoken(&result)), (Some(outcome), words));
    }
}

#[test]
fn without_a_second_translation_the_first_is_spoken() {
    let failure = || StageFailure::new(ErrorCode::Timeout, "too slow");
    type Way = fn(&mut Bench, StageFailure);
    let ways: [(&str, Way); 4] = [
        ("the same", |bench, _| bench.translate(FIRST, "two", true)),
        ("nothing", |bench, _| bench.translate(" ", "two", true)),
        ("a failure", |bench, failure| bench.session.translated(0, report(Err(failure)), bench.now)),
        ("a full queue", |bench, failure| bench.session.not_submitted(0, Stage::Translation, failure, bench.now)),
    ];
    for (what, answer) in ways {
        let mut bench = Bench::new(StreamSettings::default(), true);
        bench.too_long(1250.0);
        answer(&mut bench, failure());
        let asked = bench.synthesis();
        assert_eq!((asked.text.as_str(), asked.when_too_long), (FIRST, WhenTooLong::Speak), "{what}");
        let (outcome, result) = bench.speak(true, false);
        assert_eq!(
            (outcome, spoken(&result)),
            (Some(RetranslationOutcome::None), (Some(FIRST), Some("one"))),
            "{what}"
        );
        assert_eq!(result.status, FragmentStatus::Success, "{what}");
    }
}

#[test]
fn a_shorter_one_is_asked_for_once() {
    let mut bench = Bench::new(StreamSettings::default(), true);
    // However much too long: half at least is wanted.
    assert_eq!(bench.too_long(9000.0).shorter.map(|shorter| shorter.percent), Some(50));
    bench.translate(SECOND, "two", true);
    bench.synthesis();
    // An engine that asks although it was not told to has failed.
    let output = TtsOutput::TooLong { predicted_ms: 1100.0, wanted_ms: 1000.0 };
    bench.session.synthesized(0, report(Ok(output)), bench.now);
    let (outcome, result) = bench.result();
    assert_eq!((outcome, result.status), (Some(RetranslationOutcome::None), FragmentStatus::Failed));
    assert_eq!(result.error.map(|error| (error.stage, error.code)), Some((Stage::Tts, ErrorCode::Internal)));
}

#[test]
fn who_cannot_do_it_or_has_no_time_is_not_asked() {
    let never = StreamSettings { retranslate_above: None, ..StreamSettings::default() };
    for (settings, can_be_shorter) in [(StreamSettings::default(), false), (never, true)] {
        let mut bench = Bench::new(settings, can_be_shorter);
        assert_eq!(bench.synthesis().when_too_long, WhenTooLong::Speak);
        assert_eq!(bench.speak(false, false).0, None);
    }
    let mut busy = Bench { session: open(StreamSettings::default(), None), now: Instant::now() };
    (0..4).for_each(|number| busy.offer(number));
    let heard = AsrOutput { text: "words".to_owned(), window: Some(SpeechWindow { start_ms: 0.0, end_ms: 900.0 }) };
    busy.session.recognized(0, report(Ok(heard)), busy.now);
    busy.translate(FIRST, "one", true);
    assert_eq!(busy.synthesis().when_too_long, WhenTooLong::Speak, "four in flight: the stream is to slow down");
}

#[test]
fn a_stream_that_ends_waits_no_longer_than_its_limit() {
    let mut bench = Bench::new(StreamSettings::default(), true);
    bench.too_long(1250.0);
    bench.session.end(bench.now).expect("active");
    bench.now += Duration::from_secs(30);
    bench.session.tick(bench.now);
    let (outcome, result) = bench.result();
    assert_eq!((outcome, result.status), (Some(RetranslationOutcome::None), FragmentStatus::Failed));
    assert_eq!(result.error.map(|error| (error.stage, error.code)), Some((Stage::Translation, ErrorCode::Timeout)));
    // What comes after that finds nobody.
    bench.translate(SECOND, "two", true);
    assert!(!bench.session.has_effects());
}
