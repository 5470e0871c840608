//! What each phoneme sounds like, before anyone speaks it: three convolutions and an LSTM over the tokens.

use tch::Tensor;

use super::adain::leaky;
use super::layers::{BiLstm, Conv1d, LayerNorm, Walk};
use super::weights::Weights;
use crate::engine::EngineError;

const VOCABULARY: i64 = 178;
const HIDDEN: i64 = 512;

/// The acoustic text encoder.
pub struct TextEncoder {
    embedding: Tensor,
    layers: Vec<(Conv1d, LayerNorm)>,
    lstm: BiLstm,
}

impl TextEncoder {
    /// Takes the tensors under `text_encoder.`.
    pub fn take(weights: &mut Weights) -> Result<Self, EngineError> {
        let embedding = weights.take("text_encoder.embedding.weight", &[VOCABULARY, HIDDEN])?;
        let mut layers = Vec::with_capacity(3);
        for layer in 0..3 {
            let name = format!("text_encoder.cnn.{layer}");
            let walk = Walk::same_length(5, 1);
            layers.push((
                Conv1d::take(weights, &format!("{name}.0"), HIDDEN, HIDDEN, walk)?,
                LayerNorm::take(weights, &format!("{name}.1"), ["gamma", "beta"], HIDDEN, 1e-5)?,
            ));
        }
        Ok(Self { embedding, layers, lstm: BiLstm::take(weights, "text_encoder.lstm", HIDDEN, HIDDEN / 2)? })
    }

    /// Token ids `[batch, tokens]` to `[batch, tokens, 512]`.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor, EngineError> {
        let mut states = Tensor::f_embedding(&self.embedding, ids, -1, false, false)?;
        for (convolution, norm) in &self.layers {
            let mixed = convolution.forward(&states.f_transpose(1, 2)?)?.f_transpose(1, 2)?;
            states = leaky(&norm.forward(&mixed)?, 0.2)?;
        }
        self.lstm.forward(&states)
    }
}
