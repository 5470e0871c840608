//! The state machine of a stream, without time, threads or sockets of its own: facts go in, effects come out.

mod admission;
mod delivery;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sts_protocol::{
    AudioSpec, EngineNames, ErrorCode, ServiceMessage, Severity, Stage, StageTimings, StreamInit, StreamReady,
    VoiceProfile,
};

use self::delivery::metadata;
use super::outcome::{Outcome, judge};
use super::reorder::Reorder;
use super::settings::StreamSettings;
use super::statistics::Statistics;
use crate::events::LifecycleEvent;
use crate::job::{AsrInput, AsrOutput, SpeechWindow, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use crate::stage::{StageFailure, StageReport};

/// Who and what a stream is; settled at `stream:init`.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The stream.
    pub stream_id: Arc<str>,
    /// The worker that feeds it.
    pub worker_id: Arc<str>,
    /// Names this session in a later resume.
    pub session_id: String,
    /// The voice that dubs it.
    pub voice: Arc<VoiceProfile>,
}

/// Where a stream is in its life. Being without a connection is apart from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Fragments are taken.
    Active,
    /// Fragments are refused until the worker resumes.
    Paused,
    /// No more fragments; what is in flight is waited for.
    Ending,
    /// Over.
    Closed,
}

/// What the session wants done.
#[derive(Debug)]
pub enum Effect {
    /// Send this to the worker.
    Send(ServiceMessage),
    /// Put this into the recogniser's queue.
    Recognize(u64, AsrInput),
    /// Put this into the translator's queue.
    Translate(u64, TranslationInput),
    /// Put this into the synthesiser's queue.
    Synthesize(u64, TtsInput),
    /// Tell the subscribers.
    Publish(LifecycleEvent),
    /// Close the connection after this delay, and stop.
    Close(Duration),
}

/// A fragment between its acceptance and the emission of its result.
struct Tracked {
    fragment_id: Arc<str>,
    spec: AudioSpec,
    frames: usize,
    accepted_at: Instant,
    stage: Stage,
    window: Option<SpeechWindow>,
    transcript: Option<String>,
    translated_text: Option<String>,
    timings: StageTimings,
    /// Its outcome stands in the reorder queue.
    finished: bool,
}

/// A stream's session.
pub struct Session {
    identity: Identity,
    init: StreamInit,
    languages: (Arc<str>, Arc<str>),
    hints: Arc<[String]>,
    settings: StreamSettings,
    state: SessionState,
    attached: bool,
    detached_at: Option<Instant>,
    ending_since: Option<Instant>,
    tracked: BTreeMap<u64, Tracked>,
    by_fragment_id: HashMap<Arc<str>, u64>,
    reorder: Reorder<Outcome>,
    replay: VecDeque<Arc<Outcome>>,
    given_up: BTreeSet<u64>,
    level: Severity,
    statistics: Statistics,
    effects: Vec<Effect>,
}

impl Session {
    /// A session that has just been opened.
    pub fn new(identity: Identity, init: StreamInit, settings: StreamSettings) -> Self {
        let opened = LifecycleEvent::StreamOpened {
            stream_id: Arc::clone(&identity.stream_id),
            worker_id: Arc::clone(&identity.worker_id),
        };
        Self {
            languages: (init.source_language.as_str().into(), init.target_language.as_str().into()),
            hints: init.domain_hints.clone().into(),
            reorder: Reorder::new(init.first_sequence_number),
            identity,
            init,
            settings,
            state: SessionState::Active,
            attached: true,
            detached_at: None,
            ending_since: None,
            tracked: BTreeMap::new(),
            by_fragment_id: HashMap::new(),
            replay: VecDeque::new(),
            given_up: BTreeSet::new(),
            level: Severity::Low,
            statistics: Statistics::default(),
            effects: vec![Effect::Publish(opened)],
        }
    }

    /// What is to be done, in order; emptied by this call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Where it is in its life.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Who and what it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Fragments accepted and not yet answered.
    pub fn in_flight(&self) -> usize {
        self.tracked.len()
    }

