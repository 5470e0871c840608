//! Pictures that wait until they are due.

use std::collections::VecDeque;

use super::transport_stream::{CLOCK_HZ, Unit};

/// Bytes of pictures that are held at most: some two minutes of 16 Mbit/s.
const MOST: usize = 256 << 20;

/// When sound is so far ahead of the pictures, there are none …
const STARVED: i64 = CLOCK_HZ;
/// … and the last that stands alone is shown again this often, until there are some.
const STILL: i64 = CLOCK_HZ / 2;

/// Pictures that wait until they are due, in the order in which they are decoded.
#[derive(Default)]
pub struct Pictures {
    waiting: VecDeque<(i64, Unit)>,
    bytes: usize,
    /// What a reader needs before the first.
    tables: Vec<u8>,
    /// Whether a reader has begun, and with a picture that it can begin with.
    has_begun: bool,
    /// The last that stands alone, and when the last of all was.
    still: Option<Unit>,
    last: i64,
    dropped: u64,
}

impl Pictures {
    /// A picture that is decoded at this tick of the programme.
    pub fn push(&mut self, ticks: i64, unit: Unit, tables: Vec<u8>) {
        self.tables = tables;
        self.bytes += unit.size();
        self.waiting.push_back((ticks, unit));
        while self.bytes > MOST {
            self.drop_first();
            // What follows cannot be decoded without it.
            self.has_begun = false;
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, unit)) = self.waiting.pop_front() {
            self.bytes -= unit.size();
            self.dropped += 1;
        }
    }

    /// Pictures that nobody saw.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A new reader begins at this tick: what was before is not for it.
    pub fn begin_at(&mut self, ticks: i64) {
        while self.waiting.front().is_some_and(|(at, _)| *at < ticks) {
            self.drop_first();
        }
        (self.has_begun, self.still) = (false, None);
    }

    /// The packets of what is due by this tick, with all times moved by `offset`. Where sound, which is at another tick,
    /// has left them behind, the last picture that stands alone stands still: FFmpeg takes no sound while it waits for
    /// pictures, and players do not either.
    pub fn take_until(&mut self, ticks: i64, sound: i64, offset: i64) -> Vec<u8> {
        let mut packets = Vec::new();
        while self.waiting.front().is_some_and(|(at, _)| *at <= ticks) {
            let Some((at, unit)) = self.waiting.pop_front() else { break };
            self.bytes -= unit.size();
            if !self.has_begun && !unit.is_key || self.still.is_some() && at <= self.last {
                self.dropped += 1;
                continue;
            }
            if !self.has_begun {
                self.stand_still_until(at - 1, offset, &mut packets);
                packets.extend(&self.tables);
                self.has_begun = true;
            }
            packets.extend(unit.decoded_at(at + offset));
            self.last = at;
            if unit.is_key {
                self.still = Some(unit);
            }
        }
        if self.last + STARVED <= sound {
            self.stand_still_until(sound, offset, &mut packets);
        }
        packets
    }

    /// The last picture that stands alone, again and again from the last of all to this tick.
    fn stand_still_until(&mut self, ticks: i64, offset: i64, packets: &mut Vec<u8>) {
        let Some(still) = &self.still else { return };
        while self.last + STILL <= ticks {
            self.last += STILL;
            packets.extend(still.decoded_at(self.last + offset));
            // What comes next may need what came before.
            self.has_begun = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::transport_stream::tests::unit;

    fn pictures(keys: &[bool]) -> Pictures {
        let mut pictures = Pictures::default();
        for (index, is_key) in keys.iter().enumerate() {
            let ticks = index as i64 * 3_600;
            pictures.push(ticks, unit(ticks, *is_key), vec![7; 10]);
        }
        pictures
    }

    #[test]
    fn what_is_due_comes_once_and_in_order_behind_the_tables() {
        let mut pictures = pictures(&[true, false, false]);
        let first = pictures.take_until(3_600, 0, 100);
        assert_eq!(first[..10], [7; 10]);
        assert!(first[10..] == [unit(0, true).decoded_at(100), unit(3_600, false).decoded_at(3_700)].concat());
        assert!(pictures.take_until(3_600, 0, 100).is_empty());
        assert!(pictures.take_until(9_000, 0, 100) == unit(7_200, false).decoded_at(7_300));
        assert!(pictures.waiting.is_empty() && pictures.dropped() == 0);
    }

    #[test]
    fn a_reader_begins_with_a_picture_that_stands_alone() {
        let mut pictures = pictures(&[true, false, false, true, false]);
        pictures.begin_at(1);
        let taken = pictures.take_until(i64::MAX, 0, 0);
        assert!(
            taken[10..] == [unit(10_800, true).decoded_at(10_800), unit(14_400, false).decoded_at(14_400)].concat()
        );
        assert_eq!(pictures.dropped(), 3);
    }

    #[test]
    fn pictures_that_came_later_than_they_claim_are_where_the_programme_has_them() {
        let mut pictures = Pictures::default();
        pictures.push(50_000, unit(0, true), Vec::new());
        assert!(pictures.take_until(50_000, 0, -9) == unit(0, true).decoded_at(50_000 - 9));
    }

    #[test]
    fn where_none_come_the_last_that_stands_alone_stands_still() {
        let second = CLOCK_HZ;
        let mut pictures = pictures(&[true, false]);
        pictures.take_until(second, 0, 0);
        assert!(pictures.take_until(second, 3_600 + second - 1, 0).is_empty(), "they may be late");
        let still = pictures.take_until(second * 3, 3_600 + second, 0);
        let shown = [3_600 + STILL, 3_600 + STILL * 2].map(|ticks| unit(0, true).decoded_at(ticks));
        assert!(still == shown.concat());
        // What comes then begins with one that stands alone.
        let again = second * 2 + 3_600;
        pictures.push(second * 2, unit(0, false), vec![7; 10]);
        pictures.push(again, unit(9, true), vec![8; 10]);
        let taken = pictures.take_until(second * 3, second, 0);
        let before = unit(0, true).decoded_at(3_600 + STILL * 3);
        assert!(
            taken == [before, vec![8; 10], unit(9, true).decoded_at(again)].concat(),
            "and none is missing before it"
        );
    }
}
