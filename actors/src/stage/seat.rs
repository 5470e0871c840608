//! What the supervisor and a worker's thread both see of the worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{StageFailure, Ticket};

/// Shared between the supervisor and one thread.
pub(super) struct Seat<O> {
    running: Mutex<Option<Running<O>>>,
    /// Nobody waits for the thread any more: it is stuck, and another has its place.
    abandoned: AtomicBool,
    /// The thread is to end once it has finished what it holds.
    retiring: AtomicBool,
    batches: AtomicU64,
}

struct Running<O> {
    since: Instant,
    tickets: Vec<Arc<Ticket<O>>>,
}

impl<O> Seat<O> {
    pub(super) fn new() -> Self {
        Self {
            running: Mutex::new(None),
            abandoned: AtomicBool::new(false),
            retiring: AtomicBool::new(false),
            batches: AtomicU64::new(0),
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running<O>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, since: Instant, tickets: Vec<Arc<Ticket<O>>>) {
        *self.running() = Some(Running { since, tickets });
    }

    pub(super) fn finish(&self) {
        *self.running() = None;
    }

    pub(super) fn has_done_a_batch(&self) {
        self.batches.fetch_add(1, Ordering::AcqRel);
    }

    /// Batches that the worker has got through.
    pub(super) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Acquire)
    }

    /// Since when the worker is at work; `None` when it waits for some.
    pub(super) fn busy_since(&self) -> Option<Instant> {
        self.running().as_ref().map(|running| running.since)
    }

    /// Answers every job in work for longer than `limit` with this failure, and says since when it was in work;
    /// `None` when idle.
    pub(super) fn answer_overdue(&self, limit: Duration, failure: &StageFailure) -> Option<Instant> {
        let running = self.running();
        let Running { since, tickets } = running.as_ref()?;
        if since.elapsed() >= limit {
            for ticket in tickets {
                ticket.answer(Err(failure.clone()), *since, tickets.len());
            }
        }
        Some(*since)
    }

    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Asks the thread to end; whoever does must wake the queue.
    pub(super) fn retire(&self) {
        self.retiring.store(true, Ordering::Release);
    }

    pub(super) fn is_to_leave(&self) -> bool {
        self.retiring.load(Ordering::Acquire) || self.is_abandoned()
    }
}
