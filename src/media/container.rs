//! The programme with its dubs and subtitles in one file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use isolang::Language;
use sts_protocol::AudioSpec;

use super::ffmpeg;
use super::probe::probe;

/// One language's sound.
pub struct DubTrack {
    /// Its language (ISO 639-1).
    pub language: String,
    /// Samples as bytes, in a file.
    pub pcm: PathBuf,
}

/// One language's subtitles.
pub struct SubtitleTrack {
    /// Its language (ISO 639-1).
    pub language: String,
    /// The SRT file.
    pub srt: PathBuf,
}

/// What a kind of file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container {
    audio_codec: Option<&'static str>,
    subtitle_codec: Option<&'static str>,
    /// Codecs of sound that it takes as they are; `None`: any.
    takes: Option<&'static [&'static str]>,
    /// Codecs of pictures that it takes; `None`: any.
    takes_video: Option<&'static [&'static str]>,
    /// Whether pictures and several tracks have a place in it.
    pub holds_video: bool,
}

impl Container {
    /// The kind of file that a name's ending asks for.
    ///
    /// # Errors
    /// The ending is not known; the message names those that are.
    pub fn of(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        let mpeg4: Option<&[&str]> = Some(&["aac", "ac3", "eac3", "mp3", "alac"]);
        let (audio_codec, subtitle_codec, takes, holds_video) = match ending.as_str() {
            "mp4" | "m4v" | "mov" => (Some("aac"), Some("mov_text"), mpeg4, true),
            "mkv" => (Some("aac"), Some("srt"), None, true),
            "webm" => (Some("libopus"), Some("webvtt"), Some(&["opus", "vorbis"][..]), true),
            "ts" => (Some("aac"), None, Some(&["aac", "ac3", "eac3", "mp2", "mp3"][..]), true),
            "m4a" => (Some("aac"), None, mpeg4, false),
            "ogg" | "opus" => (Some("libopus"), None, None, false),
            "mp3" | "flac" | "wav" => (None, None, None, false),
            _ => bail!(
                "{}: an output ends in mp4, m4v, mov, mkv, webm, ts, m4a, ogg, opus, mp3, flac or wav",
                path.display()
            ),
        };
        let takes_video: Option<&[&str]> = match ending.as_str() {
            "mp4" | "m4v" | "mov" => {
                Some(&["h264", "hevc", "av1", "mpeg4", "vp9", "mjpeg", "mpeg2video", "mpeg1video"])
            }
            "webm" => Some(&["vp8", "vp9", "av1"]),
            "ts" => Some(&["h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video"]),
            _ => None,
        };
        Ok(Self { audio_codec, subtitle_codec, takes, takes_video, holds_video })
    }

    /// Whether pictures in this codec, by FFmpeg's name, can be copied into it.
    pub fn takes_pictures(&self, codec: &str) -> bool {
        self.holds_video && self.takes_video.is_none_or(|codecs| codecs.contains(&codec))
    }
}

/// A language's code of three letters, as containers want it, and its English name.
fn tag(language: &str) -> (&'static str, &'static str) {
    Language::from_639_1(language).map_or(("und", "unknown"), |known| (known.to_639_3(), known.to_name()))
}

/// Writes the programme: its pictures untouched, a sound a language, the first of them the one that plays by itself, the
/// original's sound last, as it is where the container takes it, and subtitles where the container has a place for them.
/// The file appears whole or not at all.
///
/// # Errors
/// FFmpeg is not there, or cannot do it.
pub async fn write(
    programme: &Path,
    source_language: &str,
    spec: AudioSpec,
    dubs: &[DubTrack],
    subtitles: &[SubtitleTrack],
    output: &Path,
) -> anyhow::Result<()> {
    let container = Container::of(output)?;
    let unfinished = unfinished(output)?;
    let original = probe(programme).await?.audio.map(|audio| audio.codec).unwrap_or_default();
    let keeps_original = container.takes.is_none_or(|codecs| codecs.contains(&original.as_str()));
    let original = Original { file: programme, language: source_language, is_kept: keeps_original };
    let arguments = arguments(original, spec, dubs, subtitles, container, &unfinished);
    let written = ffmpeg::run("ffmpeg", arguments).await.and_then(|_| Ok(std::fs::rename(&unfinished, output)?));
    if written.is_err() {
        // Of no use to anybody, and perhaps not there.
        let _ = std::fs::remove_file(&unfinished);
    }
    written.with_context(|| output.display().to_string())
}

