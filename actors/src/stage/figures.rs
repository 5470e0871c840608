//! What a stage's last jobs took, for whoever looks at it now. Histories are Prometheus' work.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// Jobs that are remembered.
const KEPT: usize = 512;

/// The last jobs' times.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<VecDeque<JobTimes>>);

#[derive(Clone, Copy, Debug)]
struct JobTimes {
    queued: Duration,
    worked: Duration,
    batch: usize,
}

/// A quantity over the last jobs, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them took no longer.
    pub p50: f64,
    /// All but one in twenty took no longer.
    pub p95: f64,
    /// The longest.
    pub max: f64,
}

/// What the last jobs took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latencies {
    /// How many jobs this is about.
    pub jobs: usize,
    /// Waiting, ms.
    pub queued_ms: Spread,
    /// Work, ms.
    pub worked_ms: Spread,
    /// Jobs in the batch of each.
    pub batch_size: Spread,
}

impl Figures {
    pub(super) fn note(&self, queued: Duration, worked: Duration, batch: usize) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(JobTimes { queued, worked, batch });
    }

    pub(super) fn latencies(&self) -> Latencies {
        let last: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        Latencies {
            jobs: last.len(),
            queued_ms: Spread::of(last.iter().map(|job| milliseconds(job.queued))),
            worked_ms: Spread::of(last.iter().map(|job| milliseconds(job.worked))),
            batch_size: Spread::of(last.iter().map(|job| job.batch as f64)),
        }
    }
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let share = |share: f64| {
            let index = (values.len() as f64 * share).ceil() as usize;
            values.get(index.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { p50: share(0.5), p95: share(0.95), max: share(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_jobs_count_and_no_earlier_ones() {
        let figures = Figures::default();
        for milliseconds in 1..=600 {
            figures.note(Duration::ZERO, Duration::from_millis(milliseconds), 1);
        }
        let latencies = figures.latencies();
        assert_eq!(latencies.jobs, 512);
        // 89 to 600 are left.
        assert_eq!(latencies.worked_ms, Spread { p50: 344.0, p95: 575.0, max: 600.0 });
        assert_eq!(Figures::default().latencies(), Latencies::default());
    }
}
