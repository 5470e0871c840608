//! A circuit breaker: an engine that keeps failing is left alone for a while, then tried with one call.
//!
//! ```text
//!            failures in a row, or too many of the last        its time is over
//!   closed ──────────────────────────────────────────▶ open ────────────────────▶ half-open
//!     ▲                                                  ▲                            │
//!     │                                                  └────── the probe failed ────┤
//!     └───────────────────────────── the probe succeeded ────────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerOptions {
    /// So many failures in a row open it,
    pub failures_in_a_row: usize,
    /// and so do failures of half or more of so many calls.
    pub window: usize,
    /// For how long it opens the first time; doubled each time that a probe fails.
    pub first_rest: Duration,
    /// The longest that it doubles to.
    pub longest_rest: Duration,
    /// The longest that the other side can ask for.
    pub longest_asked_rest: Duration,
    /// A probe that has not been heard of for so long is lost, and there is another.
    pub probe_limit: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failures_in_a_row: 5,
            window: 20,
            first_rest: Duration::from_secs(5),
            longest_rest: Duration::from_secs(60),
            longest_asked_rest: Duration::from_secs(600),
            probe_limit: Duration::from_secs(30),
        }
    }
}

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// They do.
    Closed,
    /// One does.
    HalfOpen,
    /// None does.
    Open,
}

impl BreakerState {
    /// The name in logs and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The engine is well, even where it could not do this.
    Success,
    /// It is not.
    Failure,
    /// It asks to be left alone for so long.
    Rest(Duration),
}

/// The right to make one call; its outcome is told with it. One from before the breaker changed counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit(u64);

/// A circuit breaker. Time and chance come from outside.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    phase: Phase,
    /// Counts changes of phase, so that outcomes of calls from before are told from those after.
    generation: u64,
    /// Outcomes of the last calls, true for a failure; only while it is closed.
    outcomes: VecDeque<bool>,
    /// How often in a row it opened without a success between.
    trips: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Instant },
    Probing { since: Instant },
}

impl Breaker {
    /// A closed one.
    pub fn new(options: BreakerOptions) -> Self {
        Self { options, phase: Phase::Closed, generation: 0, outcomes: VecDeque::new(), trips: 0 }
    }

    /// Whether calls go through, as of the last one that asked.
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Probing { .. } => BreakerState::HalfOpen,
            Phase::Open { .. } => BreakerState::Open,
        }
    }

    /// How long there will be no call, while it is open.
    pub fn rest(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Open { until } => Some(until.saturating_duration_since(now)),
            Phase::Closed | Phase::Probing { .. } => None,
        }
    }

    /// How long a call has to wait; `None` when it may be made now.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let until = match self.phase {
            Phase::Closed => return None,
            Phase::Open { until } => until,
            Phase::Probing { since } => since + self.options.probe_limit,
        };
        Some(until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// How long there will be none.
    pub fn permit(&mut self, now: Instant) -> Result<Permit, Duration> {
        if let Some(wait) = self.wait(now) {
            return Err(wait);
        }
        if self.phase != Phase::Closed {
            self.enter(Phase::Probing { since: now });
        }
        Ok(Permit(self.generation))
    }

    /// Gives a permit back: the call was not made after all. The next one that asks may make it.
    pub fn withdraw(&mut self, permit: Permit, now: Instant) {
        if permit == Permit(self.generation) && self.state() == BreakerState::HalfOpen {
            self.enter(Phase::Open { until: now });
        }
    }

    /// Takes note that a call succeeded which nobody had permitted: the engine is well.
    pub fn recover(&mut self) {
        if self.phase != Phase::Closed {
            self.trips = 0;
            self.enter(Phase::Closed);
        }
    }

    /// Takes a call's outcome. `jitter`, 0 to 1, makes the rest by up to a quarter shorter, so that many services do not
    /// come back at once.
    pub fn conclude(&mut self, permit: Permit, verdict: Verdict, now: Instant, jitter: f64) {
        if permit != Permit(self.generation) {
            return;
        }
        match verdict {
            Verdict::Rest(asked) => {
                self.enter(Phase::Open { until: now + asked.min(self.options.longest_asked_rest) });
            }
            Verdict::Success if self.phase == Phase::Closed => self.note(false),
            Verdict::Success => self.recover(),
            Verdict::Failure => {
                self.note(true);
                if self.phase != Phase::Closed || self.has_enough() {
                    let rest = self.options.first_rest.saturating_mul(2_u32.saturating_pow(self.trips));
                    let rest = rest.min(self.options.longest_rest).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0);
                    self.trips += 1;
                    self.enter(Phase::Open { until: now + rest });
                }
            }
        }
    }

    fn note(&mut self, failed: bool) {
        if self.outcomes.len() == self.options.window {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(failed);
    }

    fn has_enough(&self) -> bool {
        let in_a_row = self.outcomes.iter().rev().take_while(|failed| **failed).count();
        let failures = self.outcomes.iter().filter(|failed| **failed).count();
        let is_full = self.outcomes.len() == self.options.window;
        in_a_row >= self.options.failures_in_a_row || is_full && failures * 2 >= self.options.window
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
        self.outcomes.clear();
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
