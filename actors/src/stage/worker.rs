//! A worker: a thread that owns one engine, takes batches from the queue and answers them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use sts_protocol::ErrorCode;

use super::queue::Batch;
use super::seat::Seat;
use super::state::StageState;
use super::{EngineFactory, FairQueue, Job, StageConfig, StageEngine, StageFailure, Ticket};

/// Why a worker's thread ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// The queue was closed.
    Closed,
    /// The engine could not be built.
    CannotStart(String),
    /// The engine panicked.
    Panicked(String),
    /// The engine said that it can no longer be trusted.
    Poisoned(String),
    /// It was asked to leave: another has its place, or there is none any more.
    Retired,
}

/// Everything that a worker's thread needs.
pub(super) struct Worker<I, O> {
    pub(super) config: StageConfig,
    pub(super) queue: Arc<FairQueue<Job<I, O>>>,
    pub(super) state: Arc<StageState>,
    pub(super) seat: Arc<Seat<O>>,
    pub(super) factory: EngineFactory<I, O>,
}

impl<I, O> Worker<I, O> {
    /// Has the thread live its life, and tells why it ended: whatever happens, or its place would never be filled anew.
    pub(super) fn live(self, ready: impl FnOnce(String), ended: impl FnOnce(Exit)) {
        // An engine may panic even while it is dropped.
        let exit = catch_unwind(AssertUnwindSafe(|| self.run(ready)));
        ended(exit.unwrap_or_else(|panic| Exit::Panicked(panic_text(panic))));
        release_memory();
    }

    /// Builds the engine, tells its name through `ready`, and works until the thread has a reason to end.
    fn run(self, ready: impl FnOnce(String)) -> Exit {
        set_niceness(self.config.nice);
        let mut engine = match catch_unwind(AssertUnwindSafe(|| (self.factory)())) {
            Ok(Ok(engine)) => engine,
            Ok(Err(reason)) => return Exit::CannotStart(reason),
            Err(panic) => return Exit::CannotStart(panic_text(panic)),
        };
        // Weights are read, converted and copied: several times their size was in use for a while.
        release_memory();
        ready(engine.name());
        loop {
            let popped = self.queue.pop_batch(self.config.max_batch, self.config.linger, || self.seat.is_to_leave());
            let jobs = match popped {
                Batch::Items(jobs) => jobs,
                Batch::Leave => return Exit::Retired,
                Batch::Closed => return Exit::Closed,
            };
            let jobs = jobs.into_iter().filter(|job| !job.ticket.is_moot()).collect();
            if let Err(exit) = self.work_through(engine.as_mut(), jobs) {
                return exit;
            }
        }
    }

