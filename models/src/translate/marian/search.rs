//! Beam search over the standard transformer, to the same lists as `generate` of transformers (5.24): several
//! translations of a sentence grow side by side, and `beams` that have ended are kept, best first.

use serde::Deserialize;
use tch::{Kind, TchError, Tensor};

use super::opus_decoder::{Memory, OpusDecoder, TextCache};

/// When a sentence's search ends once enough translations have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum EarlyStopping {
    /// At once, or when none that still grows is better than the worst of them as it is.
    When(bool),
    /// When none could become better at the length where the penalty favours it most.
    Named(Never),
}

/// The one name that transformers knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Never {
    /// `never`.
    Never,
}

/// How translations are searched for, in transformers' terms.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOptions {
    /// How many grow side by side, and how many are given; 1 takes the likeliest token at every step.
    pub beams: usize,
    /// The power of the length that a log-probability is divided by.
    pub length_penalty: f32,
    /// When to stop.
    pub early_stopping: EarlyStopping,
    /// Most tokens, the start included.
    pub max_length: usize,
    /// Whether scores are made probabilities again once tokens are forbidden.
    pub renormalizes: bool,
    /// Tokens that no translation has.
    pub forbidden: Vec<i64>,
    /// What a translation starts after.
    pub start: i64,
    /// What ends it.
    pub end: i64,
    /// What ends it where there is room for one more token alone.
    pub forced_end: Option<i64>,
}

/// A translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Its tokens, without start and end.
    pub tokens: Vec<i64>,
    /// Its log-probability over the power of its length; 0 where only one grew.
    pub score: f32,
}

/// A way to go on: the beam that it continues, and the token.
#[derive(Clone, Copy)]
struct Candidate {
    beam: usize,
    token: i64,
    score: f32,
}

/// The search for one sentence's translations.
struct Item {
    index: usize,
    running: Vec<Hypothesis>,
    finished: Vec<Hypothesis>,
    is_done: bool,
}

/// Searches for all items of the memory together; for each its translations, best first.
pub fn search(
    decoder: &OpusDecoder,
    mut memory: Memory,
    items: usize,
    options: &SearchOptions,
) -> Result<Vec<Vec<Hypothesis>>, TchError> {
    let empty = Hypothesis { tokens: Vec::new(), score: 0.0 };
    let mut items: Vec<Item> = (0..items)
        .map(|index| Item { index, running: vec![empty.clone()], finished: Vec::new(), is_done: false })
        .collect();
    let mut answers = vec![Vec::new(); items.len()];
    let mut cache = TextCache::default();
    let most = options.max_length.min(decoder.embedding.max_length());
    let options = &SearchOptions { max_length: most, ..options.clone() };
    for length in 1..most {
        let width = items[0].running.len();
        let ways = match options.forced_end {
            // Nothing has to be computed for what is sure.
            Some(end) if length + 1 == most => items.iter().map(|item| item.ends_with(end)).collect(),
            _ => {
                let last = |beam: &Hypothesis| beam.tokens.last().copied().unwrap_or(options.start);
                let tokens: Vec<i64> = items.iter().flat_map(|item| item.running.iter().map(last)).collect();
                candidates(&decoder.step(&tokens, &memory, &mut cache)?, &items, options)?
            }
        };
        let rows = items.len() * width;
        let mut origins = Vec::with_capacity(items.len() * options.beams);
        for (place, (item, ways)) in items.iter_mut().zip(ways).enumerate() {
            let own = item.advance(&ways, length, options);
            origins.extend(own.into_iter().map(|beam| (place * width + beam) as i64));
            if item.is_done && answers[item.index].is_empty() {
                answers[item.index] = std::mem::take(&mut item.finished);
            }
        }
        let going: Vec<i64> = (0i64..).zip(&items).filter(|(_, item)| !item.is_done).map(|(i, _)| i).collect();
        if going.is_empty() {
            break;
        }
        if super::pays_to_leave_out(items.len() - going.len(), items.len()) {
            memory.select(&Tensor::f_from_slice(&going)?.f_to(memory.device())?)?;
            let beams = options.beams;
            let kept = going.iter().flat_map(|&item| item as usize * beams..(item as usize + 1) * beams);
            origins = kept.map(|row| origins[row]).collect();
            items.retain(|item| !item.is_done);
        }
        if origins.len() != rows || (0i64..).zip(&origins).any(|(row, &origin)| row != origin) {
            cache.select(&Tensor::f_from_slice(&origins)?.f_to(memory.device())?)?;
        }
    }
    Ok(answers)
}

