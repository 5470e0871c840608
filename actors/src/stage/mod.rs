//! A stage of the pipeline: a bounded queue that is fair between streams, worker threads that own an engine each,
//! and a supervisor that replaces a worker which failed, or that an operator wants replaced.
//!
//! | file | concept |
//! | --- | --- |
//! | `queue.rs` | the queue between streams and workers |
//! | `ticket.rs` | the promise behind a job |
//! | `worker.rs` | the thread that owns an engine |
//! | `source.rs` | what builds engines, and what does when their device stays away |
//! | `seat.rs` | what supervisor and thread share |
//! | `post.rs`, `supervisor.rs` | places for workers, and the actor that keeps them filled |
//! | `commands.rs`, `rollout.rs` | what an operator can ask for, and how it is done |
//! | `state.rs`, `figures.rs` | what can be read from any thread |

mod commands;
mod figures;
mod post;
mod queue;
mod rollout;
mod seat;
mod source;
mod state;
mod supervisor;
mod ticket;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use sts_protocol::{ErrorCode, Stage};

pub use commands::{
    CommandError, MAX_WORKERS, Observe, Restart, RestartMode, Restarted, Scale, Scaled, SetPaused, StageObservation,
    WorkerObservation,
};
pub use figures::{Latencies, Spread};
pub use queue::{Batch, FairQueue, Full, Place};
pub use source::{EngineSource, Fallback};
pub use state::StageState;
pub use supervisor::{StageSupervisor, start};
pub use ticket::{Cancellation, Reply, StageReport, Started, Ticket};

/// Why a stage could not do one job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct StageFailure {
    /// What the worker client will see.
    pub code: ErrorCode,
    /// A sentence for a person.
    pub message: String,
    /// Whether the engine can no longer be trusted and must be built anew; the job is then tried again.
    pub poisons: bool,
}

impl StageFailure {
    /// A failure that leaves the engine sound.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), poisons: false }
    }
}

/// An engine as a stage sees it. It is built, used and dropped on one thread.
pub trait StageEngine<I, O> {
    /// Its name, for `stream:ready` and reports.
    fn name(&self) -> String;
    /// Does a batch; the answer has one entry an input, in the same order.
    fn process(&mut self, batch: &[I]) -> Vec<Result<O, StageFailure>>;
}

/// Builds an engine on the thread that will own it, warmed up; the error is a sentence.
pub type EngineFactory<I, O> = Arc<dyn Fn() -> Result<Box<dyn StageEngine<I, O>>, String> + Send + Sync>;

/// How a stage is run.
#[derive(Clone, Debug)]
pub struct StageConfig {
    /// Which one.
    pub stage: Stage,
    /// Worker threads, each with its own engine.
    pub workers: usize,
    /// Most jobs that a worker takes at once.
    pub max_batch: usize,
    /// How long a worker waits for a batch to fill once it has one job.
    pub linger: Duration,
    /// Most jobs that may wait.
    pub queue_capacity: usize,
    /// How long a job may be worked on before it is answered with `TIMEOUT`.
    pub timeout: Duration,
    /// How long the building of an engine may take before its thread is left behind.
    pub start_timeout: Duration,
    /// How many threads may be stuck before the stage is called hopeless.
    pub max_abandoned_threads: usize,
    /// How often a job that lost its worker is tried again.
    pub retries: u32,
    /// Niceness of the worker threads, 0 to 19, so that inference never delays an acknowledgement.
    pub nice: i32,
}

/// A job on its way through a stage.
pub struct Job<I, O> {
    /// Which stream it is for; the queue is fair between these.
    pub stream: u64,
    /// What to do.
    pub input: I,
    /// Who wants to know.
    pub ticket: Arc<Ticket<O>>,
    /// How many workers it has cost already.
    pub attempts: u32,
}

impl<I, O> Job<I, O> {
    fn new(stream: u64, input: I, ticket: Ticket<O>) -> Self {
        Self { stream, input, ticket: Arc::new(ticket), attempts: 0 }
    }
}

impl<I, O> Place<Job<I, O>> {
    /// Puts a job into the place that was kept for it; its reply comes later, exactly once.
    pub fn submit(self, stream: u64, input: I, ticket: Ticket<O>) {
        self.fill(stream, Job::new(stream, input, ticket));
    }
}

/// How much a stage has to do, and who is there to do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageLoad {
    /// Which stage.
    pub stage: Stage,
    /// The engine's name; empty until one was built.
    pub engine: String,
    /// Jobs that wait.
    pub queue_depth: usize,
    /// Most that may.
    pub queue_capacity: usize,
    /// How long the one that waits longest has waited.
    pub oldest_job: Option<Duration>,
    /// Whether they are held back.
    pub is_paused: bool,
    /// Workers that are warm and alive.
    pub workers_ready: usize,
    /// Workers that there should be.
    pub workers_wanted: usize,
    /// Threads that are stuck and were left behind.
    pub stuck_threads: usize,
}

/// The way into a stage.
pub struct StageHandle<I, O> {
    /// Which stage.
    pub stage: Stage,
    queue: Arc<FairQueue<Job<I, O>>>,
    state: Arc<StageState>,
}

impl<I, O> Clone for StageHandle<I, O> {
    fn clone(&self) -> Self {
        Self { stage: self.stage, queue: Arc::clone(&self.queue), state: Arc::clone(&self.state) }
    }
}

impl<I, O> StageHandle<I, O> {
    /// Puts a job into the queue; its reply comes later, exactly once.
    ///
    /// # Errors
    /// `SERVICE_OVERLOADED` when the queue is full.
    pub fn submit(&self, stream: u64, input: I, ticket: Ticket<O>) -> Result<(), StageFailure> {
        let job = Job::new(stream, input, ticket);
        self.queue.push(stream, job).map_err(|Full| {
            let message = format!("the {} queue is full", self.stage.as_str());
            StageFailure::new(ErrorCode::ServiceOverloaded, message)
        })
    }

    /// Keeps a place for a job that is yet to come; `None` when the queue is full.
    pub fn reserve(&self) -> Option<Place<Job<I, O>>> {
        self.queue.reserve().ok()
    }

    /// How much it has to do, and who is there to do it.
    pub fn load(&self) -> StageLoad {
        StageLoad {
            stage: self.stage,
            engine: self.engine_name(),
            queue_depth: self.queue.depth(),
            queue_capacity: self.queue.capacity(),
            oldest_job: self.queue.oldest_age(),
            is_paused: self.queue.is_paused(),
            workers_ready: self.state.ready_workers(),
            workers_wanted: self.state.workers_wanted(),
            stuck_threads: self.state.abandoned_threads(),
        }
    }

    /// Jobs waiting.
    pub fn depth(&self) -> usize {
        self.queue.depth()
    }

    /// Workers that are warm and alive.
    pub fn ready_workers(&self) -> usize {
        self.state.ready_workers()
    }

    /// Name of the engine, once a worker is ready.
    pub fn engine_name(&self) -> String {
        self.state.engine_name()
    }

    /// Why the last worker could not start or died, if one did.
    pub fn last_error(&self) -> Option<String> {
        self.state.last_error()
    }
}
