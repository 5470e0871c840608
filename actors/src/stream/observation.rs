//! How a stream is, for whoever looks at it now.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use actix::Message;
use serde::Serialize;
use sts_protocol::{ErrorCode, Severity, Stage, StageTimings};

use crate::stage::Spread;

/// Results whose times are remembered.
const KEPT: usize = 60;
/// Characters of an error's message that are shown.
const MESSAGE_LIMIT: usize = 300;

/// Asks how the stream is.
#[derive(Message)]
#[rtype(result = "StreamObservation")]
pub struct ObserveStream;

/// How a stream is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamObservation {
    /// Which one.
    pub stream_id: String,
    /// The worker that feeds it.
    pub worker_id: String,
    /// Where it is in its life.
    pub state: StreamState,
    /// Whether it has a connection.
    pub attached: bool,
    /// For how long it is there, ms.
    pub opened_ms_ago: f64,
    /// Spoken.
    pub source_language: String,
    /// Dubbed into.
    pub target_language: String,
    /// The voice profile that its worker asked for.
    pub voice_profile: String,
    /// Fragments accepted and not yet answered.
    pub in_flight: usize,
    /// Results that wait for room in its connection.
    pub unsent: usize,
    /// How loaded it is.
    pub level: Severity,
    /// Fragments so far.
    pub fragments: FragmentCounts,
    /// From acceptance to emission, of its last results.
    pub processing_ms: ProcessingTimes,
    /// Half of the last results spent no more than this in a stage's work, ms; absent for a stage that did none.
    pub stage_ms: StageTimes,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
}

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamState {
    /// Its worker has not been told yet that it is ready.
    Initializing,
    /// Fragments are taken.
    Active,
    /// Fragments are refused until the worker resumes.
    Paused,
    /// Its worker is away.
    Detached,
    /// No more fragments; what is in flight is waited for.
    Ending,
    /// Over.
    Closed,
}

/// A stream's fragments so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FragmentCounts {
    /// Accepted.
    pub received: u64,
    /// Answered well.
    pub success: u64,
    /// Answered, and off by a little.
    pub partial: u64,
    /// Answered with an error.
    pub failed: u64,
    /// Sequence numbers that never came and were given up.
    pub skipped: u64,
}

/// From acceptance to emission, ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProcessingTimes {
    /// Over the results in `recent`.
    #[serde(flatten)]
    pub spread: Spread,
    /// The last results, oldest first; 60 at most.
    pub recent: Vec<f64>,
}

/// Work in each stage, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StageTimes {
    /// Recognition.
    pub asr: Option<f64>,
    /// Translation.
    pub translation: Option<f64>,
    /// Synthesis.
    pub tts: Option<f64>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LastError {
    /// What.
    pub code: ErrorCode,
    /// Where, if it was in a stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// A sentence.
    pub message: String,
    /// How long ago, ms.
    pub ms_ago: f64,
}

/// What a session remembers of its last results, and of its last error.
#[derive(Debug, Default)]
pub(super) struct Recent {
    results: VecDeque<(Duration, StageTimings)>,
    error: Option<(Instant, ErrorCode, Option<Stage>, String)>,
}

impl Recent {
    pub(super) fn note(&mut self, processing: Duration, timings: &StageTimings) {
        if self.results.len() == KEPT {
            self.results.pop_front();
        }
        self.results.push_back((processing, timings.clone()));
    }

    pub(super) fn note_error(&mut self, now: Instant, code: ErrorCode, stage: Option<Stage>, message: &str) {
        let shown = message.chars().take(MESSAGE_LIMIT).collect();
        self.error = Some((now, code, stage, shown));
    }

    pub(super) fn processing(&self) -> ProcessingTimes {
        let recent: Vec<f64> = self.results.iter().map(|(processing, _)| milliseconds(*processing)).collect();
        ProcessingTimes { spread: Spread::of(recent.iter().copied()), recent }
    }

    pub(super) fn stages(&self) -> StageTimes {
        let half = |stage| {
            let mut worked = self.results.iter().filter_map(|(_, timings)| timings.work_ms(stage)).peekable();
            worked.peek().is_some().then(|| rounded(Spread::of(worked).p50))
        };
        StageTimes { asr: half(Stage::Asr), translation: half(Stage::Translation), tts: half(Stage::Tts) }
    }

    pub(super) fn last_error(&self, now: Instant) -> Option<LastError> {
        let (at, code, stage, message) = self.error.clone()?;
        Some(LastError { code, stage, message, ms_ago: milliseconds(now.saturating_duration_since(at)) })
    }
}

/// To a tenth: two hundred streams with sixty times each are sent every second.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0)
}

fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 10.0).round() / 10.0
}
