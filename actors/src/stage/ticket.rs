//! The promise behind a job: it is answered exactly once, by whoever comes first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::StageFailure;

/// What came of a job.
#[derive(Debug)]
pub struct StageReport<O> {
    /// The output, or why there is none.
    pub result: Result<O, StageFailure>,
    /// How long the job waited.
    pub queued: Duration,
    /// How long it was worked on.
    pub worked: Duration,
    /// How many jobs were in its batch.
    pub batch: usize,
}

/// Takes the answer.
pub type Reply<O> = Box<dyn FnOnce(StageReport<O>) + Send>;

/// Told each time a worker begins with the job, and how long the job had waited by then.
pub type Started = Box<dyn Fn(Duration) + Send + Sync>;

/// Shared by all jobs of a stream: set when the stream is gone, so that its jobs cost nothing any more.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Gives up every job that carries this.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was given up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A job's reply, and the times that its report needs.
pub struct Ticket<O> {
    cancellation: Cancellation,
    queued_at: Instant,
    reply: Mutex<Option<Reply<O>>>,
    started: Option<Started>,
}

impl<O> Ticket<O> {
    /// A ticket for a job that enters the queue now.
    pub fn new(cancellation: Cancellation, reply: Reply<O>) -> Self {
        Self { cancellation, queued_at: Instant::now(), reply: Mutex::new(Some(reply)), started: None }
    }

    /// Has `started` told when a worker begins.
    pub fn telling(self, started: Started) -> Self {
        Self { started: Some(started), ..self }
    }

    pub(super) fn begin(&self, now: Instant) {
        if let Some(started) = &self.started {
            started(now.saturating_duration_since(self.queued_at));
        }
    }

    /// When the job entered the queue.
    pub fn queued_at(&self) -> Instant {
        self.queued_at
    }

    /// Answers, unless that was done already.
    pub fn answer(&self, result: Result<O, StageFailure>, started: Instant, batch: usize) {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reply) = reply {
            let queued = started.saturating_duration_since(self.queued_at);
            reply(StageReport { result, queued, worked: started.elapsed(), batch });
        }
    }

    /// Whether working on it would be a waste: its stream is gone, or it was answered.
    pub fn is_moot(&self) -> bool {
        self.cancellation.is_cancelled() || self.reply.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
