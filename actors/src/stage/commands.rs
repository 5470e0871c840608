//! What an operator can ask of a stage, and what can be seen of it.

use std::collections::BTreeMap;

use actix::Message;
use serde::Serialize;
use sts_protocol::Stage;

use super::EngineSource;
use super::figures::Latencies;

/// Most workers that a stage may be given.
pub const MAX_WORKERS: usize = 64;

/// How workers are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RestartMode {
    /// One after the other: the new one is warm before the old one goes. Needs memory for one more.
    Rolling,
    /// All at once, each as soon as it has finished what it holds; until the new ones are warm, jobs wait.
    All,
}

/// Why a stage did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Workers are being replaced or started already.
    #[error("workers of the {} stage are being replaced or started; try again when they are ready", .0.as_str())]
    Busy(Stage),
    /// The number of workers is not 1 to [`MAX_WORKERS`].
    #[error("workers must be 1 to {MAX_WORKERS}, not {0}")]
    Workers(usize),
    /// A new worker could not start. After a rolling restart the old ones are at work as before.
    #[error("a new worker could not start: {0}")]
    CannotStart(String),
    /// The stage ended meanwhile.
    #[error("the stage has ended")]
    Gone,
}

/// Replaces every worker; answered once all new ones are warm. A stage that has gone over to another device comes back
/// to its first one, if that is there.
pub struct Restart<I, O> {
    /// How.
    pub mode: RestartMode,
    /// What new workers are built by from now on; as before when there is none. It is dropped again when the first
    /// worker that it builds cannot start.
    pub source: Option<EngineSource<I, O>>,
}

impl<I, O> Message for Restart<I, O> {
    type Result = Result<Restarted, CommandError>;
}

/// What a restart did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Restarted {
    /// How.
    pub mode: RestartMode,
    /// Workers that were replaced.
    pub replaced: usize,
    /// How long it took, ms.
    pub took_ms: f64,
}

/// Sets the number of workers; those that are too many finish what they hold.
#[derive(Message)]
#[rtype(result = "Result<Scaled, CommandError>")]
pub struct Scale(pub usize);

/// What scaling did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Scaled {
    /// Workers wanted before.
    pub from: usize,
    /// Workers wanted now; new ones are getting warm.
    pub to: usize,
}

/// Stops or goes on handing jobs to workers. Jobs are taken in all the same, until the queue is full; those that wait
/// too long for their stream's patience fail as they would behind a slow worker.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SetPaused(pub bool);

/// Asks how the stage is.
#[derive(Message)]
#[rtype(result = "StageObservation")]
pub struct Observe;

/// How a stage is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageObservation {
    /// Which one.
    pub stage: Stage,
    /// The engine's name, once one was built.
    pub engine: String,
    /// Whether jobs are held back.
    pub paused: bool,
    /// Whether workers are being replaced.
    pub restarting: bool,
    /// Jobs that wait.
    pub queue_depth: usize,
    /// Most that may.
    pub queue_capacity: usize,
    /// How long the one that waits longest has waited, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_job_ms: Option<f64>,
    /// Workers wanted.
    pub workers_wanted: usize,
    /// Workers that are warm and alive.
    pub workers_ready: usize,
    /// Each of them.
    pub workers: Vec<WorkerObservation>,
    /// Threads that are stuck and were left behind.
    pub abandoned_threads: usize,
    /// The device that was chosen stays away, and new engines are built on the other one.
    pub failed_over: bool,
    /// Workers lost since the start, by reason.
    pub restarts: BTreeMap<&'static str, u64>,
    /// Why the last worker was lost or could not start; gone once another is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What the last jobs took.
    pub latencies: Latencies,
}

/// How a worker is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkerObservation {
    /// Its number, unique in the stage.
    pub worker: u64,
    /// `starting`, `ready`, `waiting` (for its turn to start) or `retiring`.
    pub status: &'static str,
    /// For how long, ms.
    pub status_ms: f64,
    /// For how long it has been at work on what it holds, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_ms: Option<f64>,
    /// Batches that it has got through.
    pub batches: u64,
}
