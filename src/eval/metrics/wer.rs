//! Word error rate.

use std::ops::AddAssign;

/// Word edits that turn references into hypotheses, summed over a corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct WordErrors {
    /// Words in the references.
    pub words: usize,
    /// Reference words recognised as another word.
    pub substitutions: usize,
    /// Reference words left out.
    pub deletions: usize,
    /// Words that nobody said.
    pub insertions: usize,
}

impl WordErrors {
    /// Counts the fewest edits between two texts, which are split at white space and compared as they are:
    /// normalise both before. Of the alignments with that number, the one with the most substitutions is counted.
    ///
    /// Wagner and Fischer, *The string-to-string correction problem*, 1974; one row of the table at a time.
    pub fn between(reference: &str, hypothesis: &str) -> Self {
        let reference: Vec<&str> = reference.split_whitespace().collect();
        let hypothesis: Vec<&str> = hypothesis.split_whitespace().collect();
        let mut row: Vec<Edits> =
            (0..=hypothesis.len()).map(|insertions| Edits { insertions, ..Edits::NONE }).collect();
        for reference_word in &reference {
            let mut diagonal = row[0];
            row[0] = row[0].with_deletion();
            for (index, hypothesis_word) in hypothesis.iter().enumerate() {
                let above = row[index + 1];
                let kept = if reference_word == hypothesis_word { diagonal } else { diagonal.with_substitution() };
                row[index + 1] = kept.min_by_total(above.with_deletion()).min_by_total(row[index].with_insertion());
                diagonal = above;
            }
        }
        let Edits { substitutions, deletions, insertions } = row[hypothesis.len()];
        Self { words: reference.len(), substitutions, deletions, insertions }
    }

    /// All edits.
    pub fn errors(&self) -> usize {
        self.substitutions + self.deletions + self.insertions
    }

    /// Edits a reference word; may exceed 1. With no reference words: 0 when there are no edits, else infinite.
    pub fn rate(&self) -> f64 {
        if self.errors() == 0 { 0.0 } else { self.errors() as f64 / self.words as f64 }
    }
}

impl AddAssign for WordErrors {
    fn add_assign(&mut self, other: Self) {
        self.words += other.words;
        self.substitutions += other.substitutions;
        self.deletions += other.deletions;
        self.insertions += other.insertions;
    }
}

#[derive(Clone, Copy)]
struct Edits {
    substitutions: usize,
    deletions: usize,
    insertions: usize,
}

impl Edits {
    const NONE: Self = Self { substitutions: 0, deletions: 0, insertions: 0 };

    fn with_substitution(self) -> Self {
        Self { substitutions: self.substitutions + 1, ..self }
    }

    fn with_deletion(self) -> Self {
        Self { deletions: self.deletions + 1, ..self }
    }

    fn with_insertion(self) -> Self {
        Self { insertions: self.insertions + 1, ..self }
    }

    /// The one with fewer edits, and of two with as many the one with more substitutions, so that the counts do
    /// not depend on the order of the comparison.
    fn min_by_total(self, other: Self) -> Self {
        let cost = |edits: &Self| {
            let total = edits.substitutions + edits.deletions + edits.insertions;
            (total, usize::MAX - edits.substitutions)
        };
        if cost(&other) < cost(&self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(reference: &str, hypothesis: &str) -> (usize, usize, usize, usize) {
        let errors = WordErrors::between(reference, hypothesis);
        (errors.words, errors.substitutions, errors.deletions, errors.insertions)
    }

    #[test]
    fn tells_the_three_kinds_of_error_apart() {
        assert_eq!(counts("the cat sat down", "the cat sat down"), (4, 0, 0, 0));
        assert_eq!(counts("the cat sat down", "the hat sat down"), (4, 1, 0, 0));
        assert_eq!(counts("the cat sat down", "the cat down"), (4, 0, 1, 0));
        assert_eq!(counts("the cat sat down", "so the cat sat down"), (4, 0, 0, 1));
        assert_eq!(counts("a b c d", "b c x e"), (4, 1, 1, 1));
    }

    #[test]
    fn empty_texts_are_all_deletions_or_all_insertions() {
        assert_eq!(counts("one two", ""), (2, 0, 2, 0));
        assert_eq!(counts("", "one two"), (0, 0, 0, 2));
        assert_eq!(counts("", " "), (0, 0, 0, 0));
    }

    #[test]
    fn a_corpus_weighs_each_word_the_same() {
        let mut corpus = WordErrors::between("a", "b");
        corpus += WordErrors::between("c d e", "c d e");
        assert_eq!(corpus.rate(), 0.25);
        assert_eq!(WordErrors::default().rate(), 0.0);
        assert!(WordErrors::between("", "x").rate().is_infinite());
    }
}
