//! Starts a stage's workers, watches their clocks, and replaces those that end.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Message};
use sts_protocol::ErrorCode;

use super::post::{Post, Status};
use super::rollout::Rollout;
use super::seat::Seat;
use super::source::{EngineSource, Failover, Loss};
use super::state::StageState;
use super::worker::{Exit, Worker};
use super::{FairQueue, Job, StageConfig, StageFailure, StageHandle};
use crate::events::{EventSender, LifecycleEvent};
use crate::registry::{ActorKind, Listing, Mailbox, Observed, Registration, Registry};
use crate::takes_letters;

/// Commands of operators, and what workers tell.
const MAILBOX: usize = 64;
const TICK: Duration = Duration::from_millis(100);
/// A worker that is still busy after this many limits is given up: its thread is left behind and replaced.
const HARD_LIMIT_FACTOR: u32 = 3;
/// Replacements in [`RATE_WINDOW`]; past these the next waits, so that a storm of failures does not turn all of the
/// machine's time into the building of engines.
const MAX_REPLACEMENTS: usize = 30;
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// The actor that keeps a stage's workers alive.
pub struct StageSupervisor<I, O> {
    pub(super) config: StageConfig,
    pub(super) queue: Arc<FairQueue<Job<I, O>>>,
    pub(super) state: Arc<StageState>,
    pub(super) source: EngineSource<I, O>,
    pub(super) failover: Failover,
    pub(super) events: EventSender,
    pub(super) posts: Vec<Post<O>>,
    pub(super) workers_wanted: usize,
    pub(super) rollout: Option<Rollout<I, O>>,
    pub(super) lost: BTreeMap<&'static str, u64>,
    next_worker: u64,
    /// Workers whose threads are stuck.
    abandoned: HashSet<u64>,
    /// When workers were replaced, within the window.
    replacements: VecDeque<Instant>,
    registration: Registration,
}

/// Starts a stage; its workers build their engines in the background.
pub fn start<I: Send + 'static, O: Send + 'static>(
    registry: &Registry,
    config: StageConfig,
    source: impl Into<EngineSource<I, O>>,
    events: EventSender,
) -> (StageHandle<I, O>, Mailbox<StageSupervisor<I, O>>) {
    let queue = Arc::new(FairQueue::new(config.queue_capacity));
    let state = Arc::new(StageState::default());
    let handle = StageHandle { stage: config.stage, queue: Arc::clone(&queue), state: Arc::clone(&state) };
    state.set_workers_wanted(config.workers);
    let listing = Listing::new(format!("{}-supervisor", config.stage.as_str()), ActorKind::Supervisor, MAILBOX);
    let supervisor = registry.start(listing, |registration| StageSupervisor {
        workers_wanted: config.workers,
        config,
        queue,
        state,
        source: source.into(),
        failover: Failover::default(),
        events,
        posts: Vec::new(),
        rollout: None,
        lost: BTreeMap::new(),
        next_worker: 0,
        abandoned: HashSet::new(),
        replacements: VecDeque::new(),
        registration,
    });
    (handle, supervisor)
}

impl<I: Send + 'static, O: Send + 'static> Actor for StageSupervisor<I, O> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        for _ in 0..self.workers_wanted {
            self.open_post(context);
        }
        context.run_interval(TICK, Self::tick);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.queue.close();
    }
}

impl<I: Send + 'static, O: Send + 'static> StageSupervisor<I, O> {
    /// Adds a post and has a worker start on it; gives the worker's number.
    pub(super) fn open_post(&mut self, context: &mut Context<Self>) -> u64 {
        self.posts.push(Post::vacant());
        self.employ(self.posts.len() - 1, context)
    }

