//! Firefox's translation models, run in this process: by the crate `fxtranslate` in int8 on a CPU, or by
//! [libtorch](super::marian) on any device.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fxtranslate::engine::Engine;
use fxtranslate::segment::CONTEXT_WINDOW;
use fxtranslate::spm::SpmVocab;

use super::firefox_beam;
use super::marian::Student;
use super::route::{Leg, LegKind, Pair};
use super::sentences;
use super::shorter::choose;
use crate::device::Device;
use crate::engine::EngineError;

/// Sentences decoded together. More than this saves nothing on a CPU and makes the short wait for the long.
const SENTENCES_PER_BATCH: usize = 16;

/// Folder of a pair's model within the store.
pub fn folder(store: &Path, pair: &Pair) -> PathBuf {
    store.join(format!("firefox-{}{}", pair.source, pair.target))
}

/// Every pair whose model is in the store: a folder `firefox-XXYY` with a `model.bin`.
///
/// # Errors
/// [`EngineError::Unavailable`] when the store cannot be read.
pub fn installed_pairs(store: &Path) -> Result<Vec<Leg>, EngineError> {
    let unreadable = |error| EngineError::Unavailable(format!("the store {}: {error}", store.display()));
    let mut legs = Vec::new();
    for entry in std::fs::read_dir(store).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pair) = name.strip_prefix("firefox-").and_then(pair_of_four_letters) else { continue };
        if entry.path().join("model.bin").is_file() {
            legs.push(Leg { pair, kind: LegKind::Firefox });
        }
    }
    legs.sort_by_key(|leg| leg.pair.to_string());
    Ok(legs)
}

fn pair_of_four_letters(letters: &str) -> Option<Pair> {
    let valid = letters.len() == 4 && letters.bytes().all(|byte| byte.is_ascii_lowercase());
    valid.then(|| Pair::new(&letters[..2], &letters[2..]))
}

/// Sentences decoded together by libtorch.
const SENTENCES_PER_TORCH_BATCH: usize = 64;

/// One pair's model, loaded.
pub struct FirefoxPair {
    engine: Runtime,
}

/// What a model is run by.
enum Runtime {
    /// With the target's pieces: the engine keeps its own to itself.
    Int8(Box<(Engine, SpmVocab)>),
    Torch(Box<Student>),
}

impl Runtime {
    fn tokens(&self, text: &str) -> usize {
        match self {
            Self::Int8(model) => model.0.src_ids(text).len(),
            Self::Torch(student) => student.tokens(text),
        }
    }

    fn translate(&self, texts: &[&str]) -> Result<Vec<String>, EngineError> {
        match self {
            Self::Int8(model) => Ok(model.0.translate_batch(texts)),
            Self::Torch(student) => student.translate(texts),
        }
    }

    fn batch(&self) -> usize {
        match self {
            Self::Int8(_) => SENTENCES_PER_BATCH,
            Self::Torch(_) => SENTENCES_PER_TORCH_BATCH,
        }
    }
}

impl FirefoxPair {
    /// Loads `model.bin`, `vocab.spm` (or `vocab.src.spm` and `vocab.trg.spm`) and, where there is one, the
    /// lexical shortlist `lex.bin`. With a device, libtorch runs it there.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] that names the folder when a file is missing or is not what it should be.
    pub fn load(folder: &Path, device: Option<Device>) -> Result<Self, EngineError> {
        if let Some(device) = device {
            return Ok(Self { engine: Runtime::Torch(Box::new(Student::load(folder, device)?)) });
        }
        let failed = |why: String| EngineError::Unavailable(format!("model {}: {why}", folder.display()));
        let shared = folder.join("vocab.spm");
        let (source, target) = match shared.is_file() {
            true => (shared.clone(), shared),
            false => (folder.join("vocab.src.spm"), folder.join("vocab.trg.spm")),
        };
        let shortlist = folder.join("lex.bin");
        // The crate takes its files on trust and panics on some that are damaged.
        let loaded = catch_unwind(|| {
            let pieces = SpmVocab::load(&target).map_err(|error| error.to_string())?;
            let engine = Engine::load_mmapped(folder.join("model.bin"), source, target)?;
            if !shortlist.is_file() {
                return Ok((engine, pieces));
            }
            let bytes = std::fs::read(&shortlist).map_err(|error| error.to_string())?;
            Ok((engine.with_shortlist_bytes(&bytes), pieces))
        });
        let loaded = loaded.unwrap_or_else(|_| Err("a file is damaged".to_owned())).map_err(failed)?;
        Ok(Self { engine: Runtime::Int8(Box::new(loaded)) })
    }

    /// Translates sentences, batched by length; what came in as an error goes out as it was.
    ///
    /// A sentence longer than the model's window of 128 tokens is cut between words, and its parts are joined.
    /// What holds no word (no letter or digit, or a run of characters too long for any language) stays as it is.
    pub fn translate(&self, sentences: Vec<Result<String, EngineError>>) -> Vec<Result<String, EngineError>> {
        let planned = catch_unwind(AssertUnwindSafe(|| self.plan(&sentences)));
        let Ok(mut parts) = planned else {
            return sentences.into_iter().map(|sentence| sentence.and(panicked())).collect();
        };
        let mut to_translate: Vec<&mut Part> = parts.iter_mut().filter(|part| part.tokens.is_some()).collect();
        to_translate.sort_by_key(|part| part.tokens);
        for group in to_translate.chunks_mut(self.engine.batch()) {
            self.translate_group(group);
        }
        let mut answers: Vec<Result<String, EngineError>> =
            sentences.into_iter().map(|sentence| sentence.map(|_| String::new())).collect();
        for part in parts {
            let answer = &mut answers[part.sentence];
            match (answer.as_mut(), part.text) {
                (Ok(joined), Ok(text)) if joined.is_empty() => joined.push_str(&text),
                (Ok(joined), Ok(text)) => {
                    joined.push(' ');
                    joined.push_str(&text);
                }
                (Ok(_), Err(error)) => *answer = Err(error),
                (Err(_), _) => {}
            }
        }
        answers
    }

