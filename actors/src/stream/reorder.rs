//! The reorder queue: results come in any order and leave in the order of their sequence numbers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Results on their way out.
///
/// The caller says which numbers are still being worked on; a number that is neither worked on nor ready, while a
/// later one is ready, is a gap, and a gap is waited for only so long.
pub struct Reorder<T> {
    /// Where the stream began, once that is settled.
    start: Option<u64>,
    next: Option<u64>,
    ready: BTreeMap<u64, T>,
    blocked_since: Option<Instant>,
    /// Given up, and to be named by the next result that leaves.
    skipped: Vec<u64>,
}

/// A result that may leave now.
#[derive(Debug, PartialEq, Eq)]
pub struct Released<T> {
    /// Its place.
    pub sequence_number: u64,
    /// The result.
    pub item: T,
    /// Numbers given up just before it.
    pub skipped: Vec<u64>,
}

impl<T> Reorder<T> {
    /// A queue that starts at `first`; without one, at 0 or 1, whichever is noted first.
    pub fn new(first: Option<u64>) -> Self {
        Self { start: first, next: first, ready: BTreeMap::new(), blocked_since: None, skipped: Vec::new() }
    }

    /// Notes that a number was accepted: this may settle where the stream starts.
    pub fn note(&mut self, sequence_number: u64) {
        if self.next.is_none() && sequence_number <= 1 {
            (self.start, self.next) = (Some(sequence_number), Some(sequence_number));
        }
    }

    /// Where the stream began, once that is settled.
    pub fn start(&self) -> Option<u64> {
        self.start
    }

    /// The number that leaves next, once it is settled where the stream starts.
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// Whether the number has left, or was given up and named as skipped, and does not lie before the stream's start.
    pub fn has_left(&self, sequence_number: u64) -> bool {
        let has_begun = self.start.is_some_and(|start| sequence_number >= start);
        has_begun && self.is_past(sequence_number) && !self.skipped.contains(&sequence_number)
    }

    /// Whether the number has left, was given up, or lies before the stream's start.
    pub fn is_past(&self, sequence_number: u64) -> bool {
        self.next.is_some_and(|next| sequence_number < next)
    }

    /// Adds a result. One for a number that has left is dropped.
    pub fn insert(&mut self, sequence_number: u64, item: T) {
        if !self.is_past(sequence_number) {
            self.ready.insert(sequence_number, item);
        }
    }

    /// Results that wait.
    pub fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Takes out everything that may leave now.
    ///
    /// `in_work` tells whether a number is accepted and not ready; a gap that has blocked a ready result for
    /// `gap_timeout` is given up, and named by the result that leaves after it.
    pub fn release(&mut self, now: Instant, gap_timeout: Duration, in_work: impl Fn(u64) -> bool) -> Vec<Released<T>> {
        let mut released = Vec::new();
        while let Some((&earliest, _)) = self.ready.first_key_value() {
            if self.next == Some(earliest) {
                released.extend(self.pop());
            } else if self.next.is_some_and(&in_work) {
                self.blocked_since = None;
                break;
            } else {
                let since = *self.blocked_since.get_or_insert(now);
                if now.saturating_duration_since(since) < gap_timeout {
                    break;
                }
                self.give_up_until(earliest, &in_work);
            }
        }
        released
    }

    fn pop(&mut self) -> Option<Released<T>> {
        let (sequence_number, item) = self.ready.pop_first()?;
        self.next = Some(sequence_number + 1);
        self.blocked_since = None;
        Some(Released { sequence_number, item, skipped: std::mem::take(&mut self.skipped) })
    }

    /// Gives up the numbers before `earliest`, up to the first that is in work.
    fn give_up_until(&mut self, earliest: u64, in_work: impl Fn(u64) -> bool) {
        // Without a settled start the stream is taken to begin at 1: nobody knows that a 0 was meant to come.
        let mut number = self.next.unwrap_or(1);
        self.start.get_or_insert(number);
        while number < earliest && !in_work(number) {
            self.skipped.push(number);
            number += 1;
        }
        self.next = Some(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(2_000);

    fn numbers<T>(released: &[Released<T>]) -> Vec<u64> {
        released.iter().map(|released| released.sequence_number).collect()
    }

    #[test]
    fn three_one_two_leaves_as_one_two_three() {
        let now = Instant::now();
        let mut queue = Reorder::new(None);
        let mut left = Vec::new();
        let mut working = vec![3, 1, 2];
        for number in [3, 1, 2] {
            queue.note(number);
        }
        for number in [3, 1, 2] {
            working.retain(|&other| other != number);
            queue.insert(number, ());
            left.extend(numbers(&queue.release(now, GAP, |other| working.contains(&other))));
        }
        assert_eq!(left, [1, 2, 3]);
    }

    #[test]
    fn two_hundred_shuffled_leave_in_order() {
        let now = Instant::now();
        let mut queue = Reorder::new(Some(0));
        let mut left = Vec::new();
        // 73 has no factor in common with 200, so this visits every number once, far from in order.
        let shuffled = (0..200_u64).map(|step| step * 73 % 200);
        for number in shuffled {
            queue.insert(number, number * 10);
            for released in queue.release(now, GAP, |_| false) {
                assert_eq!(released.item, released.sequence_number * 10);
                left.push(released.sequence_number);
            }
        }
        assert_eq!(left, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn a_gap_is_waited_for_and_then_named() {
        let start = Instant::now();
        let mut queue = Reorder::new(Some(0));
        queue.insert(3, ());
        assert!(queue.release(start, GAP, |_| false).is_empty());
        assert!(queue.release(start + GAP / 2, GAP, |_| false).is_empty());
        let released = queue.release(start + GAP, GAP, |_| false);
        assert_eq!((numbers(&released), released[0].skipped.clone()), (vec![3], vec![0, 1, 2]));
        assert!(queue.is_past(2));
    }

    #[test]
    fn what_is_in_work_is_never_given_up() {
        let start = Instant::now();
        let mut queue = Reorder::new(Some(0));
        queue.insert(2, ());
        assert!(queue.release(start, GAP, |number| number == 1).is_empty());
        assert!(queue.release(start + GAP * 9, GAP, |number| number == 1).is_empty(), "1 is in work");
        queue.insert(1, ());
        let released = queue.release(start + GAP * 9, GAP, |_| false);
        assert_eq!(numbers(&released), [1, 2]);
        assert_eq!(released[0].skipped, [0]);
    }

    #[test]
    fn a_stream_starts_at_one_when_one_comes_first() {
        let now = Instant::now();
        let mut queue = Reorder::new(None);
        queue.note(1);
        queue.insert(1, ());
        assert_eq!(numbers(&queue.release(now, GAP, |_| false)), [1]);
        assert!(queue.is_past(0));
    }

    #[test]
    fn a_stream_whose_start_never_comes_begins_after_the_gap() {
        let start = Instant::now();
        let mut queue = Reorder::new(None);
        queue.note(5);
        queue.insert(5, ());
        assert!(queue.release(start, GAP, |_| false).is_empty());
        let released = queue.release(start + GAP, GAP, |_| false);
        assert_eq!((numbers(&released), released[0].skipped.clone()), (vec![5], vec![1, 2, 3, 4]));
    }
}
