//! The way out: a finished fragment waits for its turn, is sent, counted, and kept for a worker that comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sts_protocol::{AudioSpec, FragmentError, FragmentStatus, Metadata, ServiceMessage, Stage};

use super::{Effect, Session, SessionState, Tracked};
use crate::events::{LifecycleEvent, RetranslationOutcome};
use crate::stage::StageFailure;
use crate::stream::outcome::Outcome;
use crate::stream::reorder::Released;

impl Session {
    pub(super) fn finish_with_silence(&mut self, number: u64, now: Instant) {
        let Some(tracked) = self.tracked.get(&number) else { return };
        let (spec, frames) = (tracked.spec, tracked.frames);
        // Zero bytes are silence in every format that is taken.
        let pcm = Bytes::from(vec![0; frames * spec.bytes_per_frame()]);
        let metadata = metadata(&spec, frames, frames, 0.0, 1.0);
        self.finish(number, FragmentStatus::Success, Some((pcm, metadata)), None, now);
    }

    pub(super) fn fail(&mut self, number: u64, stage: Stage, failure: StageFailure, now: Instant) {
        self.recent.note_error(now, failure.code, Some(stage), &failure.message);
        let error =
            FragmentError { stage, code: failure.code, message: failure.message, retryable: failure.code.retryable() };
        self.finish(number, FragmentStatus::Failed, None, Some(error), now);
    }

    pub(super) fn finish(
        &mut self,
        number: u64,
        status: FragmentStatus,
        dub: Option<(Bytes, Metadata)>,
        error: Option<FragmentError>,
        now: Instant,
    ) {
        // One that fails in the end had nothing of a second translation.
        self.tell_retranslation(number, RetranslationOutcome::None);
        let Some(tracked) = self.tracked.get_mut(&number) else { return };
        tracked.finished = true;
        let (pcm, metadata) = dub.unzip();
        let outcome = Outcome {
            fragment_id: tracked.fragment_id.to_string(),
            sequence_number: number,
            status,
            pcm,
            transcript: tracked.transcript.clone(),
            translated_text: tracked.translated_text.clone(),
            translated_by: tracked.translated_by.clone(),
            metadata,
            timings: tracked.timings.clone(),
            error,
            processing: Duration::ZERO,
            skipped: Vec::new(),
        };
        self.reorder.insert(number, outcome);
        self.release(now);
    }

    /// Emits what may leave now, and completes a stream that was only waiting for that.
    pub(super) fn release(&mut self, now: Instant) {
        // Once the stream is ending, what has not come will not come.
        let gap_timeout = if self.state == SessionState::Ending { Duration::ZERO } else { self.settings.gap_timeout };
        let tracked = &self.tracked;
        let in_work = |number| tracked.get(&number).is_some_and(|tracked: &Tracked| !tracked.finished);
        for released in self.reorder.release(now, gap_timeout, in_work) {
            self.emit(released, now);
        }
        if self.state == SessionState::Ending && self.tracked.is_empty() && !self.completed {
            self.complete();
        }
    }

    fn emit(&mut self, released: Released<Outcome>, now: Instant) {
        let Released { sequence_number, item: mut outcome, skipped } = released;
        let tracked = self.tracked.remove(&sequence_number);
        let (accepted_at, trace) = tracked.map_or((now, None), |tracked| (tracked.accepted_at, tracked.trace));
        outcome.processing = now.saturating_duration_since(accepted_at);
        self.give_up(&skipped);
        outcome.skipped = skipped;
        self.statistics.record(outcome.status, outcome.processing, outcome.error.as_ref());
        self.recent.note(outcome.processing, &outcome.timings);
        let (status, processing) = (outcome.status, outcome.processing);
        let failure = outcome.error.as_ref().map(|error| (error.stage, error.code));
        let fragment_id: Arc<str> = outcome.fragment_id.as_str().into();
        let timings = outcome.timings.clone();
        self.publish(|stream_id, in_flight| LifecycleEvent::FragmentProcessed {
            stream_id,
            fragment_id,
            sequence_number,
            trace,
            status,
            timings,
            processing,
            failure,
            in_flight,
        });
        self.replay.push(Arc::new(outcome));
        if self.is_attached() {
            self.effects.push(Effect::Deliver(sequence_number));
        }
        self.update_level();
    }

    fn give_up(&mut self, skipped: &[u64]) {
        let (Some(&first), Some(&last)) = (skipped.first(), skipped.last()) else { return };
        self.given_up.add(first, last);
        self.statistics.skip(skipped.len());
        let stream_id = Arc::clone(&self.identity.stream_id);
        self.effects.push(Effect::Publish(LifecycleEvent::GapSkipped { stream_id, count: skipped.len() }));
    }

    /// The `fragment:processed` of this number, while its result is kept.
    pub fn result(&self, number: u64) -> Option<ServiceMessage> {
        let outcome = self.replay.find(number)?;
        let mut message = outcome.message(&self.identity.stream_id, self.init.audio_encoding);
        if !self.replay.was_sent(number) {
            message.skipped = self.missing_before(number);
        }
        Some(ServiceMessage::Processed(Box::new(message)))
    }

    /// The numbers between the last that the worker has and this one: they were given up, or their results fell out
    /// of the replay buffer before the worker came back. When they are very many, the last of them.
    fn missing_before(&self, number: u64) -> Vec<u64> {
        let start = self.reorder.start().unwrap_or(number);
        let expected = self.replay.sent_through().map_or(start, |last| start.max(last + 1));
        let named = expected.max(number.saturating_sub(self.settings.reorder_window));
        (named..number).collect()
    }

    pub(super) fn result_was_sent(&mut self, number: u64) {
        let fallen = self.replay.sent(number, self.settings.replay_results, self.settings.replay_bytes);
        self.forget_ids(&fallen);
    }

    /// An id is known as long as its result is kept; after that its number still is.
    pub(super) fn forget_ids(&mut self, outcomes: &[Arc<Outcome>]) {
        for outcome in outcomes {
            self.by_fragment_id.remove(outcome.fragment_id.as_str());
        }
    }

    pub(super) fn update_level(&mut self) {
        let in_flight = self.in_flight();
        let severity = self.settings.thresholds.severity(in_flight);
        if severity == self.level {
            return;
        }
        self.level = severity;
        if self.is_attached() {
            self.tell_level();
        }
        self.publish(|stream_id, in_flight| LifecycleEvent::BackpressureChanged { stream_id, severity, in_flight });
    }

    pub(super) fn tell_level(&mut self) {
        self.level_told = true;
        let event = self.settings.thresholds.event(&self.identity.stream_id, self.level, self.in_flight());
        self.effects.push(Effect::Send(ServiceMessage::Backpressure(event)));
    }
}

pub(super) fn metadata(
    spec: &AudioSpec,
    frames: usize,
    dubbed_frames: usize,
    variance: f64,
    speed_ratio: f64,
) -> Metadata {
    Metadata {
        original_duration_ms: spec.duration_ms(frames),
        dubbed_duration_ms: spec.duration_ms(dubbed_frames),
        duration_variance_percent: variance * 100.0,
        speed_ratio,
    }
}
