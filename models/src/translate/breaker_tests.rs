use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// A breaker under a clock of its own; nothing is jittered.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { breaker: Breaker::new(BreakerOptions::default()), now: Instant::now() }
    }

    fn call(&mut self, verdict: Verdict) -> Result<(), Duration> {
        let permit = self.breaker.permit(self.now)?;
        self.breaker.conclude(permit, verdict, self.now, 0.0);
        Ok(())
    }

    fn fail(&mut self, times: usize) {
        for _ in 0..times {
            self.call(Verdict::Failure).expect("it lets calls through");
        }
    }
}

#[test]
fn failures_in_a_row_open_it_and_a_good_probe_closes_it() {
    let mut bench = Bench::new();
    bench.fail(4);
    bench.call(Verdict::Success).expect("closed");
    bench.fail(4);
    assert_eq!(bench.breaker.state(), BreakerState::Closed, "a success between breaks the row");
    bench.fail(1);
    assert_eq!(bench.breaker.state(), BreakerState::Open);
    assert_eq!(bench.call(Verdict::Success), Err(5 * SECOND));
    bench.now += 5 * SECOND;
    bench.call(Verdict::Success).expect("a probe");
    assert_eq!(bench.breaker.state(), BreakerState::Closed);
}

#[test]
fn half_of_many_calls_failing_opens_it() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.call(Verdict::Success).expect("closed");
        bench.fail(1);
    }
    bench.call(Verdict::Success).expect("closed");
    assert_eq!(bench.breaker.state(), BreakerState::Closed);
    bench.fail(1);
    assert_eq!(bench.breaker.state(), BreakerState::Open, "10 of 20");
}

#[test]
fn rests_double_while_probes_fail_and_begin_anew_after_a_success() {
    let mut bench = Bench::new();
    bench.fail(5);
    for seconds in [5, 10, 20, 40, 60, 60] {
        assert_eq!(bench.call(Verdict::Success), Err(seconds * SECOND));
        bench.now += seconds * SECOND;
        bench.fail(1);
    }
    bench.now += 60 * SECOND;
    bench.call(Verdict::Success).expect("a probe");
    bench.fail(5);
    assert_eq!(bench.call(Verdict::Success), Err(5 * SECOND));
}

#[test]
fn jitter_shortens_a_rest_by_a_quarter_at_most() {
    let mut bench = Bench::new();
    bench.fail(4);
    let permit = bench.breaker.permit(bench.now).expect("closed");
    bench.breaker.conclude(permit, Verdict::Failure, bench.now, 1.0);
    assert_eq!(bench.breaker.permit(bench.now), Err(Duration::from_millis(3_750)));
}

#[test]
fn one_probe_goes_and_another_only_when_it_is_lost() {
    let mut bench = Bench::new();
    bench.fail(5);
    bench.now += 5 * SECOND;
    let probe = bench.breaker.permit(bench.now).expect("a probe");
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen);
    assert_eq!(bench.breaker.permit(bench.now + SECOND), Err(29 * SECOND));
    bench.now += 30 * SECOND;
    let second = bench.breaker.permit(bench.now).expect("another");
    bench.breaker.conclude(probe, Verdict::Failure, bench.now, 0.0);
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen, "the lost one counts no more");
    bench.breaker.conclude(second, Verdict::Success, bench.now, 0.0);
    assert_eq!(bench.breaker.state(), BreakerState::Closed);
}

#[test]
fn a_rest_that_is_asked_for_is_given_within_bounds() {
    let mut bench = Bench::new();
    bench.call(Verdict::Rest(7 * SECOND)).expect("closed");
    assert_eq!(bench.call(Verdict::Success), Err(7 * SECOND));
    bench.now += 7 * SECOND;
    bench.call(Verdict::Rest(86_400 * SECOND)).expect("a probe");
    assert_eq!(bench.call(Verdict::Success), Err(600 * SECOND));
}

