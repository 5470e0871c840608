//! Lifecycle events as log lines.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use slog::{KV, Logger, Record, Serializer, debug, info, warn};
use sts_actors::events::LifecycleEvent;
use sts_actors::registry::{ActorKind, Listing, Mailbox, Observed, Registration, Registry};
use sts_actors::takes_letters;
use sts_protocol::{ErrorCode, Stage, StageTimings, TraceContext};

/// Listens to lifecycle events and logs them.
pub struct EventLog {
    log: Logger,
    _registration: Registration,
    /// The worker of each stream that is open, and how many streams of that name are.
    workers: HashMap<Arc<str>, (Arc<str>, usize)>,
}

/// Bursts of events wait here: slog takes them quickly, but not always at once.
const MAILBOX: usize = 4_096;

impl EventLog {
    /// Starts it.
    pub fn start_in(registry: &Registry, log: Logger) -> Mailbox<Self> {
        let listing = Listing::new("event-log", ActorKind::Subscriber, MAILBOX);
        registry.start(listing, |registration| Self { log, _registration: registration, workers: HashMap::new() })
    }

    /// Notes who feeds a stream, so that all that is told of it can say so.
    fn note_worker(&mut self, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::StreamOpened { stream_id, worker_id } => {
                let entry = self.workers.entry(Arc::clone(stream_id)).or_insert_with(|| (Arc::clone(worker_id), 0));
                *entry = (Arc::clone(worker_id), entry.1 + 1);
            }
            LifecycleEvent::StreamAttached { stream_id, worker_id } => {
                if let Some(entry) = self.workers.get_mut(stream_id) {
                    entry.0 = Arc::clone(worker_id);
                }
            }
            _ => {}
        }
    }

    fn forget_worker(&mut self, event: &LifecycleEvent) {
        let LifecycleEvent::StreamClosed { stream_id, .. } = event else { return };
        let Some(entry) = self.workers.get_mut(stream_id) else { return };
        entry.1 -= 1;
        if entry.1 == 0 {
            self.workers.remove(stream_id);
        }
    }

    fn stream<'a>(&'a self, stream_id: &'a str) -> About<'a> {
        let worker_id = self.workers.get(stream_id).map(|(worker_id, _)| &**worker_id);
        About { stream_id, worker_id, fragment: None, trace: None }
    }

    fn log(&self, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::WorkerConnected { .. }
            | LifecycleEvent::WorkerDisconnected { .. }
            | LifecycleEvent::Refused { .. }
            | LifecycleEvent::Draining => self.log_service(event),
            LifecycleEvent::StreamOpened { .. }
            | LifecycleEvent::StreamAttached { .. }
            | LifecycleEvent::StreamDetached { .. }
            | LifecycleEvent::StreamChanged { .. }
            | LifecycleEvent::StreamClosed { .. }
            | LifecycleEvent::GapSkipped { .. }
            | LifecycleEvent::BackpressureChanged { .. } => self.log_stream(event),
            LifecycleEvent::FragmentReceived { .. }
            | LifecycleEvent::FragmentRefused { .. }
            | LifecycleEvent::StageStarted { .. }
            | LifecycleEvent::StageFinished { .. }
            | LifecycleEvent::Retranslated { .. }
            | LifecycleEvent::FragmentProcessed { .. } => self.log_fragment(event),
            _ => self.log_machine(event),
        }
    }

    fn log_service(&self, event: &LifecycleEvent) {
        let log = &self.log;
        match event {
            LifecycleEvent::WorkerConnected { stream_id, worker_id, address, connections } => {
                info!(log, "worker connected"; "stream_id" => %stream_id, "worker_id" => %worker_id,
                    "address" => address.map(|address| address.to_string()), "connections" => connections);
            }
            LifecycleEvent::WorkerDisconnected { stream_id, worker_id, reason, connections } => {
                info!(log, "worker disconnected"; "stream_id" => %stream_id, "worker_id" => %worker_id,
                    "reason" => reason, "connections" => connections);
            }
            // As many as a stranger likes to send: they are counted, and told of only to who looks closely.
            LifecycleEvent::Refused { what, code } => {
                debug!(log, "{} refused", what; Error(None, *code));
            }
            LifecycleEvent::Draining => info!(log, "draining"),
            _ => {}
        }
    }

    fn log_stream(&self, event: &LifecycleEvent) {
        let log = &self.log;
        match event {
            LifecycleEvent::StreamOpened { stream_id, .. } => info!(log, "stream opened"; self.stream(stream_id)),
            LifecycleEvent::StreamAttached { stream_id, .. } => info!(log, "stream resumed"; self.stream(stream_id)),
            LifecycleEvent::StreamDetached { stream_id } => {
                info!(log, "stream lost its connection"; self.stream(stream_id));
            }
            LifecycleEvent::StreamChanged { stream_id, state } => {
                info!(log, "stream is now {}", state; self.stream(stream_id));
            }
            LifecycleEvent::StreamClosed { stream_id, reason } => {
                info!(log, "stream closed"; self.stream(stream_id), "reason" => reason);
            }
            LifecycleEvent::GapSkipped { stream_id, count } => {
                warn!(log, "sequence numbers given up"; self.stream(stream_id), "count" => count);
            }
            LifecycleEvent::BackpressureChanged { stream_id, severity, in_flight } => {
                info!(log, "backpressure"; self.stream(stream_id), "in_flight" => in_flight,
                    "severity" => severity.as_str(), "action" => severity.action().as_str());
            }
            _ => {}
        }
    }

    fn log_fragment(&self, event: &LifecycleEvent) {
        let log = &self.log;
        match event {
            LifecycleEvent::FragmentReceived { stream_id, fragment_id, sequence_number, trace, in_flight } => {
                let about = self.stream(stream_id).fragment(fragment_id, *sequence_number, *trace);
                info!(log, "fragment received"; about, "in_flight" => in_flight);
            }
            LifecycleEvent::FragmentRefused { stream_id, fragment_id, sequence_number, code } => {
                let about = self.stream(stream_id).fragment(fragment_id, *sequence_number, None);
                warn!(log, "fragment refused"; about, Error(None, *code));
            }
            LifecycleEvent::StageStarted { stage, stream_id, fragment_id, sequence_number, trace, queued } => {
                let about = self.stream(stream_id).fragment(fragment_id, *sequence_number, *trace);
                info!(log, "stage started"; about, "stage" => stage.as_str(), "queue_ms" => milliseconds(*queued));
            }
            LifecycleEvent::StageFinished {
                stage,
                stream_id,
                fragment_id,
                sequence_number,
                trace,
                queued,
                worked,
                failure,
                ..
            } => {
                let about = self.stream(stream_id).fragment(fragment_id, *sequence_number, *trace);
                let mut timings = StageTimings::default();
                timings.record(*stage, milliseconds(*queued), milliseconds(*worked));
                let times = Durations(&timings);
                match failure {
                    None => info!(log, "stage finished"; about, times, "stage" => stage.as_str()),
                    Some(code) => warn!(log, "stage failed"; about, times, Error(Some(*stage), *code)),
                }
            }
            LifecycleEvent::Retranslated {
                stream_id,
                fragment_id,
                sequence_number,
                trace,
                predicted_ms,
                wanted_ms,
                outcome,
            } => {
                let about = self.stream(stream_id).fragment(fragment_id, *sequence_number, *trace);
                info!(log, "translation was too long"; about, "predicted_ms" => predicted_ms.round(),
                    "wanted_ms" => wanted_ms.round(), "outcome" => outcome.as_str());
            }
            LifecycleEvent::FragmentProcessed {
                stream_id,
                fragment_id,
                sequence_number,
                trace,
                status,
                timings,
                processing,
                failure,
                in_flight,
            } => {
                let about = self.stream(stream_id).fragment(fragment_id, *sequence_number, *trace);
                let (times, processing) = (Durations(timings), milliseconds(*processing));
                let status = status.as_str();
                match failure {
                    None => info!(log, "fragment finished"; about, times, "status" => status,
                        "processing_time_ms" => processing, "in_flight" => in_flight),
                    Some((stage, code)) => warn!(log, "fragment failed"; about, times, "status" => status,
                        "processing_time_ms" => processing, "in_flight" => in_flight, Error(Some(*stage), *code)),
                }
            }
            _ => {}
        }
    }

    fn log_machine(&self, event: &LifecycleEvent) {
        let log = &self.log;
        match event {
            LifecycleEvent::StageRestarted { stage, replaced, took } => {
                info!(log, "stage restarted"; "stage" => stage.as_str(), "workers" => replaced,
                    "took_ms" => milliseconds(*took));
            }
            LifecycleEvent::StageScaled { stage, from, to } => {
                info!(log, "stage scaled"; "stage" => stage.as_str(), "from" => from, "to" => to);
            }
            LifecycleEvent::StagePaused { stage, paused } => {
                info!(log, "stage paused or resumed"; "stage" => stage.as_str(), "paused" => paused);
            }
            LifecycleEvent::StageHopeless { stage, threads } => {
                slog::crit!(log, "too many threads of a stage are stuck; the service drains";
                    "stage" => stage.as_str(), "threads" => threads);
            }
            LifecycleEvent::WorkerReady { stage, engine, started_in } => {
                info!(log, "worker ready"; "stage" => stage.as_str(), "engine" => engine,
                    "started_in_ms" => milliseconds(*started_in));
            }
            LifecycleEvent::ActorLost { actor, kind, error } => {
                slog::crit!(log, "an actor is lost"; "actor" => actor, "kind" => kind.as_str(), "error" => error);
            }
            LifecycleEvent::WorkerLost { stage, reason, error } => {
                warn!(log, "worker lost"; "stage" => stage.as_str(), "reason" => reason, "error" => error);
            }
            LifecycleEvent::StageFailedOver { stage, error } => {
                slog::error!(log, "the stage's device stays away; its engines are built on the CPU";
                    "stage" => stage.as_str(), "error" => error);
            }
            LifecycleEvent::StageFailedBack { stage } => {
                info!(log, "the stage is on its first device again"; "stage" => stage.as_str());
            }
            LifecycleEvent::BreakerChanged { engine, state, level, reason } => {
                if *level == 0 {
                    info!(log, "translator in use"; "engine" => %engine, "breaker" => state, "reason" => reason);
                } else {
                    warn!(log, "translator left alone or tried"; "engine" => %engine, "breaker" => state, "reason" => reason);
                }
            }
            LifecycleEvent::TranslatorUsed { engine, used, limit } => {
                info!(log, "translator's usage"; "engine" => %engine, "characters_used" => used, "characters_limit" => limit);
            }
            LifecycleEvent::GpuFound { gpu, name } => info!(log, "gpu found"; "gpu" => gpu, "name" => name),
            LifecycleEvent::GpuLost { gpu, error } => warn!(log, "gpu lost"; "gpu" => gpu, "error" => error),
            LifecycleEvent::GpusUnreadable { error } => warn!(log, "gpus cannot be read"; "error" => error),
            LifecycleEvent::GpusAbsent { reason } => info!(log, "no gpu is watched"; "reason" => reason),
            _ => {}
        }
    }
}

