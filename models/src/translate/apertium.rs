//! A pair of related languages translated by Apertium, rule by rule, in processes that stay resident.
//!
//! The processes are started at the first sentence. When one of them dies, or no answer comes in time, all are
//! replaced and the sentence is tried once more; a pipeline that keeps failing is not started again before a
//! pause that doubles.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::EmbeddedTranslatorOptions;
use super::apertium_pipeline::Pipeline;
use super::apertium_stream::{self, Piece};
use super::route::{Leg, LegKind, Pair};
use super::{portuguese_cognates, portuguese_prepare, sentences, spanish_marks, spanish_repair};
use crate::engine::EngineError;

/// First pause after a sentence that failed twice; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Pairs that are good enough to be offered, with Apertium's mode and Debian's package.
const OFFERED: [(&str, &str, &str, &str); 2] =
    [("es", "pt", "es-pt", "apertium-es-pt"), ("pt", "es", "pt-es", "apertium-es-pt")];

fn mode_file(modes: &Path, mode: &str) -> PathBuf {
    modes.join(format!("{mode}.mode"))
}

/// The offered pairs whose modes are installed.
pub fn installed_pairs(modes: &Path) -> Vec<Leg> {
    let installed = OFFERED.iter().filter(|(_, _, mode, _)| mode_file(modes, mode).is_file());
    installed.map(|(source, target, _, _)| Leg { pair: Pair::new(source, target), kind: LegKind::Apertium }).collect()
}

/// The Debian package that would help with a pair and is not installed.
pub fn missing_package(pair: &Pair, modes: &Path) -> Option<&'static str> {
    let touches = |language: &str| pair.source == language || pair.target == language;
    let lacks = |(source, target, mode, _): &&(&str, &str, &str, &str)| {
        (touches(source) || touches(target)) && !mode_file(modes, mode).is_file()
    };
    OFFERED.iter().find(lacks).map(|(_, _, _, package)| *package)
}

/// One pair, with the processes that translate it.
pub struct ApertiumPair {
    pair: Pair,
    mode: PathBuf,
    deadline: Duration,
    pipeline: Option<Pipeline>,
    serial: u64,
    failures: u32,
    not_before: Option<Instant>,
}

impl ApertiumPair {
    /// Prepares a pair; nothing is started yet.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] for a pair that is not offered.
    pub fn new(pair: &Pair, options: &EmbeddedTranslatorOptions) -> Result<Self, EngineError> {
        let offered = OFFERED.iter().find(|(source, target, _, _)| pair.source == *source && pair.target == *target);
        let (_, _, mode, _) = offered.ok_or_else(|| EngineError::Unsupported(format!("{pair} by Apertium")))?;
        Ok(Self {
            pair: pair.clone(),
            mode: mode_file(&options.apertium_modes, mode),
            deadline: options.apertium_deadline,
            pipeline: None,
            serial: 0,
            failures: 0,
            not_before: None,
        })
    }

    /// Process ids of the running stages, none before the first sentence.
    pub fn process_ids(&self) -> Vec<u32> {
        self.pipeline.as_ref().map(Pipeline::process_ids).unwrap_or_default()
    }

