//! `sts eval tts`: how intelligible and how fast a synthesiser is: what it says is recognised again, and the text
//! that comes back is compared with the one that went in. The recogniser's own errors are part of the figure.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;
use sts_models::engine::RECOGNIZER_RATE_HZ;
use sts_models::{
    EngineError, EngineInfo, Recognizer, Speech, SpeechSlot, SynthesizeRequest, Synthesizer, WhenTooLong,
};

use super::asr::{Cutting, hear};
use super::latency::{Latencies, LatencySummary};
use super::metrics::text_normalizer::TextNormalizers;
use super::metrics::wer::WordErrors;
use super::report;
use crate::media::cutter::{CutLengths, Cutter};
use sts_models::resample::resample;

/// Longer speech is recognised in pieces of this length, which is what recognisers take at once.
const LONGEST_PIECE_S: usize = 30;

/// What to speak, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct TtsArgs {
    /// Language of the text, ISO 639-1
    #[arg(long, value_name = "CODE")]
    pub lang: String,
    /// Sentences to speak, one a line; blank lines are left out
    #[arg(long, value_name = "FILE")]
    pub text: PathBuf,
    /// Voice within the engine, as em_alex; default: the first of voices.json that speaks the language
    #[arg(long, value_name = "NAME", default_value = "")]
    pub voice: String,
    /// Give each sentence a slot of this many times the length that it has at the voice's own rate
    #[arg(long, value_name = "RATIO", value_parser = positive)]
    pub slot_ratio: Option<f64>,
    /// Slowest speaking rate allowed in a slot, as a multiple of the voice's own
    #[arg(long, value_name = "RATE", default_value = "0.8", value_parser = positive)]
    pub slowest: f64,
    /// Fastest speaking rate allowed in a slot
    #[arg(long, value_name = "RATE", default_value = "1.4", value_parser = positive)]
    pub fastest: f64,
    /// Largest overrun of the slot at the fastest rate that may still be forced into it, as a fraction
    #[arg(long, value_name = "FRACTION", default_value = "0.2")]
    pub max_overrun: f64,
    /// Only the first so many sentences
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Write the figures and every hypothesis to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("a number above 0 is wanted".to_owned()),
    }
}

/// Figures for a synthesiser.
#[derive(Clone, Debug, Serialize)]
pub struct TtsReport {
    /// What was measured.
    pub engine: EngineInfo,
    /// What listened.
    pub recognizer: EngineInfo,
    /// Voice within the engine.
    pub voice: String,
    /// Language of the text.
    pub language: String,
    /// Normaliser that both texts went through.
    pub normalizer: &'static str,
    /// Slot over own length, where slots were given.
    pub slot_ratio: Option<f64>,
    /// Number of sentences.
    pub sentences: usize,
    /// Sentences that could not be spoken, or not be recognised, because of an error; left out of the word edits
    /// in the first case, and counted as silence in the second.
    pub failures: usize,
    /// Sentences refused because they do not fit their slot; not among the failures, left out of the word edits.
    pub refused: usize,
    /// Sentences whose audio has not the exact length of their slot.
    pub wrong_length: usize,
    /// Word edits over the sentences spoken.
    pub errors: WordErrors,
    /// Word error rate, per cent.
    pub wer_percent: f64,
    /// Letters and other signs of the text, white space left out, a second of spoken words.
    pub characters_per_second: f64,
    /// Words of the text a second of spoken words.
    pub words_per_second: f64,
    /// Mean speaking rate as a multiple of the voice's own.
    pub mean_speed_ratio: f64,
    /// Length of the audio, silence included, seconds.
    pub audio_s: f64,
    /// Time of the synthesiser over the length of the audio; below 1 is faster than real time.
    pub real_time_factor: f64,
    /// Time of the synthesiser for single sentences.
    pub latency: LatencySummary,
    /// Every sentence with what was heard.
    pub lines: Vec<TtsLine>,
}

/// One sentence.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TtsLine {
    /// What was to be said.
    pub text: String,
    /// What the recogniser heard.
    pub hypothesis: String,
    /// Word edits after normalisation; none when nothing was spoken.
    pub errors: Option<WordErrors>,
    /// Length of its slot, ms.
    pub slot_ms: Option<f64>,
    /// Length of the audio, ms.
    pub audio_ms: f64,
    /// Length of the words in it, ms.
    pub spoken_ms: f64,
    /// Speaking rate used, as a multiple of the voice's own.
    pub speed_ratio: f64,
    /// By what fraction the words exceeded the slot at the fastest rate.
    pub overrun: f64,
    /// Whether it was refused because it does not fit.
    pub refused: bool,
    /// Whether the audio has another length than its slot.
    pub wrong_length: bool,
    /// Error of the synthesiser or the recogniser.
    pub failure: Option<String>,
    /// Time of the synthesiser, ms.
    pub synthesis_ms: f64,
}

