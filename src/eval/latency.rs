//! How long calls took.

use std::time::Duration;

/// Durations of single calls.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    ms: Vec<f64>,
}

/// What is said about them in reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct LatencySummary {
    /// Calls measured.
    pub calls: usize,
    /// Sum, seconds.
    pub total_s: f64,
    /// Median, ms; 0 without calls.
    pub p50_ms: f64,
    /// 95th percentile, ms; 0 without calls.
    pub p95_ms: f64,
}

impl Latencies {
    /// Adds one call.
    pub fn push(&mut self, duration: Duration) {
        self.ms.push(duration.as_secs_f64() * 1000.0);
    }

    /// Adds the calls of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.ms.extend_from_slice(&other.ms);
    }

    /// Number of calls, their sum, and the percentiles by nearest rank: the smallest duration that at least the given
    /// share of the calls did not exceed.
    pub fn summary(&self) -> LatencySummary {
        let mut sorted = self.ms.clone();
        sorted.sort_by(f64::total_cmp);
        let percentile = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        LatencySummary {
            calls: sorted.len(),
            total_s: sorted.iter().sum::<f64>() / 1000.0,
            p50_ms: percentile(0.50),
            p95_ms: percentile(0.95),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_durations_that_were_measured() {
        let mut latencies = Latencies::default();
        for ms in (1..=100).rev() {
            latencies.push(Duration::from_millis(ms));
        }
        let summary = latencies.summary();
        assert_eq!((summary.calls, summary.p50_ms, summary.p95_ms), (100, 50.0, 95.0));
        assert!((summary.total_s - 5.05).abs() < 1e-9);
    }

    #[test]
    fn no_calls_are_no_time() {
        assert_eq!(Latencies::default().summary(), LatencySummary::default());
    }

    #[test]
    fn one_call_is_every_percentile() {
        let mut latencies = Latencies::default();
        latencies.push(Duration::from_millis(7));
        assert_eq!((latencies.summary().p50_ms, latencies.summary().p95_ms), (7.0, 7.0));
    }
}
