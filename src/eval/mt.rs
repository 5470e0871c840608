//! `sts eval mt`: BLEU, chrF and speed of a translator on sentences with known translations.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;
use sts_models::{EngineError, EngineInfo, Synthesizer, TranslateRequest, Translation, Translator};

use super::latency::{Latencies, LatencySummary};
use super::metrics::bleu::{self, BleuCounts};
use super::metrics::chrf::{self, ChrfCounts};
use super::mt_shorter::{self, MtShorter, ShorterArgs};
use super::report;

/// What to translate.
#[derive(Clone, Debug, clap::Args)]
pub struct MtArgs {
    /// Language of the source, ISO 639-1
    #[arg(long, value_name = "CODE")]
    pub from: String,
    /// Language of the references, ISO 639-1
    #[arg(long, value_name = "CODE")]
    pub to: String,
    /// Sentences to translate, one a line
    #[arg(long, value_name = "FILE")]
    pub src: PathBuf,
    /// Their translations, in the same order
    #[arg(long = "ref", value_name = "FILE")]
    pub reference: PathBuf,
    /// Names of the parts that the sentences belong to, one a line, to be scored by themselves as well
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Only the first so many sentences
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only one sentence of so many, from the first on
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,
    /// Translate them once more, so many a call, and report the time of these calls too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
    /// Shorter translations
    #[command(flatten)]
    pub shorter: ShorterArgs,
    /// Write the figures and every hypothesis to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Figures for a translator.
#[derive(Clone, Debug, Serialize)]
pub struct MtReport {
    /// What was measured.
    pub engine: EngineInfo,
    /// Source and target, as `en-es`.
    pub pair: String,
    /// How BLEU was computed, in sacrebleu's notation.
    pub bleu_signature: &'static str,
    /// How chrF2 was computed, in sacrebleu's notation.
    pub chrf_signature: &'static str,
    /// One row for each label, in the order of their first sentence.
    pub parts: Vec<MtRow>,
    /// All sentences together.
    pub total: MtRow,
    /// Many sentences a call, when that was asked for.
    pub batched: Option<MtBatched>,
    /// Shorter translations, a row for each time that was asked for.
    pub shorter: Vec<MtShorter>,
    /// Every sentence with its translation.
    pub sentences: Vec<MtSentence>,
}

/// Figures over calls with many sentences each.
#[derive(Clone, Debug, Serialize)]
pub struct MtBatched {
    /// Sentences a call; the last may have fewer.
    pub size: usize,
    /// Time of the calls.
    pub latency: LatencySummary,
    /// Sentences a second over all calls.
    pub sentences_per_second: f64,
    /// How many sentences were translated otherwise than alone, or failed.
    pub different: usize,
}

/// Figures over some sentences.
#[derive(Clone, Debug, Serialize)]
pub struct MtRow {
    /// Label; `all` for the total.
    pub part: String,
    /// Number of sentences.
    pub sentences: usize,
    /// Sentences that the translator failed on; they count as empty translations.
    pub failures: usize,
    /// Corpus BLEU, 0 to 100.
    pub bleu: f64,
    /// Corpus chrF2, 0 to 100.
    pub chrf: f64,
    /// Time of single sentences.
    pub latency: LatencySummary,
}

/// One sentence.
#[derive(Clone, Debug, Serialize)]
pub struct MtSentence {
    /// Label, empty without labels.
    pub part: String,
    /// Text to translate.
    pub source: String,
    /// Known translation.
    pub reference: String,
    /// The translator's; empty when it failed.
    pub hypothesis: String,
    /// The engine, or chain of engines, that answered.
    pub engine: String,
    /// Its error, in its words.
    pub failure: Option<String>,
    /// Time of the translator, ms.
    pub ms: f64,
}

/// Measures the translator, one sentence a call and none given context; with a voice, its shorter translations too.
///
/// # Errors
/// When a file cannot be read, the files differ in length, or the pair is not served or the voice not there. A sentence
/// that the translator fails on is no error here: it is counted and reported.
pub fn evaluate(
    args: &MtArgs,
    translator: &mut dyn Translator,
    voice: Option<&mut dyn Synthesizer>,
) -> anyhow::Result<MtReport> {
    let info = translator.info();
    ensure!(translator.supports(&args.from, &args.to), "{} does not translate {} to {}", info.name, args.from, args.to);
    let mut total = Tally::default();
    let mut parts = Vec::<(String, Tally)>::new();
    let mut sentences = Vec::new();
    let parallel = read_parallel(args)?;
    let bar = report::progress(parallel.len(), "sentences");
    for (part, source, reference) in parallel {
        let sentence = translate(args, translator, part, source, reference);
        let index = parts.iter().position(|(name, _)| *name == sentence.part).unwrap_or_else(|| {
            parts.push((sentence.part.clone(), Tally::default()));
            parts.len() - 1
        });
        total.add(&sentence);
        parts[index].1.add(&sentence);
        sentences.push(sentence);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if args.labels.is_none() {
        parts.clear();
    }
    let batched = args.batch.map(|size| measure_batches(args, translator, &sentences, size as usize));
    let shorter = match voice {
        Some(voice) => mt_shorter::measure(&args.shorter, translator, voice, &firsts(args, &sentences))?,
        None => Vec::new(),
    };
    Ok(MtReport {
        engine: info,
        batched,
        shorter,
        pair: format!("{}-{}", args.from, args.to),
        bleu_signature: bleu::SIGNATURE,
        chrf_signature: chrf::SIGNATURE,
        parts: parts.into_iter().map(|(name, tally)| tally.row(name)).collect(),
        total: total.row("all".to_owned()),
        sentences,
    })
}

/// Measures, prints the table, and writes the JSON file when one was asked for.
///
/// # Errors
/// Those of [`evaluate`], and when the JSON file cannot be written.
pub fn run(
    args: &MtArgs,
    translator: &mut dyn Translator,
    voice: Option<&mut dyn Synthesizer>,
) -> anyhow::Result<MtReport> {
    let report = evaluate(args, translator, voice)?;
    println!("{report}");
    if let Some(path) = &args.json {
        report::write_json(path, &report)?;
    }
    Ok(report)
}

/// The sentences as label, source and reference.
fn read_parallel(args: &MtArgs) -> anyhow::Result<Vec<(String, String, String)>> {
    let sources = report::read_lines(&args.src)?;
    let references = report::read_lines(&args.reference)?;
    let labels = match &args.labels {
        Some(path) => report::read_lines(path)?,
        None => vec![String::new(); sources.len()],
    };
    for (path, lines) in [(&args.reference, &references), (args.labels.as_ref().unwrap_or(&args.src), &labels)] {
        let (count, sources) = (lines.len(), sources.len());
        ensure!(count == sources, "{} has {count} lines, {} has {sources}", path.display(), args.src.display());
    }
    ensure!(!sources.is_empty(), "{} is empty", args.src.display());
    let limit = args.limit.unwrap_or(usize::MAX);
    let parallel = labels.into_iter().zip(sources).zip(references).step_by(args.every as usize).take(limit);
    Ok(parallel.map(|((label, source), reference)| (label, source, reference)).collect())
}

/// What was translated, and how it was asked for.
fn firsts(args: &MtArgs, sentences: &[MtSentence]) -> Vec<(TranslateRequest, Translation)> {
    let translated = sentences.iter().filter(|sentence| sentence.failure.is_none());
    let first = |sentence: &MtSentence| {
        let (text, engine) = (sentence.hypothesis.clone(), sentence.engine.clone());
        (request(args, &sentence.source), Translation { text, engine })
    };
    translated.map(first).collect()
}

/// Translates all sentences again, `size` a call.
fn measure_batches(args: &MtArgs, translator: &mut dyn Translator, sentences: &[MtSentence], size: usize) -> MtBatched {
    let (mut latencies, mut different) = (Latencies::default(), 0);
    for batch in sentences.chunks(size) {
        let requests: Vec<TranslateRequest> = batch.iter().map(|sentence| request(args, &sentence.source)).collect();
        let start = Instant::now();
        let answers = translator.translate(&requests);
        latencies.push(start.elapsed());
        let alone = batch.iter().map(|sentence| &sentence.hypothesis);
        let is_same = |answer: &Result<Translation, EngineError>, alone: &String| {
            answer.as_ref().is_ok_and(|translation| translation.text == *alone)
        };
        different += batch.len() - alone.zip(&answers).filter(|(alone, answer)| is_same(answer, alone)).count();
    }
    let latency = latencies.summary();
    let sentences_per_second = sentences.len() as f64 / latency.total_s;
    MtBatched { size, latency, sentences_per_second, different }
}

fn request(args: &MtArgs, source: &str) -> TranslateRequest {
    TranslateRequest {
        text: source.to_owned(),
        source_language: args.from.clone(),
        target_language: args.to.clone(),
        ..TranslateRequest::default()
    }
}

fn translate(
    args: &MtArgs,
    translator: &mut dyn Translator,
    part: String,
    source: String,
    reference: String,
) -> MtSentence {
    let request = request(args, &source);
    let start = Instant::now();
    let answer = translator.translate(&[request]).pop();
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    let (hypothesis, engine, failure) = match answer {
        Some(Ok(translation)) => (translation.text, translation.engine, None),
        Some(Err(error)) => (String::new(), String::new(), Some(error.to_string())),
        None => (String::new(), String::new(), Some("the translator gave no answer".to_owned())),
    };
    MtSentence { part, source, reference, hypothesis, engine, failure, ms }
}

/// Sums over some sentences.
#[derive(Default)]
struct Tally {
    sentences: usize,
    failures: usize,
    bleu: BleuCounts,
    chrf: ChrfCounts,
    latencies: Latencies,
}

impl Tally {
    fn add(&mut self, sentence: &MtSentence) {
        self.sentences += 1;
        self.failures += usize::from(sentence.failure.is_some());
        self.bleu.add(&sentence.hypothesis, &sentence.reference);
        self.chrf.add(&sentence.hypothesis, &sentence.reference);
        self.latencies.push(Duration::from_secs_f64(sentence.ms / 1000.0));
    }

    fn row(&self, part: String) -> MtRow {
        MtRow {
            part,
            sentences: self.sentences,
            failures: self.failures,
            bleu: self.bleu.score(),
            chrf: self.chrf.score(),
            latency: self.latencies.summary(),
        }
    }
}

impl std::fmt::Display for MtReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let EngineInfo { name, device, precision } = &self.engine;
        writeln!(formatter, "{name} on {device} in {precision}, {}", self.pair)?;
        let mut table = report::table(&["part", "sentences", "failed", "BLEU", "chrF2", "p50 ms", "p95 ms"], 1);
        for row in self.parts.iter().chain([&self.total]) {
            table.add_row([
                row.part.clone(),
                row.sentences.to_string(),
                row.failures.to_string(),
                format!("{:.2}", row.bleu),
                format!("{:.2}", row.chrf),
                format!("{:.1}", row.latency.p50_ms),
                format!("{:.1}", row.latency.p95_ms),
            ]);
        }
        writeln!(formatter, "{table}")?;
        if let Some(MtBatched { size, latency, sentences_per_second, different }) = &self.batched {
            writeln!(
                formatter,
                "{size} sentences a call: p50 {:.1} ms, p95 {:.1} ms, {sentences_per_second:.1} sentences a second, \
                 {different} otherwise than alone",
                latency.p50_ms, latency.p95_ms
            )?;
        }
        for MtShorter { percent, sentences, found, fits, mean_gain_percent } in &self.shorter {
            writeln!(
                formatter,
                "{percent} % shorter: of {sentences} sentences {fits} fit, and {found} are shorter than before, by \
                 {mean_gain_percent:.1} % on average"
            )?;
        }
        write!(formatter, "BLEU {}\nchrF2 {}", self.bleu_signature, self.chrf_signature)
    }
}

#[cfg(test)]
#[path = "mt_tests.rs"]
mod tests;
