//! `sts eval asr`: word error rate and speed of a recogniser on recordings with known texts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use serde::Serialize;
use sts_models::engine::RECOGNIZER_RATE_HZ;
use sts_models::vad::Vad;
use sts_models::{EngineInfo, RecognizeRequest, Recognizer};

use super::latency::{Latencies, LatencySummary};
use super::metrics::text_normalizer::TextNormalizers;
use super::metrics::wer::WordErrors;
use super::report;
use super::speech_file::Recording;
use super::speech_manifest::{SpokenClip, read_manifest};
use crate::media::cutter::{CutLengths, Cutter};

/// What to recognise, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct AsrArgs {
    /// Recordings with their texts: JSON lines of file, text, lang, group
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// Cut each recording every so many milliseconds, as a live stream is cut, instead of giving it whole
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..))]
    pub cut_ms: Option<u32>,
    /// Cut in pauses of speech between this and --cut-ms, as `sts dub` and `sts worker` do, instead of blindly
    #[arg(long, value_name = "MS", requires = "cut_ms", value_parser = clap::value_parser!(u32).range(100..))]
    pub shortest_ms: Option<u32>,
    /// From this length on take the first pause (default: --cut-ms)
    #[arg(long, value_name = "MS", requires = "shortest_ms", value_parser = clap::value_parser!(u32).range(100..))]
    pub wanted_ms: Option<u32>,
    /// Give each piece the text of the piece before it as context
    #[arg(long)]
    pub carry_text: bool,
    /// Only recordings in this language
    #[arg(long, value_name = "CODE")]
    pub language: Option<String>,
    /// Only the first so many recordings
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Write the figures and every hypothesis to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Figures for a recogniser.
#[derive(Clone, Debug, Serialize)]
pub struct AsrReport {
    /// What was measured.
    pub engine: EngineInfo,
    /// Length of the pieces, ms; none when recordings were given whole.
    pub cut_ms: Option<u32>,
    /// Least length of the pieces, ms, where they were cut in pauses.
    pub shortest_ms: Option<u32>,
    /// Length from which on the first pause was taken, ms.
    pub wanted_ms: Option<u32>,
    /// Whether pieces were given the text before them.
    pub carry_text: bool,
    /// One row for each language and group, in the order of their names.
    pub groups: Vec<AsrRow>,
    /// All recordings together.
    pub total: AsrRow,
    /// Every recording with what was heard.
    pub clips: Vec<AsrClip>,
}

/// Figures over some recordings.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AsrRow {
    /// ISO 639-1 code; `all` for the total.
    pub language: String,
    /// Group of the manifest; `all` for the total.
    pub group: String,
    /// Normaliser that both texts went through; empty for the total.
    pub normalizer: &'static str,
    /// Number of recordings.
    pub clips: usize,
    /// Pieces that the recogniser gave no text for because of an error; they count as silence.
    pub failures: usize,
    /// Word edits.
    pub errors: WordErrors,
    /// Word error rate, per cent.
    pub wer_percent: f64,
    /// Length of the recordings, seconds.
    pub audio_s: f64,
    /// Time of the recogniser over the length of the recordings; below 1 is faster than real time.
    pub real_time_factor: f64,
    /// Time of single pieces.
    pub latency: LatencySummary,
}

/// One recording.
#[derive(Clone, Debug, Serialize)]
pub struct AsrClip {
    /// Path of the recording.
    pub file: PathBuf,
    /// Language code of the manifest.
    pub language: String,
    /// Group of the manifest.
    pub group: String,
    /// Text of the manifest.
    pub reference: String,
    /// Text of the recogniser; the pieces' texts joined by a space.
    pub hypothesis: String,
    /// Word edits after normalisation.
    pub errors: WordErrors,
    /// Errors of the recogniser, in its words.
    pub failures: Vec<String>,
    /// Length, seconds.
    pub audio_s: f64,
    /// Time of the recogniser, seconds.
    pub busy_s: f64,
}

/// What was heard in one recording.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The pieces' texts, joined by a space.
    pub text: String,
    /// Time of each piece.
    pub latencies: Latencies,
    /// Errors, in the recogniser's words.
    pub failures: Vec<String>,
}