    /// As [`Self::translate`], but of each sentence the best translation that has at most so many percent of its usual
    /// length, as far as there is one that is nearly as likely.
    pub fn translate_shorter(
        &self,
        sentences: Vec<Result<String, EngineError>>,
        percent: u32,
    ) -> Vec<Result<String, EngineError>> {
        let usual = self.translate(sentences.clone());
        // In libtorch there is one translation of each.
        let Runtime::Int8(model) = &self.engine else { return usual };
        let (engine, target) = &**model;
        let shorter = |(sentence, usual): (Result<String, EngineError>, Result<String, EngineError>)| {
            let (sentence, usual) = (sentence?, usual?);
            let is_one_part = !sentences::has_overlong_word(&sentence) && sentence.chars().any(char::is_alphanumeric);
            let searched = catch_unwind(AssertUnwindSafe(|| {
                let ids = engine.src_ids(&sentence);
                if !is_one_part || ids.len() > CONTEXT_WINDOW {
                    return Vec::new();
                }
                firefox_beam::search(engine, target, &ids)
            }));
            match searched {
                Ok(found) => Ok(choose(found, usual, percent)),
                Err(_) => panicked(),
            }
        };
        sentences.into_iter().zip(usual).map(shorter).collect()
    }

    /// Cuts the sentences into parts that the model takes, in order.
    fn plan(&self, sentences: &[Result<String, EngineError>]) -> Vec<Part> {
        let mut parts = Vec::new();
        for (sentence, text) in sentences.iter().enumerate() {
            let Ok(text) = text else { continue };
            let tokens = if sentences::has_overlong_word(text) { usize::MAX } else { self.engine.tokens(text) };
            if tokens <= CONTEXT_WINDOW {
                let spoken = text.chars().any(char::is_alphanumeric);
                parts.push(Part { sentence, text: Ok(text.clone()), tokens: spoken.then_some(tokens) });
            } else {
                self.cut(sentence, text, &mut parts);
            }
        }
        parts
    }

    fn cut(&self, sentence: usize, text: &str, parts: &mut Vec<Part>) {
        let mut open: Option<(String, usize)> = None;
        let close = |open: &mut Option<(String, usize)>, parts: &mut Vec<Part>| {
            if let Some((text, tokens)) = open.take() {
                let spoken = text.chars().any(char::is_alphanumeric);
                parts.push(Part { sentence, text: Ok(text), tokens: spoken.then_some(tokens) });
            }
        };
        for word in text.split(' ') {
            let tokens = if sentences::has_overlong_word(word) { usize::MAX } else { self.engine.tokens(word) };
            if tokens > CONTEXT_WINDOW {
                close(&mut open, parts);
                parts.push(Part { sentence, text: Ok(word.to_owned()), tokens: None });
                continue;
            }
            if open.as_ref().is_some_and(|(_, sum)| sum + tokens > CONTEXT_WINDOW) {
                close(&mut open, parts);
            }
            match &mut open {
                Some((text, sum)) => {
                    text.push(' ');
                    text.push_str(word);
                    *sum += tokens;
                }
                None => open = Some((word.to_owned(), tokens)),
            }
        }
        close(&mut open, parts);
    }

    fn translate_group(&self, group: &mut [&mut Part]) {
        let texts: Vec<String> = group.iter().map(|part| part.text.clone().unwrap_or_default()).collect();
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let translated = catch_unwind(AssertUnwindSafe(|| self.engine.translate(&borrowed)));
        for (position, part) in group.iter_mut().enumerate() {
            part.text = match &translated {
                Ok(Ok(translated)) => Ok(translated[position].trim().to_owned()),
                Ok(Err(error)) => Err(error.clone()),
                Err(_) => panicked(),
            };
        }
    }
}

/// What the model takes at once: a sentence, or a stretch of one.
struct Part {
    /// Which sentence it belongs to.
    sentence: usize,
    /// Its text, then its translation.
    text: Result<String, EngineError>,
    /// Its length; `None` for what is not to be translated.
    tokens: Option<usize>,
}

fn panicked() -> Result<String, EngineError> {
    Err(EngineError::Poisoned("fxtranslate panicked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_with_a_model_count() {
        let store = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["firefox-enfr", "firefox-frde", "firefox-enfra", "whisper-base"] {
            std::fs::create_dir(store.path().join(name)).expect("the folder is new");
        }
        for name in ["firefox-enfr", "firefox-enfra"] {
            std::fs::write(store.path().join(name).join("model.bin"), "").expect("the folder is writable");
        }
        let legs = installed_pairs(store.path()).expect("the store can be read");
        assert_eq!(legs, [Leg { pair: Pair::new("en", "fr"), kind: LegKind::Firefox }]);
    }

    #[test]
    fn a_damaged_model_is_an_error_and_not_a_panic() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["model.bin", "vocab.spm", "lex.bin"] {
            std::fs::write(folder.path().join(name), [7_u8; 300]).expect("the folder is writable");
        }
        assert!(matches!(FirefoxPair::load(folder.path(), None), Err(EngineError::Unavailable(_))));
    }
}
