//! How many messages a connection may send.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use sts_protocol::{ErrorCode, Refusal};

/// After this many refusals without a second of peace, the connection is not worth answering any more.
const PATIENCE: u32 = 1_000;
const PEACE: Duration = Duration::from_secs(1);

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
    clock: C,
    refusals: Mutex<Refusals<C::Instant>>,
}

/// Refusals since the last second of peace.
struct Refusals<T> {
    count: u32,
    last: Option<T>,
}

impl Allowance {
    /// `per_second` messages a second.
    pub fn new(per_second: NonZeroU32) -> Self {
        Self::with_clock(per_second, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Allowance<C> {
    fn with_clock(per_second: NonZeroU32, clock: C) -> Self {
        let quota =
            Quota::per_second(per_second).allow_burst(per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        Self { per_second, limiter, clock, refusals: Mutex::new(Refusals { count: 0, last: None }) }
    }

    /// Counts a message.
    pub fn spend(&self) -> Verdict {
        if self.limiter.check().is_ok() {
            return Verdict::Pass;
        }
        let refused = self.count_refusal();
        let limit = self.per_second;
        let refusal = |message: String| Refusal::new(ErrorCode::RateLimitExceeded, message);
        if refused < PATIENCE {
            Verdict::Refuse(refusal(format!("more than {limit} messages a second came over this connection")))
        } else {
            Verdict::Close(refusal(format!(
                "{refused} messages were over the limit of {limit} a second, without a pause; the connection is closed"
            )))
        }
    }

    fn count_refusal(&self) -> u32 {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let peace = Nanos::from(PEACE);
        if refusals.last.is_some_and(|last| now.duration_since(last) >= peace) {
            refusals.count = 0;
        }
        refusals.last = Some(now);
        refusals.count = refusals.count.saturating_add(1);
        refusals.count
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
        let clock = FakeRelativeClock::default();
        let allowance = Allowance::with_clock(NonZeroU32::new(100).expect("not zero"), clock.clone());
        // Ten times as many as may: every tenth passes, and that is no excuse.
        let shown_out = (0..3_000).position(|_| {
            clock.advance(Duration::from_millis(1));
            matches!(allowance.spend(), Verdict::Close(_))
        });
        assert!(shown_out.is_some_and(|after| (1_000..1_500).contains(&after)), "{shown_out:?}");
    }

    #[test]
    fn who_pauses_is_forgiven() {
        let clock = FakeRelativeClock::default();
        let allowance = Allowance::with_clock(NonZeroU32::MIN, clock.clone());
        for _ in 0..4 {
            let verdicts: Vec<_> = (0..900).map(|_| allowance.spend()).collect();
            assert!(!verdicts.iter().any(|verdict| matches!(verdict, Verdict::Close(_))));
            clock.advance(Duration::from_secs(1));
        }
    }
}
