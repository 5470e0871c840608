//! What happens to streams, fragments and stages, told once and heard by everyone who counts, logs or watches.

mod bus;
mod description;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use serde::Serialize;
use sts_protocol::{ErrorCode, FragmentStatus, Severity, Stage, StageTimings, TraceContext};

pub use bus::{EventBus, EventSender, Subscriber};

use crate::gpu::GpuReading;
use crate::registry::ActorKind;

/// Something that happened.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub enum LifecycleEvent {
    /// A worker connected.
    WorkerConnected {
        /// The stream that it named.
        stream_id: Arc<str>,
        /// The worker.
        worker_id: Arc<str>,
        /// From where.
        address: Option<IpAddr>,
        /// Workers now connected.
        connections: usize,
    },
    /// A worker's connection is over.
    WorkerDisconnected {
        /// The stream that it named.
        stream_id: Arc<str>,
        /// The worker.
        worker_id: Arc<str>,
        /// Why, as `farewell`, `broken`, `no_init`.
        reason: &'static str,
        /// Workers now connected.
        connections: usize,
    },
    /// A connection or a message was refused before it reached a stream.
    Refused {
        /// A `connection` or a `message`.
        what: &'static str,
        /// Why.
        code: ErrorCode,
    },
    /// Nothing new is taken any more.
    Draining,
    /// A stream was opened.
    StreamOpened {
        /// Its id.
        stream_id: Arc<str>,
        /// The worker that opened it.
        worker_id: Arc<str>,
    },
    /// A worker came back to its stream.
    StreamAttached {
        /// The stream.
        stream_id: Arc<str>,
        /// The worker.
        worker_id: Arc<str>,
    },
    /// A stream lost its connection and waits for its worker.
    StreamDetached {
        /// The stream.
        stream_id: Arc<str>,
    },
    /// A stream goes on in another way.
    StreamChanged {
        /// The stream.
        stream_id: Arc<str>,
        /// How: `active`, `paused` or `ending`.
        state: &'static str,
    },
    /// A stream is gone.
    StreamClosed {
        /// The stream.
        stream_id: Arc<str>,
        /// Why, as `ended`, `grace_expired`.
        reason: &'static str,
    },
    /// A fragment was accepted.
    FragmentReceived {
        /// Its stream.
        stream_id: Arc<str>,
        /// Its id.
        fragment_id: Arc<str>,
        /// Its place.
        sequence_number: u64,
        /// Where it stands in a distributed trace.
        trace: Option<TraceContext>,
        /// Fragments of the stream now in flight.
        in_flight: usize,
    },
    /// A fragment was not accepted.
    FragmentRefused {
        /// Its stream.
        stream_id: Arc<str>,
        /// Its id.
        fragment_id: Arc<str>,
        /// Its place.
        sequence_number: u64,
        /// Why.
        code: ErrorCode,
    },
    /// A worker of a stage begins with a job; once more when it was tried before.
    StageStarted {
        /// The stage.
        stage: Stage,
        /// The stream.
        stream_id: Arc<str>,
        /// The fragment.
        fragment_id: Arc<str>,
        /// Its place.
        sequence_number: u64,
        /// Where it stands in a distributed trace.
        trace: Option<TraceContext>,
        /// Time in the queue.
        queued: Duration,
    },
    /// A stage answered a job, well or not.
    StageFinished {
        /// The stage.
        stage: Stage,
        /// The stream.
        stream_id: Arc<str>,
        /// The fragment.
        fragment_id: Arc<str>,
        /// Its place.
        sequence_number: u64,
        /// Where it stands in a distributed trace.
        trace: Option<TraceContext>,
        /// Time in the queue.
        queued: Duration,
        /// Time in work.
        worked: Duration,
        /// Jobs in the batch.
        batch: usize,
        /// The code, if it failed.
        failure: Option<ErrorCode>,
    },
    /// A translation was too long for its fragment's time, and a shorter one was asked for.
    Retranslated {
        /// The stream.
        stream_id: Arc<str>,
        /// The fragment.
        fragment_id: Arc<str>,
        /// Its place.
        sequence_number: u64,
        /// Where it stands in a distributed trace.
        trace: Option<TraceContext>,
        /// How long the first would have lasted at the voice's own rate, ms.
        predicted_ms: f64,
        /// How long it might have, ms.
        wanted_ms: f64,
        /// What came of it.
        outcome: RetranslationOutcome,
    },
    /// A fragment's result was emitted.
    FragmentProcessed {
        /// The stream.
        stream_id: Arc<str>,
        /// The fragment.
        fragment_id: Arc<str>,
        /// Its place.
        sequence_number: u64,
        /// Where it stands in a distributed trace.
        trace: Option<TraceContext>,
        /// How it fared.
        status: FragmentStatus,
        /// What each stage took.
        timings: StageTimings,
        /// From acceptance to emission.
        processing: Duration,
        /// Where and why, if it failed.
        failure: Option<(Stage, ErrorCode)>,
        /// Fragments of the stream now in flight.
        in_flight: usize,
    },
    /// Sequence numbers never came and were given up.
    GapSkipped {
        /// The stream.
        stream_id: Arc<str>,
        /// How many.
        count: usize,
    },
    /// A stream's level of load changed.
    BackpressureChanged {
        /// The stream.
        stream_id: Arc<str>,
        /// The new level.
        severity: Severity,
        /// Fragments in flight.
        in_flight: usize,
    },
    /// A stage's worker is warm.
    WorkerReady {
        /// The stage.
        stage: Stage,
        /// The engine's name.
        engine: String,
        /// How long building it took.
        started_in: Duration,
    },
    /// An operator had a stage's workers replaced.
    StageRestarted {
        /// The stage.
        stage: Stage,
        /// How many.
        replaced: usize,
        /// From the command to the last warm worker.
        took: Duration,
    },
    /// An operator changed a stage's number of workers.
    StageScaled {
        /// The stage.
        stage: Stage,
        /// Before.
        from: usize,
        /// Now.
        to: usize,
    },
    /// An operator had a stage's jobs held back, or handed out again.
    StagePaused {
        /// The stage.
        stage: Stage,
        /// Held back.
        paused: bool,
    },
    /// So many of a stage's threads are stuck that the process can no longer be trusted to serve.
    StageHopeless {
        /// The stage.
        stage: Stage,
        /// How many.
        threads: usize,
    },
    /// The device of a stage's engines stays away: new ones are built on the other one.
    StageFailedOver {
        /// The stage.
        stage: Stage,
        /// Why the last engine was lost or could not be built: a sentence.
        error: String,
    },
    /// A stage's engines are on the device that was chosen again.
    StageFailedBack {
        /// The stage.
        stage: Stage,
    },
    /// An actor panicked: nobody does its work any more.
    ActorLost {
        /// Its name.
        actor: String,
        /// What it was.
        kind: ActorKind,
        /// A sentence.
        error: String,
    },
    /// A stage lost a worker.
    WorkerLost {
        /// The stage.
        stage: Stage,
        /// As `panic`, `poisoned`, `stuck`, `cannot_start`.
        reason: &'static str,
        /// A sentence.
        error: String,
    },
    /// An engine behind a circuit breaker is left alone from now on, tried with one call, or used again.
    BreakerChanged {
        /// The engine.
        engine: Arc<str>,
        /// `closed`, `half_open` or `open`.
        state: &'static str,
        /// The same as a number: 0, 1, 2.
        level: u8,
        /// A sentence.
        reason: String,
    },
    /// What a translator's account has been used for was asked.
    TranslatorUsed {
        /// The engine.
        engine: Arc<str>,
        /// Characters translated in the account's billing period.
        used: u64,
        /// Characters that may be.
        limit: u64,
    },
    /// A GPU can be read: it was unknown, or could not be read before.
    GpuFound {
        /// Its number on this machine.
        gpu: u32,
        /// Its model.
        name: String,
    },
    /// What a GPU is doing.
    GpuRead {
        /// Its number on this machine.
        gpu: u32,
        /// What was read.
        reading: GpuReading,
    },
    /// A GPU can no longer be read.
    GpuLost {
        /// Its number on this machine.
        gpu: u32,
        /// A sentence.
        error: String,
    },
    /// There is a driver, but no GPU can be read.
    GpusUnreadable {
        /// A sentence.
        error: String,
    },
    /// There is no GPU to watch.
    GpusAbsent {
        /// A sentence.
        reason: String,
    },
}

