//! Results kept for a worker that comes back, or that sends a fragment twice.

use std::collections::VecDeque;
use std::sync::Arc;

use super::outcome::Outcome;

/// Results in the order of their sequence numbers.
///
/// Those that were handed to a connection are kept as long as the bounds allow: the connection may break before they
/// arrive. Those that were not are never dropped; the session bounds them by what it takes in.
#[derive(Default)]
pub(super) struct Replay {
    kept: VecDeque<Arc<Outcome>>,
    /// The last number that the worker has, as far as is known: handed to its connection, or named by its resume.
    sent_through: Option<u64>,
    /// The last number that was ever handed to a connection.
    reached: Option<u64>,
}

impl Replay {
    pub(super) fn push(&mut self, outcome: Arc<Outcome>) {
        self.kept.push_back(outcome);
    }

    pub(super) fn find(&self, number: u64) -> Option<&Arc<Outcome>> {
        let index = self.kept.binary_search_by_key(&number, |outcome| outcome.sequence_number).ok()?;
        self.kept.get(index)
    }

    /// Results kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The last number that the worker has, as far as is known.
    pub(super) fn sent_through(&self) -> Option<u64> {
        self.sent_through
    }

    /// The last number that was ever handed to a connection.
    pub(super) fn reached(&self) -> Option<u64> {
        self.reached
    }

    pub(super) fn was_sent(&self, number: u64) -> bool {
        self.sent_through.is_some_and(|last| number <= last)
    }

    /// Results not yet handed to the connection, in order.
    pub(super) fn unsent(&self) -> impl ExactSizeIterator<Item = u64> {
        self.kept.range(self.sent_count()..).map(|outcome| outcome.sequence_number)
    }

    fn sent_count(&self) -> usize {
        self.kept.partition_point(|outcome| self.was_sent(outcome.sequence_number))
    }

    /// Notes that a result was handed to the connection. Gives what falls out of the bounds by that.
    pub(super) fn sent(&mut self, number: u64, max_results: usize, max_bytes: usize) -> Vec<Arc<Outcome>> {
        if self.was_sent(number) {
            return Vec::new();
        }
        self.sent_through = Some(number);
        self.reached = self.reached.max(Some(number));
        let mut results = self.sent_count();
        let mut bytes: usize = self.kept.range(..results).map(|outcome| outcome.bytes()).sum();
        let mut fallen = Vec::new();
        // The newest stays, whatever its size: a stream whose last result is lost with its connection can repeat it.
        while results > 1 && (results > max_results || bytes > max_bytes) {
            let Some(oldest) = self.kept.pop_front() else { break };
            results -= 1;
            bytes -= oldest.bytes();
            fallen.push(oldest);
        }
        fallen
    }

    /// Goes back to the last result that the worker says it has. Gives what it has, which need not be kept any more.
    pub(super) fn rewind(&mut self, last_received: Option<u64>) -> Vec<Arc<Outcome>> {
        self.sent_through = last_received;
        self.kept.drain(..self.sent_count()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use sts_protocol::{FragmentStatus, StageTimings};

    fn replay(sizes: &[usize]) -> Replay {
        let mut replay = Replay::default();
        for (number, &size) in sizes.iter().enumerate() {
            replay.push(Arc::new(Outcome {
                fragment_id: format!("f{number}"),
                sequence_number: number as u64,
                status: FragmentStatus::Success,
                pcm: Some(Bytes::from(vec![0; size])),
                transcript: None,
                translated_text: None,
                translated_by: None,
                metadata: None,
                timings: StageTimings::default(),
                error: None,
                processing: std::time::Duration::ZERO,
                skipped: Vec::new(),
            }));
        }
        replay
    }

    fn numbers(outcomes: &[Arc<Outcome>]) -> Vec<u64> {
        outcomes.iter().map(|outcome| outcome.sequence_number).collect()
    }

    #[test]
    fn what_was_not_sent_is_kept_whatever_its_size() {
        let mut replay = replay(&[100; 9]);
        assert_eq!(replay.unsent().len(), 9);
        assert!(replay.sent(0, 2, 150).is_empty());
        assert_eq!(numbers(&replay.sent(1, 2, 150)), [0], "200 bytes were sent, 150 are kept");
        assert_eq!(replay.unsent().collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_newest_stays_even_when_it_alone_is_too_large() {
        let mut replay = replay(&[10, 1_000]);
        replay.sent(0, 9, 100);
        assert_eq!(numbers(&replay.sent(1, 9, 100)), [0]);
        assert!(replay.find(1).is_some());
    }

    #[test]
    fn a_rewind_drops_what_has_arrived_and_nothing_else() {
        let mut replay = replay(&[1; 5]);
        (0..4).for_each(|number| drop(replay.sent(number, 9, 99)));
        assert_eq!(numbers(&replay.rewind(Some(1))), [0, 1]);
        assert_eq!(replay.unsent().collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(replay.reached(), Some(3), "3 was sent once");
        assert!(replay.rewind(None).is_empty());
        assert_eq!(replay.unsent().len(), 3);
    }

    #[test]
    fn a_repetition_moves_nothing() {
        let mut replay = replay(&[1; 3]);
        replay.sent(0, 9, 99);
        replay.sent(1, 9, 99);
        assert!(replay.sent(0, 9, 99).is_empty());
        assert_eq!(replay.sent_through(), Some(1));
    }
}
