//! What streams saw before the service was asked for more than it takes, and while it was.

use serde_json::{Value, json};

/// Times of one phase, ms.
#[derive(Debug, Default)]
pub struct Times {
    /// From a fragment to its acknowledgement.
    pub acks: Vec<f64>,
    /// From a fragment to its result.
    pub results: Vec<f64>,
}

/// The same streams in both phases. That each fragment was delivered, once and in order, has been asserted.
#[derive(Debug, Default)]
pub struct Comparison {
    pub before: Times,
    pub during: Times,
    /// Refusals in the first phase, and in the second: all of them `SERVICE_OVERLOADED`.
    pub refused: [usize; 2],
}

impl Times {
    fn summary(&self) -> Value {
        json!({"fragments": self.results.len(), "ack_ms": percentiles(&self.acks), "result_ms": percentiles(&self.results)})
    }

    /// Takes another stream's in.
    fn extend(&mut self, other: Self) {
        self.acks.extend(other.acks);
        self.results.extend(other.results);
    }
}

impl Comparison {
    /// Takes another stream's in.
    pub fn extend(&mut self, other: Self) {
        self.before.extend(other.before);
        self.during.extend(other.during);
        for (sum, count) in self.refused.iter_mut().zip(other.refused) {
            *sum += count;
        }
    }

    /// Medians and 95th percentiles.
    pub fn summary(&self) -> Value {
        json!({"before": self.before.summary(), "during": self.during.summary(), "refused": self.refused})
    }
}

/// Of these times; an odd share of nothing is nothing.
pub fn percentile(times: &[f64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn percentiles(times: &[f64]) -> Value {
    json!({"p50": percentile(times, 0.5), "p95": percentile(times, 0.95)})
}

/// Asserts that this is a refusal for want of room.
pub fn check_refusal(error: &Value) {
    assert_eq!((&error["code"], &error["retryable"]), (&json!("SERVICE_OVERLOADED"), &json!(true)), "{error}");
}
