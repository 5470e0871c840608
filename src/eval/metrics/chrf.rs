//! Corpus chrF2 with one reference, as sacrebleu computes it by default.

use std::collections::HashMap;

/// How the score was computed, in sacrebleu's notation.
pub const SIGNATURE: &str = "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no";

const MAX_ORDER: usize = 6;
/// Recall weighs β² times as much as precision.
const BETA_SQUARED: f64 = 4.0;

/// Counts over a corpus, from which the score is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ChrfCounts {
    /// Character n-grams of the hypotheses, n = 1 to 6, of segments whose reference is long enough to have any.
    pub hypothesis: [usize; MAX_ORDER],
    /// Character n-grams of the references.
    pub reference: [usize; MAX_ORDER],
    /// Those in both.
    pub matches: [usize; MAX_ORDER],
}

impl ChrfCounts {
    /// Adds one segment; white space does not count.
    pub fn add(&mut self, hypothesis: &str, reference: &str) {
        let hypothesis = letters(hypothesis);
        let reference = letters(reference);
        for order in 1..=MAX_ORDER {
            let available = ngrams(&reference, order);
            let in_reference: usize = available.values().sum();
            if in_reference == 0 {
                continue;
            }
            self.reference[order - 1] += in_reference;
            for (ngram, count) in ngrams(&hypothesis, order) {
                self.hypothesis[order - 1] += count;
                self.matches[order - 1] += count.min(available.get(ngram).copied().unwrap_or(0));
            }
        }
    }

    /// chrF2 in per cent, 0 to 100 (Popović, *chrF: character n-gram F-score for automatic MT evaluation*, 2015):
    /// the F-score of the mean precision and the mean recall over the orders that both sides have.
    pub fn score(&self) -> f64 {
        let mut precision = 0.0;
        let mut recall = 0.0;
        let mut orders = 0.0;
        for order in 0..MAX_ORDER {
            if self.hypothesis[order] > 0 && self.reference[order] > 0 {
                precision += self.matches[order] as f64 / self.hypothesis[order] as f64;
                recall += self.matches[order] as f64 / self.reference[order] as f64;
                orders += 1.0;
            }
        }
        if precision + recall == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precision / orders, recall / orders);
        100.0 * (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
    }
}

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

fn ngrams(letters: &[char], order: usize) -> HashMap<&[char], usize> {
    let mut counts = HashMap::new();
    for ngram in letters.windows(order) {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::ChrfCounts;

    fn score(hypothesis: &str, reference: &str) -> f64 {
        let mut counts = ChrfCounts::default();
        counts.add(hypothesis, reference);
        counts.score()
    }

    #[test]
    fn spaces_do_not_count() {
        assert!((score("the cat", "thec at") - 100.0).abs() < 1e-9);
    }

    #[test]
    fn recall_weighs_more_than_precision() {
        assert!(score("abcdefgh", "abcdefghij") < score("abcdefghij", "abcdefgh"));
        assert_eq!(score("abc", "xyz"), 0.0);
        assert_eq!(score("", "xyz"), 0.0);
    }
}
