//! Translations that were asked for lately: streams that dub one programme for several workers ask for the same, and so
//! does a worker that sends a fragment again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};

/// All that an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    text: String,
    languages: (String, String),
    context: String,
    hints: Vec<String>,
    syllables: Option<usize>,
}

impl Key {
    fn of(request: &TranslateRequest) -> Self {
        Self {
            text: request.text.clone(),
            languages: (request.source_language.clone(), request.target_language.clone()),
            context: request.context.clone(),
            hints: request.hints.clone(),
            syllables: request.syllables,
        }
    }

    fn bytes(&self) -> usize {
        let hints: usize = self.hints.iter().map(String::len).sum();
        self.text.len() + self.languages.0.len() + self.languages.1.len() + self.context.len() + hints
    }
}

/// The last translations, shared by all threads. Its texts have a bound, in bytes; those used longest ago go first.
pub struct TranslationCache {
    max_bytes: usize,
    kept: Mutex<Kept>,
}

/// Invariant: `by_use` has the use of each entry, and nothing else; `bytes` is the sum of their sizes.
#[derive(Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
}

struct Entry {
    translation: Translation,
    used: u64,
    bytes: usize,
}

impl TranslationCache {
    /// An empty one for texts of so many bytes; for none, it keeps nothing.
    pub fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, kept: Mutex::default() })
    }

    /// Bytes of all texts that are kept.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn find(&self, key: &Key) -> Option<Translation> {
        let kept = &mut *self.lock();
        let entry = kept.entries.get_mut(key)?;
        kept.uses += 1;
        let key = kept.by_use.remove(&entry.used)?;
        entry.used = kept.uses;
        kept.by_use.insert(kept.uses, key);
        Some(entry.translation.clone())
    }

    fn keep(&self, key: Key, translation: Translation) {
        let bytes = 2 * key.bytes() + translation.text.len() + translation.engine.len();
        if bytes > self.max_bytes {
            return;
        }
        let kept = &mut *self.lock();
        kept.uses += 1;
        let used = kept.uses;
        if let Some(old) = kept.entries.insert(key.clone(), Entry { translation, used, bytes }) {
            kept.by_use.remove(&old.used);
            kept.bytes -= old.bytes;
        }
        kept.by_use.insert(used, key);
        kept.bytes += bytes;
        while kept.bytes > self.max_bytes {
            let Some((_, oldest)) = kept.by_use.pop_first() else { break };
            kept.bytes -= kept.entries.remove(&oldest).map_or(0, |entry| entry.bytes);
        }
    }

    // Nothing that can panic happens while this is held.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A translator that is asked for nothing twice, as long as the cache remembers. Failures are not remembered.
pub struct CachedTranslator {
    translator: Box<dyn Translator>,
    cache: Arc<TranslationCache>,
    is_worth_keeping: Judge,
}

/// Says which translations of which requests are remembered.
pub type Judge = Box<dyn Fn(&TranslateRequest, &Translation) -> bool>;

impl CachedTranslator {
    /// Puts the cache before the translator.
    pub fn new(translator: Box<dyn Translator>, cache: Arc<TranslationCache>, is_worth_keeping: Judge) -> Self {
        Self { translator, cache, is_worth_keeping }
    }
}

impl Translator for CachedTranslator {
    fn info(&self) -> EngineInfo {
        self.translator.info()
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        self.translator.supports(source, target)
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let keys: Vec<Key> = batch.iter().map(Key::of).collect();
        let mut answers: Vec<Option<Result<Translation, EngineError>>> =
            keys.iter().map(|key| self.cache.find(key).map(Ok)).collect();
        // Once each, however often the batch has them.
        let mut missing: Vec<usize> = Vec::new();
        for (index, answer) in answers.iter().enumerate() {
            if answer.is_none() && !missing.iter().any(|&first| keys[first] == keys[index]) {
                missing.push(index);
            }
        }
        let requests: Vec<TranslateRequest> = missing.iter().map(|&index| batch[index].clone()).collect();
        let fresh = if requests.is_empty() { Vec::new() } else { self.translator.translate(&requests) };
        for (&first, answer) in missing.iter().zip(fresh) {
            for (index, key) in keys.iter().enumerate() {
                if answers[index].is_none() && *key == keys[first] {
                    answers[index] = Some(answer.clone());
                }
            }
            if let Ok(translation) = answer
                && (self.is_worth_keeping)(&batch[first], &translation)
            {
                self.cache.keep(keys[first].clone(), translation);
            }
        }
        let unanswered = || Err(EngineError::Poisoned("a request was left without an answer".to_owned()));
        answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }
}

#[cfg(test)]
mod tests {
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
        cache: Arc<TranslationCache>,
        translator: CachedTranslator,
    }

    fn bench(max_bytes: usize) -> Bench {
        let (asked, cache) = (Arc::default(), TranslationCache::new(max_bytes));
        let counting = Counting { asked: Arc::clone(&asked) };
        let translator = CachedTranslator::new(
            Box::new(counting),
            Arc::clone(&cache),
            Box::new(|request, _| request.text != "forget"),
        );
        Bench { asked, cache, translator }
    }

    fn request(text: &str) -> TranslateRequest {
        TranslateRequest { text: text.to_owned(), ..TranslateRequest::default() }
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
}
