//! Kokoro-82M as a network: tokens and a voice row in, durations out; durations in, samples out.

use std::path::Path;

use tch::{Kind, Tensor};

use super::adain::STYLE;
use super::decoder::Decoder;
use super::excitation::Noise;
use super::plbert::PlBert;
use super::prosody::Prosody;
use super::text_encoder::TextEncoder;
use super::weights::Weights;
use crate::device::Device;
use crate::engine::EngineError;

/// Samples in one frame, the unit of durations: 25 ms at 24 kHz.
pub const SAMPLES_PER_FRAME: usize = 600;

/// Most tokens that the network takes at once, the two that wrap an utterance included.
pub const LONGEST_UTTERANCE: usize = 512;

/// Ids that the vocabulary may hold.
const TOKEN_IDS: i64 = 178;

/// An utterance whose rhythm is known and which has not been spoken yet.
pub struct Utterance {
    ids: Tensor,
    /// A voice row, `[1, 256]`: the decoder's half, then the prosody's.
    voice: Tensor,
    /// Prosodic states, `[1, tokens, 640]`.
    states: Tensor,
    /// How long each token would last by itself, in frames, not rounded.
    pub durations: Vec<f64>,
}

/// The networks of Kokoro-82M.
pub struct Network {
    device: Device,
    bert: PlBert,
    prosody: Prosody,
    text: TextEncoder,
    decoder: Decoder,
}

impl Network {
    /// Reads the weight file.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when it is missing, incomplete, or of another model.
    pub fn read(path: &Path, device: Device) -> Result<Self, EngineError> {
        let mut weights = Weights::read(path, device)?;
        let network = Self {
            device,
            bert: PlBert::take(&mut weights)?,
            prosody: Prosody::take(&mut weights)?,
            text: TextEncoder::take(&mut weights)?,
            decoder: Decoder::take(&mut weights)?,
        };
        match weights.left_over().first() {
            None => Ok(network),
            Some(name) => Err(EngineError::Unavailable(format!("the weight file has an unknown tensor {name}"))),
        }
    }

    /// Where the network runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Finds the rhythm of an utterance: token ids with the wrapping zeros, and a voice row of 256 values.
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] for more than [`LONGEST_UTTERANCE`] tokens, for none, or for unknown ones.
    pub fn prepare(&self, ids: &[i64], voice: &[f32]) -> Result<Utterance, EngineError> {
        if ids.is_empty() || ids.len() > LONGEST_UTTERANCE || ids.iter().any(|id| !(0..TOKEN_IDS).contains(id)) {
            return Err(EngineError::InvalidInput(format!("{} tokens, or an unknown one among them", ids.len())));
        }
        if voice.len() != 2 * STYLE as usize {
            return Err(EngineError::InvalidInput(format!("a voice row of {} values", voice.len())));
        }
        let ids = Tensor::f_from_slice(ids)?.f_unsqueeze(0)?.f_to_device(self.device.torch)?;
        let voice = Tensor::f_from_slice(voice)?.f_unsqueeze(0)?.f_to_device(self.device.torch)?;
        let projected = self.bert.project(&self.bert.states(&ids)?)?;
        let states = self.prosody.encode(&projected, &prosodic_half(&voice)?)?;
        let durations = self.prosody.durations(&states)?.f_squeeze_dim(0)?.f_to_kind(Kind::Double)?;
        let durations = Vec::<f64>::try_from(durations)?;
        Ok(Utterance { ids, voice, states, durations })
    }

    /// Speaks utterances with the given length of each token in frames, all of the same total, in one pass.
    ///
    /// The answer holds, for each, its total number of frames × [`SAMPLES_PER_FRAME`] samples.
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] when a number of lengths is not the number of tokens, when a total is zero or
    /// the totals differ; a libtorch failure otherwise.
    pub fn speak(&self, batch: &[(&Utterance, &[usize])], noise: &Noise) -> Result<Vec<Vec<f32>>, EngineError> {
        let spread = self.spread(batch)?;
        let curves = self.prosody.curves(&spread.prosody, &prosodic_half(&spread.voices)?)?;
        self.vocalise(&spread, &curves, noise)
    }

    fn vocalise(
        &self,
        spread: &Spread,
        (pitch, loudness): &(Tensor, Tensor),
        noise: &Noise,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let style = spread.voices.f_narrow(1, 0, STYLE)?;
        let samples = self.decoder.forward(&spread.text, pitch, loudness, &style, noise)?;
        let samples = samples.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
        let batch = samples.size()[0];
        (0..batch).map(|row| Ok(Vec::<f32>::try_from(samples.f_get(row)?)?)).collect()
    }

    fn spread(&self, batch: &[(&Utterance, &[usize])]) -> Result<Spread, EngineError> {
        let mut prosody = Vec::with_capacity(batch.len());
        let mut text = Vec::with_capacity(batch.len());
        let mut total = None;
        for (utterance, frames) in batch {
            let sum: usize = frames.iter().sum();
            if frames.len() != utterance.durations.len() || sum == 0 || *total.get_or_insert(sum) != sum {
                return Err(EngineError::InvalidInput("lengths that do not belong to the batch".to_owned()));
            }
            let mut token_of_frame = Vec::with_capacity(sum);
            for (token, &count) in frames.iter().enumerate() {
                token_of_frame.extend(std::iter::repeat_n(token as i64, count));
            }
            let token_of_frame = Tensor::f_from_slice(&token_of_frame)?.f_to_device(self.device.torch)?;
            prosody.push(utterance.states.f_index_select(1, &token_of_frame)?);
            text.push(self.text.forward(&utterance.ids)?.f_index_select(1, &token_of_frame)?);
        }
        let voices: Vec<&Tensor> = batch.iter().map(|(utterance, _)| &utterance.voice).collect();
        Ok(Spread {
            prosody: Tensor::f_cat(&prosody, 0)?,
            text: Tensor::f_cat(&text, 0)?.f_transpose(1, 2)?.f_contiguous()?,
            voices: Tensor::f_cat(&voices, 0)?,
        })
    }
}

