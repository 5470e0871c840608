//! WAV files: what the streaming worker reads and writes.

use std::path::Path;

use anyhow::{Context as _, bail};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use sts_protocol::{AudioFormat, AudioSpec};

/// A recording as it goes over the wire: interleaved 16-bit PCM.
pub struct Recording {
    /// Rate, channels and format.
    pub spec: AudioSpec,
    /// Interleaved samples.
    pub pcm: Vec<u8>,
}

impl Recording {
    /// Reads a WAV file of one or two channels: integers of 8 to 32 bits, or floats.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut reader = WavReader::open(path).with_context(|| path.display().to_string())?;
        let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
        if !matches!(channels, 1 | 2) {
            bail!("{}: {channels} channels; one or two are taken", path.display());
        }
        let spec = AudioSpec { sample_rate_hz: sample_rate, channels, format: AudioFormat::PcmS16le };
        let samples: Result<Vec<i16>, hound::Error> = match (sample_format, bits_per_sample) {
            (SampleFormat::Int, 16) => reader.samples::<i16>().collect(),
            (SampleFormat::Int, bits @ 8..=32) => reader
                .samples::<i32>()
                .map(|sample| sample.map(|value| (i64::from(value) << 16 >> bits) as i16))
                .collect(),
            (SampleFormat::Float, 32) => reader
                .samples::<f32>()
                .map(|sample| sample.map(|value| (value.clamp(-1.0, 1.0) * 32_767.0) as i16))
                .collect(),
            (format, bits) => bail!("{}: {bits}-bit {format:?} samples are not taken", path.display()),
        };
        let samples = samples.with_context(|| path.display().to_string())?;
        if samples.is_empty() {
            bail!("{}: no audio in it", path.display());
        }
        Ok(Self { spec, pcm: samples.iter().flat_map(|sample| sample.to_le_bytes()).collect() })
    }

    /// The bytes of a stretch of frames.
    pub fn bytes(&self, frames: &std::ops::Range<usize>) -> &[u8] {
        let width = self.spec.bytes_per_frame();
        &self.pcm[frames.start * width..frames.end * width]
    }

    /// Writes a WAV file of 16-bit samples.
    ///
    /// # Errors
    /// What the file system said.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let spec = WavSpec {
            channels: self.spec.channels,
            sample_rate: self.spec.sample_rate_hz,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let mut writer = WavWriter::create(path, spec).with_context(|| path.display().to_string())?;
        for raw in self.pcm.chunks_exact(2) {
            writer.write_sample(i16::from_le_bytes([raw[0], raw[1]]))?;
        }
        writer.finalize().with_context(|| path.display().to_string())
    }
}
