//! Turns weights from the formats in which they are published into the safetensors files that the engines read.
//!
//! Every conversion is deterministic: the same input gives the same bytes, and the manifest pins their SHA-256.

mod ctranslate2;
mod onnx_graph;
mod onnx_kokoro;
mod safetensors_file;

use std::path::Path;

/// A conversion that the manifest may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conversion {
    /// Whisper in CTranslate2's `model.bin`, to safetensors with the names of transformers' Whisper.
    #[serde(rename = "ctranslate2-whisper")]
    Ctranslate2Whisper,
    /// Kokoro in int8 ONNX, to float32 safetensors with the names of the PyTorch package `kokoro`.
    OnnxKokoro,
}

/// Why weights could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The input is not what its name says.
    #[error("not the expected {format} file: {what}")]
    Format {
        /// The format that was expected.
        format: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The result could not be written.
    #[error("cannot write the converted weights: {0}")]
    Write(#[from] std::io::Error),
}

impl Conversion {
    /// Converts `input`, the whole published file, into the file `output`.
    ///
    /// # Errors
    /// [`ConvertError`] when the input is damaged or of another model, or the disk is full.
    pub fn run(self, input: Vec<u8>, output: &Path) -> Result<(), ConvertError> {
        match self {
            Self::Ctranslate2Whisper => ctranslate2::whisper_to_safetensors(&input, output),
            Self::OnnxKokoro => onnx_kokoro::kokoro_to_safetensors(input, output),
        }
    }
}
