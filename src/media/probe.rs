//! What is in a media file.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::ffmpeg;

/// What is in a media file.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// FFmpeg's name of the codec of the pictures that move, if there are any; a cover is none.
    pub video: Option<String>,
    /// The first sound.
    pub audio: Option<AudioStream>,
}

/// The first sound of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioStream {
    /// FFmpeg's name of its codec.
    pub codec: String,
    /// Frames a second.
    pub sample_rate_hz: u32,
    /// Channels.
    pub channels: u16,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    sample_rate: Option<String>,
    channels: Option<u16>,
    #[serde(default)]
    disposition: Disposition,
}

#[derive(Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

/// Looks into a file.
///
/// # Errors
/// FFprobe is not there, or cannot read the file.
pub async fn probe(path: &Path) -> anyhow::Result<Probe> {
    let mut arguments: Vec<OsString> = ["-v", "error", "-of", "json", "-show_streams"].map(OsString::from).into();
    arguments.extend(ffmpeg::input(path));
    let answer = ffmpeg::run("ffprobe", arguments).await.with_context(|| path.display().to_string())?;
    parse(&answer).with_context(|| format!("{}: ffprobe's answer", path.display()))
}

fn parse(answer: &[u8]) -> anyhow::Result<Probe> {
    let answer: Answer = serde_json::from_slice(answer)?;
    let is = |stream: &Stream, kind: &str| stream.codec_type.as_deref() == Some(kind);
    let video = answer.streams.iter().find(|stream| is(stream, "video") && stream.disposition.attached_pic == 0);
    let audio = answer.streams.iter().find(|stream| is(stream, "audio"));
    Ok(Probe {
        video: video.map(|stream| stream.codec_name.clone().unwrap_or_default()),
        audio: audio.and_then(|stream| {
            let sample_rate_hz = stream.sample_rate.as_ref()?.parse().ok()?;
            let codec = stream.codec_name.clone().unwrap_or_default();
            Some(AudioStream { codec, sample_rate_hz, channels: stream.channels? })
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_is_no_video_and_the_first_sound_counts() {
        let answer = br#"{"streams": [
            {"codec_type": "video", "disposition": {"attached_pic": 1}},
            {"codec_type": "audio", "codec_name": "aac", "sample_rate": "44100", "channels": 2},
            {"codec_type": "audio", "sample_rate": "48000", "channels": 6}]}"#;
        let audio = Some(AudioStream { codec: "aac".into(), sample_rate_hz: 44_100, channels: 2 });
        assert_eq!(parse(answer).expect("valid"), Probe { video: None, audio });
    }

    #[test]
    fn a_file_may_tell_nothing() {
        assert_eq!(parse(b"{}").expect("valid"), Probe { video: None, audio: None });
        assert!(parse(b"no json").is_err());
    }
}