/// How a recording is given to the recogniser.
pub struct Cutting {
    /// Says where pieces end; none for the whole recording at once.
    pub cutter: Option<Cutter>,
    /// Whether a piece is given the text of the piece before it.
    pub carry_text: bool,
}

/// Recognises one recording at [`RECOGNIZER_RATE_HZ`], one piece a call, in order.
///
/// # Errors
/// The detector of speech failed. Where the recogniser does, that is counted.
pub fn hear(
    recognizer: &mut dyn Recognizer,
    samples: &[f32],
    language: &str,
    cutting: &mut Cutting,
) -> anyhow::Result<Heard> {
    let mut heard = Heard::default();
    let mut previous_text = String::new();
    let mut texts = Vec::new();
    let whole = 0..samples.len();
    let pieces = match &mut cutting.cutter {
        Some(cutter) => cutter.cut(samples)?,
        None => vec![whole],
    };
    for piece in pieces {
        let request = RecognizeRequest {
            samples: Arc::from(&samples[piece]),
            language: language.to_owned(),
            previous_text: previous_text.clone(),
            hints: Vec::new(),
        };
        let start = Instant::now();
        let answer = recognizer.recognize(&[request]).pop();
        heard.latencies.push(start.elapsed());
        match answer {
            Some(Ok(transcript)) => {
                let text = transcript.text.trim().to_owned();
                if cutting.carry_text {
                    previous_text.clone_from(&text);
                }
                if !text.is_empty() {
                    texts.push(text);
                }
            }
            Some(Err(error)) => heard.failures.push(error.to_string()),
            None => heard.failures.push("the recogniser gave no answer".to_owned()),
        }
    }
    heard.text = texts.join(" ");
    Ok(heard)
}

