//! Corpus BLEU with one reference, as sacrebleu computes it by default.

use std::collections::HashMap;

use super::bleu_tokens::tokenize_13a;

/// How the score was computed, in sacrebleu's notation.
pub const SIGNATURE: &str = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp";

const MAX_ORDER: usize = 4;

/// Counts over a corpus, from which the score is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct BleuCounts {
    /// Tokens in the hypotheses.
    pub hypothesis_tokens: usize,
    /// Tokens in the references.
    pub reference_tokens: usize,
    /// n-grams of the hypotheses that their references hold, for n = 1 to 4; none counted more often than it occurs.
    pub matches: [usize; MAX_ORDER],
    /// n-grams of the hypotheses, for n = 1 to 4.
    pub totals: [usize; MAX_ORDER],
}

impl BleuCounts {
    /// Adds one segment.
    pub fn add(&mut self, hypothesis: &str, reference: &str) {
        let hypothesis = tokenize_13a(hypothesis);
        let reference = tokenize_13a(reference);
        self.hypothesis_tokens += hypothesis.len();
        self.reference_tokens += reference.len();
        for order in 1..=MAX_ORDER {
            let available = ngrams(&reference, order);
            for (ngram, count) in ngrams(&hypothesis, order) {
                self.totals[order - 1] += count;
                self.matches[order - 1] += count.min(available.get(ngram).copied().unwrap_or(0));
            }
        }
    }

    /// BLEU in per cent, 0 to 100 (Papineni et al., *BLEU: a method for automatic evaluation of machine translation*,
    /// 2002): the geometric mean of the n-gram precisions times the brevity penalty. A precision of 0 is replaced as
    /// mteval-v13a does ("exp" smoothing: half, a quarter, … of one match); with no match at all the score is 0.
    pub fn score(&self) -> f64 {
        if self.matches.iter().all(|matches| *matches == 0) || self.totals.contains(&0) {
            return 0.0;
        }
        let mut smoothing = 1.0;
        let mut log_sum = 0.0;
        for (matches, total) in self.matches.iter().zip(&self.totals) {
            let credit = if *matches > 0 {
                *matches as f64
            } else {
                smoothing /= 2.0;
                smoothing
            };
            log_sum += (100.0 * credit / *total as f64).ln();
        }
        self.brevity_penalty() * (log_sum / MAX_ORDER as f64).exp()
    }

    /// 1 when the hypotheses are at least as long as the references, else `exp(1 − references / hypotheses)`.
    pub fn brevity_penalty(&self) -> f64 {
        if self.hypothesis_tokens >= self.reference_tokens {
            return 1.0;
        }
        if self.hypothesis_tokens == 0 {
            return 0.0;
        }
        (1.0 - self.reference_tokens as f64 / self.hypothesis_tokens as f64).exp()
    }
}

fn ngrams(tokens: &[String], order: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    for ngram in tokens.windows(order) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::BleuCounts;

    fn score(hypothesis: &str, reference: &str) -> f64 {
        let mut counts = BleuCounts::default();
        counts.add(hypothesis, reference);
        counts.score()
    }

    #[test]
    fn the_same_text_scores_100_and_another_0() {
        assert!((score("the cat is on the mat", "the cat is on the mat") - 100.0).abs() < 1e-9);
        assert_eq!(score("a b c d", "e f g h"), 0.0);
        assert_eq!(score("", "e f g h"), 0.0);
    }

    #[test]
    fn repeating_a_word_is_not_rewarded() {
        let mut counts = BleuCounts::default();
        counts.add("the the the the", "the cat");
        assert_eq!(counts.matches, [1, 0, 0, 0]);
        assert_eq!(counts.totals, [4, 3, 2, 1]);
    }

    #[test]
    fn short_hypotheses_are_penalised() {
        let mut counts = BleuCounts::default();
        counts.add("a b c d", "a b c d e f g h");
        assert!((counts.brevity_penalty() - (-1.0_f64).exp()).abs() < 1e-12);
    }
}
