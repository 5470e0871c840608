//! How many messages a connection may send.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use sts_protocol::{ErrorCode, Refusal};

/// After this many refusals without a message let through, the connection is not worth answering any more.
const PATIENCE: u32 = 1_000;

/// The verdict on one message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Pass,
    /// It is one too many.
    Refuse(Refusal),
    /// So are all before it, for long: the connection is to be closed, with this as the reason.
    Close(Refusal),
}

/// A connection's allowance: so many messages a second, and twice that at once.
pub struct Allowance<C: Clock = DefaultClock> {
    per_second: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    refused_in_a_row: AtomicU32,
}

impl Allowance {
    /// `per_second` messages a second.
    pub fn new(per_second: NonZeroU32) -> Self {
        Self::with_clock(per_second, DefaultClock::default())
    }
}

impl<C: Clock> Allowance<C> {
    fn with_clock(per_second: NonZeroU32, clock: C) -> Self {
        let quota =
            Quota::per_second(per_second).allow_burst(per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        let limiter = RateLimiter::direct_with_clock(quota, clock);
        Self { per_second, limiter, refused_in_a_row: AtomicU32::new(0) }
    }

    /// Counts a message.
    pub fn spend(&self) -> Verdict {
        if self.limiter.check().is_ok() {
            self.refused_in_a_row.store(0, Ordering::Relaxed);
            return Verdict::Pass;
        }
        let refused = self.refused_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let limit = self.per_second;
        let refusal = |message: String| Refusal::new(ErrorCode::RateLimitExceeded, message);
        if refused < PATIENCE {
            Verdict::Refuse(refusal(format!("more than {limit} messages a second came over this connection")))
        } else {
            Verdict::Close(refusal(format!(
                "{refused} messages in a row were over the limit of {limit} a second; the connection is closed"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    #[test]
    fn a_burst_of_twice_the_rate_passes_and_the_rest_is_refused_until_time_has_passed() {
        let clock = FakeRelativeClock::default();
        let allowance = Allowance::with_clock(NonZeroU32::new(10).expect("not zero"), clock.clone());
        let passed = (0..30).filter(|_| allowance.spend() == Verdict::Pass).count();
        assert_eq!(passed, 20);
        clock.advance(Duration::from_secs(1));
        let passed = (0..30).filter(|_| allowance.spend() == Verdict::Pass).count();
        assert_eq!(passed, 10);
    }

    #[test]
    fn who_never_stops_is_shown_out() {
        let allowance = Allowance::with_clock(NonZeroU32::MIN, FakeRelativeClock::default());
        let verdicts: Vec<_> = (0..1_002).map(|_| allowance.spend()).collect();
        assert!(verdicts[2..1_001].iter().all(|verdict| matches!(verdict, Verdict::Refuse(_))));
        assert!(matches!(verdicts[1_001], Verdict::Close(_)));
    }
}
