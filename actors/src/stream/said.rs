//! What was said in the last fragments: a translator that knows it chooses better words.

use std::collections::BTreeMap;

/// Fragments that are looked back on.
const REACH: u64 = 3;

/// Transcripts of the last fragments, by number.
#[derive(Debug, Default)]
pub(super) struct Said(BTreeMap<u64, String>);

impl Said {
    /// Keeps what was said, and forgets what is too long ago.
    pub(super) fn note(&mut self, number: u64, text: &str) {
        self.0.insert(number, text.to_owned());
        while self.0.len() as u64 > REACH {
            self.0.pop_first();
        }
    }

    /// What was said in the fragments before this one, in order.
    pub(super) fn before(&self, number: u64) -> String {
        let texts = self.0.range(number.saturating_sub(REACH)..number).map(|(_, text)| text.as_str());
        texts.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_before_a_fragment_are_its_context() {
        let mut said = Said::default();
        for (number, text) in [(1, "one"), (2, "two"), (4, "four"), (3, "three"), (5, "five")] {
            said.note(number, text);
        }
        assert_eq!(said.before(5), "three four");
        assert_eq!(said.before(6), "three four five");
        assert_eq!(said.before(20), "", "too long ago");
        assert_eq!((said.before(0), said.0.len()), (String::new(), 3));
    }
}
