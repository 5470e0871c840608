//! Sequence numbers that were given up, so that a late fragment is told apart from one that was answered.

use std::collections::BTreeMap;

/// Runs of given-up numbers that are remembered.
const MAX_RUNS: usize = 1_024;

/// The given-up numbers of a stream, as runs; the oldest runs are forgotten.
#[derive(Default)]
pub(super) struct GivenUp {
    /// First and last number of each run.
    runs: BTreeMap<u64, u64>,
    /// Below this nothing is known any more.
    horizon: u64,
}

impl GivenUp {
    /// Adds a run. Runs come in rising order, and do not touch.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        self.runs.insert(first, last);
        while self.runs.len() > MAX_RUNS {
            let Some((_, last)) = self.runs.pop_first() else { break };
            self.horizon = last + 1;
        }
    }

    /// Runs remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether the number was given up, or may have been: it is safer to refuse an old fragment that was answered
    /// than to acknowledge one that never will be.
    pub(super) fn contains(&self, number: u64) -> bool {
        let run = self.runs.range(..=number).next_back();
        number < self.horizon || run.is_some_and(|(_, &last)| number <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_remembered_and_the_oldest_forgotten() {
        let mut given_up = GivenUp::default();
        given_up.add(3, 5);
        assert_eq!((2..=6).filter(|&number| given_up.contains(number)).collect::<Vec<_>>(), [3, 4, 5]);
        for run in 1..=MAX_RUNS as u64 {
            given_up.add(run * 10, run * 10);
        }
        assert_eq!(given_up.runs.len(), MAX_RUNS);
        assert!(given_up.contains(0) && given_up.contains(5), "unknown by now, and so refused");
        assert!(!given_up.contains(6) && given_up.contains(10) && !given_up.contains(11));
    }
}
