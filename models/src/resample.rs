//! Change of sample rate, with the length kept to the sample.

use rubato::{FftFixedInOut, Resampler as _};

/// `samples` (mono) at another rate: `round(len · to / from)` of them, aligned with the originals.
///
/// The filter is rubato's synchronous FFT one; its delay is taken out. Rates that are equal cost a copy.
pub fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    if from_hz == to_hz || samples.is_empty() || from_hz == 0 || to_hz == 0 {
        return samples.to_vec();
    }
    let expected = (samples.len() as f64 * f64::from(to_hz) / f64::from(from_hz)).round() as usize;
    let mut resampled = run(samples, from_hz as usize, to_hz as usize, expected).unwrap_or_default();
    resampled.resize(expected, 0.0);
    resampled
}

/// `None` when rubato refuses its own settings or buffers, which it does only for rates of 0.
fn run(samples: &[f32], from_hz: usize, to_hz: usize, expected: usize) -> Option<Vec<f32>> {
    // 80 ms are an even number of samples at every usual rate, so that the filter's delay is a whole number of them.
    let chunk = (from_hz * 2).div_ceil(25);
    let mut resampler = FftFixedInOut::<f32>::new(from_hz, to_hz, chunk, 1).ok()?;
    let delay = resampler.output_delay();
    let mut output = Vec::with_capacity(expected + delay + chunk);
    let mut chunks = samples.chunks(resampler.input_frames_next());
    while output.len() < expected + delay {
        // After the last chunk comes silence, until the filter has given back what it holds.
        let chunk = chunks.next().map(|chunk| [chunk]);
        let produced = resampler.process_partial(chunk.as_ref().map(|chunk| &chunk[..]), None).ok()?;
        output.extend_from_slice(produced.first()?);
    }
    output.drain(..delay);
    output.truncate(expected);
    Some(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn tone(rate_hz: u32, samples: usize) -> Vec<f32> {
        (0..samples).map(|index| (TAU * 440.0 * index as f32 / rate_hz as f32).sin()).collect()
    }

    #[test]
    fn length_is_exact_for_every_usual_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000] {
            for samples in [1, 599, rate as usize * 6 + 7] {
                let expected = (samples as f64 * 16_000.0 / f64::from(rate)).round() as usize;
                assert_eq!(resample(&vec![0.5; samples], rate, 16_000).len(), expected, "{samples} at {rate}");
            }
        }
    }

    #[test]
    fn a_tone_stays_in_phase() {
        for (from, to) in [(48_000, 16_000), (44_100, 16_000), (24_000, 48_000), (24_000, 44_100)] {
            let resampled = resample(&tone(from, from as usize), from, to);
            let wanted = tone(to, to as usize);
            // The ends see the silence beyond them.
            let inner = to as usize / 10..to as usize * 9 / 10;
            let worst = inner.map(|index| (resampled[index] - wanted[index]).abs()).fold(0.0, f32::max);
            assert!(worst < 0.005, "{from} to {to}: off by {worst}");
        }
    }
}
