//! How long each phoneme lasts, and how pitch and loudness run: the prosody predictor of StyleTTS 2.

use tch::{Kind, Tensor};

use super::adain::{Length, STYLE, StyledBlock};
use super::layers::{BiLstm, Conv1d, Linear, Walk};
use super::weights::Weights;
use crate::engine::EngineError;

const HIDDEN: i64 = 512;
const LAYERS: usize = 3;
/// The duration of a token is a sum of this many probabilities, and so at most this many frames.
const LONGEST: i64 = 50;

/// The prosody predictor.
pub struct Prosody {
    encoder: Vec<(BiLstm, StyledLayerNorm)>,
    rhythm: BiLstm,
    durations: Linear,
    shared: BiLstm,
    pitch: Curve,
    loudness: Curve,
}

impl Prosody {
    /// Takes the tensors under `predictor.`.
    pub fn take(weights: &mut Weights) -> Result<Self, EngineError> {
        let mut encoder = Vec::with_capacity(LAYERS);
        for layer in 0..LAYERS {
            let lstm = format!("predictor.text_encoder.lstms.{}", 2 * layer);
            let norm = format!("predictor.text_encoder.lstms.{}.fc", 2 * layer + 1);
            encoder.push((
                BiLstm::take(weights, &lstm, HIDDEN + STYLE, HIDDEN / 2)?,
                StyledLayerNorm { style: Linear::take(weights, &norm, STYLE, 2 * HIDDEN)? },
            ));
        }
        Ok(Self {
            encoder,
            rhythm: BiLstm::take(weights, "predictor.lstm", HIDDEN + STYLE, HIDDEN / 2)?,
            durations: Linear::take(weights, "predictor.duration_proj.linear_layer", HIDDEN, LONGEST)?,
            shared: BiLstm::take(weights, "predictor.shared", HIDDEN + STYLE, HIDDEN / 2)?,
            pitch: Curve::take(weights, "F0")?,
            loudness: Curve::take(weights, "N")?,
        })
    }

    /// Phonemes in context `[batch, tokens, 512]` and a style `[batch, 128]` to prosodic states
    /// `[batch, tokens, 640]`: 512 learned values and the style beside them.
    pub fn encode(&self, projected: &Tensor, style: &Tensor) -> Result<Tensor, EngineError> {
        let tokens = projected.size()[1];
        let beside = style.f_unsqueeze(1)?.f_expand([-1, tokens, -1], false)?;
        let mut states = Tensor::f_cat(&[projected, &beside], -1)?;
        for (lstm, norm) in &self.encoder {
            let normal = norm.forward(&lstm.forward(&states)?, style)?;
            states = Tensor::f_cat(&[&normal, &beside], -1)?;
        }
        Ok(states)
    }

    /// Prosodic states to the length of each token in frames of 25 ms, not rounded: `[batch, tokens]`.
    pub fn durations(&self, states: &Tensor) -> Result<Tensor, EngineError> {
        let votes = self.durations.forward(&self.rhythm.forward(states)?)?;
        Ok(votes.f_sigmoid()?.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)?)
    }

    /// Prosodic states spread over frames, `[batch, frames, 640]`, to the pitch in Hz and the loudness, each
    /// `[batch, 2 · frames]`.
    pub fn curves(&self, spread: &Tensor, style: &Tensor) -> Result<(Tensor, Tensor), EngineError> {
        let shared = self.shared.forward(spread)?.f_transpose(1, 2)?.f_contiguous()?;
        Ok((self.pitch.forward(&shared, style)?, self.loudness.forward(&shared, style)?))
    }
}

/// Layer normalisation whose scale and shift come from the style.
struct StyledLayerNorm {
    style: Linear,
}

impl StyledLayerNorm {
    fn forward(&self, input: &Tensor, style: &Tensor) -> Result<Tensor, EngineError> {
        let both = self.style.forward(style)?.f_unsqueeze(1)?;
        let scale = both.f_narrow(-1, 0, HIDDEN)?.f_add_scalar(1.0)?;
        let shift = both.f_narrow(-1, HIDDEN, HIDDEN)?;
        let none = None::<&Tensor>;
        let normal = input.f_layer_norm([HIDDEN], none, none, 1e-5, true)?;
        Ok(shift.f_addcmul(&scale, &normal)?)
    }
}

/// One curve over time: three styled blocks, of which the second doubles the rate, and a projection to one value.
struct Curve {
    blocks: [StyledBlock; 3],
    project: Conv1d,
}

impl Curve {
    fn take(weights: &mut Weights, name: &str) -> Result<Self, EngineError> {
        let half = HIDDEN / 2;
        let mut block = |index: usize, input: i64, output: i64, length: Length| {
            StyledBlock::take(weights, &format!("predictor.{name}.{index}"), input, output, length, Kind::Float)
        };
        let blocks = [
            block(0, HIDDEN, HIDDEN, Length::Same)?,
            block(1, HIDDEN, half, Length::Doubled)?,
            block(2, half, half, Length::Same)?,
        ];
        let project = Conv1d::take(weights, &format!("predictor.{name}_proj"), half, 1, Walk::same_length(1, 1))?;
        Ok(Self { blocks, project })
    }

    fn forward(&self, shared: &Tensor, style: &Tensor) -> Result<Tensor, EngineError> {
        let mut curve = shared.shallow_clone();
        for block in &self.blocks {
            curve = block.forward(&curve, style)?;
        }
        Ok(self.project.forward(&curve)?.f_squeeze_dim(1)?)
    }
}
