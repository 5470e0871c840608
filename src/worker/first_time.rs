//! When the first picture is shown, where the reading FFmpeg does not know it.

use super::transport_stream::Unit;

/// Pictures that come after the first in the stream: among so many is the one that is shown next.
const FOLLOWERS: usize = 5;

/// Holds the first pictures back until it is known from those that follow when the first is shown.
#[derive(Default)]
pub(super) struct FirstTime {
    held: Vec<Unit>,
    is_known: bool,
}

impl FirstTime {
    /// The next picture of the stream; gives those that are to go on.
    pub(super) fn push(&mut self, unit: Unit) -> Vec<Unit> {
        if self.is_known {
            return vec![unit];
        }
        self.held.push(unit);
        if self.held.len() <= FOLLOWERS { Vec::new() } else { self.finish() }
    }

    /// Nothing more will come: gives what is held back.
    pub(super) fn finish(&mut self) -> Vec<Unit> {
        self.is_known = true;
        let mut held = std::mem::take(&mut self.held);
        if let [first, followers @ ..] = &mut held[..] {
            let mut times: Vec<i64> = followers.iter().map(Unit::shown_at).collect();
            times.sort_unstable();
            if let Some(step) = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > 0).min() {
                first.show_at(times[0] - step, followers[0].decoded_at);
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::transport_stream::tests::unit_shown_at;

    const STEP: i64 = 3_600;

    fn taken(units: Vec<Unit>) -> Vec<(i64, i64)> {
        let mut first_time = FirstTime::default();
        let mut taken: Vec<Unit> = units.into_iter().flat_map(|unit| first_time.push(unit)).collect();
        taken.extend(first_time.finish());
        taken.iter().map(|unit| (unit.decoded_at / STEP, unit.shown_at() / STEP)).collect()
    }

    #[test]
    fn the_first_is_shown_one_step_before_the_next() {
        // As FFmpeg tells it of pictures that are shown in another order: the first decoding times are guesses too.
        let told = [(-2, 0), (-1, 23), (0, 21), (19, 22), (22, 26), (23, 24), (24, 25)];
        let units = told.iter().map(|(decoded, shown)| unit_shown_at(shown * STEP, decoded * STEP, *decoded == -2));
        let mut right = told;
        right[0] = (-2, 20);
        assert_eq!(taken(units.collect()), right);
    }

    #[test]
    fn where_the_order_is_the_same_it_is_decoded_then_too() {
        let units = [0, 20, 21, 22, 23, 24, 25, 26].map(|step| unit_shown_at(step * STEP, step * STEP, step == 0));
        let found = taken(units.to_vec());
        assert_eq!(found, [19, 20, 21, 22, 23, 24, 25, 26].map(|step| (step, step)));
    }

    #[test]
    fn what_is_too_little_to_know_stays_as_it_was() {
        assert_eq!(taken(vec![unit_shown_at(0, 0, true), unit_shown_at(STEP * 9, STEP * 9, false)]), [(0, 0), (9, 9)]);
        assert!(taken(Vec::new()).is_empty());
    }
}
