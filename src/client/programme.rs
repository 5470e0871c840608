//! The programme that is dubbed: read from a file, and put together again with its dubs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sts_protocol::AudioSpec;

use super::course::Piece;
use super::dub::DubArgs;
use super::recording::Recording;
use super::report::{FragmentReport, Report};
use crate::media::bed::{Bed, BedMode, BedSettings, samples};
use crate::media::container::{self, Container, DubTrack, SubtitleTrack};
use crate::media::subtitles::{self, Cue};
use crate::media::{probe, track};

/// A programme in one more language.
pub(super) struct Dub {
    /// The language.
    pub(super) language: String,
    /// Its pieces, end to end.
    pub(super) pieces: Vec<Piece>,
    /// What came of them.
    pub(super) report: Report,
    /// What ended it before it was whole.
    pub(super) failure: Option<anyhow::Error>,
}

/// A recording's sound, or a film's.
///
/// # Errors
/// What is wrong with the file.
pub(super) async fn read(input: &Path, output: &Path) -> anyhow::Result<Recording> {
    if is_wav(input) {
        return Recording::read(input);
    }
    let found = probe::probe(input).await?;
    let Some(audio) = &found.audio else { bail!("{}: no audio in it", input.display()) };
    if let Some(codec) =
        found.video.as_ref().filter(|codec| !Container::of(output).is_ok_and(|to| to.takes_pictures(codec)))
    {
        let (output, input) = (output.display(), input.display());
        bail!("{output} has no place for the pictures of {input} ({codec}); name an output in mkv by --out");
    }
    let (spec, pcm) = track::decode(input, audio).await?;
    Ok(Recording { spec, pcm })
}

/// Writes the programme with its dubs; beside it the subtitles.
///
/// # Errors
/// What the file system or FFmpeg said.
pub(super) async fn write(args: &DubArgs, recording: &Recording, dubs: &[Dub], output: &Path) -> anyhow::Result<()> {
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let container = Container::of(output)?;
    let subtitles = match container.holds_video || args.subtitles {
        true => write_subtitles(args, recording.spec, dubs, output)?,
        false => Vec::new(),
    };
    let has_bed = container.holds_video || args.bed.bed.is_some();
    let mixed = |dub: &Dub| match has_bed {
        true => mix(args.bed.settings(BedMode::Duck)?, recording, &dub.pieces),
        false => Ok(bare(recording, &dub.pieces)),
    };
    if let ([only], true) = (dubs, is_wav(output)) {
        return Recording { spec: recording.spec, pcm: mixed(only)? }.write(output);
    }
    let folder = tempfile::tempdir().context("a folder for what is on its way")?;
    let mut tracks = Vec::new();
    for dub in dubs {
        let pcm = folder.path().join(format!("{}.pcm", dub.language));
        std::fs::write(&pcm, mixed(dub)?).with_context(|| pcm.display().to_string())?;
        tracks.push(DubTrack { language: dub.language.clone(), pcm });
    }
    container::write(&args.input, &args.from, recording.spec, &tracks, &subtitles, output).await
}

fn is_wav(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav"))
}

/// The dubs as they came; the original where there is none, so that what follows keeps its time.
fn bare(recording: &Recording, pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.dub.as_deref().unwrap_or(recording.bytes(&piece.frames))).copied().collect()
}

fn mix(settings: BedSettings, recording: &Recording, pieces: &[Piece]) -> anyhow::Result<Vec<u8>> {
    let mut bed = Bed::new(settings, recording.spec.sample_rate_hz, recording.spec.channels)?;
    let mut mixed = Vec::with_capacity(recording.pcm.len());
    for piece in pieces {
        let original = samples(recording.bytes(&piece.frames));
        let dub = piece.dub.as_deref().map(samples);
        let together = bed.mix(&original, dub.as_deref())?;
        mixed.extend(together.iter().flat_map(|sample| sample.to_le_bytes()));
    }
    Ok(mixed)
}

/// Subtitles in the language that is spoken and in each that it is dubbed into.
fn write_subtitles(args: &DubArgs, spec: AudioSpec, dubs: &[Dub], output: &Path) -> anyhow::Result<Vec<SubtitleTrack>> {
    let mut tracks = Vec::new();
    let spoken = dubs.first().map(|dub| (&args.from, cues(spec, dub, |report| &report.transcript)));
    let translated = dubs.iter().map(|dub| (&dub.language, cues(spec, dub, |report| &report.translated_text)));
    for (language, cues) in spoken.into_iter().chain(translated) {
        let beside = |ending: &str| -> PathBuf { output.with_extension(format!("{language}.{ending}")) };
        for (ending, text) in [("srt", subtitles::srt(&cues)), ("vtt", subtitles::webvtt(&cues))] {
            std::fs::write(beside(ending), text).with_context(|| beside(ending).display().to_string())?;
        }
        tracks.push(SubtitleTrack { language: language.clone(), srt: beside("srt") });
    }
    Ok(tracks)
}

fn cues(spec: AudioSpec, dub: &Dub, text: impl Fn(&FragmentReport) -> &String) -> Vec<Cue> {
    let of_piece = |piece: &Piece| {
        let (start, end) = (spec.duration_ms(piece.frames.start), spec.duration_ms(piece.frames.end));
        piece.report.as_ref().map(|report| subtitles::cues(text(report), start, end)).unwrap_or_default()
    };
    dub.pieces.iter().flat_map(of_piece).collect()
}
