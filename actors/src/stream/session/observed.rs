//! How the session is, for whoever looks at it.

use std::time::Instant;

use super::{Session, SessionState};
use crate::stream::observation::{FragmentCounts, StreamObservation, StreamState, milliseconds};

impl Session {
    /// How it is now. When it was opened its actor knows.
    pub fn observe(&self, opened_at: Instant, now: Instant) -> StreamObservation {
        let state = match self.state {
            SessionState::Active | SessionState::Paused if !self.is_attached() => StreamState::Detached,
            SessionState::Active if !self.ready_sent => StreamState::Initializing,
            SessionState::Active => StreamState::Active,
            SessionState::Paused => StreamState::Paused,
            SessionState::Ending => StreamState::Ending,
            SessionState::Closed => StreamState::Closed,
        };
        StreamObservation {
            stream_id: self.identity.stream_id.to_string(),
            worker_id: self.identity.worker_id.to_string(),
            state,
            attached: self.is_attached(),
            opened_ms_ago: milliseconds(now.saturating_duration_since(opened_at)),
            source_language: self.languages.0.to_string(),
            target_language: self.languages.1.to_string(),
            voice_profile: self.init.voice_profile.clone(),
            in_flight: self.in_flight(),
            unsent: self.unsent(),
            level: self.level,
            fragments: FragmentCounts { received: self.received, ..self.statistics.counts() },
            processing_ms: self.recent.processing(),
            stage_ms: self.recent.stages(),
            last_error: self.recent.last_error(now),
        }
    }
}
