//! What may be said next: suppression lists, and the rules that timestamps follow.

use std::ops::Range;

use tch::{Kind, TchError, Tensor};

use super::vocabulary::{TIMESTAMP_STEP_MS, Vocabulary};
use crate::device::Device;

const NEVER: f32 = f32::NEG_INFINITY;

/// A segment may not begin later than this after the window's start, as in Whisper's own decoding.
const LATEST_FIRST_TIMESTAMP_MS: f64 = 1_000.0;

/// Turns raw logits into those of the tokens that are allowed.
pub struct TokenRules {
    always: Tensor,
    at_first: Tensor,
    numbers: Tensor,
    end_of_text: i64,
    first_timestamp: i64,
    timestamps: bool,
}

impl TokenRules {
    /// For a model whose logits have `vocabulary_size` entries.
    pub fn new(
        vocabulary: &Vocabulary,
        vocabulary_size: i64,
        timestamps: bool,
        device: Device,
    ) -> Result<Self, TchError> {
        let mut always = vec![0.0f32; vocabulary_size as usize];
        let forbid = |mask: &mut Vec<f32>, token: i64| {
            if let Some(value) = usize::try_from(token).ok().and_then(|index| mask.get_mut(index)) {
                *value = NEVER;
            }
        };
        vocabulary.suppressed.iter().for_each(|&token| forbid(&mut always, token));
        if !timestamps {
            (vocabulary.first_timestamp..vocabulary_size).for_each(|token| forbid(&mut always, token));
        }
        let mut at_first = always.clone();
        vocabulary.suppressed_first.iter().for_each(|&token| forbid(&mut at_first, token));
        Ok(Self {
            always: Tensor::f_from_slice(&always)?.f_to(device.torch)?,
            at_first: Tensor::f_from_slice(&at_first)?.f_to(device.torch)?,
            numbers: Tensor::f_arange(vocabulary_size, (Kind::Int64, device.torch))?,
            end_of_text: vocabulary.end_of_text,
            first_timestamp: vocabulary.first_timestamp,
            timestamps,
        })
    }

    /// `[rows, vocabulary]` to the same, with −∞ for what may not follow each row's text so far.
    pub fn apply<T: AsRef<[i64]>>(&self, logits: &Tensor, texts: &[T]) -> Result<Tensor, TchError> {
        // All rows are equally old: they start together, and the finished ones are not looked at.
        let first = texts.iter().all(|text| text.as_ref().is_empty());
        let allowed = logits.f_add(if first { &self.at_first } else { &self.always })?;
        if !self.timestamps {
            return Ok(allowed);
        }
        let next: Vec<Next> = texts.iter().map(|text| self.next(text.as_ref())).collect();
        self.prefer_timestamps(&self.keep(&allowed, &next)?)
    }

    fn next(&self, text: &[i64]) -> Next {
        let is_timestamp = |token: i64| token >= self.first_timestamp;
        let everything = i64::MAX;
        let Some(&last) = text.last() else {
            let latest = (LATEST_FIRST_TIMESTAMP_MS / TIMESTAMP_STEP_MS) as i64;
            return Next { text: false, end: false, timestamps: 0..latest + 1 };
        };
        let latest_said = text.iter().copied().filter(|&token| is_timestamp(token)).max();
        let floor = latest_said.map_or(0, |token| token - self.first_timestamp);
        if !is_timestamp(last) {
            return Next { text: true, end: true, timestamps: floor + 1..everything };
        }
        let closes_nothing = text.len() < 2 || is_timestamp(text[text.len() - 2]);
        if closes_nothing {
            // A segment has begun: it needs words before its end.
            Next { text: true, end: true, timestamps: 0..0 }
        } else {
            // A segment has ended: the next one begins, or the text ends.
            Next { text: false, end: true, timestamps: floor..everything }
        }
    }

