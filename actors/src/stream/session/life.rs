//! The session's life: paused and resumed, ended, left by its worker and found again, and over at last.

use std::sync::Arc;
use std::time::Instant;

use sts_protocol::{EngineNames, ErrorCode, Refusal, ServiceMessage, Severity, Stage};

use super::{Effect, Session, SessionState};
use crate::events::LifecycleEvent;
use crate::stage::StageFailure;
use crate::stream::given_up::GivenUp;
use crate::stream::reorder::Reorder;
use crate::stream::replay::Replay;

impl Session {
    /// `stream:pause`. What is in flight goes on.
    ///
    /// # Errors
    /// `STREAM_NOT_FOUND` once the stream has been ended.
    pub fn pause(&mut self) -> Result<(), Refusal> {
        self.check_not_ended()?;
        self.go_on_as(SessionState::Paused, "paused");
        Ok(())
    }

    /// `stream:resume`.
    ///
    /// # Errors
    /// `STREAM_NOT_FOUND` once the stream has been ended.
    pub fn resume(&mut self) -> Result<(), Refusal> {
        self.check_not_ended()?;
        self.go_on_as(SessionState::Active, "active");
        Ok(())
    }

    fn go_on_as(&mut self, state: SessionState, name: &'static str) {
        if self.state != state {
            self.state = state;
            self.publish(|stream_id, _| LifecycleEvent::StreamChanged { stream_id, state: name });
        }
    }

    fn check_not_ended(&self) -> Result<(), Refusal> {
        match self.state {
            SessionState::Active | SessionState::Paused => Ok(()),
            SessionState::Ending | SessionState::Closed => Err(ended()),
        }
    }

    /// `stream:end`. Asked twice, it is still ended once.
    ///
    /// # Errors
    /// `STREAM_NOT_FOUND` once the stream is closed.
    pub fn end(&mut self, now: Instant) -> Result<(), Refusal> {
        match self.state {
            SessionState::Active | SessionState::Paused => {
                self.go_on_as(SessionState::Ending, "ending");
                self.ending_since = Some(now);
                self.release(now);
                Ok(())
            }
            SessionState::Ending => Ok(()),
            SessionState::Closed => Err(ended()),
        }
    }

    /// Everything accepted is answered: `stream:complete` follows the last result, now or when the worker is back.
    pub(super) fn complete(&mut self) {
        self.completed = true;
        self.effects.push(Effect::Cancel);
        self.send_complete();
    }

    fn send_complete(&mut self) {
        if self.is_attached() {
            self.effects.push(Effect::Send(ServiceMessage::Complete(self.statistics.complete())));
        }
    }

    /// Notes that a message was handed to the connection.
    pub fn sent(&mut self, message: &ServiceMessage, now: Instant) {
        if self.state == SessionState::Closed || !self.is_attached() {
            return;
        }
        match message {
            ServiceMessage::Processed(processed) => self.result_was_sent(processed.sequence_number),
            ServiceMessage::Complete(_) => self.complete_sent_at = Some(now),
            ServiceMessage::Ready(_) => self.ready_sent = true,
            _ => {}
        }
    }

    /// The worker is back: it gets what it has not received, in order, and then `stream:complete` if that was due.
    ///
    /// # Errors
    /// `INVALID_CONFIG` when it claims a result that was never sent, and nothing has changed then;
    /// `STREAM_NOT_FOUND` once the stream is closed.
    pub fn attach(&mut self, last_received: Option<u64>, engines: EngineNames) -> Result<(), Refusal> {
        if self.state == SessionState::Closed {
            return Err(crate::stream::no_such_session());
        }
        self.check_claim(last_received)?;
        (self.detached_at, self.complete_sent_at) = (None, None);
        let attached = LifecycleEvent::StreamAttached {
            stream_id: Arc::clone(&self.identity.stream_id),
            worker_id: Arc::clone(&self.identity.worker_id),
        };
        self.effects.push(Effect::Publish(attached));
        self.effects.push(Effect::Send(ServiceMessage::Ready(self.ready(engines, true))));
        let arrived = self.replay.rewind(last_received);
        self.forget_ids(&arrived);
        self.effects.extend(self.replay.unsent().map(Effect::Deliver));
        // It may have missed the last change, or be a new process that knows of none.
        if self.level != Severity::Low || self.level_told {
            self.tell_level();
        }
        if self.completed {
            self.send_complete();
        }
        Ok(())
    }

    /// A worker may claim what was handed to a connection of its own, or a number before the stream's start.
    fn check_claim(&self, last_received: Option<u64>) -> Result<(), Refusal> {
        let Some(last) = last_received else { return Ok(()) };
        let is_before_start = self.reorder.start().is_some_and(|start| last < start);
        if is_before_start || self.replay.reached().is_some_and(|reached| last <= reached) {
            return Ok(());
        }
        let sent = match self.replay.reached() {
            Some(reached) => format!("the last result sent was {reached}"),
            None => "no result was sent".to_owned(),
        };
        Err(Refusal::new(ErrorCode::InvalidConfig, format!("`resume.last_sequence_received` is {last}, but {sent}")))
    }

    /// The connection is gone: broken, or left with a `farewell`, which ends a stream that has told all it had to.
    pub fn detach(&mut self, farewell: bool, now: Instant) {
        if !self.is_attached() || self.state == SessionState::Closed {
            return;
        }
        if farewell && self.complete_sent_at.is_some() {
            self.close("ended");
            return;
        }
        (self.detached_at, self.complete_sent_at) = (Some(now), None);
        let stream_id = Arc::clone(&self.identity.stream_id);
        self.effects.push(Effect::Publish(LifecycleEvent::StreamDetached { stream_id }));
        self.tick(now);
    }

    /// Does what time brings: gaps are given up, endings come to an end, graces and farewells run out.
    pub fn tick(&mut self, now: Instant) {
        if self.state == SessionState::Closed {
            return;
        }
        let has_passed = |since: Option<Instant>, limit| {
            since.is_some_and(|since: Instant| now.saturating_duration_since(since) >= limit)
        };
        if has_passed(self.detached_at, self.settings.resume_grace) {
            self.close("grace_expired");
            return;
        }
        if has_passed(self.complete_sent_at, self.settings.close_delay) {
            self.close("ended");
            return;
        }
        if has_passed(self.ending_since, self.settings.end_timeout) {
            self.fail_what_is_left(now);
        }
        self.release(now);
    }

    fn fail_what_is_left(&mut self, now: Instant) {
        let unfinished: Vec<(u64, Stage)> = self
            .tracked
            .iter()
            .filter(|(_, tracked)| !tracked.finished)
            .map(|(&n, tracked)| (n, tracked.stage))
            .collect();
        for (number, stage) in unfinished {
            let failure = StageFailure::new(ErrorCode::Timeout, "the stream ended before this fragment was done");
            self.fail(number, stage, failure, now);
        }
    }

    /// Ends the stream now, whatever is in flight, and keeps nothing of it.
    pub fn close(&mut self, reason: &'static str) {
        if self.state == SessionState::Closed {
            return;
        }
        self.state = SessionState::Closed;
        self.tracked.clear();
        self.by_fragment_id.clear();
        self.reorder = Reorder::new(None);
        self.replay = Replay::default();
        self.given_up = GivenUp::default();
        let stream_id = Arc::clone(&self.identity.stream_id);
        self.effects.push(Effect::Publish(LifecycleEvent::StreamClosed { stream_id, reason }));
        self.effects.push(Effect::Close);
    }
}

fn ended() -> Refusal {
    Refusal::new(ErrorCode::StreamNotFound, "the stream has been ended")
}
