//! Kokoro-82M, a StyleTTS 2 voice at 24 kHz, as native modules over its weight file.

pub mod adain;
pub mod decoder;
pub mod excitation;
pub mod fused;
pub mod generator;
pub mod layers;
pub mod network;
pub mod plbert;
pub mod prosody;
pub mod spectrum;
pub mod synthesizer;
pub mod text_encoder;
pub mod tokens;
pub mod voices;
pub mod weights;
mod wording;

pub use synthesizer::{KokoroOptions, KokoroSynthesizer};
