//! When each frame is due: the source's own pace, a steady while later.

use std::time::{Duration, Instant};

/// How far the pace may be moved in a second, so that nobody hears it: a source's clock is off by less.
const DRIFT_PER_S: f64 = 0.001;
/// The stretch whose quickest arrival counts: others were held up on their way.
const WINDOW: Duration = Duration::from_secs(10);

/// The pace of a programme.
#[derive(Clone, Debug)]
pub struct Pace {
    rate_hz: f64,
    latency: Duration,
    /// When frame 0 came, or would have.
    origin: Option<Instant>,
    /// The earliest that frame 0 seems to have come by what came in this window, in seconds from `origin`.
    earliest_s: f64,
    window_from: Instant,
    /// How far `origin` is to be moved, s.
    owed_s: f64,
    moved_at: Instant,
}

impl Pace {
    /// One that waits for the first frame. Each is due `latency` after it came.
    pub fn new(rate_hz: u32, latency: Duration, now: Instant) -> Self {
        Self {
            rate_hz: f64::from(rate_hz),
            latency,
            origin: None,
            earliest_s: f64::INFINITY,
            window_from: now,
            owed_s: 0.0,
            moved_at: now,
        }
    }

    /// The frames up to `end` have come. What comes faster than it is played, before anything was due, makes all of it
    /// due sooner: a server may hand out its last seconds at once.
    pub fn arrived(&mut self, end: u64, now: Instant) {
        let length = Duration::from_secs_f64(end as f64 / self.rate_hz);
        let Some(origin) = self.origin else {
            self.origin = now.checked_sub(length);
            self.window_from = now;
            return;
        };
        let late_s = signed_s(now, origin) - length.as_secs_f64();
        if late_s < 0.0 && self.due(now) <= 0 {
            self.origin = now.checked_sub(length);
            return;
        }
        self.earliest_s = self.earliest_s.min(late_s);
        if now.duration_since(self.window_from) >= WINDOW {
            self.owed_s = self.earliest_s;
            (self.earliest_s, self.window_from) = (f64::INFINITY, now);
        }
    }

    /// The first frame that is not due yet; negative before the first is.
    pub fn due(&self, now: Instant) -> i64 {
        let Some(origin) = self.origin else { return i64::MIN };
        // A millionth of a frame is what the arithmetic may be off by.
        ((signed_s(now, origin) - self.latency.as_secs_f64()) * self.rate_hz + 1e-6).floor() as i64
    }

    /// The frame that comes now, if all comes at its pace.
    pub fn live(&self, now: Instant) -> u64 {
        self.origin.map_or(0, |origin| (signed_s(now, origin).max(0.0) * self.rate_hz) as u64)
    }

    /// When a frame is due.
    pub fn due_at(&self, frame: u64, now: Instant) -> Instant {
        self.origin.unwrap_or(now) + self.latency + Duration::from_secs_f64(frame as f64 / self.rate_hz)
    }

    /// Moves the pace towards the source's, as far as may be.
    pub fn keep(&mut self, now: Instant) {
        let passed_s = now.duration_since(self.moved_at).as_secs_f64();
        self.moved_at = now;
        let most = passed_s * DRIFT_PER_S;
        let step = self.owed_s.clamp(-most, most);
        self.owed_s -= step;
        // What is left of the window was measured from where the origin was.
        self.earliest_s -= step;
        if let Some(origin) = self.origin {
            let moved = if step < 0.0 {
                origin.checked_sub(Duration::from_secs_f64(-step))
            } else {
                Some(origin + Duration::from_secs_f64(step))
            };
            self.origin = moved.or(self.origin);
        }
    }
}

fn signed_s(later: Instant, earlier: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(passed) => passed.as_secs_f64(),
        None => -earlier.duration_since(later).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 48_000;
    const LATENCY: Duration = Duration::from_secs(10);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_frame_is_due_a_steady_while_after_it_came() {
        let begin = Instant::now() + ms(100_000);
        let mut pace = Pace::new(RATE_HZ, LATENCY, begin);
        assert_eq!(pace.due(begin), i64::MIN);
        pace.arrived(0, begin);
        assert_eq!((pace.due(begin), pace.due(begin + LATENCY)), (-480_000, 0));
        assert_eq!(pace.due(begin + LATENCY + ms(20)), 960);
        assert_eq!(pace.due_at(48_000, begin), begin + LATENCY + ms(1_000));
        assert_eq!(pace.live(begin + ms(500)), 24_000);
    }

    #[test]
    fn what_a_server_hands_out_at_once_is_due_sooner() {
        let begin = Instant::now() + ms(100_000);
        let mut pace = Pace::new(RATE_HZ, LATENCY, begin);
        pace.arrived(4_800, begin);
        pace.arrived(96_000, begin + ms(10));
        assert_eq!(pace.due(begin + ms(10)), 96_000 - 480_000);
    }

    /// The pace after so many seconds of a source whose clock is off by so much and whose network is not steady.
    fn after(seconds: u64, off: f64) -> (f64, f64) {
        let begin = Instant::now() + ms(100_000);
        let (mut pace, mut chance) = (Pace::new(RATE_HZ, LATENCY, begin), fastrand::Rng::with_seed(5));
        let (mut worst_step, mut before) = (0.0f64, None);
        for tick in 0..seconds * 50 {
            let now = begin + ms(20 * tick);
            let source_s = tick as f64 * 0.02 * (1.0 + off);
            let held_up_s = chance.f64() * 0.2;
            pace.arrived(((source_s - held_up_s).max(0.0) * 48_000.0) as u64, now);
            pace.keep(now);
            let due = pace.due(now);
            if let Some(before) = before.replace(due).filter(|before| *before > 0) {
                worst_step = worst_step.max(((due - before) as f64 - 960.0).abs());
            }
        }
        let now = begin + ms(20 * seconds * 50);
        let latency_s = seconds as f64 * (1.0 + off) - pace.due(now) as f64 / 48_000.0;
        (latency_s, worst_step)
    }

    #[test]
    fn the_delay_stays_the_same_for_hours_whatever_the_sources_clock() {
        for off in [-0.0001, 0.0, 0.0001] {
            let (latency_s, worst_step) = after(3 * 3_600, off);
            assert!((latency_s - 10.0).abs() < 0.25, "{off}: {latency_s} s");
            assert!(worst_step <= 3.0, "{off}: a step of {worst_step} frames");
        }
    }
}
