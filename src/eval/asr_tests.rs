//! The recognition harness with a scripted recogniser.

use std::path::Path;

use clap::Parser;
use sts_models::EngineError;

use super::super::fake_engines::ScriptedRecognizer;
use super::super::metrics::english_normalizer::SpellingTable;
use super::*;

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    args: AsrArgs,
}

fn parse(line: &[&str]) -> AsrArgs {
    CommandLine::try_parse_from([&["asr"], line].concat()).expect("the command line is good").args
}

fn normalizers() -> TextNormalizers {
    TextNormalizers::new(SpellingTable::default())
}

fn write_wav(path: &Path, rate: u32, ms: u32) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).expect("the file can be created");
    for _ in 0..rate * ms / 1000 {
        writer.write_sample(1_000_i16).expect("the file can be written");
    }
    writer.finalize().expect("the file can be finished");
}

/// A folder with two English recordings of 2.5 s at two sample rates and a Spanish one of 1 s.
fn corpus() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_wav(&folder.path().join("a.wav"), 16_000, 2_500);
    write_wav(&folder.path().join("b.wav"), 24_000, 2_500);
    write_wav(&folder.path().join("c.wav"), 16_000, 1_000);
    let manifest = folder.path().join("manifest.jsonl");
    let lines = [
        r#"{"file": "a.wav", "text": "It's twenty-one apples.", "lang": "en", "group": "g"}"#,
        r#"{"file": "b.wav", "text": "it rained all day", "lang": "en", "group": "g"}"#,
        r#"{"file": "c.wav", "text": "¡Hola, señor!", "lang": "es", "group": "h"}"#,
    ];
    std::fs::write(&manifest, lines.join("\n")).expect("the file can be written");
    (folder, manifest.to_string_lossy().into_owned())
}

#[test]
fn whole_recordings_are_grouped_by_language_and_group() {
    let (_folder, manifest) = corpus();
    let mut recognizer = ScriptedRecognizer::new([Ok("it is 21 apples"), Ok("it drained all day"), Ok("hola señora")]);
    let report =
        evaluate(&parse(&["--manifest", &manifest]), &mut recognizer, &normalizers(), None).expect("it can run");
    let counted: Vec<_> =
        report.groups.iter().map(|row| (row.language.as_str(), row.clips, row.errors.errors())).collect();
    assert_eq!(counted, [("en", 2, 1), ("es", 1, 1)]);
    assert_eq!(report.groups[1].normalizer, "whisper-basic");
    assert_eq!((report.total.errors.words, report.total.errors.substitutions), (4 + 4 + 2, 2));
    assert!((report.total.audio_s - 6.0).abs() < 1e-9);
    assert_eq!(
        recognizer.heard.iter().map(|request| request.samples.len()).collect::<Vec<_>>(),
        [40_000, 40_000, 16_000]
    );
}

#[test]
fn blind_cuts_cover_the_recording_and_their_texts_are_joined() {
    let (_folder, manifest) = corpus();
    let mut recognizer = ScriptedRecognizer::new([Ok("It's twenty"), Ok(""), Ok(" one apples ")]);
    let args = parse(&["--manifest", &manifest, "--cut-ms", "1000", "--limit", "1", "--carry-text"]);
    let report = evaluate(&args, &mut recognizer, &normalizers(), None).expect("it can run");
    assert_eq!(report.clips[0].hypothesis, "It's twenty one apples");
    assert_eq!((report.total.errors.errors(), report.total.latency.calls), (0, 3));
    let lengths: Vec<_> = recognizer.heard.iter().map(|request| request.samples.len()).collect();
    assert_eq!(lengths, [16_000, 16_000, 8_000]);
    let context: Vec<_> = recognizer.heard.iter().map(|request| request.previous_text.as_str()).collect();
    assert_eq!(context, ["", "It's twenty", ""]);
}

#[test]
fn quiet_cuts_lie_between_their_bounds_and_cover_the_recording() {
    let (_folder, manifest) = corpus();
    let mut recognizer = ScriptedRecognizer::new([Ok("a"), Ok("b"), Ok("c"), Ok("d"), Ok("e")]);
    let args = parse(&["--manifest", &manifest, "--cut-ms", "1000", "--shortest-ms", "500", "--limit", "1"]);
    let report = evaluate(&args, &mut recognizer, &normalizers(), None).expect("it can run");
    let lengths: Vec<_> = recognizer.heard.iter().map(|request| request.samples.len()).collect();
    let (last, before) = lengths.split_last().expect("pieces");
    assert!(before.iter().all(|length| (8_000..=16_000).contains(length)) && *last <= 16_000, "{lengths:?}");
    assert_eq!(lengths.iter().sum::<usize>(), 40_000);
    assert!(report.to_string().contains("between 500 and 1000 ms"), "{report}");
}

#[test]
fn failures_count_as_silence_and_are_reported() {
    let (_folder, manifest) = corpus();
    let failure = Err(EngineError::Unavailable("gone".to_owned()));
    let mut recognizer = ScriptedRecognizer::new([failure]);
    let args = parse(&["--manifest", &manifest, "--language", "es"]);
    let report = evaluate(&args, &mut recognizer, &normalizers(), None).expect("it can run");
    assert_eq!((report.total.failures, report.total.errors.deletions), (1, 2));
    assert_eq!(report.clips[0].failures, ["unavailable: gone"]);
    let mut mute = ScriptedRecognizer::default();
    let report = evaluate(&args, &mut mute, &normalizers(), None).expect("it can run");
    assert_eq!(report.clips[0].failures, ["the recogniser gave no answer"]);
}

#[test]
fn languages_that_nobody_knows_are_refused_before_anything_runs() {
    let (folder, _) = corpus();
    let manifest = folder.path().join("other.jsonl");
    std::fs::write(&manifest, r#"{"file": "a.wav", "text": "?", "lang": "xx", "group": "g"}"#)
        .expect("it can be written");
    let mut recognizer = ScriptedRecognizer::default();
    let args = parse(&["--manifest", &manifest.to_string_lossy()]);
    let error = evaluate(&args, &mut recognizer, &normalizers(), None).expect_err("'xx' is unknown");
    assert!(error.to_string().contains("does not know 'xx'"), "{error}");
    assert!(recognizer.heard.is_empty());
}

#[test]
fn the_table_and_the_file_hold_the_figures() {
    let (folder, manifest) = corpus();
    let json = folder.path().join("report.json");
    let mut recognizer = ScriptedRecognizer::new([Ok("it is 21 apples"), Ok("it drained all day"), Ok("hola señor")]);
    let args = parse(&["--manifest", &manifest, "--json", &json.to_string_lossy()]);
    let report = run(&args, &mut recognizer, &normalizers(), None).expect("it can run");
    let table = report.to_string();
    assert!(table.contains("WER %") && table.contains("10.00"), "{table}");
    let text = std::fs::read_to_string(json).expect("the file was written");
    let written: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(written["clips"][1]["hypothesis"], "it drained all day");
    assert_eq!(written["total"]["errors"]["substitutions"], 1);
}