    /// Translates one sentence.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when two pipelines in a row failed on it, or the pause after such a failure
    /// is not over.
    pub fn translate(&mut self, sentence: &str) -> Result<String, EngineError> {
        if let Some(not_before) = self.not_before {
            let left = not_before.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                let (pair, failures, left) = (&self.pair, self.failures, left.as_millis());
                let why = format!("apertium {pair}: failed {failures} times, rests for {left} ms");
                return Err(EngineError::Unavailable(why));
            }
        }
        let to_spanish = self.pair.target == "es";
        let prepared = if to_spanish { portuguese_prepare::prepare(sentence) } else { sentence.to_owned() };
        let pieces = self.attempt(&prepared).or_else(|_| self.attempt(&prepared));
        match pieces {
            Ok(pieces) => {
                self.failures = 0;
                self.not_before = None;
                Ok(self.finish(sentence, &pieces))
            }
            Err(why) => {
                let error = EngineError::Unavailable(format!("apertium {}: {why}", self.pair));
                let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
                self.failures = self.failures.saturating_add(1);
                self.not_before = Some(Instant::now() + pause);
                Err(error)
            }
        }
    }

    fn attempt(&mut self, sentence: &str) -> Result<Vec<Piece>, String> {
        self.serial += 1;
        let serial = self.serial;
        let encoded = apertium_stream::encode(sentence, serial);
        let mut pipeline = match self.pipeline.take() {
            Some(pipeline) => pipeline,
            None => Pipeline::start(&self.mode, self.pair.target == "es")?,
        };
        let answer = pipeline.exchange(&encoded.text, self.deadline, |answer| encoded.decode(answer, serial));
        let pieces = answer.map_err(|error| error.to_string())?;
        // Only a pipeline that answered is kept; any other was dropped, and so killed, on the way out.
        self.pipeline = Some(pipeline);
        Ok(pieces)
    }

    /// Makes a sentence of Apertium's pieces: unknown words, agreement, punctuation and capitals.
    fn finish(&self, source: &str, pieces: &[Piece]) -> String {
        let to_spanish = self.pair.target == "es";
        let text: String = if to_spanish { spanish_of(pieces) } else { pieces.iter().map(Piece::as_str).collect() };
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if to_spanish {
            text = spanish_repair::repair(&text);
        }
        text = sentences::close_like(source, text);
        if to_spanish {
            text = spanish_marks::open(&text);
        }
        sentences::capitalise_like(source, &text)
    }
}

/// Joins the pieces, with unknown words in Spanish dress, and puts right what Apertium got wrong before them for
/// want of their part of speech: it takes an article for a pronoun.
fn spanish_of(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Unknown(word) => {
                if !portuguese_cognates::looks_like_verb(word) {
                    article_before_noun(&mut text);
                }
                if word.starts_with(char::is_uppercase) {
                    replace_ending(&mut text, "Son ", "San ");
                }
                text.push_str(&portuguese_cognates::to_spanish(word));
            }
        }
    }
    text
}

/// Turns a pronoun at the end of the text into the article that it should have been.
fn article_before_noun(text: &mut String) {
    const ARTICLES: [(&str, &str); 8] = [
        ("de lo ", "del "),
        ("a lo ", "al "),
        ("lo ", "el "),
        ("Lo ", "El "),
        ("uno ", "un "),
        ("Uno ", "Un "),
        ("uno \"", "un \""),
        ("nos ", "en los "),
    ];
    for (pronoun, article) in ARTICLES {
        if replace_ending(text, pronoun, article) {
            return;
        }
    }
}

/// Replaces `ending`, if the text ends in it as a whole word, and says whether it did.
fn replace_ending(text: &mut String, ending: &str, replacement: &str) -> bool {
    let Some(before) = text.strip_suffix(ending) else { return false };
    if before.chars().next_back().is_some_and(char::is_alphanumeric) {
        return false;
    }
    let length = before.len();
    text.truncate(length);
    text.push_str(replacement);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_that_keeps_failing_rests() {
        let modes = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(modes.path().join("pt-es.mode"), "false").expect("the folder is writable");
        let options = EmbeddedTranslatorOptions { apertium_modes: modes.path().to_owned(), ..Default::default() };
        let mut pair = ApertiumPair::new(&Pair::new("pt", "es"), &options).expect("the pair is offered");
        let failed = pair.translate("casa").expect_err("there is no translation").to_string();
        assert!(failed.contains("a process has ended"), "{failed}");
        let resting = pair.translate("casa").expect_err("it has just failed").to_string();
        assert!(resting.contains("failed 1 times, rests for"), "{resting}");
    }

    #[test]
    fn articles_before_unknown_nouns_are_mended() {
        let unknown = |word: &str| Piece::Unknown(word.to_owned());
        let plain = |text: &str| Piece::Plain(text.to_owned());
        let pieces = [plain("Vive de lo "), unknown("budismo"), plain(" y uno "), unknown("quórum")];
        assert_eq!(spanish_of(&pieces), "Vive del budismo y un quórum");
        assert_eq!(spanish_of(&[plain("quien lo "), unknown("apanhou")]), "quien lo apañó");
        assert_eq!(spanish_of(&[plain("en Son "), unknown("Petersburgo")]), "en San Petersburgo");
    }
}
