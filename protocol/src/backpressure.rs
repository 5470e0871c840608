//! Levels of load on a stream, and the event that reports a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{Checked, Count, Id};

/// How loaded a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// All is well.
    Low,
    /// The worker should send more slowly.
    Medium,
    /// The worker should stop sending for now.
    High,
}

/// What the worker should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    None,
    /// Send more slowly.
    SlowDown,
    /// Stop sending until the level falls.
    Pause,
}

impl Severity {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// What the contract asks of the worker at this level.
    pub fn action(self) -> Action {
        match self {
            Self::Low => Action::None,
            Self::Medium => Action::SlowDown,
            Self::High => Action::Pause,
        }
    }
}

impl Action {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SlowDown => "slow_down",
            Self::Pause => "pause",
        }
    }
}

/// The `backpressure` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Backpressure {
    /// The stream.
    #[serde(with = "Checked::<Id>")]
    pub stream_id: String,
    /// Its new level.
    pub severity: Severity,
    /// What to do.
    pub action: Action,
    /// Fragments accepted and not yet answered.
    #[serde(with = "Checked::<Count<usize>>")]
    pub current_inflight: usize,
    /// How many the stream may have in flight without slowing down.
    #[serde(with = "Checked::<Count<usize>>")]
    pub max_inflight: usize,
    /// The bound that was crossed: the highest number in flight of the level below.
    #[serde(with = "Checked::<Count<usize>>")]
    pub threshold_exceeded: usize,
}

/// Where the levels end, in fragments in flight; each bound belongs to the level it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Last count that is `low`.
    pub low: usize,
    /// Last count that is `medium`.
    pub medium: usize,
    /// Last count that is `high`.
    pub high: usize,
    /// Last count that is accepted at all.
    pub critical: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { low: 3, medium: 6, high: 10, critical: 10 }
    }
}

impl Thresholds {
    /// The level of this many fragments in flight.
    pub fn severity(&self, in_flight: usize) -> Severity {
        if in_flight <= self.low {
            Severity::Low
        } else if in_flight <= self.medium {
            Severity::Medium
        } else {
            Severity::High
        }
    }

    /// The event for a stream that has reached `severity`.
    pub fn event(&self, stream_id: &str, severity: Severity, in_flight: usize) -> Backpressure {
        let threshold_exceeded = match severity {
            Severity::Low => 0,
            Severity::Medium => self.low,
            Severity::High => self.medium,
        };
        Backpressure {
            stream_id: stream_id.to_owned(),
            severity,
            action: severity.action(),
            current_inflight: in_flight,
            max_inflight: self.low,
            threshold_exceeded,
        }
    }

    /// Checks that the bounds rise.
    ///
    /// # Errors
    /// A sentence that names the two that do not.
    pub fn check(&self) -> Result<(), String> {
        let bounds = [
            ("BACKPRESSURE_THRESHOLD_LOW", self.low),
            ("BACKPRESSURE_THRESHOLD_MEDIUM", self.medium),
            ("BACKPRESSURE_THRESHOLD_HIGH", self.high),
            ("BACKPRESSURE_THRESHOLD_CRITICAL", self.critical),
        ];
        for pair in bounds.windows(2) {
            let ((lower, low), (upper, high)) = (pair[0], pair[1]);
            if low > high {
                return Err(format!("{lower} ({low}) must not be above {upper} ({high})"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_levels_are_the_serialised_ones() {
        for severity in [Severity::Low, Severity::Medium, Severity::High] {
            assert_eq!(serde_json::json!(severity), severity.as_str());
            assert_eq!(serde_json::json!(severity.action()), severity.action().as_str());
        }
    }

    #[test]
    fn levels_end_where_the_contract_says() {
        let thresholds = Thresholds::default();
        let levels: Vec<_> = (0..=11).map(|count| thresholds.severity(count)).collect();
        let mut expected = vec![Severity::Low; 4];
        expected.extend([Severity::Medium; 3]);
        expected.extend([Severity::High; 5]);
        assert_eq!(levels, expected);
    }

    #[test]
    fn event_has_the_names_of_the_contract() {
        let event = Thresholds::default().event("s", Severity::Medium, 4);
        let json = serde_json::to_value(&event).expect("serialises");
        assert_eq!(
            json,
            serde_json::json!({"stream_id": "s", "severity": "medium", "action": "slow_down",
                "current_inflight": 4, "max_inflight": 3, "threshold_exceeded": 3})
        );
    }

    #[test]
    fn each_level_names_the_bound_below_it_and_what_to_do() {
        let events = [Severity::Low, Severity::Medium, Severity::High]
            .map(|severity| Thresholds::default().event("s", severity, 0))
            .map(|event| (event.threshold_exceeded, event.action));
        assert_eq!(events, [(0, Action::None), (3, Action::SlowDown), (6, Action::Pause)]);
    }

    #[test]
    fn falling_bounds_are_named() {
        let wrong = Thresholds { medium: 2, ..Thresholds::default() };
        assert!(wrong.check().expect_err("2 is below 3").contains("BACKPRESSURE_THRESHOLD_MEDIUM"));
        assert_eq!(Thresholds::default().check(), Ok(()));
    }
}
