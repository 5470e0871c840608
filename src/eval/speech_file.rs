//! Reads recordings and changes sample rates.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use sts_models::resample::resample;

/// A recording in one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Samples, −1 to 1; several channels are averaged.
    pub samples: Vec<f32>,
    /// Sample rate, Hz.
    pub sample_rate_hz: u32,
}

impl Recording {
    /// Reads a FLAC or WAV file, told apart by its first bytes.
    ///
    /// # Errors
    /// When the file cannot be read, is neither, is damaged, or holds samples wider than 32 bits.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("the recording {} cannot be read", path.display()))?;
        let decoded = match bytes.get(..4) {
            Some(b"fLaC") => decode_flac(&bytes),
            Some(b"RIFF") => decode_wav(&bytes),
            _ => bail!("{} is neither FLAC nor WAV", path.display()),
        };
        decoded.with_context(|| format!("{} cannot be decoded", path.display()))
    }

    /// The recording at another sample rate.
    pub fn resampled(self, sample_rate_hz: u32) -> Self {
        let samples = resample(&self.samples, self.sample_rate_hz, sample_rate_hz);
        Self { samples, sample_rate_hz }
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate_hz)
    }
}

fn decode_flac(bytes: &[u8]) -> anyhow::Result<Recording> {
    let mut reader = claxon::FlacReader::new(bytes)?;
    let info = reader.streaminfo();
    let scale = full_scale(info.bits_per_sample)?;
    let samples = reader.samples().map(|sample| Ok(sample? as f32 / scale)).collect::<anyhow::Result<Vec<f32>>>()?;
    mono(samples, info.channels as usize, info.sample_rate)
}

fn decode_wav(bytes: &[u8]) -> anyhow::Result<Recording> {
    let reader = hound::WavReader::new(bytes)?;
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.into_samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let scale = full_scale(u32::from(spec.bits_per_sample))?;
            let scaled = |sample: Result<i32, hound::Error>| Ok(sample? as f32 / scale);
            reader.into_samples::<i32>().map(scaled).collect::<Result<_, hound::Error>>()?
        }
    };
    mono(samples, usize::from(spec.channels), spec.sample_rate)
}

fn full_scale(bits: u32) -> anyhow::Result<f32> {
    ensure!((1..=32).contains(&bits), "{bits} bits a sample are not supported");
    Ok((1_u64 << (bits - 1)) as f32)
}

fn mono(interleaved: Vec<f32>, channels: usize, sample_rate_hz: u32) -> anyhow::Result<Recording> {
    ensure!(channels > 0 && sample_rate_hz > 0, "no channels, or a sample rate of 0");
    let samples = if channels == 1 {
        interleaved
    } else {
        interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
    };
    Ok(Recording { samples, sample_rate_hz })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stereo_wav_as_the_mean_of_its_channels() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("stereo.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).expect("the file can be created");
        for sample in [16_384_i16, 0, -16_384, -16_384] {
            writer.write_sample(sample).expect("the file can be written");
        }
        writer.finalize().expect("the file can be finished");
        let recording = Recording::read(&path).expect("it is a WAV file");
        assert_eq!(recording, Recording { samples: vec![0.25, -0.5], sample_rate_hz: 8_000 });
    }

    #[test]
    fn reads_stereo_flac_of_24_bits() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-metrics/ramp.flac");
        let recording = Recording::read(&path).expect("it is a FLAC file");
        assert_eq!((recording.sample_rate_hz, recording.samples.len()), (16_000, 3_200));
        for (index, sample) in recording.samples.iter().enumerate() {
            let ramp = -0.5 + index as f32 / 3_199.0;
            assert!((sample - (ramp + 0.25) / 2.0).abs() < 1e-6, "sample {index} is {sample}");
        }
    }

    #[test]
    fn damaged_files_are_errors_that_name_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, bytes) in [("a.flac", &b"fLaC\0\0"[..]), ("b.wav", b"RIFF"), ("c.mp3", b"ID3\x03"), ("d", b"")] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("the file can be written");
            let error = Recording::read(&path).expect_err("it is damaged");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