/// Measures the recogniser on the manifest's recordings.
///
/// # Errors
/// When the manifest or a recording cannot be read, no recording fits, or the recogniser does not know a language.
/// A piece that the recogniser fails on is no error here: it is counted and reported.
pub fn evaluate(
    args: &AsrArgs,
    recognizer: &mut dyn Recognizer,
    normalizers: &TextNormalizers,
    detector: Option<Vad>,
) -> anyhow::Result<AsrReport> {
    let clips = chosen_clips(args)?;
    for clip in &clips {
        let (name, code) = (recognizer.info().name, &clip.lang);
        ensure!(recognizer.supports(code), "{name} does not know '{code}'; choose others with --language");
    }
    let lengths = |longest: u32| CutLengths {
        shortest_ms: args.shortest_ms.unwrap_or(longest) as usize,
        wanted_ms: args.wanted_ms.unwrap_or(longest) as usize,
        longest_ms: longest as usize,
    };
    let cutter = args.cut_ms.map(|longest| Cutter::new(RECOGNIZER_RATE_HZ, lengths(longest), detector));
    let mut cutting = Cutting { cutter, carry_text: args.carry_text };
    let mut tallies = BTreeMap::<(String, String), Tally>::new();
    let mut total = Tally::default();
    let mut measured = Vec::with_capacity(clips.len());
    let bar = report::progress(clips.len(), "recordings");
    for clip in clips {
        let recording = Recording::read(&clip.file)?.resampled(RECOGNIZER_RATE_HZ);
        let heard = hear(recognizer, &recording.samples, &clip.lang, &mut cutting)?;
        let result = judge(clip, &heard, recording.seconds(), normalizers);
        let key = (result.language.clone(), result.group.clone());
        tallies.entry(key).or_default().add(&result, &heard.latencies);
        total.add(&result, &heard.latencies);
        measured.push(result);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let groups = tallies
        .into_iter()
        .map(|((language, group), tally)| tally.row(TextNormalizers::name(&language), language, group))
        .collect();
    Ok(AsrReport {
        engine: recognizer.info(),
        cut_ms: args.cut_ms,
        shortest_ms: args.shortest_ms,
        wanted_ms: args.wanted_ms,
        carry_text: args.carry_text,
        groups,
        total: total.row("", "all".to_owned(), "all".to_owned()),
        clips: measured,
    })
}

/// Measures, prints the table, and writes the JSON file when one was asked for.
///
/// # Errors
/// Those of [`evaluate`], and when the JSON file cannot be written.
pub fn run(
    args: &AsrArgs,
    recognizer: &mut dyn Recognizer,
    normalizers: &TextNormalizers,
    detector: Option<Vad>,
) -> anyhow::Result<AsrReport> {
    let report = evaluate(args, recognizer, normalizers, detector)?;
    println!("{report}");
    if let Some(path) = &args.json {
        report::write_json(path, &report)?;
    }
    Ok(report)
}

fn chosen_clips(args: &AsrArgs) -> anyhow::Result<Vec<SpokenClip>> {
    let mut clips = read_manifest(&args.manifest)?;
    if let Some(language) = &args.language {
        clips.retain(|clip| clip.lang == *language);
        ensure!(!clips.is_empty(), "no recording in '{language}' in {}", args.manifest.display());
    }
    clips.truncate(args.limit.unwrap_or(usize::MAX));
    ensure!(!clips.is_empty(), "no recording is left by --limit");
    Ok(clips)
}

fn judge(clip: SpokenClip, heard: &Heard, audio_s: f64, normalizers: &TextNormalizers) -> AsrClip {
    let reference = normalizers.normalize(&clip.lang, &clip.text);
    let hypothesis = normalizers.normalize(&clip.lang, &heard.text);
    AsrClip {
        file: clip.file,
        language: clip.lang,
        group: clip.group,
        reference: clip.text,
        hypothesis: heard.text.clone(),
        errors: WordErrors::between(&reference, &hypothesis),
        failures: heard.failures.clone(),
        audio_s,
        busy_s: heard.latencies.summary().total_s,
    }
}

/// Sums over some recordings.
#[derive(Default)]
struct Tally {
    clips: usize,
    failures: usize,
    errors: WordErrors,
    audio_s: f64,
    latencies: Latencies,
}

impl Tally {
    fn add(&mut self, clip: &AsrClip, latencies: &Latencies) {
        self.clips += 1;
        self.failures += clip.failures.len();
        self.errors += clip.errors;
        self.audio_s += clip.audio_s;
        self.latencies.extend(latencies);
    }

    fn row(self, normalizer: &'static str, language: String, group: String) -> AsrRow {
        let latency = self.latencies.summary();
        AsrRow {
            language,
            group,
            normalizer,
            clips: self.clips,
            failures: self.failures,
            errors: self.errors,
            wer_percent: 100.0 * self.errors.rate(),
            audio_s: self.audio_s,
            real_time_factor: if self.audio_s > 0.0 { latency.total_s / self.audio_s } else { 0.0 },
            latency,
        }
    }
}

impl std::fmt::Display for AsrReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let EngineInfo { name, device, precision } = &self.engine;
        let cut = match (self.shortest_ms, self.cut_ms) {
            (_, None) => "whole recordings".to_owned(),
            (None, Some(ms)) => format!("cut every {ms} ms"),
            (Some(shortest), Some(longest)) => {
                let wanted = self.wanted_ms.unwrap_or(longest);
                format!("cut in pauses between {shortest} and {longest} ms, the first after {wanted} ms")
            }
        };
        let carried = if self.carry_text { ", text carried over" } else { "" };
        writeln!(formatter, "{name} on {device} in {precision}, {cut}{carried}")?;
        let header = [
            "language", "group", "clips", "words", "WER %", "sub", "del", "ins", "failed", "audio s", "RTF", "p50 ms",
            "p95 ms",
        ];
        let mut table = report::table(&header, 2);
        for row in self.groups.iter().chain([&self.total]) {
            table.add_row([
                row.language.clone(),
                row.group.clone(),
                row.clips.to_string(),
                row.errors.words.to_string(),
                format!("{:.2}", row.wer_percent),
                row.errors.substitutions.to_string(),
                row.errors.deletions.to_string(),
                row.errors.insertions.to_string(),
                row.failures.to_string(),
                format!("{:.1}", row.audio_s),
                format!("{:.3}", row.real_time_factor),
                format!("{:.0}", row.latency.p50_ms),
                format!("{:.0}", row.latency.p95_ms),
            ]);
        }
        write!(formatter, "{table}")
    }
}

#[cfg(test)]
#[path = "asr_tests.rs"]
mod tests;
