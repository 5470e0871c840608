//! Models that Mozilla serves: which there are, and how one gets into the store.

use std::path::Path;

use fxtranslate::cache::{Cache, ensure_model};
use fxtranslate::fetch::{Fetch, NetworkFetch};
use fxtranslate::remote::{Record, fetch_records, pairs, pick};

use super::firefox;
use super::route::{Leg, LegKind, Pair};
use crate::engine::EngineError;

/// Folder within the store for downloads under way.
const PARTIAL_FOLDER: &str = ".firefox-partial";

/// Mozilla's list of models.
pub struct FirefoxCatalog {
    records: Vec<Record>,
    fetch: Box<dyn Fetch + Send>,
}

impl FirefoxCatalog {
    /// Asks Mozilla for its list.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when it cannot be reached.
    pub fn discover() -> Result<Self, EngineError> {
        Self::discover_by(Box::new(NetworkFetch::new()))
    }

    fn discover_by(fetch: Box<dyn Fetch + Send>) -> Result<Self, EngineError> {
        let unreachable = |error| EngineError::Unavailable(format!("Mozilla's list of models cannot be had: {error}"));
        let records = fetch_records(fetch.as_ref()).map_err(unreachable)?;
        Ok(Self { records, fetch })
    }

    /// Every pair of two-letter languages that is served.
    pub fn legs(&self) -> Vec<Leg> {
        let two_letters = |pair: &(String, String)| pair.0.len() == 2 && pair.1.len() == 2;
        let leg = |(source, target): (String, String)| Leg { pair: Pair { source, target }, kind: LegKind::Download };
        pairs(&self.records).into_iter().filter(two_letters).map(leg).collect()
    }

    /// Downloads a pair's model into the store. Its folder appears at once and complete, or not at all.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when Mozilla cannot be reached, when a file comes without a SHA-256 or does
    /// not match it, or when the store cannot be written.
    pub fn download(&self, pair: &Pair, store: &Path) -> Result<(), EngineError> {
        let failed = |why: String| EngineError::Unavailable(format!("download of Firefox's model {pair}: {why}"));
        self.refuse_without_hash(pair).map_err(failed)?;
        let cache = Cache::with_root(store.join(PARTIAL_FOLDER));
        let files = ensure_model(self.fetch.as_ref(), &cache, &self.records, &pair.source, &pair.target);
        let files = files.map_err(failed)?;
        let mut named = vec![(files.model, "model.bin")];
        if files.src_vocab == files.trg_vocab {
            named.push((files.src_vocab, "vocab.spm"));
        } else {
            named.push((files.src_vocab, "vocab.src.spm"));
            named.push((files.trg_vocab, "vocab.trg.spm"));
        }
        named.extend(files.lex.map(|lex| (lex, "lex.bin")));
        let partial = cache.pair_dir(&pair.source, &pair.target);
        for (file, name) in named {
            std::fs::rename(file, partial.join(name)).map_err(|error| failed(error.to_string()))?;
        }
        std::fs::rename(partial, firefox::folder(store, pair)).map_err(|error| failed(error.to_string()))?;
        // It stays while another pair is on its way.
        let _ = std::fs::remove_dir(cache.root());
        Ok(())
    }

    fn refuse_without_hash(&self, pair: &Pair) -> Result<(), String> {
        for file_type in ["model", "vocab", "srcvocab", "trgvocab", "lex"] {
            let record = pick(&self.records, file_type, &pair.source, &pair.target);
            if record.is_some_and(|record| record.decompressed_hash.is_none()) {
                return Err(format!("the {file_type} is listed without a SHA-256"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fxtranslate::cache::sha256_hex;
    use fxtranslate::fetch::{DownloadOutcome, FetchError, Sink};
    use std::io::SeekFrom;

    /// Serves a list with one pair, and the pair's files; or nothing.
    struct FakeMozilla {
        list: Option<String>,
    }

    impl Fetch for FakeMozilla {
        fn get(&self, _url: &str) -> Result<Vec<u8>, String> {
            self.list.clone().map(String::into_bytes).ok_or_else(|| "no route to host".to_owned())
        }

        fn get_to(
            &self,
            url: &str,
            _range_from: u64,
            sink: &mut dyn Sink,
            _on_progress: &mut dyn FnMut(u64, Option<u64>),
        ) -> Result<DownloadOutcome, FetchError> {
            let content = url.rsplit('/').next().unwrap_or_default();
            sink.seek(SeekFrom::Start(0)).expect("a file can be rewound");
            sink.write_all(&zstd_frame(content.as_bytes())).expect("a file can be written");
            Ok(DownloadOutcome { resumed: false, total: None })
        }
    }

    /// A Zstandard frame with one raw block (RFC 8878, 3.1.1): enough for a few bytes.
    fn zstd_frame(content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("the content is short");
        let block_header = ((u32::from(length) << 3) | 1).to_le_bytes();
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length];
        frame.extend_from_slice(&block_header[..3]);
        frame.extend_from_slice(content);
        frame
    }

    fn list(hash_of: impl Fn(&str) -> Option<String>) -> String {
        let record = |file_type: &str, location: &str| {
            let hash = hash_of(location).map(|hash| format!(r#""decompressedHash":"{hash}","#)).unwrap_or_default();
            format!(
                r#"{{"name":"{file_type}.xx.bin","fileType":"{file_type}","sourceLanguage":"en","targetLanguage":"fr",
                "version":"3.0",{hash}"attachment":{{"location":"{location}"}}}}"#
            )
        };
        let records = [record("model", "weights"), record("vocab", "pieces"), record("lex", "words")];
        format!(r#"{{"data":[{}]}}"#, records.join(","))
    }

    fn catalog(list: Option<String>) -> Result<FirefoxCatalog, EngineError> {
        FirefoxCatalog::discover_by(Box::new(FakeMozilla { list }))
    }

    #[test]
    fn a_verified_model_lands_in_the_store_under_our_names() {
        let store = tempfile::tempdir().expect("a temporary folder can be made");
        let hashed = list(|location| Some(sha256_hex(location.as_bytes())));
        let catalog = catalog(Some(hashed)).expect("the fake serves a list");
        let pair = Pair::new("en", "fr");
        assert_eq!(catalog.legs(), [Leg { pair: pair.clone(), kind: LegKind::Download }]);
        catalog.download(&pair, store.path()).expect("the fake serves the files");
        let read = |name: &str| std::fs::read_to_string(store.path().join("firefox-enfr").join(name)).ok();
        assert_eq!(read("model.bin").as_deref(), Some("weights"));
        assert_eq!(read("vocab.spm").as_deref(), Some("pieces"));
        assert_eq!(read("lex.bin").as_deref(), Some("words"));
        let left = std::fs::read_dir(store.path()).expect("the store can be read").count();
        assert_eq!(left, 1, "something is left beside the model");
    }

    #[test]
    fn a_wrong_or_missing_hash_leaves_nothing_behind() {
        for hash in [Some("00".repeat(32)), None] {
            let store = tempfile::tempdir().expect("a temporary folder can be made");
            let catalog = catalog(Some(list(|_| hash.clone()))).expect("the fake serves a list");
            let refused = catalog.download(&Pair::new("en", "fr"), store.path());
            assert!(matches!(refused, Err(EngineError::Unavailable(_))), "{refused:?}");
            assert!(!store.path().join("firefox-enfr").exists());
        }
    }

    #[test]
    fn an_unreachable_list_is_said_so() {
        let error = catalog(None).err().expect("there is no list").to_string();
        assert!(error.contains("cannot be had") && error.contains("no route to host"), "{error}");
    }
}
