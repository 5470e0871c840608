//! What can be read of a stage from any thread.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::figures::Figures;

/// Written by the supervisor and the workers.
#[derive(Debug, Default)]
pub struct StageState {
    ready_workers: AtomicUsize,
    workers_wanted: AtomicUsize,
    abandoned_threads: AtomicUsize,
    batches: AtomicU64,
    engine_name: Mutex<String>,
    last_error: Mutex<Option<String>>,
    pub(super) figures: Figures,
}

impl StageState {
    pub(super) fn ready_workers(&self) -> usize {
        self.ready_workers.load(Ordering::Acquire)
    }

    pub(super) fn set_ready_workers(&self, count: usize) {
        self.ready_workers.store(count, Ordering::Release);
    }

    pub(super) fn workers_wanted(&self) -> usize {
        self.workers_wanted.load(Ordering::Acquire)
    }

    pub(super) fn set_workers_wanted(&self, count: usize) {
        self.workers_wanted.store(count, Ordering::Release);
    }

    pub(super) fn abandoned_threads(&self) -> usize {
        self.abandoned_threads.load(Ordering::Acquire)
    }

    pub(super) fn set_abandoned_threads(&self, count: usize) {
        self.abandoned_threads.store(count, Ordering::Release);
    }

    /// Batches that workers have got through.
    pub(super) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Acquire)
    }

    pub(super) fn count_batch(&self) {
        self.batches.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn engine_name(&self) -> String {
        locked(&self.engine_name).clone()
    }

    pub(super) fn set_engine_name(&self, name: String) {
        *locked(&self.engine_name) = name;
    }

    pub(super) fn last_error(&self) -> Option<String> {
        locked(&self.last_error).clone()
    }

    pub(super) fn set_last_error(&self, error: Option<String>) {
        *locked(&self.last_error) = error;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