/// A name beside the output's, with the ending by which FFmpeg knows the container.
fn unfinished(output: &Path) -> anyhow::Result<PathBuf> {
    let name = output.file_name().ok_or_else(|| anyhow!("{} is no name of a file", output.display()))?;
    let mut hidden = OsString::from(".unfinished-");
    hidden.push(name);
    Ok(output.with_file_name(hidden))
}

/// The programme as it was.
struct Original<'a> {
    file: &'a Path,
    language: &'a str,
    /// Whether the container takes its sound as it is.
    is_kept: bool,
}

fn arguments(
    original: Original<'_>,
    spec: AudioSpec,
    dubs: &[DubTrack],
    subtitles: &[SubtitleTrack],
    container: Container,
    output: &Path,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
    add(&["-nostdin", "-y", "-v", "error"]);
    let (rate, channels) = (spec.sample_rate_hz.to_string(), spec.channels.to_string());
    let subtitles = if container.subtitle_codec.is_some() { subtitles } else { &[] };
    let mut maps: Vec<String> = Vec::new();
    if container.holds_video {
        maps.push("0:v?".into());
    }
    maps.extend((0..dubs.len()).map(|dub| format!("{}:a", dub + 1)));
    if container.holds_video {
        maps.push("0:a:0".into());
    }
    maps.extend((0..subtitles.len()).map(|track| format!("{}:s", 1 + dubs.len() + track)));

    arguments.extend(ffmpeg::input(original.file));
    for dub in dubs {
        arguments.extend(["-f", "s16le", "-ar", &rate, "-ac", &channels].map(OsString::from));
        arguments.extend(ffmpeg::input(&dub.pcm));
    }
    for track in subtitles {
        arguments.extend(["-f", "srt"].map(OsString::from));
        arguments.extend(ffmpeg::input(&track.srt));
    }
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
    for map in &maps {
        add(&["-map", map]);
    }
    add(&["-map_metadata", "0", "-c:v", "copy"]);
    if let Some(codec) = container.audio_codec {
        add(&["-c:a", codec, "-b:a", "160k"]);
    }
    for (index, dub) in dubs.iter().enumerate() {
        let (code, name) = tag(&dub.language);
        add(&[&format!("-metadata:s:a:{index}"), &format!("language={code}")]);
        add(&[&format!("-metadata:s:a:{index}"), &format!("title={name} (dubbed)")]);
        add(&[&format!("-disposition:a:{index}"), if index == 0 { "default+dub" } else { "dub" }]);
    }
    if container.holds_video {
        let (index, (code, name)) = (dubs.len(), tag(original.language));
        if original.is_kept {
            add(&[&format!("-c:a:{index}"), "copy"]);
        }
        add(&[&format!("-metadata:s:a:{index}"), &format!("language={code}")]);
        add(&[&format!("-metadata:s:a:{index}"), &format!("title={name} (original)")]);
        add(&[&format!("-disposition:a:{index}"), "original"]);
    }
    if let Some(codec) = container.subtitle_codec.filter(|_| !subtitles.is_empty()) {
        add(&["-c:s", codec]);
        for (index, track) in subtitles.iter().enumerate() {
            add(&[&format!("-metadata:s:s:{index}"), &format!("language={}", tag(&track.language).0)]);
        }
    }
    arguments.push(ffmpeg::local(output));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_that_is_not_known_is_told_with_those_that_are() {
        assert!(Container::of(Path::new("a/b.MP4")).expect("known").holds_video);
        assert!(!Container::of(Path::new("b.mp3")).expect("known").holds_video);
        let error = Container::of(Path::new("talk.xyz")).expect_err("unknown").to_string();
        assert!(error.contains("talk.xyz") && error.contains("mkv"), "{error}");
    }

    #[test]
    fn languages_have_three_letters_in_containers() {
        assert_eq!((tag("es"), tag("pt").0, tag("zz").0), (("spa", "Spanish"), "por", "und"));
    }
}
