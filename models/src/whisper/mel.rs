//! The log-mel spectrogram that Whisper hears (Radford et al., 2022, section 2.2): 25 ms Hann windows every
//! 10 ms, triangular filters on Slaney's mel scale, a dynamic range of 8 decades.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::engine::{EngineError, RECOGNIZER_RATE_HZ};

/// Samples between two mel frames: 10 ms.
pub const HOP: usize = 160;
/// Samples in Whisper's window of 30 s; audio is padded with zeros up to it.
pub const WINDOW_SAMPLES: usize = 30 * RECOGNIZER_RATE_HZ as usize;
/// Mel frames in the window.
pub const WINDOW_FRAMES: usize = WINDOW_SAMPLES / HOP;

const FFT_LENGTH: usize = 400;
const FLOOR: f32 = 1e-10;
const DECADES: f32 = 8.0;

/// One triangular filter: its weights from its first spectral bin on.
struct Filter {
    first_bin: usize,
    weights: Vec<f32>,
}

/// Computes log-mel spectrograms; holds the filters and the plan of the Fourier transform.
pub struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    filters: Vec<Filter>,
}

impl LogMel {
    /// Prepares `bands` filters from 0 to 8 kHz (80, or 128 for large-v3).
    pub fn new(bands: usize) -> Self {
        let step = std::f64::consts::TAU / FFT_LENGTH as f64;
        let hann = (0..FFT_LENGTH).map(|i| (0.5 - 0.5 * (step * i as f64).cos()) as f32).collect();
        Self { fft: RealFftPlanner::new().plan_fft_forward(FFT_LENGTH), hann, filters: slaney_filters(bands) }
    }

    /// Number of mel bands.
    pub fn bands(&self) -> usize {
        self.filters.len()
    }

    /// The first `frames` frames of the spectrogram of `samples` (16 kHz, at most 30 s) as if they were
    /// followed by silence up to 30 s: `bands × frames` values, one band after the other.
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] when the audio or the frames exceed the window.
    pub fn compute(&self, samples: &[f32], frames: usize) -> Result<Vec<f32>, EngineError> {
        if samples.len() > WINDOW_SAMPLES || frames > WINDOW_FRAMES {
            return Err(EngineError::InvalidInput(format!(
                "{} samples and {frames} frames: at most {WINDOW_SAMPLES} and {WINDOW_FRAMES}",
                samples.len()
            )));
        }
        let bands = self.bands();
        let mut mel = vec![FLOOR.log10(); bands * frames];
        let mut windowed = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0f32; spectrum.len()];
        // Frames past the audio hold nothing but zeros: they keep the floor that they were filled with.
        let heard = frames.min((samples.len() + FFT_LENGTH / 2).div_ceil(HOP));
        for frame in 0..heard {
            for (i, value) in windowed.iter_mut().enumerate() {
                *value = self.hann[i] * sample_at(samples, (frame * HOP + i) as isize - (FFT_LENGTH / 2) as isize);
            }
            self.fft
                .process_with_scratch(&mut windowed, &mut spectrum, &mut scratch)
                .map_err(|error| EngineError::Poisoned(format!("fourier transform: {error}")))?;
            for (value, bin) in power.iter_mut().zip(&spectrum) {
                *value = bin.norm_sqr();
            }
            for (band, filter) in self.filters.iter().enumerate() {
                let bins = &power[filter.first_bin..];
                let energy: f32 = filter.weights.iter().zip(bins).map(|(weight, bin)| weight * bin).sum();
                mel[band * frames + frame] = energy.max(FLOOR).log10();
            }
        }
        let loudest = mel.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for value in &mut mel {
            *value = (value.max(loudest - DECADES) + 4.0) / 4.0;
        }
        Ok(mel)
    }
}

/// The sample at `index` of the window: mirrored at both edges of the 30 s, zero where the audio has ended.
fn sample_at(samples: &[f32], index: isize) -> f32 {
    let last = WINDOW_SAMPLES as isize - 1;
    let mirrored = if index > last { 2 * last - index } else { index.abs() };
    samples.get(mirrored as usize).copied().unwrap_or(0.0)
}

