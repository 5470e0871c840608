//! Recognises the clips of a manifest and prints a JSON line for each: what a word error rate is computed from.
//!
//! ```text
//! cargo run --release -p sts-models --example recognize -- --manifest clips/manifest.jsonl --cut-ms 6000
//! ```
//!
//! The manifest has a JSON object a line with `file` (FLAC, mono, 16 kHz, beside the manifest) and `lang`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use sts_models::device::{Device, DeviceChoice};
use sts_models::engine::{RecognizeRequest, Recognizer, Transcript};
use sts_models::gated::VadGated;
use sts_models::vad::{Vad, VadOptions};
use sts_models::whisper::{AudioContext, WhisperOptions, WhisperRecognizer};

const USAGE: &str = "options, each with a value:
  --manifest FILE     clips to recognise (required)
  --model DIR         Whisper's folder [models/store/whisper-base]
  --lang CODE         only the clips in this language [en]
  --cut-ms N          cut each clip every N ms, blindly; the texts are joined [0: whole]
  --carry yes|no      give each piece the text of the one before [no]
  --beam N            beams; 1 is greedy [5]
  --context C         full, auto or a number of encoder frames [auto]
  --dtype T           auto, f32 or bf16 [auto]
  --vad yes|no        leave out pieces in which Silero VAD finds no speech [no]
  --limit N           only the first N clips [all]
  --timestamps yes|no [no]";

struct Flags(HashMap<String, String>);

impl Flags {
    fn parse() -> Result<Self> {
        let mut values = HashMap::new();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").with_context(|| format!("'{word}' is not a flag\n{USAGE}"))?;
            let value = words.next().with_context(|| format!("--{name} needs a value\n{USAGE}"))?;
            values.insert(name.to_owned(), value);
        }
        Ok(Self(values))
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).map_or(default, String::as_str).to_owned()
    }

    fn number(&self, name: &str, default: usize) -> Result<usize> {
        self.0.get(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("--{name} {text}")))
    }
}

fn main() -> Result<()> {
    let flags = Flags::parse()?;
    let manifest = PathBuf::from(flags.0.get("manifest").context(USAGE)?);
    let language = flags.text("lang", "en");
    let cut_ms = flags.number("cut-ms", 0)?;
    let carry = flags.text("carry", "no") == "yes";
    let mut recognizer = load(&flags)?;
    let mut spent = Vec::new();
    for (file, _) in clips(&manifest, &language)?.into_iter().take(flags.number("limit", usize::MAX)?) {
        let samples = read_flac(&manifest.with_file_name(&file))?;
        let length = if cut_ms == 0 { samples.len() } else { cut_ms * 16 };
        let mut texts: Vec<String> = Vec::new();
        let mut notes = Vec::new();
        for piece in samples.chunks(length.max(1)) {
            let request = RecognizeRequest {
                samples: Arc::from(piece),
                language: language.clone(),
                previous_text: if carry { texts.join(" ") } else { String::new() },
                hints: Vec::new(),
            };
            let start = Instant::now();
            let transcript = recognizer.recognize(&[request]).remove(0)?;
            spent.push((start.elapsed().as_secs_f64() * 1000.0, piece.len() as f64 / 16_000.0));
            notes.push(note(&transcript, spent.last().map_or(0.0, |&(ms, _)| ms)));
            texts.push(transcript.text);
        }
        texts.retain(|text| !text.is_empty());
        println!("{}", serde_json::json!({"file": file, "text": texts.join(" "), "pieces": notes}));
    }
    summarize(spent);
    Ok(())
}

fn note(transcript: &Transcript, ms: f64) -> serde_json::Value {
    serde_json::json!({
        "text": transcript.text,
        "average_log_probability": transcript.average_log_probability,
        "no_speech_probability": transcript.no_speech_probability,
        "compression_ratio": transcript.compression_ratio,
        "temperature": transcript.temperature,
        "segments": transcript.segments.iter().map(|s| (s.span.start_ms, s.span.end_ms, &s.text)).collect::<Vec<_>>(),
        "ms": ms.round(),
    })
}

fn load(flags: &Flags) -> Result<Box<dyn Recognizer>> {
    let device = match flags.text("dtype", "auto").as_str() {
        "auto" => Device::resolve(DeviceChoice::Auto).map_err(anyhow::Error::msg)?,
        "f32" => Device::CPU_F32,
        "bf16" => Device { kind: tch::Kind::BFloat16, ..Device::CPU_F32 },
        other => bail!("--dtype {other} is not one of auto, f32, bf16"),
    };
    let context = match flags.text("context", "auto").as_str() {
        "full" => AudioContext::Full,
        "auto" => AudioContext::Auto,
        frames => AudioContext::Frames(frames.parse().with_context(|| format!("--context {frames}"))?),
    };
    let options = WhisperOptions {
        context,
        beams: flags.number("beam", 5)?,
        timestamps: flags.text("timestamps", "no") == "yes",
        previous_text: flags.text("carry", "no") == "yes",
        ..WhisperOptions::default()
    };
    let model = flags.text("model", concat!(env!("CARGO_MANIFEST_DIR"), "/store/whisper-base"));
    let mut recognizer = WhisperRecognizer::load(Path::new(&model), device, options)?;
    recognizer.warm_up(1, 6.0)?;
    eprintln!("{:?}", recognizer.info());
    if flags.text("vad", "no") == "no" {
        return Ok(Box::new(recognizer));
    }
    let vad = Vad::load(&Path::new(&model).with_file_name("silero-vad"))?;
    Ok(Box::new(VadGated::new(vad, VadOptions::default(), recognizer)))
}

/// File and language of the manifest's clips in this language.
fn clips(manifest: &Path, language: &str) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(manifest).with_context(|| manifest.display().to_string())?;
    let mut clips = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let clip: serde_json::Value = serde_json::from_str(line)?;
        let field = |name: &str| clip[name].as_str().map(str::to_owned).with_context(|| format!("no {name}: {line}"));
        if field("lang")? == language {
            clips.push((field("file")?, field("lang")?));
        }
    }
    Ok(clips)
}

fn read_flac(path: &Path) -> Result<Vec<f32>> {
    let mut reader = claxon::FlacReader::open(path).with_context(|| path.display().to_string())?;
    let info = reader.streaminfo();
    ensure!(info.channels == 1 && info.sample_rate == 16_000, "{} is not mono at 16 kHz", path.display());
    let scale = 1.0 / (1u32 << (info.bits_per_sample - 1)) as f32;
    Ok(reader.samples().map(|sample| Ok::<_, claxon::Error>(sample? as f32 * scale)).collect::<Result<_, _>>()?)
}

fn summarize(mut spent: Vec<(f64, f64)>) {
    let total_ms: f64 = spent.iter().map(|&(ms, _)| ms).sum();
    let audio_s: f64 = spent.iter().map(|&(_, seconds)| seconds).sum();
    spent.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |share: f64| spent.get((spent.len() as f64 * share) as usize).map_or(0.0, |&(ms, _)| ms);
    eprintln!(
        "{} pieces, {audio_s:.0} s of audio in {:.1} s; a piece p50 {:.0} ms, p95 {:.0} ms, longest {:.0} ms",
        spent.len(),
        total_ms / 1000.0,
        at(0.5),
        at(0.95),
        spent.last().map_or(0.0, |&(ms, _)| ms)
    );
}
