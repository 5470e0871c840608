//! A file's sound as samples that begin with the programme.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, bail};
use sts_protocol::{AudioFormat, AudioSpec};

use super::{ffmpeg, probe::AudioStream};

/// Rates that sound is brought to when a file's own is beyond them.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// Decodes a file's first sound into interleaved 16-bit samples, in one or two channels. The first sample belongs to the
/// instant at which the file begins: silence stands where sound begins later than pictures, or has holes.
///
/// # Errors
/// FFmpeg is not there, or cannot read the file; or there is no sound in it.
pub async fn decode(path: &Path, stream: &AudioStream) -> anyhow::Result<(AudioSpec, Vec<u8>)> {
    let sample_rate_hz = stream.sample_rate_hz.clamp(*RATES_HZ.start(), *RATES_HZ.end());
    let channels = stream.channels.clamp(1, 2);
    let mut arguments: Vec<OsString> = ["-nostdin", "-v", "error"].map(OsString::from).into();
    arguments.extend(ffmpeg::input(path));
    arguments.extend(["-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-ar"].map(OsString::from));
    arguments.extend([sample_rate_hz.to_string(), "-ac".into(), channels.to_string()].map(OsString::from));
    arguments.extend(["-f", "s16le", "pipe:1"].map(OsString::from));
    let pcm = ffmpeg::run("ffmpeg", arguments).await.with_context(|| path.display().to_string())?;
    if pcm.is_empty() {
        bail!("{}: no audio in it", path.display());
    }
    Ok((AudioSpec { sample_rate_hz, channels, format: AudioFormat::PcmS16le }, pcm))
}
