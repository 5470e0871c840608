//! What became of each piece, counted: for the metrics as it happens, and for the report at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use slog::Logger;
use sts_models::translate::breaker::BreakerState;
use sts_protocol::Stage;

use super::metrics::{Metrics, Part};
use super::programme::Presented;
use super::report::Report;
use crate::client::{Decision, Fate, Standing, median};

/// Answers whose times are kept for the report.
const ANSWERS: usize = 100_000;

/// A piece that was ordered and whose time has not come.
struct Underway {
    due_at: Instant,
    failed: bool,
}

/// What became of each piece.
pub(super) struct Ledger {
    rate_hz: u32,
    underway: BTreeMap<u64, Underway>,
    breakers: BTreeMap<Stage, BreakerState>,
    answers_ms: Vec<f64>,
    report: Report,
    metrics: Arc<Metrics>,
    log: Logger,
}

impl Ledger {
    /// An empty one, of sound at this rate.
    pub(super) fn new(rate_hz: u32, metrics: Arc<Metrics>, log: Logger) -> Self {
        let (underway, breakers) = (BTreeMap::new(), BTreeMap::new());
        Self { rate_hz, underway, breakers, answers_ms: Vec::new(), report: Report::default(), metrics, log }
    }

    /// A piece was ordered, and is due at that time.
    pub(super) fn ordered(&mut self, piece: u64, due_at: Instant) {
        self.underway.insert(piece, Underway { due_at, failed: false });
    }

    /// Pieces that were ordered and whose time has not come.
    pub(super) fn underway(&self) -> impl Iterator<Item = u64> {
        self.underway.keys().copied()
    }

    /// What the service, or the lack of time, made of a piece.
    pub(super) fn decided(&mut self, decision: &Decision) {
        if let Some(took) = decision.answered_after {
            self.metrics.answered.observe(took.as_secs_f64());
            if self.answers_ms.len() < ANSWERS {
                self.answers_ms.push(took.as_secs_f64() * 1_000.0);
            }
        }
        let Some(underway) = self.underway.get_mut(&decision.piece) else { return };
        match &decision.fate {
            Fate::Dubbed => {
                let slack = underway.due_at.saturating_duration_since(Instant::now());
                self.metrics.slack.observe(slack.as_secs_f64());
            }
            Fate::Failed(failure) => {
                underway.failed = true;
                slog::warn!(self.log, "a fragment failed"; "piece" => decision.piece, "attempts" => decision.attempts,
                    "error.code" => failure.code.as_str(), "error.stage" => failure.stage.map(Stage::as_str),
                    "error" => &failure.message);
            }
            Fate::Late => {
                self.underway.remove(&decision.piece);
            }
        }
    }

    /// How things stand with the service.
    pub(super) fn stands(&mut self, standing: &Standing) {
        self.metrics.stand(standing);
        for (stage, state) in &standing.breakers {
            let before = self.breakers.insert(*stage, *state).unwrap_or(BreakerState::Closed);
            if before == *state {
                continue;
            }
            if *state == BreakerState::Open {
                self.report.breakers_opened += 1;
            }
            slog::warn!(self.log, "a breaker changed"; "stage" => stage.as_str(), "state" => state.as_str());
        }
    }

    /// What was heard of a piece when its time came. Whether somebody still works on it.
    pub(super) fn presented(&mut self, piece: u64, presented: Presented, frames: u64) -> bool {
        let ms = frames as f64 * 1_000.0 / f64::from(self.rate_hz);
        let report = &mut self.report;
        report.output_ms += ms;
        let (what, outcome) = match (presented, self.underway.remove(&piece)) {
            (Presented::Gap, _) => ("gap", None),
            (Presented::Dub, _) => ("dubbed", Some("dubbed")),
            (Presented::Original, Some(underway)) if underway.failed => ("original", Some("failed")),
            (Presented::Original, Some(_)) => ("original", Some("unanswered")),
            (Presented::Original, None) => ("original", Some("late")),
        };
        *match what {
            "gap" => &mut report.gap_ms,
            "dubbed" => &mut report.dubbed_ms,
            _ => &mut report.original_ms,
        } += ms;
        self.metrics.frames.with_label_values(&[what]).inc_by(frames);
        let Some(outcome) = outcome else { return false };
        *match outcome {
            "dubbed" => &mut report.dubbed,
            "failed" => &mut report.failed,
            "unanswered" => &mut report.unanswered,
            _ => &mut report.late,
        } += 1;
        self.metrics.fragments.with_label_values(&[outcome]).inc();
        slog::debug!(self.log, "put out"; "piece" => piece, "what" => what, "ms" => ms);
        outcome == "unanswered"
    }

    /// What was done, with what no output was there for.
    pub(super) fn close(mut self, dropped: u64, pictures_dropped: u64) -> Report {
        let lost = |part| self.metrics.times_lost(part);
        self.report.dropped_ms = dropped as f64 * 1_000.0 / f64::from(self.rate_hz);
        self.report.pictures_dropped = pictures_dropped;
        self.report.retries = self.metrics.retries();
        self.report.answered_ms_median = median(self.answers_ms.iter().copied());
        (self.report.input_lost, self.report.service_lost) = (lost(Part::Input), lost(Part::Service));
        self.report.output_lost = lost(Part::Output);
        self.report
    }
}
