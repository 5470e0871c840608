//! Texts to pieces and back, by SentencePiece's unigram models (Kudo, 2018).
//!
//! The segmentation is `fxtranslate`'s, which is the same as SentencePiece's own to the byte.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fxtranslate::spm::SpmVocab;
use prost::Message as _;

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

    /// The text's pieces as they are written. What no piece covers is one piece as far as it goes, as in
    /// SentencePiece.
    pub fn written(&self, text: &str) -> Vec<String> {
        let (normalized, tokens) = self.vocabulary.encode_with_offsets(text);
        let mut pieces: Vec<(bool, Range<usize>)> = Vec::with_capacity(tokens.len());
        for (id, range) in tokens {
            let is_unknown = Some(id) == self.unknown;
            match pieces.last_mut() {
                Some((true, last)) if is_unknown => last.end = range.end,
                _ => pieces.push((is_unknown, range)),
            }
        }
        pieces.into_iter().map(|(_, range)| normalized[range].to_owned()).collect()
    }

    /// The text that pieces with these ids make.
    pub fn text(&self, ids: &[i64]) -> String {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        self.vocabulary.decode(&ids)
    }
}