/// The half of a voice row that the prosody predictor takes, `[batch, 128]`.
fn prosodic_half(voices: &Tensor) -> Result<Tensor, EngineError> {
    Ok(voices.f_narrow(1, STYLE, STYLE)?)
}

/// A batch spread over frames.
struct Spread {
    /// `[batch, frames, 640]`.
    prosody: Tensor,
    /// `[batch, 512, frames]`.
    text: Tensor,
    /// `[batch, 256]`.
    voices: Tensor,
}

/// What the network holds inside, for comparison with another implementation.
pub struct Intermediates {
    /// PL-BERT's states, `[1, tokens, 768]`.
    pub bert: Tensor,
    /// Prosodic states, `[1, tokens, 640]`.
    pub states: Tensor,
    /// What each token sounds like, `[1, tokens, 512]`.
    pub text: Tensor,
    /// Pitch in Hz and loudness, `[1, 2 · frames]`.
    pub curves: (Tensor, Tensor),
}

impl Network {
    /// Lays open what lies between tokens and samples, for the given length of each token in frames.
    ///
    /// # Errors
    /// As [`Network::speak`].
    pub fn intermediates(&self, utterance: &Utterance, frames: &[usize]) -> Result<Intermediates, EngineError> {
        let Spread { prosody, voices, .. } = self.spread(&[(utterance, frames)])?;
        Ok(Intermediates {
            bert: self.bert.states(&utterance.ids)?,
            states: utterance.states.shallow_clone(),
            text: self.text.forward(&utterance.ids)?,
            curves: self.prosody.curves(&prosody, &prosodic_half(&voices)?)?,
        })
    }

    /// Speaks one utterance with pitch and loudness curves of the caller's, `[1, 2 · frames]` each.
    ///
    /// # Errors
    /// As [`Network::speak`].
    pub fn speak_along(
        &self,
        utterance: &Utterance,
        frames: &[usize],
        curves: &(Tensor, Tensor),
        noise: &Noise,
    ) -> Result<Vec<f32>, EngineError> {
        let spread = self.spread(&[(utterance, frames)])?;
        let mut spoken = self.vocalise(&spread, curves, noise)?;
        spoken.pop().ok_or_else(|| EngineError::Poisoned("a batch of one came back empty".to_owned()))
    }
}
