//! A place that a worker has, or is to have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::commands::WorkerObservation;
use super::seat::Seat;

/// How long a place stays empty after its worker was lost; doubled each time that a worker achieves nothing.
pub(super) const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// A place for one worker.
pub(super) struct Post<O> {
    /// The worker that has it, or had it last.
    pub(super) worker: u64,
    pub(super) seat: Arc<Seat<O>>,
    pub(super) status: Status,
    pub(super) since: Instant,
    pub(super) backoff: Duration,
    /// Its worker's engine is on the device that is left when the first one stays away.
    pub(super) on_fallback: bool,
}

/// What is going on at a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nobody is there: a worker was lost, and the next is not due yet.
    Waiting,
    /// An engine is being built.
    Starting,
    /// A worker takes jobs.
    Ready,
    /// The worker finishes what it holds; then the post is given up.
    Leaving,
    /// The same; then the post is filled anew.
    Changing,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Leaving | Self::Changing => "retiring",
        }
    }
}

impl<O> Post<O> {
    pub(super) fn vacant() -> Self {
        Self {
            worker: 0,
            seat: Arc::new(Seat::new()),
            status: Status::Waiting,
            since: Instant::now(),
            backoff: FIRST_BACKOFF,
            on_fallback: false,
        }
    }

    pub(super) fn set(&mut self, status: Status) {
        (self.status, self.since) = (status, Instant::now());
    }

    /// Notes that the worker was lost.
    ///
    /// Only workers that achieve nothing are replaced more and more slowly: one that a bad fragment has killed after it
    /// had served others must be back at once, or that fragment would hold up every stream.
    pub(super) fn vacate(&mut self) {
        let next = if self.seat.batches() > 0 { FIRST_BACKOFF } else { self.backoff * 2 };
        self.backoff = next.min(LAST_BACKOFF);
        self.set(Status::Waiting);
    }

    pub(super) fn observe(&self) -> WorkerObservation {
        let milliseconds = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
        WorkerObservation {
            worker: self.worker,
            status: self.status.as_str(),
            status_ms: milliseconds(self.since),
            busy_ms: self.seat.busy_since().map(milliseconds),
            batches: self.seat.batches(),
        }
    }
}