/// Triangles of equal area, equally spaced on Slaney's scale: linear up to 1 kHz, logarithmic above
/// (Slaney, "Auditory Toolbox", 1998, as the mel scale of its MFCC function).
fn slaney_filters(bands: usize) -> Vec<Filter> {
    let nyquist = f64::from(RECOGNIZER_RATE_HZ) / 2.0;
    let top = hertz_to_mel(nyquist);
    let edges: Vec<f64> = (0..bands + 2).map(|i| mel_to_hertz(top * i as f64 / (bands + 1) as f64)).collect();
    let bin_width = f64::from(RECOGNIZER_RATE_HZ) / FFT_LENGTH as f64;
    let triangle = |low: f64, peak: f64, high: f64| {
        let weight = |bin: usize| {
            let hertz = bin as f64 * bin_width;
            ((hertz - low) / (peak - low)).min((high - hertz) / (high - peak)).max(0.0) * 2.0 / (high - low)
        };
        let all: Vec<f32> = (0..=FFT_LENGTH / 2).map(|bin| weight(bin) as f32).collect();
        let first_bin = all.iter().position(|&w| w > 0.0).unwrap_or(0);
        let end = all.iter().rposition(|&w| w > 0.0).map_or(first_bin, |last| last + 1);
        Filter { first_bin, weights: all[first_bin..end].to_vec() }
    };
    edges.windows(3).map(|edge| triangle(edge[0], edge[1], edge[2])).collect()
}

const LINEAR_HERTZ_PER_MEL: f64 = 200.0 / 3.0;
const KNEE_HERTZ: f64 = 1000.0;
const KNEE_MEL: f64 = KNEE_HERTZ / LINEAR_HERTZ_PER_MEL;

fn mel_per_log() -> f64 {
    27.0 / 6.4f64.ln()
}

fn hertz_to_mel(hertz: f64) -> f64 {
    if hertz < KNEE_HERTZ { hertz / LINEAR_HERTZ_PER_MEL } else { KNEE_MEL + (hertz / KNEE_HERTZ).ln() * mel_per_log() }
}

fn mel_to_hertz(mel: f64) -> f64 {
    if mel < KNEE_MEL { mel * LINEAR_HERTZ_PER_MEL } else { KNEE_HERTZ * ((mel - KNEE_MEL) / mel_per_log()).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_loudest_in_the_band_that_holds_it() {
        let mel = LogMel::new(80);
        let tone = |hertz: f32| -> Vec<f32> {
            (0..16_000).map(|i| (std::f32::consts::TAU * hertz * i as f32 / 16_000.0).sin()).collect()
        };
        let loudest_band = |hertz: f32| {
            let values = mel.compute(&tone(hertz), 100).expect("a second of audio fits");
            (0..80).max_by(|&a, &b| values[a * 100 + 50].total_cmp(&values[b * 100 + 50])).expect("there are 80 bands")
        };
        let peak_hertz = |band: usize| mel_to_hertz(hertz_to_mel(8_000.0) * (band + 1) as f64 / 81.0);
        for hertz in [440.0f32, 1_000.0, 3_000.0, 6_500.0] {
            let found = peak_hertz(loudest_band(hertz));
            assert!((found / f64::from(hertz) - 1.0).abs() < 0.06, "{hertz} Hz was found at {found} Hz");
        }
    }

    #[test]
    fn silence_is_flat_and_the_window_is_a_limit() {
        let mel = LogMel::new(128);
        let silent = mel.compute(&[0.0; 1_600], 20).expect("short audio fits");
        assert_eq!(silent.len(), 128 * 20);
        assert!(silent.iter().all(|&value| value == -1.5), "log10 of the floor is −10, and (−10 + 4) / 4 is −1.5");
        assert!(mel.compute(&vec![0.0; WINDOW_SAMPLES + 1], 10).is_err());
        assert!(mel.compute(&[0.0; 16], WINDOW_FRAMES + 1).is_err());
    }
}
