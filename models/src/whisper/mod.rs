//! Whisper (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022) as native
//! libtorch modules over safetensors, in every published size: dimensions come from the tensors' shapes.

mod beam;
pub mod decoder;
pub mod decoding;
pub mod encoder;
pub mod greedy;
pub mod mel;
pub mod model;
mod options;
mod prompt;
mod quality;
mod recognizer;
pub mod rules;
mod segments;
pub mod vocabulary;
mod weights;
mod windows;

pub use model::WhisperModel;
pub use options::{AudioContext, WhisperOptions};
pub use recognizer::WhisperRecognizer;