/// What came of asking for a shorter translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetranslationOutcome {
    /// The second fits, and was spoken.
    Fits,
    /// The second is too long as well, but shorter, and was spoken.
    Shorter,
    /// There was none, or none that is shorter; the first was spoken, if any.
    None,
}

impl RetranslationOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Fits, Self::Shorter, Self::None];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Shorter => "shorter",
            Self::None => "none",
        }
    }
}

/// What an event is about. Events of different kinds come at very different rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A fragment on its way; many a second.
    Fragment,
    /// A fragment that was refused or failed; any message of a stranger can cause one.
    Error,
    /// A stream's life.
    Stream,
    /// A stage and its workers; few, and each matters to an operator.
    Stage,
    /// A GPU, found or lost.
    Gpu,
    /// An actor, lost.
    Actor,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Fragment, Self::Error, Self::Stream, Self::Stage, Self::Gpu, Self::Actor];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fragment => "fragment",
            Self::Error => "error",
            Self::Stream => "stream",
            Self::Stage => "stage",
            Self::Gpu => "gpu",
            Self::Actor => "actor",
        }
    }
}

impl LifecycleEvent {
    /// What it is about.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::WorkerConnected { .. }
            | Self::WorkerDisconnected { .. }
            | Self::StreamOpened { .. }
            | Self::StreamChanged { .. }
            | Self::StreamAttached { .. }
            | Self::StreamDetached { .. }
            | Self::StreamClosed { .. } => EventKind::Stream,
            Self::Refused { .. }
            | Self::FragmentRefused { .. }
            | Self::GapSkipped { .. }
            | Self::StageFinished { failure: Some(_), .. }
            | Self::FragmentProcessed { failure: Some(_), .. } => EventKind::Error,
            Self::FragmentReceived { .. }
            | Self::StageStarted { .. }
            | Self::StageFinished { failure: None, .. }
            | Self::Retranslated { .. }
            | Self::FragmentProcessed { failure: None, .. }
            | Self::BackpressureChanged { .. } => EventKind::Fragment,
            Self::Draining
            | Self::WorkerReady { .. }
            | Self::StageRestarted { .. }
            | Self::StageScaled { .. }
            | Self::StagePaused { .. }
            | Self::StageHopeless { .. }
            | Self::StageFailedOver { .. }
            | Self::StageFailedBack { .. }
            | Self::BreakerChanged { .. }
            | Self::TranslatorUsed { .. }
            | Self::WorkerLost { .. } => EventKind::Stage,
            Self::ActorLost { .. } => EventKind::Actor,
            Self::GpuFound { .. }
            | Self::GpuRead { .. }
            | Self::GpuLost { .. }
            | Self::GpusUnreadable { .. }
            | Self::GpusAbsent { .. } => EventKind::Gpu,
        }
    }

    /// Whether it may be dropped where there is no room for it. Most events are as few as the work that is let in and must
    /// not be lost; of those that any message of a stranger can cause, the ones that the receiver has no room for are.
    fn may_be_dropped(&self) -> bool {
        matches!(self, Self::FragmentRefused { .. } | Self::Refused { .. })
    }
}
