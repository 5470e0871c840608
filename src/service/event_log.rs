//! Lifecycle events as log lines.

use std::time::Duration;

use actix::{Actor, Context, Handler};
use slog::{Logger, info, warn};
use sts_actors::events::LifecycleEvent;
use sts_actors::registry::{ActorKind, Listing, Mailbox, Observed, Registration, Registry};
use sts_actors::takes_letters;
use sts_protocol::Stage;

/// Listens to lifecycle events and logs them.
pub struct EventLog {
    log: Logger,
    _registration: Registration,
}

/// Bursts of events wait here: slog takes them quickly, but not always at once.
const MAILBOX: usize = 4_096;

impl EventLog {
    /// Starts it.
    pub fn start_in(registry: &Registry, log: Logger) -> Mailbox<Self> {
        let listing = Listing::new("event-log", ActorKind::Subscriber, MAILBOX);
        registry.start(listing, |registration| Self { log, _registration: registration })
    }
}

impl Actor for EventLog {
    type Context = Context<Self>;
}

impl Observed for EventLog {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({})
    }
}

takes_letters!(EventLog);

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

impl Handler<LifecycleEvent> for EventLog {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        let log = &self.log;
        match event {
            LifecycleEvent::StreamOpened { stream_id, worker_id } => {
                info!(log, "stream opened"; "stream_id" => %stream_id, "worker_id" => %worker_id);
            }
            LifecycleEvent::StreamAttached { stream_id, worker_id } => {
                info!(log, "stream resumed"; "stream_id" => %stream_id, "worker_id" => %worker_id);
            }
            LifecycleEvent::StreamDetached { stream_id } => {
                info!(log, "stream lost its connection"; "stream_id" => %stream_id);
            }
            LifecycleEvent::StreamClosed { stream_id, reason } => {
                info!(log, "stream closed"; "stream_id" => %stream_id, "reason" => reason);
            }
            LifecycleEvent::FragmentReceived { stream_id, fragment_id, sequence_number, in_flight } => {
                info!(log, "fragment received"; "stream_id" => %stream_id, "fragment_id" => %fragment_id,
                    "sequence_number" => sequence_number, "in_flight" => in_flight);
            }
            LifecycleEvent::FragmentRefused { stream_id, code } => {
                warn!(log, "fragment refused"; "stream_id" => %stream_id, "error.code" => code.as_str(),
                    "error.retryable" => code.retryable());
            }
            LifecycleEvent::StageFinished {
                stage, stream_id, fragment_id, sequence_number, worked, failure, ..
            } => {
                let key = match stage {
                    Stage::Asr => "asr_duration_ms",
                    Stage::Translation => "translation_duration_ms",
                    Stage::Tts => "tts_duration_ms",
                };
                let log = log
                    .new(slog::o!("stream_id" => stream_id.to_string(), "fragment_id" => fragment_id.to_string(),
                    "sequence_number" => sequence_number, key => milliseconds(worked)));
                match failure {
                    None => info!(log, "stage finished"; "stage" => stage.as_str()),
                    Some(code) => warn!(log, "stage failed"; "error.stage" => stage.as_str(),
                        "error.code" => code.as_str(), "error.retryable" => code.retryable()),
                }
            }
            LifecycleEvent::FragmentProcessed {
                stream_id, fragment_id, sequence_number, status, processing, ..
            } => {
                info!(log, "fragment finished"; "stream_id" => %stream_id, "fragment_id" => %fragment_id,
                    "sequence_number" => sequence_number, "status" => status.as_str(),
                    "processing_time_ms" => milliseconds(processing));
            }
            LifecycleEvent::GapSkipped { stream_id, count } => {
                warn!(log, "sequence numbers given up"; "stream_id" => %stream_id, "count" => count);
            }
            LifecycleEvent::BackpressureChanged { stream_id, severity, in_flight } => {
                info!(log, "backpressure"; "stream_id" => %stream_id, "in_flight" => in_flight,
                    "severity" => ?severity, "action" => ?severity.action());
            }
            LifecycleEvent::StageRestarted { stage, replaced, took } => {
                info!(log, "stage restarted"; "stage" => stage.as_str(), "workers" => replaced,
                    "took_ms" => milliseconds(took));
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
                info!(log, "worker ready"; "stage" => stage.as_str(), "engine" => engine, "started_in_ms" => milliseconds(started_in));
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
                if level == 0 {
                    info!(log, "translator in use"; "engine" => %engine, "breaker" => state, "reason" => reason);
                } else {
                    warn!(log, "translator left alone or tried"; "engine" => %engine, "breaker" => state, "reason" => reason);
                }
            }
            LifecycleEvent::TranslatorUsed { engine, used, limit } => {
                info!(log, "translator's usage"; "engine" => %engine, "characters_used" => used, "characters_limit" => limit);
            }
            LifecycleEvent::GpuFound { gpu, name } => info!(log, "gpu found"; "gpu" => gpu, "name" => name),
            LifecycleEvent::GpuRead { .. } => {}
            LifecycleEvent::GpuLost { gpu, error } => warn!(log, "gpu lost"; "gpu" => gpu, "error" => error),
            LifecycleEvent::GpusUnreadable { error } => warn!(log, "gpus cannot be read"; "error" => error),
            LifecycleEvent::GpusAbsent { reason } => info!(log, "no gpu is watched"; "reason" => reason),
        }
    }
}
