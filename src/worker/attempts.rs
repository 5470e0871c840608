//! When a part of the way that was lost may be begun anew.

use std::time::{Duration, Instant};

use crate::client::back_off;

/// The longest pause before the second attempt; it doubles with each further one …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What has lasted so long was no failed attempt.
const LASTING: Duration = Duration::from_secs(10);

/// Attempts in a row that failed.
#[derive(Default)]
pub(super) struct Attempts {
    count: u32,
    not_before: Option<Instant>,
}

impl Attempts {
    /// Whether it is time for one.
    pub(super) fn may_begin(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| now >= at)
    }

    /// One that had lasted so long is over; the next waits for a random part of a pause.
    pub(super) fn failed(&mut self, lasted: Duration, now: Instant) {
        if lasted > LASTING {
            self.count = 0;
        }
        self.count += 1;
        self.not_before = Some(now + back_off(FIRST_PAUSE, LONGEST_PAUSE, self.count, fastrand::f64()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_anew_after_what_lasted() {
        let now = Instant::now();
        let pause = |attempts: &Attempts| attempts.not_before.expect("one failed") - now;
        let mut attempts = Attempts::default();
        assert!(attempts.may_begin(now));
        for longest in [200, 400, 800, 1_600, 3_200, 5_000, 5_000].map(Duration::from_millis) {
            attempts.failed(Duration::ZERO, now);
            let pause = pause(&attempts);
            assert!(pause <= longest && pause >= longest.mul_f64(0.1) && !attempts.may_begin(now), "{pause:?}");
        }
        assert!(attempts.may_begin(now + LONGEST_PAUSE));
        attempts.failed(LASTING * 2, now);
        assert!(pause(&attempts) <= FIRST_PAUSE);
    }
}
