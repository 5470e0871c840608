//! The cache over a translator that counts what it is asked.

use super::*;
use proptest::prelude::*;

/// Says how often it was asked.
struct Counting {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Translator for Counting {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: "counting".to_owned(), device: "test".to_owned(), precision: "none".to_owned() }
    }

    fn supports(&self, _: &str, _: &str) -> bool {
        true
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let mut asked = self.asked.lock().expect("no panic");
        let mut one = |request: &TranslateRequest| {
            asked.push(request.text.clone());
            match request.text.as_str() {
                "fail" => Err(EngineError::Unavailable("told to".to_owned())),
                text => Ok(Translation { text: text.to_uppercase(), engine: "counting".to_owned() }),
            }
        };
        batch.iter().map(&mut one).collect()
    }
}

struct Bench {
    asked: Arc<Mutex<Vec<String>>>,
    found: Arc<Mutex<Vec<bool>>>,
    cache: Arc<TranslationCache>,
    translator: CachedTranslator,
}

fn bench(max_bytes: usize) -> Bench {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let found = Arc::<Mutex<Vec<bool>>>::default();
    let hears = Arc::clone(&found);
    let listener = Box::new(move |is_hit| hears.lock().expect("no panic").push(is_hit));
    let cache = TranslationCache::new(max_bytes, listener);
    let counting = Counting { asked: Arc::clone(&asked) };
    let translator =
        CachedTranslator::new(Box::new(counting), Arc::clone(&cache), Box::new(|request, _| request.text != "forget"));
    Bench { asked, found, cache, translator }
}

fn request(text: &str) -> TranslateRequest {
    TranslateRequest { text: text.to_owned(), ..TranslateRequest::default() }
}

fn too_long(translation: &str) -> Shorter {
    Shorter { than: translation.to_owned(), by: "counting".to_owned(), percent: 80 }
}

impl Bench {
    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<String> {
        let answers = self.translator.translate(batch).into_iter();
        answers.map(|answer| answer.map_or_else(|error| error.to_string(), |done| done.text)).collect()
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

#[test]
fn the_same_is_asked_for_once_in_a_batch_and_afterwards() {
    let mut bench = bench(10_000);
    assert_eq!(bench.translate(&["a", "b", "a"].map(request)), ["A", "B", "A"]);
    assert_eq!(bench.translate(&["b", "c"].map(request)), ["B", "C"]);
    assert_eq!(bench.asked(), ["a", "b", "c"]);
    // What is asked for twice in one batch is looked for before the first is there.
    assert_eq!(*bench.found.lock().expect("no panic"), [false, false, false, true, false]);
}

#[test]
fn what_an_answer_depends_on_keeps_requests_apart() {
    let mut bench = bench(10_000);
    let others = [
        request("a"),
        TranslateRequest { target_language: "es".to_owned(), ..request("a") },
        TranslateRequest { context: "before".to_owned(), ..request("a") },
        TranslateRequest { hints: vec!["Acme".to_owned()], ..request("a") },
        TranslateRequest { syllables: Some(3), ..request("a") },
        TranslateRequest { shorter: Some(too_long("A")), ..request("a") },
        TranslateRequest { shorter: Some(too_long("AA")), ..request("a") },
    ];
    bench.translate(&others);
    assert_eq!(bench.asked().len(), others.len());
    let later = TranslateRequest { deadline: Some(std::time::Instant::now()), ..request("a") };
    bench.translate(&[later]);
    assert!(bench.asked().is_empty(), "the time that there is changes no answer");
}

#[test]
fn failures_are_not_remembered_and_neither_is_what_is_not_worth_it() {
    let mut bench = bench(10_000);
    bench.translate(&["forget"].map(request));
    bench.translate(&["forget"].map(request));
    assert_eq!(bench.asked(), ["forget", "forget"]);
    bench.translate(&["fail", "fail"].map(request));
    bench.translate(&["fail"].map(request));
    assert_eq!(bench.asked(), ["fail", "fail"]);
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    // Each costs 2 · 1 + 1 + 8 bytes.
    let mut bench = bench(3 * 11);
    for text in ["a", "b", "c", "a", "d", "a", "c", "d"] {
        bench.translate(&[request(text)]);
    }
    assert_eq!(bench.asked(), ["a", "b", "c", "d"]);
    bench.translate(&[request("b")]);
    assert_eq!(bench.asked(), ["b"]);
    let mut nothing = super::tests::bench(0);
    nothing.translate(&["a", "a"].map(request));
    nothing.translate(&["a"].map(request));
    assert_eq!(nothing.asked(), ["a", "a"]);
}

proptest! {
    #[test]
    fn it_never_grows_past_its_bound_and_its_sums_are_right(
        texts in prop::collection::vec("[a-f]{0,12}", 0..200),
        max_bytes in 0_usize..300,
    ) {
        let mut bench = bench(max_bytes);
        for text in &texts {
            prop_assert_eq!(bench.translate(&[request(text)]), [text.to_uppercase()]);
            prop_assert!(bench.cache.bytes() <= max_bytes);
        }
        let kept = bench.cache.lock();
        prop_assert_eq!(kept.entries.len(), kept.by_use.len());
        prop_assert_eq!(kept.entries.values().map(|entry| entry.bytes).sum::<usize>(), kept.bytes);
        prop_assert!(kept.by_use.iter().all(|(used, key)| kept.entries[key].used == *used));
    }
}