/// Speaks every line, one a call, and listens to it.
///
/// # Errors
/// When the text cannot be read or is empty, the voice is not there, the bounds are the wrong way round, or the
/// recogniser does not know the language. A line that an engine fails on is no error here: it is counted.
pub fn evaluate(
    args: &TtsArgs,
    synthesizer: &mut dyn Synthesizer,
    recognizer: &mut dyn Recognizer,
    normalizers: &TextNormalizers,
) -> anyhow::Result<TtsReport> {
    let voices = synthesizer.voices();
    ensure!(voices.contains(&args.voice), "no voice '{}'; there are {}", args.voice, voices.join(", "));
    ensure!(args.slowest <= args.fastest, "--slowest is above --fastest");
    ensure!(recognizer.supports(&args.lang), "{} does not know '{}'", recognizer.info().name, args.lang);
    let mut texts = report::read_lines(&args.text)?;
    texts.retain(|line| !line.trim().is_empty());
    texts.truncate(args.limit.unwrap_or(usize::MAX));
    ensure!(!texts.is_empty(), "no text to speak in {}", args.text.display());
    let bar = report::progress(texts.len(), "sentences");
    let mut lines = Vec::with_capacity(texts.len());
    for text in texts {
        let (mut line, speech) = speak(args, synthesizer, text);
        if let Some(speech) = speech {
            listen(&mut line, speech, recognizer, normalizers, &args.lang)?;
        }
        lines.push(line);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(summarize(args, synthesizer.info(), recognizer.info(), lines))
}

/// Measures, prints the table, and writes the JSON file when one was asked for.
///
/// # Errors
/// Those of [`evaluate`], and when the JSON file cannot be written.
pub fn run(
    args: &TtsArgs,
    synthesizer: &mut dyn Synthesizer,
    recognizer: &mut dyn Recognizer,
    normalizers: &TextNormalizers,
) -> anyhow::Result<TtsReport> {
    let report = evaluate(args, synthesizer, recognizer, normalizers)?;
    println!("{report}");
    if let Some(path) = &args.json {
        report::write_json(path, &report)?;
    }
    Ok(report)
}

/// Speaks one line, in a slot when one is asked for; its length comes from speaking it once without.
fn speak(args: &TtsArgs, synthesizer: &mut dyn Synthesizer, text: String) -> (TtsLine, Option<Speech>) {
    let mut request = SynthesizeRequest {
        text: text.clone(),
        language: args.lang.clone(),
        voice: args.voice.clone(),
        slot: None,
        speed_bounds: (args.slowest, args.fastest),
        max_overrun: args.max_overrun,
        hurry: f64::INFINITY,
        when_too_long: WhenTooLong::Speak,
    };
    let mut line = TtsLine { text, ..TtsLine::default() };
    let (mut answer, mut elapsed) = synthesize(synthesizer, &request);
    if let (Some(ratio), Ok(free)) = (args.slot_ratio, &answer) {
        let duration_ms = free.spoken_ms * ratio;
        line.slot_ms = Some(duration_ms);
        request.slot = Some(SpeechSlot { duration_ms, speech_start_ms: 0.0, speech_end_ms: duration_ms });
        (answer, elapsed) = synthesize(synthesizer, &request);
    }
    line.synthesis_ms = elapsed.as_secs_f64() * 1000.0;
    match answer {
        Ok(speech) => {
            let rate = f64::from(speech.sample_rate_hz);
            line.audio_ms = speech.samples.len() as f64 * 1000.0 / rate;
            line.spoken_ms = speech.spoken_ms;
            line.speed_ratio = speech.speed_ratio;
            line.overrun = speech.overrun;
            let wanted = line.slot_ms.map(|ms| (ms * rate / 1000.0).round() as usize);
            line.wrong_length = wanted.is_some_and(|wanted| wanted != speech.samples.len());
            (line, Some(speech))
        }
        Err(EngineError::DoesNotFit { overrun }) => {
            line.overrun = overrun;
            line.refused = true;
            (line, None)
        }
        Err(error) => {
            line.failure = Some(error.to_string());
            (line, None)
        }
    }
}

fn synthesize(
    synthesizer: &mut dyn Synthesizer,
    request: &SynthesizeRequest,
) -> (Result<Speech, EngineError>, Duration) {
    let start = Instant::now();
    let answer = synthesizer.synthesize(std::slice::from_ref(request)).pop();
    let elapsed = start.elapsed();
    let nothing = || Err(EngineError::Unavailable("the synthesiser gave no answer".to_owned()));
    (answer.unwrap_or_else(nothing), elapsed)
}

fn listen(
    line: &mut TtsLine,
    speech: Speech,
    recognizer: &mut dyn Recognizer,
    normalizers: &TextNormalizers,
    language: &str,
) -> anyhow::Result<()> {
    let samples = resample(&speech.samples, speech.sample_rate_hz, RECOGNIZER_RATE_HZ);
    let length = LONGEST_PIECE_S * 1_000;
    let lengths = CutLengths { shortest_ms: length, wanted_ms: length, longest_ms: length };
    let cutter = Some(Cutter::new(RECOGNIZER_RATE_HZ, lengths, None));
    let heard = hear(recognizer, &samples, language, &mut Cutting { cutter, carry_text: false })?;
    let reference = normalizers.normalize(language, &line.text);
    line.errors = Some(WordErrors::between(&reference, &normalizers.normalize(language, &heard.text)));
    line.hypothesis = heard.text;
    line.failure = (!heard.failures.is_empty()).then(|| heard.failures.join("; "));
    Ok(())
}

fn summarize(args: &TtsArgs, engine: EngineInfo, recognizer: EngineInfo, lines: Vec<TtsLine>) -> TtsReport {
    let mut errors = WordErrors::default();
    let mut latencies = Latencies::default();
    let (mut characters, mut words, mut spoken_s, mut audio_s) = (0_usize, 0_usize, 0.0, 0.0);
    let spoken: Vec<&TtsLine> = lines.iter().filter(|line| line.errors.is_some()).collect();
    for line in &spoken {
        errors += line.errors.unwrap_or_default();
        latencies.push(Duration::from_secs_f64(line.synthesis_ms / 1000.0));
        characters += line.text.chars().filter(|character| !character.is_whitespace()).count();
        words += line.text.split_whitespace().count();
        spoken_s += line.spoken_ms / 1000.0;
        audio_s += line.audio_ms / 1000.0;
    }
    let latency = latencies.summary();
    let mean_speed_ratio = ratio(spoken.iter().map(|line| line.speed_ratio).sum(), spoken.len() as f64);
    let count = |predicate: fn(&TtsLine) -> bool| lines.iter().filter(|line| predicate(line)).count();
    TtsReport {
        engine,
        recognizer,
        voice: args.voice.clone(),
        language: args.lang.clone(),
        normalizer: TextNormalizers::name(&args.lang),
        slot_ratio: args.slot_ratio,
        sentences: lines.len(),
        failures: count(|line| line.failure.is_some()),
        refused: count(|line| line.refused),
        wrong_length: count(|line| line.wrong_length),
        errors,
        wer_percent: 100.0 * errors.rate(),
        characters_per_second: ratio(characters as f64, spoken_s),
        words_per_second: ratio(words as f64, spoken_s),
        mean_speed_ratio,
        audio_s,
        real_time_factor: ratio(latency.total_s, audio_s),
        latency,
        lines,
    }
}

/// The quotient, 0 where there is nothing to divide by.
fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 { numerator / denominator } else { 0.0 }
}

