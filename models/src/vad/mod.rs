//! Voice activity detection with Silero VAD (Silero Team, MIT) as a native module over its 16 kHz weights.
//!
//! The network hears 512 samples at a time with the 64 before them: a short-time Fourier transform, four
//! convolutions, and a recurrent cell that remembers. All but the cell is independent from chunk to chunk,
//! so a fragment's chunks go through it as one batch.

mod spans;

use std::path::Path;

use tch::{CModule, Device, Kind, TchError, Tensor};

pub use spans::VadOptions;

use crate::engine::{EngineError, RECOGNIZER_RATE_HZ, SpeechSpan};

/// Samples that one probability stands for: 32 ms.
pub const CHUNK: usize = 512;
/// Samples before a chunk that the network also hears.
const CONTEXT: usize = 64;
/// Samples between two spectra within a chunk.
const HOP: i64 = 128;
const FOURIER_LENGTH: usize = 256;
const FOURIER_BINS: usize = FOURIER_LENGTH / 2 + 1;
const HIDDEN: i64 = 128;

/// Speech or not, 32 ms at a time. Runs on the CPU; a fragment of 6 s takes a few milliseconds.
pub struct Vad {
    fourier: Tensor,
    convolutions: Vec<Convolution>,
    /// Input and recurrent weights and their biases, as libtorch's LSTM takes them.
    recurrent: [Tensor; 4],
    output: Convolution,
}

struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
}

impl Convolution {
    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_conv1d(&self.weight, Some(&self.bias), self.stride, self.padding, 1, 1)
    }
}

impl Vad {
    /// Takes the parameters of the 16 kHz network out of `silero_vad.jit` in `dir`; its code is not run.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the file is missing or is not Silero's.
    pub fn load(dir: &Path) -> Result<Self, EngineError> {
        let path = dir.join("silero_vad.jit");
        let unavailable = |why: String| EngineError::Unavailable(format!("{}: {why}", path.display()));
        let first_line = |error: TchError| error.to_string().lines().next().unwrap_or_default().to_owned();
        let parameters = CModule::load(&path)
            .and_then(|module| module.named_parameters())
            .map_err(|error| unavailable(first_line(error)))?;
        let take = |name: &str| -> Result<Tensor, EngineError> {
            let full_name = format!("_model.{name}");
            let found = parameters.iter().find(|(own, _)| *own == full_name);
            let (_, tensor) = found.ok_or_else(|| unavailable(format!("there is no {full_name}")))?;
            Ok(tensor.f_detach()?)
        };
        let convolution = |name: &str, stride, padding| -> Result<Convolution, EngineError> {
            let (weight, bias) = (take(&format!("{name}.weight"))?, take(&format!("{name}.bias"))?);
            Ok(Convolution { weight, bias, stride, padding })
        };
        let block = |index: usize, stride| convolution(&format!("encoder.{index}.reparam_conv"), stride, 1);
        Ok(Self {
            fourier: fourier_basis()?,
            convolutions: vec![block(0, 1)?, block(1, 2)?, block(2, 2)?, block(3, 1)?],
            recurrent: [
                take("decoder.rnn.weight_ih")?,
                take("decoder.rnn.weight_hh")?,
                take("decoder.rnn.bias_ih")?,
                take("decoder.rnn.bias_hh")?,
            ],
            output: convolution("decoder.decoder.2", 1, 0)?,
        })
    }

    /// The probability of speech in each chunk of 512 samples (16 kHz); the last chunk is filled up with zeros.
    /// Memory starts afresh with each call.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn probabilities(&mut self, samples: &[f32]) -> Result<Vec<f32>, EngineError> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let _no_grad = tch::no_grad_guard();
        Ok(self.forward(samples)?)
    }

    fn forward(&self, samples: &[f32]) -> Result<Vec<f32>, TchError> {
        let chunks = samples.len().div_ceil(CHUNK);
        let mut padded = vec![0.0f32; CONTEXT + chunks * CHUNK];
        padded[CONTEXT..CONTEXT + samples.len()].copy_from_slice(samples);
        let heard = Tensor::f_from_slice(&padded)?.f_unfold(0, (CONTEXT + CHUNK) as i64, CHUNK as i64)?;
        let mirrored = heard.f_unsqueeze(1)?.f_reflection_pad1d([0, CONTEXT as i64])?;
        let spectrum = mirrored.f_conv1d(&self.fourier, None::<&Tensor>, HOP, 0, 1, 1)?;
        let real = spectrum.f_narrow(1, 0, FOURIER_BINS as i64)?;
        let imaginary = spectrum.f_narrow(1, FOURIER_BINS as i64, FOURIER_BINS as i64)?;
        let mut x = real.f_square()?.f_add(&imaginary.f_square()?)?.f_sqrt()?;
        for convolution in &self.convolutions {
            x = convolution.forward(&x)?.f_relu()?;
        }
        // Each chunk is one step of the sequence that the cell remembers.
        let steps = x.f_view([chunks as i64, 1, HIDDEN])?;
        let start = Tensor::f_zeros([1, 1, HIDDEN], (Kind::Float, Device::Cpu))?;
        let state = [start.shallow_clone(), start];
        let (remembered, _, _) = steps.f_lstm(&state, &self.recurrent, true, 1, 0.0, false, false, false)?;
        let x = remembered.f_view([chunks as i64, HIDDEN, 1])?.f_relu()?;
        Vec::<f32>::try_from(self.output.forward(&x)?.f_sigmoid()?.f_flatten(0, -1)?)
    }

    /// Where somebody speaks in these samples (16 kHz), in order and apart from each other.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn speech_spans(&mut self, samples: &[f32], options: &VadOptions) -> Result<Vec<SpeechSpan>, EngineError> {
        let probabilities = self.probabilities(samples)?;
        let to_ms = |sample: usize| sample as f64 * 1000.0 / f64::from(RECOGNIZER_RATE_HZ);
        let found = spans::spans(&probabilities, samples, options);
        Ok(found.into_iter().map(|span| SpeechSpan { start_ms: to_ms(span.start), end_ms: to_ms(span.end) }).collect())
    }
}

/// Real, then imaginary parts of a Hann-windowed Fourier transform, as the weights of a convolution:
/// `[2 · bins, 1, length]`.
fn fourier_basis() -> Result<Tensor, TchError> {
    let turn = std::f64::consts::TAU / FOURIER_LENGTH as f64;
    let hann = |n: usize| 0.5 - 0.5 * (turn * n as f64).cos();
    // The angle is taken modulo a turn before it is multiplied, which keeps it exact.
    let angle = |bin: usize, n: usize| turn * (bin * n % FOURIER_LENGTH) as f64;
    let mut basis = Vec::with_capacity(2 * FOURIER_BINS * FOURIER_LENGTH);
    for bin in 0..FOURIER_BINS {
        basis.extend((0..FOURIER_LENGTH).map(|n| (hann(n) * angle(bin, n).cos()) as f32));
    }
    for bin in 0..FOURIER_BINS {
        basis.extend((0..FOURIER_LENGTH).map(|n| (-hann(n) * angle(bin, n).sin()) as f32));
    }
    Tensor::f_from_slice(&basis)?.f_view([2 * FOURIER_BINS as i64, 1, FOURIER_LENGTH as i64])
}