    pub(super) fn employ(&mut self, index: usize, context: &mut Context<Self>) -> u64 {
        self.next_worker += 1;
        let id = self.next_worker;
        let seat = Arc::new(Seat::new());
        let post = &mut self.posts[index];
        (post.worker, post.seat) = (id, Arc::clone(&seat));
        post.set(Status::Starting);

        let mut worker = Worker {
            config: self.config.clone(),
            queue: Arc::clone(&self.queue),
            state: Arc::clone(&self.state),
            seat,
            factory: Arc::clone(&self.source.factory),
        };
        let fallback = self.source.fallback.as_ref().filter(|_| self.failover.engaged);
        post.on_fallback = fallback.is_some();
        if let Some(fallback) = fallback {
            worker.factory = Arc::clone(&fallback.factory);
            worker.config.max_batch = fallback.max_batch;
        }
        let supervisor = self.registration.mailbox(context.address());
        let name = format!("{}-{id}", self.config.stage.as_str());
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            let ready = |engine| supervisor.do_send(WorkerReady { worker: id, engine });
            worker.live(ready, |exit| supervisor.do_send(WorkerEnded { worker: id, exit }));
        });
        if let Err(error) = spawned {
            let exit = Exit::CannotStart(format!("no thread: {error}"));
            context.notify(WorkerEnded { worker: id, exit });
        }
        id
    }

    /// Asks the worker of a post to end once it has finished what it holds.
    pub(super) fn retire(&mut self, index: usize, then: Status) {
        self.posts[index].seat.retire();
        self.posts[index].set(then);
        self.queue.wake();
        self.count_ready();
    }

    pub(super) fn post_of(&self, worker: u64) -> Option<usize> {
        self.posts.iter().position(|post| post.worker == worker && post.status != Status::Waiting)
    }

    pub(super) fn count_ready(&self) {
        let ready = self.posts.iter().filter(|post| post.status == Status::Ready).count();
        self.state.set_ready_workers(ready);
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        self.answer_overdue();
        // Backwards: a post may be given up on the way.
        for index in (0..self.posts.len()).rev() {
            let post = &self.posts[index];
            let since_start = (post.status == Status::Starting).then_some(post.since);
            let overdue = |since: Option<Instant>, limit| since.is_some_and(|since| since.elapsed() >= limit);
            if overdue(post.seat.busy_since(), self.config.timeout * HARD_LIMIT_FACTOR) {
                self.abandon(index, "a worker did not return and was left behind", context);
            } else if overdue(since_start, self.config.start_timeout) {
                self.abandon(index, "an engine was not built in time", context);
            }
        }
        for index in 0..self.posts.len() {
            let post = &self.posts[index];
            if post.status == Status::Waiting && post.since.elapsed() >= post.backoff && self.may_replace() {
                self.replacements.push_back(Instant::now());
                self.employ(index, context);
            }
        }
    }

    fn answer_overdue(&self) {
        let limit = self.config.timeout;
        let message =
            format!("the {} stage ran past its limit of {} ms", self.config.stage.as_str(), limit.as_millis());
        let timeout = StageFailure::new(ErrorCode::Timeout, message);
        for post in &self.posts {
            post.seat.answer_overdue(limit, &timeout);
        }
    }

    fn may_replace(&mut self) -> bool {
        while self.replacements.front().is_some_and(|at| at.elapsed() >= RATE_WINDOW) {
            self.replacements.pop_front();
        }
        self.replacements.len() < MAX_REPLACEMENTS
    }

    /// Leaves a thread behind that cannot be ended, and fills its post anew unless that was to be given up.
    fn abandon(&mut self, index: usize, error: &str, context: &mut Context<Self>) {
        let post = &self.posts[index];
        let (worker, status) = (post.worker, post.status);
        post.seat.abandon();
        self.abandoned.insert(worker);
        self.state.set_abandoned_threads(self.abandoned.len());
        if self.abandoned.len() == self.config.max_abandoned_threads {
            let (stage, threads) = (self.config.stage, self.abandoned.len());
            self.events.publish(LifecycleEvent::StageHopeless { stage, threads });
        }
        self.note_loss("stuck", error.to_owned());
        if status == Status::Starting && self.fail_rollout(worker, error) {
            return;
        }
        self.blame_device(index, true, error);
        if status == Status::Leaving {
            self.posts.remove(index);
        } else {
            self.employ(index, context);
        }
        self.count_ready();
    }

    fn note_loss(&mut self, reason: &'static str, error: String) {
        *self.lost.entry(reason).or_default() += 1;
        self.state.set_last_error(Some(error.clone()));
        self.registration.note_restart();
        self.registration.note_error(&error);
        self.events.publish(LifecycleEvent::WorkerLost { stage: self.config.stage, reason, error });
    }

    /// Goes over to the other device when this loss shows that the first one stays away.
    fn blame_device(&mut self, index: usize, is_mute: bool, error: &str) {
        let Some(fallback) = self.source.fallback.as_ref().filter(|_| !self.posts[index].on_fallback) else { return };
        let loss = Loss { is_mute, error, batches: self.state.batches() };
        if self.failover.note(loss, fallback.is_device_fault) {
            let (stage, error) = (self.config.stage, error.to_owned());
            self.events.publish(LifecycleEvent::StageFailedOver { stage, error });
        }
    }

    /// Notes that a post has lost its worker by a fault.
    fn lose(&mut self, index: usize, reason: &'static str, error: String, context: &mut Context<Self>) {
        let worker = self.posts[index].worker;
        self.note_loss(reason, error.clone());
        if reason == "cannot_start" && self.fail_rollout(worker, &error) {
            return;
        }
        self.blame_device(index, reason == "cannot_start", &error);
        match self.posts[index].status {
            Status::Leaving => drop(self.posts.remove(index)),
            Status::Changing => drop(self.employ(index, context)),
            _ => self.posts[index].vacate(),
        }
        self.count_ready();
    }
}