    /// The `stream:ready` event.
    pub fn ready(&self, engines: EngineNames, resumed: bool) -> StreamReady {
        StreamReady {
            session_id: self.identity.session_id.clone(),
            stream_id: self.identity.stream_id.to_string(),
            worker_id: self.identity.worker_id.to_string(),
            max_inflight: self.settings.thresholds.low,
            capabilities: StreamReady::capabilities(),
            engines,
            formats: sts_protocol::AudioFormat::ALL.into(),
            resumed,
            next_sequence_number: resumed.then(|| self.next_to_accept()),
        }
    }

    fn next_to_accept(&self) -> u64 {
        let next = self.reorder.next().unwrap_or(self.init.first_sequence_number.unwrap_or(0));
        (next..).find(|number| !self.tracked.contains_key(number)).unwrap_or(next)
    }

    /// The recogniser's answer.
    pub fn recognized(&mut self, number: u64, report: StageReport<AsrOutput>, now: Instant) {
        let Some((output, tracked)) = self.settle(number, Stage::Asr, report, now) else { return };
        let text = output.text.trim();
        tracked.transcript = Some(text.to_owned());
        tracked.window = output.window;
        if text.is_empty() || output.window.is_none() {
            tracked.transcript = Some(String::new());
            tracked.translated_text = Some(String::new());
            self.finish_with_silence(number, now);
            return;
        }
        tracked.stage = Stage::Translation;
        let input = TranslationInput {
            text: text.to_owned(),
            source_language: Arc::clone(&self.languages.0),
            target_language: Arc::clone(&self.languages.1),
            hints: Arc::clone(&self.hints),
        };
        self.effects.push(Effect::Translate(number, input));
    }

    /// The translator's answer.
    pub fn translated(&mut self, number: u64, report: StageReport<TranslationOutput>, now: Instant) {
        let Some((output, tracked)) = self.settle(number, Stage::Translation, report, now) else { return };
        let text = output.text.trim().to_owned();
        tracked.translated_text = Some(text.clone());
        let Some(window) = tracked.window.filter(|_| !text.is_empty()) else {
            self.finish_with_silence(number, now);
            return;
        };
        tracked.stage = Stage::Tts;
        let (spec, frames) = (tracked.spec, tracked.frames);
        let input = TtsInput {
            text,
            language: Arc::clone(&self.languages.1),
            voice: Arc::clone(&self.identity.voice),
            spec,
            frames,
            window,
            max_overrun: self.settings.variance_partial_max,
        };
        self.effects.push(Effect::Synthesize(number, input));
    }

    /// The synthesiser's answer.
    pub fn synthesized(&mut self, number: u64, report: StageReport<TtsOutput>, now: Instant) {
        let Some((output, tracked)) = self.settle(number, Stage::Tts, report, now) else { return };
        let (frames, spec) = (tracked.frames, tracked.spec);
        let dubbed_frames = output.pcm.len() / spec.bytes_per_frame();
        // Subtracting first keeps whole percentages exact, so that a bound includes itself.
        let variance = (dubbed_frames as f64 - frames as f64) / frames as f64;
        let (success_max, partial_max) = (self.settings.variance_success_max, self.settings.variance_partial_max);
        match judge(variance, output.overrun, success_max, partial_max) {
            Some(status) => {
                let reported = if output.overrun > 0.0 { output.overrun } else { variance };
                let metadata = metadata(&spec, frames, dubbed_frames, reported, output.speed_ratio);
                self.finish(number, status, Some((output.pcm, metadata)), None, now);
            }
            None => {
                let worst = variance.abs().max(output.overrun) * 100.0;
                let message = format!("the dub differs from its slot by {worst:.0} %");
                let failure = StageFailure::new(ErrorCode::DurationMismatchExceeded, message);
                self.fail(number, Stage::Tts, failure, now);
            }
        }
    }

    /// A stage's queue did not take a fragment that the stream had accepted.
    pub fn not_submitted(&mut self, number: u64, stage: Stage, failure: StageFailure, now: Instant) {
        if self.tracked.get(&number).is_some_and(|tracked| !tracked.finished && tracked.stage == stage) {
            self.fail(number, stage, failure, now);
        }
    }