/// The likeliest ways to go on for each item, best first: twice as many as beams, because each beam may end.
fn candidates(logits: &Tensor, items: &[Item], options: &SearchOptions) -> Result<Vec<Vec<Candidate>>, TchError> {
    if options.beams == 1 {
        forbid(logits, options)?;
        // Less than half as long on a CPU as `argmax`.
        let tokens = Vec::<i64>::try_from(logits.f_max_dim(1, false)?.1)?;
        return Ok(tokens.into_iter().map(|token| vec![Candidate { beam: 0, token, score: 0.0 }]).collect());
    }
    let mut scores = logits.f_log_softmax(1, Kind::Float)?;
    forbid(&scores, options)?;
    if options.renormalizes {
        scores = scores.f_log_softmax(1, Kind::Float)?;
    }
    // No more of an item's best can be of one beam.
    let count = (2 * options.beams).min(scores.size()[1] as usize);
    let (best, tokens) = scores.f_topk(count as i64, 1, true, true)?;
    let (best, tokens) = (Vec::<f32>::try_from(best.f_flatten(0, 1)?)?, Vec::<i64>::try_from(tokens.f_flatten(0, 1)?)?);
    let mut found = best.into_iter().zip(tokens);
    let of_item = |item: &Item| {
        let mut ways: Vec<Candidate> = Vec::with_capacity(item.running.len() * count);
        for (beam, running) in item.running.iter().enumerate() {
            let own = found.by_ref().take(count);
            ways.extend(own.map(|(score, token)| Candidate { beam, token, score: running.score + score }));
        }
        ways.sort_by(|a, b| b.score.total_cmp(&a.score));
        ways.truncate(count);
        ways
    };
    Ok(items.iter().map(of_item).collect())
}

/// Takes the tokens that no translation has out of scores `[rows, vocabulary]`.
fn forbid(scores: &Tensor, options: &SearchOptions) -> Result<(), TchError> {
    for &token in &options.forbidden {
        let _ = scores.f_narrow(1, token, 1)?.f_fill_(f64::NEG_INFINITY)?;
    }
    Ok(())
}

impl Item {
    /// The ways to go on where all that is left is to end.
    fn ends_with(&self, end: i64) -> Vec<Candidate> {
        let beams = self.running.iter().enumerate();
        beams.map(|(beam, running)| Candidate { beam, token: end, score: running.score }).collect()
    }

    /// Takes the best ways to go on, when `length` tokens are there, the start included. The answer is which beam
    /// each of the next ones continues.
    fn advance(&mut self, ways: &[Candidate], length: usize, options: &SearchOptions) -> Vec<usize> {
        let stay = |count: usize| (0..options.beams).map(|beam| beam.min(count - 1)).collect();
        if self.is_done {
            return stay(self.running.len());
        }
        let ends = |way: &Candidate| way.token == options.end || length + 1 >= options.max_length;
        let grown = |way: &Candidate, score: f32| {
            let mut tokens = self.running[way.beam].tokens.clone();
            if way.token != options.end {
                tokens.push(way.token);
            }
            Hypothesis { tokens, score }
        };
        if options.beams == 1 {
            let next = grown(&ways[0], 0.0);
            self.is_done = ends(&ways[0]);
            if self.is_done {
                self.finished.push(next.clone());
            }
            self.running = vec![next];
            return vec![0];
        }
        let penalty = (length as f32).powf(options.length_penalty);
        let ended = ways.iter().take(options.beams).filter(|way| ends(way));
        let ended: Vec<Hypothesis> = ended.map(|way| grown(way, way.score / penalty)).collect();
        let next: Vec<&Candidate> = ways.iter().filter(|way| !ends(way)).take(options.beams).collect();
        let running: Vec<Hypothesis> = next.iter().map(|way| grown(way, way.score)).collect();
        let origins: Vec<usize> = next.iter().map(|way| way.beam).collect();
        let width = self.running.len();
        self.finished.extend(ended);
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.finished.truncate(options.beams);
        if running.len() < options.beams {
            self.is_done = true;
            self.running = vec![self.running[0].clone(); options.beams];
            return stay(width);
        }
        self.running = running;
        self.is_done = self.finished.len() == options.beams && !self.may_improve(length, options);
        origins
    }

    /// Whether a translation that still grows may become better than the worst of those that have ended.
    fn may_improve(&self, length: usize, options: &SearchOptions) -> bool {
        let best_length = match options.early_stopping {
            EarlyStopping::When(true) => return false,
            EarlyStopping::Named(Never::Never) if options.length_penalty > 0.0 => options.max_length - 1,
            _ => length,
        };
        let best = self.running[0].score / (best_length as f32).powf(options.length_penalty);
        self.finished.last().is_none_or(|worst| best > worst.score)
    }
}
