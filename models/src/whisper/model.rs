//! The network, its front end and its tokens together, loaded from one folder.

use std::path::Path;

use tch::{Kind, Tensor};

use super::decoder::{Acoustics, Decoder};
use super::encoder::Encoder;
use super::mel::LogMel;
use super::vocabulary::Vocabulary;
use super::weights::Weights;
use crate::device::Device;
use crate::engine::EngineError;

/// A loaded Whisper of any size.
pub struct WhisperModel {
    /// Samples to log-mel.
    pub mel: LogMel,
    /// Log-mel to acoustic states.
    pub encoder: Encoder,
    /// Acoustic states and tokens to logits.
    pub decoder: Decoder,
    /// Tokens.
    pub vocabulary: Vocabulary,
    device: Device,
}

/// Entries of the vocabulary that is shared by all multilingual sizes; English models have fewer.
const MULTILINGUAL_VOCABULARY: i64 = 51_865;

impl WhisperModel {
    /// Reads `model.safetensors` (names as in transformers' `WhisperForConditionalGeneration`), `tokenizer.json`
    /// and the suppression lists from `dir`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when a file or a tensor is missing or cannot be read,
    /// [`EngineError::OutOfMemory`] when the device has no room.
    pub fn load(dir: &Path, device: Device) -> Result<Self, EngineError> {
        let _no_grad = tch::no_grad_guard();
        let weights = Weights::read(&dir.join("model.safetensors"), device)?;
        let encoder = Encoder::load(&weights, device)?;
        let decoder = Decoder::load(&weights, device)?;
        let mut vocabulary = Vocabulary::load(dir)?;
        if decoder.vocabulary() < MULTILINGUAL_VOCABULARY {
            vocabulary.restrict_to_english();
        }
        Ok(Self { mel: LogMel::new(encoder.bands() as usize), encoder, decoder, vocabulary, device })
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Acoustic states `[batch, context, width]` of several pieces of audio (16 kHz, at most 30 s each).
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] when a piece is longer than the window.
    pub fn encode(&self, pieces: &[&[f32]], context: usize) -> Result<Tensor, EngineError> {
        let _no_grad = tch::no_grad_guard();
        let frames = 2 * context;
        let mut mel = Vec::with_capacity(pieces.len() * self.mel.bands() * frames);
        for samples in pieces {
            mel.extend(self.mel.compute(samples, frames)?);
        }
        let shape = [pieces.len() as i64, self.mel.bands() as i64, frames as i64];
        Ok(self.encoder.forward(&Tensor::f_from_slice(&mel)?.f_view(shape)?)?)
    }

    /// Raw logits `[tokens, vocabulary]` in float32 after each token of a text that is given, for one item's
    /// acoustic states `[1, context, width]`.
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] for no tokens or more than the decoder takes.
    pub fn logits_along(&self, encoded: &Tensor, tokens: &[i64]) -> Result<Tensor, EngineError> {
        let _no_grad = tch::no_grad_guard();
        if tokens.is_empty() || tokens.len() as i64 > self.decoder.max_length() {
            return Err(EngineError::InvalidInput(format!("{} tokens cannot be read", tokens.len())));
        }
        let acoustics: Acoustics = self.decoder.hear(encoded)?;
        let (states, _) = self.decoder.begin(&[tokens], &acoustics, tokens.len() as i64)?;
        Ok(self.decoder.logits(&states)?.f_squeeze_dim(0)?.f_to_kind(Kind::Float)?)
    }
}