    fn keep(&self, logits: &Tensor, next: &[Next]) -> Result<Tensor, TchError> {
        let column = |of: &dyn Fn(&Next) -> i64| -> Result<Tensor, TchError> {
            let values: Vec<i64> = next.iter().map(of).collect();
            Tensor::f_from_slice(&values)?.f_to(self.numbers.device())?.f_unsqueeze(1)
        };
        // Text, the end and the timestamps lie in this order, so each row allows at most three ranges of numbers.
        let text_below = column(&|row| if row.text { self.end_of_text } else { 0 })?;
        let end = column(&|row| if row.end { self.end_of_text } else { -1 })?;
        let from = column(&|row| self.first_timestamp.saturating_add(row.timestamps.start))?;
        let to = column(&|row| self.first_timestamp.saturating_add(row.timestamps.end))?;
        let numbers = self.numbers.f_unsqueeze(0)?;
        let timed = numbers.f_ge_tensor(&from)?.f_logical_and(&numbers.f_lt_tensor(&to)?)?;
        let kept = numbers.f_lt_tensor(&text_below)?.f_logical_or(&numbers.f_eq_tensor(&end)?)?.f_logical_or(&timed)?;
        logits.f_masked_fill(&kept.f_logical_not()?, f64::from(NEVER))
    }

    /// When all timestamps together are likelier than any one word, a timestamp it is.
    fn prefer_timestamps(&self, logits: &Tensor) -> Result<Tensor, TchError> {
        let count = logits.size()[1] - self.first_timestamp;
        let timed = logits.f_narrow(1, self.first_timestamp, count)?.f_logsumexp(1, true)?;
        let said = logits.f_narrow(1, 0, self.first_timestamp)?.f_amax(1, true)?;
        let forced = timed.f_gt_tensor(&said)?;
        let words = self.numbers.f_lt(self.first_timestamp)?.f_unsqueeze(0)?;
        logits.f_masked_fill(&words.f_logical_and(&forced)?, f64::from(NEVER))
    }
}

/// What may follow one text; timestamps count from the first one.
#[derive(Debug, PartialEq)]
struct Next {
    text: bool,
    end: bool,
    timestamps: Range<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words 0–3, the end 4, no timestamps 5, timestamps from 6 on.
    fn rules() -> TokenRules {
        let device = Device::CPU_F32;
        let flat = || Tensor::zeros([70], (Kind::Float, device.torch));
        let numbers = Tensor::arange(70, (Kind::Int64, device.torch));
        let (end_of_text, first_timestamp) = (4, 6);
        TokenRules { always: flat(), at_first: flat(), numbers, end_of_text, first_timestamp, timestamps: true }
    }

    /// What may follow the text when all words are much likelier than any timestamp.
    fn allowed_after(text: &[i64]) -> Vec<i64> {
        let mut logits = vec![10.0f32; 6];
        logits.resize(70, 0.0);
        let logits = Tensor::from_slice(&logits).unsqueeze(0);
        let kept = rules().apply(&logits, &[text]).expect("the shapes fit");
        let values = Vec::<f32>::try_from(kept.squeeze()).expect("numbers");
        (0..70).filter(|&token| values[token as usize].is_finite()).collect()
    }

    #[test]
    fn a_text_begins_with_an_early_timestamp() {
        assert_eq!(allowed_after(&[]), (6..=56).collect::<Vec<i64>>());
    }

    #[test]
    fn timestamps_come_in_pairs_and_never_go_back() {
        assert_eq!(allowed_after(&[8]), [0, 1, 2, 3, 4]);
        let mut words_or_later: Vec<i64> = (0..=4).collect();
        words_or_later.extend(9..70);
        assert_eq!(allowed_after(&[8, 1]), words_or_later);
        let mut end_or_from_there: Vec<i64> = vec![4];
        end_or_from_there.extend(20..70);
        assert_eq!(allowed_after(&[8, 1, 20]), end_or_from_there);
        assert_eq!(allowed_after(&[8, 1, 20, 20]), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn timestamps_that_are_likelier_together_win() {
        let mut logits = vec![1.0f32; 6];
        logits.resize(70, 0.5);
        let logits = Tensor::from_slice(&logits).unsqueeze(0);
        let kept = rules().apply(&logits, &[[8i64, 1].as_slice()]).expect("the shapes fit");
        assert!(kept.double_value(&[0, 1]).is_infinite(), "each word is likelier than each timestamp, not than all");
        assert!(kept.double_value(&[0, 30]).is_finite());
    }
}
