//! Translations that were asked for lately: streams that dub one programme for several workers ask for the same, and so
//! does a worker that sends a fragment again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::{EngineError, EngineInfo, Shorter, TranslateRequest, Translation, Translator};

/// All that an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    text: String,
    languages: (String, String),
    context: String,
    hints: Vec<String>,
    syllables: Option<usize>,
    shorter: Option<Shorter>,
}

impl Key {
    fn of(request: &TranslateRequest) -> Self {
        Self {
            text: request.text.clone(),
            languages: (request.source_language.clone(), request.target_language.clone()),
            context: request.context.clone(),
            hints: request.hints.clone(),
            syllables: request.syllables,
            shorter: request.shorter.clone(),
        }
    }

    fn bytes(&self) -> usize {
        let hints: usize = self.hints.iter().map(String::len).sum();
        let shorter = self.shorter.as_ref().map_or(0, |shorter| shorter.than.len() + shorter.by.len());
        self.text.len() + self.languages.0.len() + self.languages.1.len() + self.context.len() + hints + shorter
    }
}

/// The last translations, shared by all threads. Its texts have a bound, in bytes; those used longest ago go first.
pub struct TranslationCache {
    max_bytes: usize,
    heard_by: LookupListener,
    kept: Mutex<Kept>,
}

/// Hears of each look into the cache whether it found something.
pub type LookupListener = Box<dyn Fn(bool) + Send + Sync>;

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
    pub fn new(max_bytes: usize, heard_by: LookupListener) -> Arc<Self> {
        Arc::new(Self { max_bytes, heard_by, kept: Mutex::default() })
    }

    /// Bytes of all texts that are kept.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn find(&self, key: &Key) -> Option<Translation> {
        let found = self.look(key);
        (self.heard_by)(found.is_some());
        found
    }

    fn look(&self, key: &Key) -> Option<Translation> {
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

    fn can_shorten(&self, source: &str, target: &str, engine: &str) -> bool {
        self.translator.can_shorten(source, target, engine)
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
#[path = "cache_tests.rs"]
mod tests;
