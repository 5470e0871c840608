//! The metrics beside the published Python packages, on the files that `tests/golden-metrics/make_golden.py` wrote.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::basic_normalizer::BasicNormalizer;
use super::bleu::BleuCounts;
use super::chrf::ChrfCounts;
use super::english_normalizer::{EnglishNormalizer, SPELLINGS_FILE, SpellingTable};
use super::wer::WordErrors;

/// Absolute difference to sacrebleu that is put down to the order of floating-point sums, in points of 100.
const SCORE_TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct NormalizerCase {
    normalizer: String,
    input: String,
    expected: String,
}

#[derive(Deserialize)]
struct ScoredCorpus {
    name: String,
    hypotheses: Vec<String>,
    references: Vec<String>,
    bleu: f64,
    chrf: f64,
    word_errors: usize,
    words: usize,
}

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-metrics").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn spellings() -> SpellingTable {
    let store = std::env::var_os("STS_MODELS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("models/store"), PathBuf::from);
    SpellingTable::read(&store.join(SPELLINGS_FILE))
        .unwrap_or_else(|error| panic!("{error:#}; fetch the models, or set STS_MODELS_DIR"))
}

/// Checks every case of one normaliser and reports all that differ.
fn assert_same_as_published(normalizer: &str, normalize: impl Fn(&str) -> String) {
    let text = golden("normalizer.jsonl");
    let cases = text.lines().map(|line| {
        serde_json::from_str::<NormalizerCase>(line).unwrap_or_else(|error| panic!("golden line {line}: {error}"))
    });
    let mut count = 0;
    let mut differing = Vec::new();
    for case in cases.filter(|case| case.normalizer == normalizer) {
        count += 1;
        let actual = normalize(&case.input);
        if actual != case.expected {
            differing.push(format!("{:?}\n  expected {:?}\n  got      {actual:?}", case.input, case.expected));
        }
    }
    assert!(count >= 25, "only {count} cases for {normalizer}");
    assert!(differing.is_empty(), "{} of {count} differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn english_normalizer_agrees_with_whispers() {
    let normalizer = EnglishNormalizer::new(spellings());
    assert_same_as_published("english", |text| normalizer.normalize(text));
}

#[test]
fn basic_normalizer_agrees_with_whispers() {
    assert_same_as_published("basic", |text| BasicNormalizer::words().normalize(text));
}

#[test]
fn basic_normalizer_by_letters_agrees_with_whispers() {
    assert_same_as_published("letters", |text| BasicNormalizer::letters().normalize(text));
}

#[test]
fn scores_agree_with_sacrebleu_and_jiwer() {
    let corpora: Vec<ScoredCorpus> =
        serde_json::from_str(&golden("scores.json")).unwrap_or_else(|error| panic!("scores.json: {error}"));
    assert!(corpora.len() >= 10, "only {} corpora", corpora.len());
    for corpus in corpora {
        let mut bleu = BleuCounts::default();
        let mut chrf = ChrfCounts::default();
        let mut errors = WordErrors::default();
        for (hypothesis, reference) in corpus.hypotheses.iter().zip(&corpus.references) {
            bleu.add(hypothesis, reference);
            chrf.add(hypothesis, reference);
            errors += WordErrors::between(reference, hypothesis);
        }
        let close = |actual: f64, expected: f64| (actual - expected).abs() < SCORE_TOLERANCE;
        let name = &corpus.name;
        assert!(close(bleu.score(), corpus.bleu), "BLEU of {name}: {} and not {}", bleu.score(), corpus.bleu);
        assert!(close(chrf.score(), corpus.chrf), "chrF of {name}: {} and not {}", chrf.score(), corpus.chrf);
        assert_eq!((errors.words, errors.errors()), (corpus.words, corpus.word_errors), "word errors of {name}");
    }
}
