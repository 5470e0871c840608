//! An OPUS-MT model as a translator of whole texts.

use std::path::Path;

use serde::Deserialize;

use super::opus::OpusModel;
use super::search::Hypothesis;
use crate::device::Device;
use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};
use crate::translate::batch::{by_pair, join_sentences};
use crate::translate::route::Pair;
use crate::translate::sentences;
use crate::translate::shorter::{self, choose};

/// Beams of the search for a shorter translation, at least.
const SHORTER_BEAMS: usize = 8;

/// Sentences decoded together.
const SENTENCES_PER_BATCH: usize = 32;

/// ISO 639-3 codes, which models of several target languages are told, by ISO 639-1.
const THREE_LETTERS: [(&str, &str); 16] = [
    ("ca", "cat"),
    ("de", "deu"),
    ("en", "eng"),
    ("es", "spa"),
    ("fr", "fra"),
    ("gl", "glg"),
    ("hi", "hin"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("nl", "nld"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("uk", "ukr"),
    ("zh", "cmn_Hans"),
];

/// Which languages a model is for, as its `tokenizer_config.json` says.
#[derive(Deserialize)]
struct Languages {
    source_lang: String,
    target_lang: String,
}

/// A folder with an OPUS-MT model, which translates its own pair; one with several target languages, each of them.
pub struct OpusTranslator {
    model: OpusModel,
    languages: Languages,
    name: String,
    device: Device,
}

impl OpusTranslator {
    /// Loads the model, and learns its pair from `tokenizer_config.json`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] that names the folder, and the file that is missing or not what it should be.
    pub fn load(folder: &Path, device: Device) -> Result<Self, EngineError> {
        let path = folder.join("tokenizer_config.json");
        let failed = |why: String| EngineError::Unavailable(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        let languages = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        let name = folder.file_name().map_or_else(|| "marian".into(), |name| name.to_string_lossy()).into_owned();
        Ok(Self { model: OpusModel::load(folder, device)?, languages, name, device })
    }

    /// What a text of this pair must begin with; `None` where the model does not have the pair.
    fn mark(&self, pair: &Pair) -> Option<String> {
        let is = |code: &str, told: &str| code == told || three_letters(code) == Some(told);
        if !is(&pair.source, &self.languages.source_lang) {
            return None;
        }
        let codes = [Some(pair.target.as_str()), three_letters(&pair.target)];
        let mark =
            codes.into_iter().flatten().map(|code| format!(">>{code}<<")).find(|mark| self.model.has_piece(mark));
        mark.or_else(|| is(&pair.target, &self.languages.target_lang).then(String::new))
    }

    fn translate_pair(
        &self,
        pair: &Pair,
        texts: &[&str],
        percent: Option<u32>,
    ) -> Vec<Result<Translation, EngineError>> {
        let Some(mark) = self.mark(pair) else {
            let why = format!("{} has no translation from '{}' to '{}'", self.name, pair.source, pair.target);
            return texts.iter().map(|_| Err(EngineError::Unsupported(why.clone()))).collect();
        };
        let splits: Vec<Vec<String>> = texts.iter().map(|text| sentences::split(&pair.source, text)).collect();
        let sources: Vec<Result<Vec<i64>, EngineError>> =
            splits.iter().flatten().map(|sentence| self.model.tokens(&format!("{mark}{sentence}"))).collect();
        let translated = self.translate_sentences(sources, percent);
        let lengths: Vec<usize> = splits.iter().map(Vec::len).collect();
        let engine = format!("marian {}", self.name);
        let texts = join_sentences(&lengths, translated, sentences::separator(&pair.target));
        texts.into_iter().map(|text| text.map(|text| Translation { text, engine: engine.clone() })).collect()
    }

    /// Sentences of about one length together, so that little is padding; each to so many percent of its usual length
    /// where one of the n best is as short and nearly as likely. What came in as an error goes out as it was.
    fn translate_sentences(
        &self,
        sources: Vec<Result<Vec<i64>, EngineError>>,
        percent: Option<u32>,
    ) -> Vec<Result<String, EngineError>> {
        let mut options = self.model.options.clone();
        if percent.is_some() {
            options.beams = options.beams.max(SHORTER_BEAMS);
        }
        let most = self.model.max_tokens();
        let (mut answers, mut short) = (Vec::with_capacity(sources.len()), Vec::with_capacity(sources.len()));
        for (index, source) in sources.into_iter().enumerate() {
            answers.push(match source {
                Ok(tokens) if tokens.len() > most => {
                    let length = tokens.len();
                    Err(EngineError::InvalidInput(format!("a sentence of {length} tokens; {most} is the most")))
                }
                Ok(tokens) => {
                    short.push((index, tokens));
                    Ok(String::new())
                }
                Err(error) => Err(error),
            });
        }
        short.sort_by_key(|(_, tokens)| tokens.len());
        for group in short.chunks(SENTENCES_PER_BATCH) {
            let (group, batch): (Vec<usize>, Vec<Vec<i64>>) = group.iter().cloned().unzip();
            match self.model.generate(&batch, &options) {
                Ok(lists) => {
                    for (&index, list) in group.iter().zip(lists) {
                        let best = list.first().map(|best| self.model.text(&best.tokens)).unwrap_or_default();
                        answers[index] = Ok(match percent {
                            Some(percent) => choose(self.candidates(&list), best, percent),
                            None => best,
                        });
                    }
                }
                Err(error) => group.iter().for_each(|&index| answers[index] = Err(error.clone())),
            }
        }
        answers
    }

    /// The n best as texts, with the log-probability of the whole of each.
    fn candidates(&self, list: &[Hypothesis]) -> Vec<shorter::Hypothesis> {
        let candidate = |found: &Hypothesis| {
            let tokens = found.tokens.len() + 1;
            let log_probability = found.score * (tokens as f32).powf(self.model.options.length_penalty);
            shorter::Hypothesis { text: self.model.text(&found.tokens), log_probability, tokens }
        };
        list.iter().map(candidate).collect()
    }
}

fn three_letters(code: &str) -> Option<&'static str> {
    THREE_LETTERS.iter().find(|(two, _)| *two == code).map(|(_, three)| *three)
}

impl Translator for OpusTranslator {
    fn info(&self) -> EngineInfo {
        let name = format!("marian {}", self.name);
        EngineInfo { name, device: self.device.name(), precision: self.device.precision() }
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        source == target || self.mark(&Pair::new(source, target)).is_some()
    }

    fn can_shorten(&self, source: &str, target: &str, _: &str) -> bool {
        self.supports(source, target)
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        by_pair(batch, |pair, percent, texts| self.translate_pair(pair, texts, percent))
    }
}
