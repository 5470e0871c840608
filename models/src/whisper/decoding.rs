//! From acoustics and prompts to texts: what greedy search, sampling and beam search have in common.

use tch::{Kind, TchError, Tensor};

use super::decoder::{Acoustics, Decoder, TextCache};
use super::quality::loop_end;
use super::rules::TokenRules;
use super::vocabulary::Vocabulary;

/// One text to decode.
#[derive(Clone, Debug)]
pub struct Task {
    /// All tokens that stand before the text, ending with the instructions.
    pub prompt: Vec<i64>,
    /// How many tokens the text may have.
    pub max_tokens: usize,
}

/// Why a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The model ended it.
    Complete,
    /// It went round in circles; it is cut after the first round.
    Loop,
    /// It had as many tokens as it may have.
    TooLong,
}

/// A decoded text.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Text and timestamps, without the end.
    pub tokens: Vec<i64>,
    /// Mean log-probability of the tokens, the end included.
    pub average_log_probability: f64,
    /// Why it ends.
    pub ending: Ending,
    /// Probability that nobody speaks, read where the instructions start.
    pub no_speech_probability: f64,
}

/// What a search needs of the model.
pub struct Search<'a> {
    /// The decoder.
    pub decoder: &'a Decoder,
    /// What may be said.
    pub rules: &'a TokenRules,
    /// The special tokens.
    pub vocabulary: &'a Vocabulary,
    /// How many tokens the instructions have; the same for every task.
    pub instructions: usize,
}

/// The state after the prompts.
pub(super) struct Start {
    /// `[items, vocabulary]`, raw.
    pub logits: Tensor,
    pub cache: TextCache,
    /// By item.
    pub no_speech: Vec<f64>,
}

impl Search<'_> {
    pub(super) fn begin(&self, tasks: &[Task], acoustics: &Acoustics) -> Result<Start, TchError> {
        let prompts: Vec<&[i64]> = tasks.iter().map(|task| task.prompt.as_slice()).collect();
        let longest = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0) as i64;
        let room = tasks.iter().map(|task| task.max_tokens).max().unwrap_or(0) as i64;
        let (states, cache) = self.decoder.begin(&prompts, acoustics, longest + room)?;
        let logits = self.decoder.logits(&states.f_select(1, longest - 1)?)?;
        let where_instructions_start = states.f_select(1, longest - self.instructions as i64)?;
        let no_speech = self
            .decoder
            .logits(&where_instructions_start)?
            .f_softmax(-1, Kind::Float)?
            .f_select(1, self.vocabulary.no_speech)?;
        Ok(Start { logits, cache, no_speech: Vec::<f64>::try_from(no_speech)? })
    }

    /// Whether a text must end here, and why.
    pub(super) fn must_end(&self, text: &[i64], task: &Task) -> Option<Ending> {
        if loop_end(text).is_some() {
            Some(Ending::Loop)
        } else if text.len() >= task.max_tokens {
            Some(Ending::TooLong)
        } else {
            None
        }
    }

    /// Most likely language of each item: tokens of languages with their probabilities among languages.
    pub fn detect_languages(&self, acoustics: &Acoustics, items: usize) -> Result<Vec<(i64, f64)>, TchError> {
        let prompt = [self.vocabulary.start_of_transcript];
        let (states, _) = self.decoder.begin(&vec![prompt.as_slice(); items], acoustics, 1)?;
        let logits = self.decoder.logits(&states.f_select(1, 0)?)?;
        let tokens = self.vocabulary.language_tokens();
        let columns = Tensor::f_from_slice(&tokens)?.f_to(logits.device())?;
        let among = logits.f_index_select(1, &columns)?.f_softmax(1, Kind::Float)?;
        let (probability, place) = among.f_max_dim(1, false)?;
        let probabilities = Vec::<f64>::try_from(probability)?;
        let places = Vec::<i64>::try_from(place)?;
        Ok(places.iter().zip(probabilities).map(|(&place, p)| (tokens[place as usize], p)).collect())
    }
}

impl Hypothesis {
    /// From a text and the sum of its log-probabilities, the end's included when it is complete.
    pub(super) fn new(mut tokens: Vec<i64>, log_probability: f64, ending: Ending, no_speech_probability: f64) -> Self {
        let average_log_probability = average(log_probability, tokens.len());
        if let Some(end) = loop_end(&tokens) {
            tokens.truncate(end);
        }
        Self { tokens, average_log_probability, ending, no_speech_probability }
    }
}

/// Mean over the tokens and the end.
pub(super) fn average(log_probability: f64, tokens: usize) -> f64 {
    log_probability / (tokens + 1) as f64
}
