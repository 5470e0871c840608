//! Events as names and fields, for whoever passes them on as JSON. The fields are named as the wire and the log do.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sts_protocol::{ErrorCode, Stage};

use super::LifecycleEvent;

/// Characters of an error's message that are told.
const MESSAGE_LIMIT: usize = 300;

impl LifecycleEvent {
    /// Its name, and what belongs to it; never what was said.
    pub fn describe(&self) -> (&'static str, Map<String, Value>) {
        let (name, fields) = match self {
            Self::WorkerConnected { stream_id, worker_id, address, connections } => (
                "worker_connected",
                json!({"stream_id": **stream_id, "worker_id": **worker_id, "address": address,
                    "connections": connections}),
            ),
            Self::WorkerDisconnected { stream_id, worker_id, reason, connections } => (
                "worker_disconnected",
                json!({"stream_id": **stream_id, "worker_id": **worker_id, "reason": reason,
                    "connections": connections}),
            ),
            Self::Refused { what, code } => ("refused", json!({"what": what, "error": error(None, *code)})),
            Self::Draining => ("draining", json!({})),
            Self::StreamOpened { stream_id, worker_id } => {
                ("stream_opened", json!({"stream_id": **stream_id, "worker_id": **worker_id}))
            }
            Self::StreamAttached { stream_id, worker_id } => {
                ("stream_attached", json!({"stream_id": **stream_id, "worker_id": **worker_id}))
            }
            Self::StreamDetached { stream_id } => ("stream_detached", json!({"stream_id": **stream_id})),
            Self::StreamChanged { stream_id, state } => {
                ("stream_changed", json!({"stream_id": **stream_id, "state": state}))
            }
            Self::StreamClosed { stream_id, reason } => {
                ("stream_closed", json!({"stream_id": **stream_id, "reason": reason}))
            }
            Self::FragmentReceived { stream_id, fragment_id, sequence_number, in_flight, .. } => {
                let mut fields = of_fragment(stream_id, fragment_id, *sequence_number);
                fields["in_flight"] = json!(in_flight);
                ("fragment_received", fields)
            }
            Self::FragmentRefused { stream_id, fragment_id, sequence_number, code } => {
                let mut fields = of_fragment(stream_id, fragment_id, *sequence_number);
                fields["error"] = error(None, *code);
                ("fragment_refused", fields)
            }
            Self::StageStarted { stage, stream_id, fragment_id, sequence_number, queued, .. } => {
                let mut fields = of_fragment(stream_id, fragment_id, *sequence_number);
                fields["stage"] = json!(stage);
                fields["queued_ms"] = json!(milliseconds(*queued));
                ("stage_started", fields)
            }
            Self::StageFinished {
                stage,
                stream_id,
                fragment_id,
                sequence_number,
                queued,
                worked,
                batch,
                failure,
                ..
            } => {
                let mut fields = of_fragment(stream_id, fragment_id, *sequence_number);
                fields["stage"] = json!(stage);
                fields["queued_ms"] = json!(milliseconds(*queued));
                fields["worked_ms"] = json!(milliseconds(*worked));
                fields["batch"] = json!(batch);
                match failure {
                    None => ("stage_finished", fields),
                    Some(code) => {
                        fields["error"] = error(Some(*stage), *code);
                        ("stage_failed", fields)
                    }
                }
            }
            Self::Retranslated {
                stream_id, fragment_id, sequence_number, predicted_ms, wanted_ms, outcome, ..
            } => {
                let mut fields = of_fragment(stream_id, fragment_id, *sequence_number);
                fields["predicted_ms"] = json!(predicted_ms.round());
                fields["wanted_ms"] = json!(wanted_ms.round());
                fields["outcome"] = json!(outcome.as_str());
                ("fragment_retranslated", fields)
            }
            Self::FragmentProcessed {
                stream_id,
                fragment_id,
                sequence_number,
                status,
                processing,
                failure,
                in_flight,
                ..
            } => {
                let mut fields = of_fragment(stream_id, fragment_id, *sequence_number);
                fields["status"] = json!(status);
                fields["processing_time_ms"] = json!(milliseconds(*processing));
                fields["in_flight"] = json!(in_flight);
                if let Some((stage, code)) = failure {
                    fields["error"] = error(Some(*stage), *code);
                }
                ("fragment_processed", fields)
            }
            Self::GapSkipped { stream_id, count } => {
                ("sequence_numbers_skipped", json!({"stream_id": **stream_id, "count": count}))
            }
            Self::BackpressureChanged { stream_id, severity, in_flight } => (
                "backpressure",
                json!({"stream_id": **stream_id, "severity": severity, "action": severity.action(),
                    "in_flight": in_flight}),
            ),
            Self::WorkerReady { stage, engine, started_in } => {
                ("worker_ready", json!({"stage": stage, "engine": engine, "started_in_ms": milliseconds(*started_in)}))
            }
            Self::StageRestarted { stage, replaced, took } => {
                ("stage_restarted", json!({"stage": stage, "replaced": replaced, "took_ms": milliseconds(*took)}))
            }
            Self::StageScaled { stage, from, to } => ("stage_scaled", json!({"stage": stage, "from": from, "to": to})),
            Self::StagePaused { stage, paused } => {
                (if *paused { "stage_paused" } else { "stage_resumed" }, json!({"stage": stage}))
            }
            Self::StageHopeless { stage, threads } => ("stage_hopeless", json!({"stage": stage, "threads": threads})),
            Self::StageFailedOver { stage, error } => {
                ("stage_failed_over", json!({"stage": stage, "error": {"message": shown(error)}}))
            }
            Self::StageFailedBack { stage } => ("stage_failed_back", json!({"stage": stage})),
            Self::ActorLost { actor, kind, error } => {
                ("actor_lost", json!({"actor": actor, "actor_kind": kind, "error": {"message": shown(error)}}))
            }
            Self::WorkerLost { stage, reason, error } => {
                ("worker_lost", json!({"stage": stage, "reason": reason, "error": {"message": shown(error)}}))
            }
            Self::BreakerChanged { engine, state, reason, .. } => {
                ("breaker_changed", json!({"engine": **engine, "breaker": state, "reason": shown(reason)}))
            }
            Self::TranslatorUsed { engine, used, limit } => {
                ("translator_used", json!({"engine": **engine, "characters_used": used, "characters_limit": limit}))
            }
            Self::GpuFound { gpu, name } => ("gpu_found", json!({"gpu": gpu, "name": name})),
            Self::GpuRead { gpu, reading } => ("gpu_read", json!({"gpu": gpu, "reading": reading})),
            Self::GpuLost { gpu, error } => ("gpu_lost", json!({"gpu": gpu, "error": {"message": shown(error)}})),
            Self::GpusUnreadable { error } => ("gpus_unreadable", json!({"error": {"message": shown(error)}})),
            Self::GpusAbsent { reason } => ("gpus_absent", json!({"reason": shown(reason)})),
        };
        match fields {
            Value::Object(fields) => (name, fields),
            _ => unreachable!("each of these is an object"),
        }
    }
}

fn shown(message: &str) -> String {
    message.chars().take(MESSAGE_LIMIT).collect()
}

fn of_fragment(stream_id: &str, fragment_id: &str, sequence_number: u64) -> Value {
    json!({"stream_id": stream_id, "fragment_id": fragment_id, "sequence_number": sequence_number})
}

fn error(stage: Option<Stage>, code: ErrorCode) -> Value {
    let mut error = json!({"code": code, "retryable": code.retryable()});
    if let Some(stage) = stage {
        error["stage"] = json!(stage);
    }
    error
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