impl Actor for EventLog {
    type Context = Context<Self>;
}

impl Observed for EventLog {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({"streams": self.workers.len()})
    }
}

takes_letters!(EventLog);

impl Handler<LifecycleEvent> for EventLog {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        self.note_worker(&event);
        self.log(&event);
        self.forget_worker(&event);
    }
}

/// What a line is about.
struct About<'a> {
    stream_id: &'a str,
    worker_id: Option<&'a str>,
    fragment: Option<(&'a str, u64)>,
    trace: Option<TraceContext>,
}

impl<'a> About<'a> {
    fn fragment(self, fragment_id: &'a str, sequence_number: u64, trace: Option<TraceContext>) -> Self {
        Self { fragment: Some((fragment_id, sequence_number)), trace, ..self }
    }
}

impl KV for About<'_> {
    fn serialize(&self, _: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        serializer.emit_str("stream_id", self.stream_id)?;
        if let Some(worker_id) = self.worker_id {
            serializer.emit_str("worker_id", worker_id)?;
        }
        if let Some((fragment_id, sequence_number)) = self.fragment {
            serializer.emit_str("fragment_id", fragment_id)?;
            serializer.emit_u64("sequence_number", sequence_number)?;
        }
        match self.trace {
            Some(trace) => serializer.emit_arguments("trace_id", &format_args!("{trace}")),
            None => Ok(()),
        }
    }
}

/// The stages' work, of those that ran.
struct Durations<'a>(&'a StageTimings);

impl KV for Durations<'_> {
    fn serialize(&self, _: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        let names = ["asr_duration_ms", "translation_duration_ms", "tts_duration_ms"];
        for (stage, name) in Stage::ALL.into_iter().zip(names) {
            if let Some(work_ms) = self.0.work_ms(stage) {
                serializer.emit_f64(name, (work_ms * 10.0).round() / 10.0)?;
            }
        }
        Ok(())
    }
}

/// What went wrong, and in which stage if it was one.
struct Error(Option<Stage>, ErrorCode);

impl KV for Error {
    fn serialize(&self, _: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        if let Some(stage) = self.0 {
            serializer.emit_str("error.stage", stage.as_str())?;
        }
        serializer.emit_str("error.code", self.1.as_str())?;
        serializer.emit_bool("error.retryable", self.1.retryable())
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
