//! The synthesis harness with a synthesiser that hums and a recogniser that reads from a script.

use clap::Parser;
use sts_models::EngineError;

use super::super::fake_engines::{Hummer, ScriptedRecognizer};
use super::super::metrics::english_normalizer::SpellingTable;
use super::*;

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    args: TtsArgs,
}

fn corpus(extra: &[&str]) -> (tempfile::TempDir, TtsArgs) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = folder.path().join("text");
    std::fs::write(&text, "¡Buenos días!\n\nAdiós, amigo.\n").expect("the file can be written");
    let text = text.to_string_lossy().into_owned();
    let line = [&["tts", "--lang", "es", "--voice", "low", "--text", &text], extra].concat();
    let args = CommandLine::try_parse_from(line).expect("the command line is good").args;
    (folder, args)
}

fn normalizers() -> TextNormalizers {
    TextNormalizers::new(SpellingTable::default())
}

fn report(args: &TtsArgs, recognizer: &mut ScriptedRecognizer) -> TtsReport {
    evaluate(args, &mut Hummer, recognizer, &normalizers()).expect("it can run")
}

#[test]
fn what_is_heard_is_compared_with_what_was_to_be_said() {
    let (_folder, args) = corpus(&[]);
    let mut recognizer = ScriptedRecognizer::new([Ok("Buenos días"), Ok("Adiós, a Diego")]);
    let report = report(&args, &mut recognizer);
    assert_eq!((report.sentences, report.failures, report.normalizer), (2, 0, "whisper-basic"));
    assert_eq!((report.errors.words, report.errors.substitutions, report.errors.insertions), (4, 1, 1));
    assert!((report.words_per_second - 4.0 / 2.6).abs() < 1e-9, "{}", report.words_per_second);
    assert_eq!(recognizer.heard[0].samples.len(), 13 * 1_600, "13 letters of 100 ms at 16 kHz");
}

#[test]
fn slots_are_multiples_of_the_sentences_own_length() {
    let (_folder, args) = corpus(&["--slot-ratio", "0.9"]);
    let mut recognizer = ScriptedRecognizer::new([Ok("buenos días"), Ok("adiós amigo")]);
    let report = report(&args, &mut recognizer);
    assert_eq!((report.errors.errors(), report.wrong_length, report.refused), (0, 0, 0));
    assert_eq!(report.lines[0].slot_ms, Some(1_170.0));
    assert!((report.mean_speed_ratio - 1.0 / 0.9).abs() < 1e-9, "{}", report.mean_speed_ratio);
}

#[test]
fn sentences_that_do_not_fit_are_refused_and_not_heard() {
    let (_folder, args) = corpus(&["--slot-ratio", "0.5", "--fastest", "1.1"]);
    let mut recognizer = ScriptedRecognizer::default();
    let report = report(&args, &mut recognizer);
    assert_eq!((report.refused, report.failures, report.errors.words), (2, 0, 0));
    assert!(recognizer.heard.is_empty());
    assert!(report.to_string().contains("slots of 0.5 × own length"), "{report}");
}

#[test]
fn a_deaf_recogniser_is_a_failure_and_counts_as_silence() {
    let (_folder, args) = corpus(&["--limit", "1"]);
    let mut recognizer = ScriptedRecognizer::new([Err(EngineError::Unavailable("deaf".to_owned()))]);
    let report = report(&args, &mut recognizer);
    assert_eq!((report.failures, report.errors.deletions), (1, 2));
}

#[test]
fn unknown_voices_and_bad_bounds_are_refused() {
    let (_folder, mut args) = corpus(&[]);
    args.voice = "shrill".to_owned();
    let error =
        evaluate(&args, &mut Hummer, &mut ScriptedRecognizer::default(), &normalizers()).expect_err("no such voice");
    assert!(error.to_string().contains("there are low, high"), "{error}");
    args.voice = "low".to_owned();
    args.slowest = 2.0;
    assert!(evaluate(&args, &mut Hummer, &mut ScriptedRecognizer::default(), &normalizers()).is_err());
}
