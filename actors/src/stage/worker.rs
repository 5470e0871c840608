//! A worker: a thread that owns one engine, takes batches from the queue and answers them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sts_protocol::ErrorCode;

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
    /// The supervisor had given up on it.
    Abandoned,
}

/// What the supervisor and the thread both see of a worker.
pub(super) struct Seat<O> {
    running: Mutex<Option<Running<O>>>,
    abandoned: AtomicBool,
    served: AtomicBool,
}

struct Running<O> {
    since: Instant,
    tickets: Vec<Arc<Ticket<O>>>,
}

impl<O> Seat<O> {
    pub(super) fn new() -> Self {
        Self { running: Mutex::new(None), abandoned: AtomicBool::new(false), served: AtomicBool::new(false) }
    }

    fn begin(&self, since: Instant, tickets: Vec<Arc<Ticket<O>>>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { since, tickets });
    }

    fn finish(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Answers every job in work with this failure, and says since when it was in work; `None` when idle.
    pub(super) fn answer_overdue(&self, limit: std::time::Duration, failure: &StageFailure) -> Option<Instant> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Running { since, tickets } = running.as_ref()?;
        if since.elapsed() >= limit {
            for ticket in tickets {
                ticket.answer(Err(failure.clone()), *since, tickets.len());
            }
        }
        Some(*since)
    }

    /// Tells the thread that nobody waits for it any more.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// Whether the worker has got through at least one batch.
    pub(super) fn has_served(&self) -> bool {
        self.served.load(Ordering::Acquire)
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

/// Everything that a worker's thread needs.
pub(super) struct Worker<I, O> {
    pub(super) config: StageConfig,
    pub(super) queue: Arc<FairQueue<Job<I, O>>>,
    pub(super) seat: Arc<Seat<O>>,
    pub(super) factory: EngineFactory<I, O>,
}

impl<I, O> Worker<I, O> {
    /// Builds the engine, tells its name through `ready`, and works until the thread has a reason to end.
    pub(super) fn run(self, ready: impl FnOnce(String)) -> Exit {
        set_niceness(self.config.nice);
        let mut engine = match catch_unwind(AssertUnwindSafe(|| (self.factory)())) {
            Ok(Ok(engine)) => engine,
            Ok(Err(reason)) => return Exit::CannotStart(reason),
            Err(panic) => return Exit::CannotStart(panic_text(panic)),
        };
        ready(engine.name());
        loop {
            if self.seat.is_abandoned() {
                return Exit::Abandoned;
            }
            let Some(jobs) = self.queue.pop_batch(self.config.max_batch, self.config.linger) else {
                return Exit::Closed;
            };
            let jobs: Vec<_> = jobs.into_iter().filter(|job| !job.ticket.is_moot()).collect();
            if jobs.is_empty() {
                continue;
            }
            if let Err(exit) = self.work(engine.as_mut(), jobs) {
                return exit;
            }
        }
    }

    fn work(&self, engine: &mut dyn StageEngine<I, O>, jobs: Vec<Job<I, O>>) -> Result<(), Exit> {
        let started = Instant::now();
        let (inputs, slips): (Vec<I>, Vec<Slip<O>>) = jobs.into_iter().map(Slip::split).unzip();
        self.seat.begin(started, slips.iter().map(|slip| Arc::clone(&slip.ticket)).collect());
        let outcome = catch_unwind(AssertUnwindSafe(|| engine.process(&inputs)));
        self.seat.finish();
        let batch = inputs.len();
        match outcome {
            Ok(results) if results.len() == batch => {
                self.seat.served.store(true, Ordering::Release);
                let mut poisoned = None;
                for ((result, input), slip) in results.into_iter().zip(inputs).zip(slips) {
                    match result {
                        Err(failure) if failure.poisons => {
                            poisoned.get_or_insert_with(|| failure.message.clone());
                            self.retry(slip, input, &failure.message, started, batch);
                        }
                        result => slip.ticket.answer(result, started, batch),
                    }
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
            self.queue.push_front(slip.stream, Job { stream: slip.stream, input, ticket: slip.ticket, attempts });
        }
    }
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
