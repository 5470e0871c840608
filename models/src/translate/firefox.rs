//! Firefox's translation models, run in this process by the crate `fxtranslate`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fxtranslate::engine::Engine;
use fxtranslate::segment::CONTEXT_WINDOW;

use super::route::{Leg, LegKind, Pair};
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

/// One pair's model, loaded.
pub struct FirefoxPair {
    engine: Engine,
}

impl FirefoxPair {
    /// Loads `model.bin`, `vocab.spm` (or `vocab.src.spm` and `vocab.trg.spm`) and, where there is one, the
    /// lexical shortlist `lex.bin`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] that names the folder when a file is missing or is not what it should be.
    pub fn load(folder: &Path) -> Result<Self, EngineError> {
        let failed = |why: String| EngineError::Unavailable(format!("model {}: {why}", folder.display()));
        let shared = folder.join("vocab.spm");
        let (source, target) = match shared.is_file() {
            true => (shared.clone(), shared),
            false => (folder.join("vocab.src.spm"), folder.join("vocab.trg.spm")),
        };
        let shortlist = folder.join("lex.bin");
        // The crate takes its files on trust and panics on some that are damaged.
        let loaded = catch_unwind(|| {
            let engine = Engine::load_mmapped(folder.join("model.bin"), source, target)?;
            if !shortlist.is_file() {
                return Ok(engine);
            }
            let bytes = std::fs::read(&shortlist).map_err(|error| error.to_string())?;
            Ok(engine.with_shortlist_bytes(&bytes))
        });
        let engine = loaded.unwrap_or_else(|_| Err("a file is damaged".to_owned())).map_err(failed)?;
        Ok(Self { engine })
    }

    /// Translates sentences, batched by length; what came in as an error goes out as it was.
    ///
    /// A sentence longer than the model's window of 128 tokens is cut at the window and its parts are joined.
    pub fn translate(&self, sentences: Vec<Result<String, EngineError>>) -> Vec<Result<String, EngineError>> {
        let mut answers = sentences;
        let mut lengths: Vec<(usize, usize)> = Vec::new();
        for (index, sentence) in answers.iter().enumerate() {
            let Ok(sentence) = sentence else { continue };
            match catch_unwind(AssertUnwindSafe(|| self.engine.src_ids(sentence).len())) {
                Ok(length) => lengths.push((length, index)),
                Err(_) => lengths.push((usize::MAX, index)),
            }
        }
        lengths.sort_unstable();
        let (windows, beyond): (Vec<_>, Vec<_>) =
            lengths.into_iter().partition(|(length, _)| *length <= CONTEXT_WINDOW);
        for group in windows.chunks(SENTENCES_PER_BATCH) {
            self.translate_group(group, &mut answers, |texts| self.engine.translate_batch(texts));
        }
        for single in beyond.chunks(1) {
            self.translate_group(single, &mut answers, |texts| {
                texts.iter().map(|text| self.engine.translate_long(text)).collect()
            });
        }
        answers
    }

    fn translate_group(
        &self,
        group: &[(usize, usize)],
        answers: &mut [Result<String, EngineError>],
        translate: impl Fn(&[&str]) -> Vec<String>,
    ) {
        let texts: Vec<String> = group.iter().filter_map(|(_, index)| answers[*index].clone().ok()).collect();
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let translated = catch_unwind(AssertUnwindSafe(|| translate(&borrowed)));
        for (position, (_, index)) in group.iter().enumerate() {
            answers[*index] = match &translated {
                Ok(translated) => Ok(translated[position].trim().to_owned()),
                Err(_) => Err(EngineError::Poisoned("fxtranslate panicked".to_owned())),
            };
        }
    }
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
        assert!(matches!(FirefoxPair::load(folder.path()), Err(EngineError::Unavailable(_))));
    }
}
