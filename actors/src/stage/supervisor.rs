//! Starts a stage's workers, watches their clocks, and replaces those that end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use sts_protocol::ErrorCode;

use super::worker::{Exit, Seat, Worker};
use super::{EngineFactory, FairQueue, Job, StageConfig, StageFailure, StageHandle};
use crate::events::{EventSender, LifecycleEvent};

const TICK: Duration = Duration::from_millis(100);
/// A worker that is still busy after this many limits is given up: its thread is left behind and replaced.
const HARD_LIMIT_FACTOR: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

/// What can be read of a stage from any thread.
#[derive(Debug, Default)]
pub struct StageState {
    pub(super) ready_workers: AtomicUsize,
    engine_name: Mutex<String>,
    last_error: Mutex<Option<String>>,
}

impl StageState {
    pub(super) fn engine_name(&self) -> String {
        self.engine_name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_engine_name(&self, name: String) {
        *self.engine_name.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }

    fn set_last_error(&self, error: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

/// The actor that keeps a stage's workers alive.
pub struct StageSupervisor<I, O> {
    config: StageConfig,
    queue: Arc<FairQueue<Job<I, O>>>,
    state: Arc<StageState>,
    factory: EngineFactory<I, O>,
    events: EventSender,
    posts: Vec<Post<O>>,
    next_worker: u64,
}

/// A place that should always have a worker.
struct Post<O> {
    worker: u64,
    seat: Arc<Seat<O>>,
    status: Status,
    since: Instant,
    backoff: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Starting,
    Ready,
    Waiting,
}

/// Starts a stage; its workers build their engines in the background.
pub fn start<I: Send + 'static, O: Send + 'static>(
    config: StageConfig,
    factory: EngineFactory<I, O>,
    events: EventSender,
) -> (StageHandle<I, O>, Addr<StageSupervisor<I, O>>) {
    let queue = Arc::new(FairQueue::new(config.queue_capacity));
    let state = Arc::new(StageState::default());
    let handle = StageHandle { stage: config.stage, queue: Arc::clone(&queue), state: Arc::clone(&state) };
    let supervisor = StageSupervisor { config, queue, state, factory, events, posts: Vec::new(), next_worker: 0 };
    (handle, supervisor.start())
}

impl<I: Send + 'static, O: Send + 'static> Actor for StageSupervisor<I, O> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        for _ in 0..self.config.workers {
            let post = Post {
                worker: 0,
                seat: Arc::new(Seat::new()),
                status: Status::Waiting,
                since: Instant::now(),
                backoff: FIRST_BACKOFF,
            };
            self.posts.push(post);
        }
        for index in 0..self.posts.len() {
            self.employ(index, context);
        }
        context.run_interval(TICK, Self::tick);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.queue.close();
    }
}

impl<I: Send + 'static, O: Send + 'static> StageSupervisor<I, O> {
    fn employ(&mut self, index: usize, context: &mut Context<Self>) {
        self.next_worker += 1;
        let id = self.next_worker;
        let seat = Arc::new(Seat::new());
        let post = &mut self.posts[index];
        (post.worker, post.seat, post.status, post.since) = (id, Arc::clone(&seat), Status::Starting, Instant::now());

        let worker = Worker {
            config: self.config.clone(),
            queue: Arc::clone(&self.queue),
            seat,
            factory: Arc::clone(&self.factory),
        };
        let supervisor = context.address();
        let name = format!("{}-{id}", self.config.stage.as_str());
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            let ready = |engine| supervisor.do_send(WorkerReady { worker: id, engine });
            let exit = worker.run(ready);
            supervisor.do_send(WorkerEnded { worker: id, exit });
        });
        if let Err(error) = spawned {
            let exit = Exit::CannotStart(format!("no thread: {error}"));
            context.notify(WorkerEnded { worker: id, exit });
        }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        let limit = self.config.timeout;
        let message =
            format!("the {} stage ran past its limit of {} ms", self.config.stage.as_str(), limit.as_millis());
        let timeout = StageFailure::new(ErrorCode::Timeout, message);
        for index in 0..self.posts.len() {
            let post = &self.posts[index];
            match post.status {
                Status::Ready => {
                    let busy_since = post.seat.answer_overdue(limit, &timeout);
                    if busy_since.is_some_and(|since| since.elapsed() >= limit * HARD_LIMIT_FACTOR) {
                        post.seat.abandon();
                        self.vacate(index, "stuck", "a worker did not return and was left behind".to_owned());
                        self.employ(index, context);
                    }
                }
                Status::Waiting if post.since.elapsed() >= post.backoff => self.employ(index, context),
                Status::Waiting | Status::Starting => {}
            }
        }
    }

    /// Notes that a post has lost its worker.
    fn vacate(&mut self, index: usize, reason: &'static str, error: String) {
        let post = &mut self.posts[index];
        if post.status == Status::Ready {
            self.state.ready_workers.fetch_sub(1, Ordering::AcqRel);
        }
        // Only workers that achieve nothing are replaced more and more slowly: one that a bad fragment has killed
        // after it had served others must be back at once, or that fragment would hold up every stream.
        let next = if post.seat.has_served() { FIRST_BACKOFF } else { post.backoff * 2 };
        post.backoff = next.min(LAST_BACKOFF);
        (post.status, post.since) = (Status::Waiting, Instant::now());
        self.state.set_last_error(Some(error.clone()));
        self.events.publish(LifecycleEvent::WorkerLost { stage: self.config.stage, reason, error });
    }

    fn post_of(&self, worker: u64) -> Option<usize> {
        self.posts.iter().position(|post| post.worker == worker && post.status != Status::Waiting)
    }
}

/// From a worker's thread: the engine is warm.
#[derive(Message)]
#[rtype(result = "()")]
struct WorkerReady {
    worker: u64,
    engine: String,
}

/// From a worker's thread: it is over.
#[derive(Message)]
#[rtype(result = "()")]
struct WorkerEnded {
    worker: u64,
    exit: Exit,
}

impl<I: Send + 'static, O: Send + 'static> Handler<WorkerReady> for StageSupervisor<I, O> {
    type Result = ();

    fn handle(&mut self, message: WorkerReady, _: &mut Self::Context) {
        let Some(index) = self.post_of(message.worker) else { return };
        let started_in = self.posts[index].since.elapsed();
        self.posts[index].status = Status::Ready;
        self.posts[index].since = Instant::now();
        self.state.set_engine_name(message.engine.clone());
        self.state.set_last_error(None);
        self.state.ready_workers.fetch_add(1, Ordering::AcqRel);
        let stage = self.config.stage;
        self.events.publish(LifecycleEvent::WorkerReady { stage, engine: message.engine, started_in });
    }
}

impl<I: Send + 'static, O: Send + 'static> Handler<WorkerEnded> for StageSupervisor<I, O> {
    type Result = ();

    fn handle(&mut self, message: WorkerEnded, _: &mut Self::Context) {
        // A worker that was given up has lost its post to another already.
        let Some(index) = self.post_of(message.worker) else { return };
        match message.exit {
            Exit::Closed | Exit::Abandoned => {}
            Exit::CannotStart(error) => self.vacate(index, "cannot_start", error),
            Exit::Panicked(error) => self.vacate(index, "panic", error),
            Exit::Poisoned(error) => self.vacate(index, "poisoned", error),
        }
    }
}
