//! Texts to pieces and back, by SentencePiece's unigram models (Kudo, 2018).
//!
//! The segmentation is `fxtranslate`'s, which is the same as SentencePiece's own to the byte.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fxtranslate::spm::SpmVocab;
use prost::Message as _;

use crate::engine::EngineError;

/// What this module itself has to know of a `.spm` file (`sentencepiece_model.proto`).
#[derive(Clone, PartialEq, prost::Message)]
struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<PieceProto>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<TrainerProto>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PieceProto {
    #[prost(string, tag = "1")]
    piece: String,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TrainerProto {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
}

/// `TrainerSpec.ModelType.UNIGRAM`, which is also what is meant where nothing is said.
const UNIGRAM: i32 = 1;
/// `SentencePiece.Type.UNKNOWN`.
const UNKNOWN: i32 = 2;

/// A SentencePiece model.
pub struct Pieces {
    vocabulary: SpmVocab,
    /// The piece that stands for what no piece covers.
    unknown: Option<u32>,
}

impl Pieces {
    /// Reads a `.spm` file.
    ///
    /// # Errors
    /// A sentence that names the file when it cannot be read, is damaged, or is no unigram model.
    pub fn load(path: &Path) -> Result<Self, String> {
        let failed = |why: String| format!("{}: {why}", path.display());
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let model = ModelProto::decode(bytes.as_slice()).map_err(|error| failed(error.to_string()))?;
        let model_type = model.trainer.and_then(|trainer| trainer.model_type).unwrap_or(UNIGRAM);
        if model_type != UNIGRAM {
            return Err(failed(format!("SentencePiece model type {model_type}; only unigram models are known")));
        }
        if model.pieces.is_empty() {
            return Err(failed("it has no pieces".to_owned()));
        }
        let unknown = model.pieces.iter().position(|piece| piece.kind == Some(UNKNOWN)).map(|id| id as u32);
        // The crate panics on some files that are damaged.
        let vocabulary = catch_unwind(AssertUnwindSafe(|| SpmVocab::from_bytes(&bytes)));
        let vocabulary = vocabulary.map_err(|_| failed("it is damaged".to_owned()))?;
        Ok(Self { vocabulary, unknown })
    }

    /// Ids of the text's pieces, and the end of the sentence.
    pub fn sentence(&self, text: &str) -> Vec<i64> {
        self.vocabulary.encode_with_eos(text).into_iter().map(i64::from).collect()
    }

    /// The end of a sentence.
    pub fn end(&self) -> i64 {
        i64::from(self.vocabulary.eos_id())
    }

    /// The text's pieces as they are written; none of nothing but spaces. What no piece covers is one piece as far as
    /// it goes, as in SentencePiece.
    ///
    /// # Errors
    /// [`EngineError::Poisoned`] where the file proves to be damaged.
    pub fn written(&self, text: &str) -> Result<Vec<String>, EngineError> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        // The crate takes the file's rules on trust until it uses them.
        let encoded = catch_unwind(AssertUnwindSafe(|| self.vocabulary.encode_with_offsets(text)));
        let damaged = |_| EngineError::Poisoned("the SentencePiece model is damaged".to_owned());
        let (normalized, tokens) = encoded.map_err(damaged)?;
        let mut pieces: Vec<(bool, Range<usize>)> = Vec::with_capacity(tokens.len());
        for (id, range) in tokens {
            let is_unknown = Some(id) == self.unknown;
            match pieces.last_mut() {
                Some((true, last)) if is_unknown => last.end = range.end,
                _ => pieces.push((is_unknown, range)),
            }
        }
        Ok(pieces.into_iter().map(|(_, range)| normalized[range].to_owned()).collect())
    }

    /// The text that pieces with these ids make.
    pub fn text(&self, ids: &[i64]) -> String {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        self.vocabulary.decode(&ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model with one rule of normalisation.
    #[derive(Clone, PartialEq, prost::Message)]
    struct RuledProto {
        #[prost(message, repeated, tag = "1")]
        pieces: Vec<PieceProto>,
        #[prost(message, optional, tag = "3")]
        normalizer: Option<NormalizerProto>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct NormalizerProto {
        #[prost(bytes = "vec", tag = "2")]
        rules: Vec<u8>,
    }

    /// Pieces whose rule for `a` names a text at this place among those of all rules, which are `x` alone.
    fn with_rule(place: u32) -> Pieces {
        // Darts-clone's double array: the root, `a` below it as a unit that has a leaf, and that leaf.
        let mut units = vec![0_u32; 98];
        units[usize::from(b'a')] = u32::from(b'a') | 1 << 8 | 1 << 10;
        units[usize::from(b'a') ^ 1] = place;
        let trie: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let length = u32::try_from(trie.len()).expect("it is short").to_le_bytes();
        let rules = [&length[..], &trie, b"x\0"].concat();
        let piece = |piece: &str, kind: Option<i32>| PieceProto { piece: piece.to_owned(), kind };
        let pieces = vec![piece("<unk>", Some(UNKNOWN)), piece("\u{2581}", None), piece("x", None)];
        let model = RuledProto { pieces, normalizer: Some(NormalizerProto { rules }) };
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(file.path(), model.encode_to_vec()).expect("it can be written");
        Pieces::load(file.path()).expect("nothing is wrong before the rule is used")
    }

    #[test]
    fn a_rule_that_leads_nowhere_is_an_error_and_spaces_are_nothing() {
        assert_eq!(with_rule(0).written("a").expect("it is sound"), ["\u{2581}", "x"]);
        let damaged = with_rule(1 << 20);
        assert!(matches!(damaged.written("a"), Err(EngineError::Poisoned(why)) if why.contains("damaged")));
        for nothing in ["", " ", "\n\t "] {
            assert_eq!(damaged.written(nothing).expect("no rule is needed"), Vec::<String>::new());
        }
    }
}
