//! The state machine of a stream, without time, threads or sockets of its own: facts go in, effects come out.

mod admission;
mod delivery;
mod life;
mod observed;
mod pipeline;
mod retranslation;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use sts_protocol::{
    AudioSpec, EngineNames, ServiceMessage, Severity, Stage, StageTimings, StreamInit, StreamReady, TraceContext,
    VoiceProfile,
};

use super::given_up::GivenUp;
use super::observation::Recent;
use super::outcome::Outcome;
use super::reorder::Reorder;
use super::replay::Replay;
use super::said::Said;
use super::settings::StreamSettings;
use super::statistics::Statistics;
use crate::events::LifecycleEvent;
use crate::job::{AsrInput, SpeechWindow, TranslationInput, TtsInput};
use retranslation::Retranslation;

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
    /// No more fragments; what is in flight is waited for, and then the worker, until it has all results.
    Ending,
    /// Over.
    Closed,
}

/// What the session wants done.
#[derive(Debug)]
pub enum Effect {
    /// Send this to the worker.
    Send(ServiceMessage),
    /// Send the result of this number, which [`Session::result`] gives, in its turn among what is sent.
    Deliver(u64),
    /// Put this into the recogniser's queue.
    Recognize(u64, AsrInput),
    /// Put this into the translator's queue.
    Translate(u64, TranslationInput),
    /// Put this into the synthesiser's queue.
    Synthesize(u64, TtsInput),
    /// Tell the subscribers.
    Publish(LifecycleEvent),
    /// Give up every job of the stream: its answer is waited for no more.
    Cancel,
    /// Close the connection, and stop.
    Close,
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
    translated_by: Option<String>,
    /// Its translation proved too long, and another was asked for.
    retranslation: Option<Retranslation>,
    timings: StageTimings,
    trace: Option<TraceContext>,
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
    /// Since when it has no connection.
    detached_at: Option<Instant>,
    ending_since: Option<Instant>,
    /// `stream:ready` was handed to a connection.
    ready_sent: bool,
    /// Everything accepted is answered, and the statistics stand.
    completed: bool,
    /// When `stream:complete` was handed to the present connection.
    complete_sent_at: Option<Instant>,
    tracked: BTreeMap<u64, Tracked>,
    by_fragment_id: HashMap<Arc<str>, u64>,
    reorder: Reorder<Outcome>,
    replay: Replay,
    given_up: GivenUp,
    level: Severity,
    /// The worker was told of a level, on this connection or an earlier one.
    level_told: bool,
    statistics: Statistics,
    /// Fragments taken.
    received: u64,
    recent: Recent,
    said: Said,
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
            detached_at: None,
            ending_since: None,
            ready_sent: false,
            completed: false,
            complete_sent_at: None,
            tracked: BTreeMap::new(),
            by_fragment_id: HashMap::new(),
            replay: Replay::default(),
            given_up: GivenUp::default(),
            level: Severity::Low,
            level_told: false,
            statistics: Statistics::default(),
            received: 0,
            recent: Recent::default(),
            said: Said::default(),
            effects: vec![Effect::Publish(opened)],
        }
    }

    /// What is to be done, in order; emptied by this call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether something is to be done.
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// What holds for every stream.
    pub fn settings(&self) -> &StreamSettings {
        &self.settings
    }

    /// Where it is in its life.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Who and what it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it has a connection.
    pub fn is_attached(&self) -> bool {
        self.detached_at.is_none()
    }

    /// Results that wait to be handed to a connection.
    pub fn unsent(&self) -> usize {
        self.replay.unsent().len()
    }

    /// Fragments accepted and not yet answered.
    pub fn in_flight(&self) -> usize {
        self.tracked.len()
    }

    /// A fragment in flight as events name it, and its trace.
    pub fn name_of(&self, number: u64) -> Option<(Arc<str>, Option<TraceContext>)> {
        self.tracked.get(&number).map(|tracked| (Arc::clone(&tracked.fragment_id), tracked.trace))
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

    /// How much it holds of each thing that it keeps.
    #[cfg(test)]
    pub(super) fn holdings(&self) -> [usize; 5] {
        let waiting = self.reorder.waiting();
        [self.tracked.len(), self.by_fragment_id.len(), waiting, self.replay.len(), self.given_up.len()]
    }

    fn publish(&mut self, event: impl FnOnce(Arc<str>, usize) -> LifecycleEvent) {
        let event = event(Arc::clone(&self.identity.stream_id), self.in_flight());
        self.effects.push(Effect::Publish(event));
    }
}