    /// Does the new jobs as one batch, and each that has cost a worker before by itself: if it costs another, then no
    /// other job pays for it.
    fn work_through(&self, engine: &mut dyn StageEngine<I, O>, jobs: Vec<Job<I, O>>) -> Result<(), Exit> {
        let (suspects, fresh): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.attempts > 0);
        let batches = std::iter::once(fresh).chain(suspects.into_iter().map(|suspect| vec![suspect]));
        let mut batches: std::collections::VecDeque<_> = batches.filter(|batch| !batch.is_empty()).collect();
        while let Some(batch) = batches.pop_front() {
            if let Err(exit) = self.work(engine, batch) {
                // Not begun, so they keep their attempts.
                for job in batches.into_iter().flatten().rev() {
                    self.put_back(job);
                }
                return Err(exit);
            }
        }
        Ok(())
    }

    fn work(&self, engine: &mut dyn StageEngine<I, O>, jobs: Vec<Job<I, O>>) -> Result<(), Exit> {
        let started = Instant::now();
        let (inputs, slips): (Vec<I>, Vec<Slip<O>>) = jobs.into_iter().map(Slip::split).unzip();
        self.seat.begin(started, slips.iter().map(|slip| Arc::clone(&slip.ticket)).collect());
        slips.iter().for_each(|slip| slip.ticket.begin(started));
        let outcome = catch_unwind(AssertUnwindSafe(|| process(engine, &inputs)));
        self.seat.finish();
        let batch = inputs.len();
        match outcome {
            Ok(results) if results.len() == batch => {
                let mut poisoned = None;
                for ((result, input), slip) in results.into_iter().zip(inputs).zip(slips) {
                    match result {
                        Err(failure) if failure.poisons => {
                            poisoned.get_or_insert_with(|| failure.message.clone());
                            self.retry(slip, input, &failure.message, started, batch);
                        }
                        result => {
                            let queued = started.saturating_duration_since(slip.ticket.queued_at());
                            self.state.figures.note(queued, started.elapsed(), batch);
                            slip.ticket.answer(result, started, batch);
                        }
                    }
                }
                if poisoned.is_none() {
                    self.seat.has_done_a_batch();
                    self.state.count_batch();
                }
                poisoned.map_or(Ok(()), |reason| Err(Exit::Poisoned(reason)))
            }
            Ok(results) => {
                let reason = format!("the engine gave {} answers to {batch} jobs", results.len());
                self.retry_all(slips, inputs, &reason, started);
                Err(Exit::Poisoned(reason))
            }
            Err(panic) => {
                let reason = panic_text(panic);
                self.retry_all(slips, inputs, &reason, started);
                Err(Exit::Panicked(reason))
            }
        }
    }

    fn retry_all(&self, slips: Vec<Slip<O>>, inputs: Vec<I>, reason: &str, started: Instant) {
        let batch = inputs.len();
        // Backwards, so that the head of the queue has them in their old order.
        for (slip, input) in slips.into_iter().zip(inputs).rev() {
            self.retry(slip, input, reason, started, batch);
        }
    }

    /// Puts a job that lost its worker back at the head of the queue, while it has attempts left.
    fn retry(&self, slip: Slip<O>, input: I, reason: &str, started: Instant, batch: usize) {
        let attempts = slip.attempts + 1;
        if attempts > self.config.retries {
            let message =
                format!("the {} stage failed {attempts} times on this fragment: {reason}", self.config.stage.as_str());
            slip.ticket.answer(Err(StageFailure::new(ErrorCode::StageUnavailable, message)), started, batch);
        } else {
            self.put_back(Job { stream: slip.stream, input, ticket: slip.ticket, attempts });
        }
    }

    fn put_back(&self, job: Job<I, O>) {
        self.queue.push_front(job.stream, job.ticket.queued_at(), job);
    }
}

/// Has the engine do a batch; one that does not fit into the device's memory is halved, down to a single job.
fn process<I, O>(engine: &mut dyn StageEngine<I, O>, inputs: &[I]) -> Vec<Result<O, StageFailure>> {
    let results = engine.process(inputs);
    let ran_out = |result: &Result<O, StageFailure>| {
        result.as_ref().is_err_and(|failure| failure.code == ErrorCode::GpuOutOfMemory && !failure.poisons)
    };
    if inputs.len() < 2 || !results.iter().any(ran_out) {
        return results;
    }
    // Freed before the halves ask for the same memory.
    drop(results);
    let (first, second) = inputs.split_at(inputs.len() / 2);
    let mut halves = process(engine, first);
    halves.extend(process(engine, second));
    halves
}

/// A job without its input, which the engine has.
struct Slip<O> {
    stream: u64,
    ticket: Arc<Ticket<O>>,
    attempts: u32,
}

impl<O> Slip<O> {
    fn split<I>(job: Job<I, O>) -> (I, Self) {
        (job.input, Self { stream: job.stream, ticket: job.ticket, attempts: job.attempts })
    }
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").lines().next().unwrap_or_default().to_owned()
}

/// Lowers the calling thread's priority. OpenMP's threads, which it starts later, inherit this.
fn set_niceness(nice: i32) {
    if nice > 0 {
        // SAFETY: setpriority only reads its arguments; on Linux, PRIO_PROCESS with 0 is the calling thread.
        // A refusal costs priority, not correctness.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    }
}

/// Gives what the allocator keeps of memory that was freed back to the system. Otherwise each engine that is built anew
/// would leave some hundred megabytes behind: every thread has a heap of its own, and the next one starts from another.
fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, and is safe beside threads that allocate.
    unsafe {
        libc::malloc_trim(0);
    }
}