impl std::fmt::Display for TtsReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let EngineInfo { name, device, precision } = &self.engine;
        let slot =
            self.slot_ratio.map_or_else(|| "own rate".to_owned(), |ratio| format!("slots of {ratio} × own length"));
        writeln!(formatter, "{name} on {device} in {precision}, voice {} ({}), {slot}", self.voice, self.language)?;
        let EngineInfo { name, device, precision } = &self.recognizer;
        writeln!(formatter, "heard by {name} on {device} in {precision}, texts compared by {}", self.normalizer)?;
        let header = [
            "sentences",
            "failed",
            "refused",
            "wrong length",
            "words",
            "WER %",
            "sub",
            "del",
            "ins",
            "chars/s",
            "words/s",
            "speed",
            "audio s",
            "RTF",
            "p50 ms",
            "p95 ms",
        ];
        let mut table = report::table(&header, 0);
        table.add_row([
            self.sentences.to_string(),
            self.failures.to_string(),
            self.refused.to_string(),
            self.wrong_length.to_string(),
            self.errors.words.to_string(),
            format!("{:.2}", self.wer_percent),
            self.errors.substitutions.to_string(),
            self.errors.deletions.to_string(),
            self.errors.insertions.to_string(),
            format!("{:.1}", self.characters_per_second),
            format!("{:.2}", self.words_per_second),
            format!("{:.2}", self.mean_speed_ratio),
            format!("{:.1}", self.audio_s),
            format!("{:.3}", self.real_time_factor),
            format!("{:.0}", self.latency.p50_ms),
            format!("{:.0}", self.latency.p95_ms),
        ]);
        write!(formatter, "{table}")
    }
}

#[cfg(test)]
#[path = "tts_tests.rs"]
mod tests;