impl<I, O> Observed for StageSupervisor<I, O> {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({
            "workers_wanted": self.workers_wanted,
            "workers_ready": self.state.ready_workers(),
            "restarting": self.rollout.is_some(),
            "paused": self.queue.is_paused(),
            "abandoned_threads": self.abandoned.len(),
            "lost": self.lost,
        })
    }
}

takes_letters!(StageSupervisor<I, O>, I, O);

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

    fn handle(&mut self, message: WorkerReady, context: &mut Self::Context) {
        let Some(index) = self.post_of(message.worker) else { return };
        let post = &mut self.posts[index];
        let started_in = post.since.elapsed();
        // One that is to go before it was ready goes now: it asks the queue, and is told to leave.
        if post.status == Status::Starting {
            post.set(Status::Ready);
        }
        self.state.set_engine_name(message.engine.clone());
        self.state.set_last_error(None);
        self.count_ready();
        let stage = self.config.stage;
        self.events.publish(LifecycleEvent::WorkerReady { stage, engine: message.engine, started_in });
        self.go_on_with_rollout(message.worker, context);
    }
}

impl<I: Send + 'static, O: Send + 'static> Handler<WorkerEnded> for StageSupervisor<I, O> {
    type Result = ();

    fn handle(&mut self, message: WorkerEnded, context: &mut Self::Context) {
        if self.abandoned.remove(&message.worker) {
            self.state.set_abandoned_threads(self.abandoned.len());
        }
        // A worker that was given up has lost its post to another already.
        let Some(index) = self.post_of(message.worker) else { return };
        match message.exit {
            Exit::Closed => {}
            Exit::Retired if self.posts[index].status == Status::Changing => drop(self.employ(index, context)),
            Exit::Retired => {
                self.posts.remove(index);
                self.count_ready();
            }
            Exit::CannotStart(error) => self.lose(index, "cannot_start", error, context),
            Exit::Panicked(error) => self.lose(index, "panic", error, context),
            Exit::Poisoned(error) => self.lose(index, "poisoned", error, context),
        }
    }
}
