//! The source of the voice: harmonics of the pitch where it is voiced, noise where it is not
//! (the harmonic-plus-noise source of neural source-filter models, Wang et al., 2019).

use tch::{Kind, Tensor};

use super::layers::Linear;
use super::weights::Weights;
use crate::engine::EngineError;

/// The fundamental and eight overtones.
const HARMONICS: i64 = 9;
/// Samples for each value of the pitch curve: two values a frame of 600 samples.
const SAMPLES_PER_PITCH: i64 = 300;
const SAMPLE_RATE: f64 = 24_000.0;
/// Amplitude of a harmonic.
const SINE_AMPLITUDE: f64 = 0.1;
/// Standard deviation of the noise under a voiced sound, and of that which stands for an unvoiced one.
const VOICED_NOISE: f64 = 0.003;
const UNVOICED_NOISE: f64 = SINE_AMPLITUDE / 3.0;
/// Pitch under which a sound is unvoiced, Hz.
const VOICED_ABOVE: f64 = 10.0;

/// Where the noise of the excitation comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noise {
    /// A pseudo-random sequence that depends on this seed alone, so that an utterance always sounds the same.
    Seeded(u64),
    /// None: for comparison with other implementations.
    Silent,
}

/// The source module.
pub struct Excitation {
    mix: Linear,
    harmonics: Tensor,
    /// Length of the mixing weights as a vector; see [`Excitation::noise`].
    mix_norm: f64,
}

impl Excitation {
    /// Takes `decoder.generator.m_source.l_linear`.
    pub fn take(weights: &mut Weights) -> Result<Self, EngineError> {
        let device = weights.device().torch;
        let name = "decoder.generator.m_source.l_linear";
        let mix = weights.take(&format!("{name}.weight"), &[1, HARMONICS])?;
        let mix_norm = f64::try_from(mix.f_norm()?)?;
        let harmonics = Tensor::f_arange_start(1, HARMONICS + 1, (Kind::Float, device))?.f_view([1, HARMONICS, 1])?;
        let bias = weights.take(&format!("{name}.bias"), &[1])?;
        Ok(Self { mix: Linear::from_parts(mix, bias), harmonics, mix_norm })
    }

    /// A pitch curve in Hz `[batch, 2 · frames]` to the excitation `[batch, 600 · frames]`, −1 to 1.
    ///
    /// Each sequence of the batch starts its own noise from the seed, so that what stands beside an utterance in
    /// a batch cannot change how it sounds.
    pub fn forward(&self, pitch: &Tensor, noise: &Noise) -> Result<Tensor, EngineError> {
        let samples = pitch.size()[1] * SAMPLES_PER_PITCH;
        let sines = self.sines(pitch, samples)?.f_mul_scalar(SINE_AMPLITUDE)?;
        let voiced = pitch.f_gt(VOICED_ABOVE)?.f_to_kind(Kind::Float)?.f_unsqueeze(1)?;
        let voiced = voiced.f_upsample_nearest1d([samples], None::<f64>)?;
        let voiced_sines = sines.f_mul(&voiced)?;
        let mut mixed = self.mix.forward(&voiced_sines.f_transpose(1, 2)?)?.f_squeeze_dim(-1)?;
        if let Noise::Seeded(seed) = noise {
            mixed = mixed.f_add(&self.noise(&voiced.f_squeeze_dim(1)?, *seed)?)?;
        }
        Ok(mixed.f_tanh()?)
    }

    /// Unit sines at the harmonics of the pitch, `[batch, 9, samples]`.
    ///
    /// The phase is summed at the rate of the pitch curve and drawn out linearly to the rate of the samples, in the
    /// order of operations that the model was trained with: float32 is short for a phase of many thousand radians,
    /// and another order gives other sines.
    fn sines(&self, pitch: &Tensor, samples: i64) -> Result<Tensor, EngineError> {
        let cycles = pitch.f_unsqueeze(1)?.f_mul(&self.harmonics)?.f_div_scalar(SAMPLE_RATE)?.f_remainder(1.0)?;
        let phase = cycles.f_cumsum(2, None::<Kind>)?.f_mul_scalar(2.0)?.f_mul_scalar(std::f64::consts::PI)?;
        let phase = phase.f_mul_scalar(SAMPLES_PER_PITCH)?;
        let drawn_out = phase.f_upsample_linear1d([samples], false, Some(SAMPLES_PER_PITCH as f64))?;
        Ok(drawn_out.f_sin()?)
    }

    /// The noise as it leaves the mixing layer, `[batch, samples]`, for a mask of voiced samples.
    ///
    /// The model adds independent noise of one strength to each of nine harmonics and mixes them linearly; the
    /// mixture of nine independent Gaussians is a Gaussian whose deviation grows by the norm of the weights, so
    /// that one sequence does for nine.
    fn noise(&self, voiced: &Tensor, seed: u64) -> Result<Tensor, EngineError> {
        let samples = voiced.size()[1];
        let white = Tensor::f_from_slice(&white_noise(seed, samples as usize))?.f_to_device(voiced.device())?;
        let strength = voiced.f_mul_scalar(VOICED_NOISE - UNVOICED_NOISE)?.f_add_scalar(UNVOICED_NOISE)?;
        Ok(strength.f_mul(&white)?.f_mul_scalar(self.mix_norm)?)
    }
}

/// Gaussian noise with deviation 1, by the polar method of Box and Muller in Marsaglia's form.
fn white_noise(seed: u64, samples: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut noise = Vec::with_capacity(samples + 1);
    while noise.len() < samples {
        let (x, y) = (2.0 * random.f32() - 1.0, 2.0 * random.f32() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            let stretch = (-2.0 * square.ln() / square).sqrt();
            noise.push(x * stretch);
            noise.push(y * stretch);
        }
    }
    noise.truncate(samples);
    noise
}

#[cfg(test)]
mod tests {
    use super::white_noise;

    #[test]
    fn noise_is_reproducible_and_standard() {
        let noise = white_noise(7, 100_001);
        assert_eq!(noise.len(), 100_001);
        assert_eq!(noise, white_noise(7, 100_001));
        assert_ne!(noise, white_noise(8, 100_001));
        let mean = noise.iter().sum::<f32>() / noise.len() as f32;
        let variance = noise.iter().map(|value| value * value).sum::<f32>() / noise.len() as f32 - mean * mean;
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
    }
}
