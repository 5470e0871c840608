//! From phonemes spread over frames, with pitch and loudness, to the waveform.

use tch::{Kind, Tensor};

use super::adain::{Length, StyledBlock};
use super::excitation::Noise;
use super::generator::Generator;
use super::layers::{Conv1d, Walk};
use super::weights::Weights;
use crate::engine::EngineError;

const TEXT: i64 = 512;
const WIDE: i64 = 1024;
/// Channels of the text that stand beside the states in every block, so that it is not lost on the way.
const REMINDER: i64 = 64;

/// The acoustic decoder with its vocoder.
pub struct Decoder {
    encode: StyledBlock,
    decode: Vec<StyledBlock>,
    pitch: Conv1d,
    loudness: Conv1d,
    reminder: Conv1d,
    generator: Generator,
}

impl Decoder {
    /// Takes the tensors under `decoder.`; the large convolutions work in the device's number format.
    pub fn take(weights: &mut Weights) -> Result<Self, EngineError> {
        let kind = weights.device().kind;
        let halving = Walk { kernel: 3, stride: 2, padding: 1, dilation: 1 };
        let beside = WIDE + REMINDER + 2;
        let mut decode = Vec::with_capacity(4);
        for index in 0..4 {
            let (output, length) = if index < 3 { (WIDE, Length::Same) } else { (WIDE / 2, Length::Doubled) };
            let name = format!("decoder.decode.{index}");
            decode.push(StyledBlock::take(weights, &name, beside, output, length, kind)?);
        }
        Ok(Self {
            encode: StyledBlock::take(weights, "decoder.encode", TEXT + 2, WIDE, Length::Same, kind)?,
            decode,
            pitch: Conv1d::take(weights, "decoder.F0_conv", 1, 1, halving)?,
            loudness: Conv1d::take(weights, "decoder.N_conv", 1, 1, halving)?,
            reminder: Conv1d::take(weights, "decoder.asr_res.0", TEXT, REMINDER, Walk::same_length(1, 1))?,
            generator: Generator::take(weights)?,
        })
    }

    /// Text `[batch, 512, frames]`, pitch and loudness `[batch, 2 · frames]` and a style `[batch, 128]` to samples
    /// `[batch, 600 · frames]`, float32.
    pub fn forward(
        &self,
        text: &Tensor,
        pitch: &Tensor,
        loudness: &Tensor,
        style: &Tensor,
        noise: &Noise,
    ) -> Result<Tensor, EngineError> {
        let coarse_pitch = self.pitch.forward(&pitch.f_unsqueeze(1)?)?;
        let coarse_loudness = self.loudness.forward(&loudness.f_unsqueeze(1)?)?;
        let reminder = self.reminder.forward(text)?;
        let mut states = Tensor::f_cat(&[text, &coarse_pitch, &coarse_loudness], 1)?;
        states = self.encode.forward(&states, style)?;
        for block in &self.decode {
            let beside = Tensor::f_cat(&[&states, &reminder, &coarse_pitch, &coarse_loudness], 1)?;
            states = block.forward(&beside, style)?;
        }
        self.generator.forward(&states, style, pitch, noise)?.f_to_kind(Kind::Float).map_err(EngineError::from)
    }
}