#[test]
fn outcomes_of_calls_from_before_count_no_more() {
    let mut bench = Bench::new();
    let late = bench.breaker.permit(bench.now).expect("closed");
    bench.fail(5);
    bench.breaker.conclude(late, Verdict::Success, bench.now, 0.0);
    assert_eq!(bench.breaker.state(), BreakerState::Open);
}

/// What the breaker is to do, told by the whole history rather than by counters.
#[derive(Debug)]
struct Model {
    /// Failures (true) since it last closed.
    calls: Vec<bool>,
    open_until: Option<u64>,
    probing_since: Option<u64>,
    trips: u32,
}

impl Model {
    fn lets(&mut self, now: u64) -> bool {
        if let Some(since) = self.probing_since {
            if now < since + 30_000 {
                return false;
            }
            self.probing_since = Some(now);
            return true;
        }
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = None;
                self.probing_since = Some(now);
                true
            }
            None => true,
        }
    }

    fn open(&mut self, until: u64) {
        (self.open_until, self.probing_since) = (Some(until), None);
        self.calls.clear();
    }

    fn conclude(&mut self, verdict: Verdict, now: u64) {
        match verdict {
            Verdict::Rest(rest) => self.open(now + rest.as_millis().min(600_000) as u64),
            Verdict::Success if self.probing_since.is_some() => {
                (self.probing_since, self.trips) = (None, 0);
                self.calls.clear();
            }
            Verdict::Success => self.calls.push(false),
            Verdict::Failure => {
                self.calls.push(true);
                let last = |count: usize| &self.calls[self.calls.len().saturating_sub(count)..];
                let row = self.calls.len() >= 5 && last(5).iter().all(|failed| *failed);
                let half = self.calls.len() >= 20 && last(20).iter().filter(|failed| **failed).count() >= 10;
                if row || half || self.probing_since.is_some() {
                    let rest = (5_000 << self.trips.min(10)).min(60_000);
                    self.trips += 1;
                    self.open(now + rest);
                }
            }
        }
    }

    fn recover(&mut self) {
        if self.state() != BreakerState::Closed {
            (self.open_until, self.probing_since, self.trips) = (None, None, 0);
            self.calls.clear();
        }
    }

    fn state(&self) -> BreakerState {
        match (self.probing_since, self.open_until) {
            (Some(_), _) => BreakerState::HalfOpen,
            (None, Some(_)) => BreakerState::Open,
            (None, None) => BreakerState::Closed,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Call(Verdict),
    LoseCall,
    SucceedUnasked,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_u64..40_000).prop_map(Step::Wait),
        5 => Just(Step::Call(Verdict::Failure)),
        5 => Just(Step::Call(Verdict::Success)),
        1 => (0_u64..20).prop_map(|seconds| Step::Call(Verdict::Rest(Duration::from_secs(seconds)))),
        1 => Just(Step::LoseCall),
        1 => Just(Step::SucceedUnasked),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_model_says(steps in prop::collection::vec(step(), 0..300)) {
        let mut bench = Bench::new();
        let mut model = Model { calls: Vec::new(), open_until: None, probing_since: None, trips: 0 };
        let mut now = 0;
        for step in steps {
            match step {
                Step::Wait(milliseconds) => {
                    now += milliseconds;
                    bench.now += Duration::from_millis(milliseconds);
                }
                Step::Call(verdict) => {
                    let lets = model.lets(now);
                    prop_assert_eq!(bench.call(verdict).is_ok(), lets);
                    if lets {
                        model.conclude(verdict, now);
                    }
                }
                Step::LoseCall => {
                    prop_assert_eq!(bench.breaker.permit(bench.now).is_ok(), model.lets(now));
                }
                Step::SucceedUnasked => {
                    bench.breaker.recover();
                    model.recover();
                }
            }
            prop_assert_eq!(bench.breaker.state(), model.state());
        }
    }
}