    /// Notes a stage's answer. Gives the output and its fragment when the pipeline goes on.
    fn settle<O>(
        &mut self,
        number: u64,
        stage: Stage,
        report: StageReport<O>,
        now: Instant,
    ) -> Option<(O, &mut Tracked)> {
        let tracked = self.tracked.get_mut(&number).filter(|tracked| !tracked.finished && tracked.stage == stage)?;
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        tracked.timings.record(stage, milliseconds(report.queued), milliseconds(report.worked));
        self.effects.push(Effect::Publish(LifecycleEvent::StageFinished {
            stage,
            stream_id: Arc::clone(&self.identity.stream_id),
            fragment_id: Arc::clone(&tracked.fragment_id),
            sequence_number: number,
            queued: report.queued,
            worked: report.worked,
            batch: report.batch,
            failure: report.result.as_ref().err().map(|failure| failure.code),
        }));
        match report.result {
            Ok(output) => self.tracked.get_mut(&number).map(|tracked| (output, tracked)),
            Err(failure) => {
                self.fail(number, stage, failure, now);
                None
            }
        }
    }

    /// `stream:pause`.
    pub fn pause(&mut self) {
        if self.state == SessionState::Active {
            self.state = SessionState::Paused;
        }
    }

    /// `stream:resume`.
    pub fn resume(&mut self) {
        if self.state == SessionState::Paused {
            self.state = SessionState::Active;
        }
    }

    /// `stream:end`. Asked twice, it is still ended once.
    pub fn end(&mut self, now: Instant) {
        if matches!(self.state, SessionState::Active | SessionState::Paused) {
            self.state = SessionState::Ending;
            self.ending_since = Some(now);
            self.release(now);
        }
    }

    fn complete(&mut self) {
        self.state = SessionState::Closed;
        if self.attached {
            self.effects.push(Effect::Send(ServiceMessage::Complete(self.statistics.complete())));
        }
        self.close("ended", self.settings.close_delay);
    }

    fn close(&mut self, reason: &'static str, delay: Duration) {
        self.state = SessionState::Closed;
        let stream_id = Arc::clone(&self.identity.stream_id);
        self.effects.push(Effect::Publish(LifecycleEvent::StreamClosed { stream_id, reason }));
        self.effects.push(Effect::Close(delay));
    }

    /// The worker is back: it gets what it has not received, in order.
    pub fn attach(&mut self, last_received: Option<u64>, engines: EngineNames) {
        self.attached = true;
        self.detached_at = None;
        let attached = LifecycleEvent::StreamAttached {
            stream_id: Arc::clone(&self.identity.stream_id),
            worker_id: Arc::clone(&self.identity.worker_id),
        };
        self.effects.push(Effect::Publish(attached));
        self.effects.push(Effect::Send(ServiceMessage::Ready(self.ready(engines, true))));
        let missed = |outcome: &&Arc<Outcome>| last_received.is_none_or(|last| outcome.sequence_number > last);
        let missed: Vec<_> = self.replay.iter().filter(missed).cloned().collect();
        for outcome in missed {
            self.send_outcome(&outcome);
        }
    }

    /// The connection broke.
    pub fn detach(&mut self, now: Instant) {
        if !self.attached || self.state == SessionState::Closed {
            return;
        }
        self.attached = false;
        self.detached_at = Some(now);
        let stream_id = Arc::clone(&self.identity.stream_id);
        self.effects.push(Effect::Publish(LifecycleEvent::StreamDetached { stream_id }));
        self.tick(now);
    }

    /// Does what time brings: gaps are given up, graces run out, endings come to an end.
    pub fn tick(&mut self, now: Instant) {
        if self.state == SessionState::Closed {
            return;
        }
        let grace = self.settings.resume_grace;
        if self.detached_at.is_some_and(|since| now.saturating_duration_since(since) >= grace) {
            self.close("grace_expired", Duration::ZERO);
            return;
        }
        let end_timeout = self.settings.end_timeout;
        if self.ending_since.is_some_and(|since| now.saturating_duration_since(since) >= end_timeout) {
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

    fn publish(&mut self, event: impl FnOnce(Arc<str>, usize) -> LifecycleEvent) {
        let event = event(Arc::clone(&self.identity.stream_id), self.in_flight());
        self.effects.push(Effect::Publish(event));
    }
}
