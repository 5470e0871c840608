//! An operator's commands against stage pools with real threads, while jobs are coming in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler};
use sts_actors::events::{EventBus, EventSender, LifecycleEvent};
use sts_actors::registry::{Mailbox, Registry};
use sts_actors::stage::{
    self, Cancellation, CommandError, EngineFactory, Observe, Restart, RestartMode, Scale, SetPaused, StageConfig,
    StageEngine, StageFailure, StageHandle, StageSupervisor, Ticket,
};
use sts_protocol::{ErrorCode, Stage};

const PATIENCE: Duration = Duration::from_secs(20);

/// A gate that threads wait at until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().expect("not poisoned") = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.lock().expect("not poisoned");
        while !*open {
            open = self.1.wait(open).expect("not poisoned");
        }
    }
}

#[derive(Clone)]
enum Order {
    Answer(u32),
    Panic,
    WaitAt(Arc<Gate>),
    /// Runs out of memory in a batch of more than this.
    FitsInto(usize),
}

/// An engine that says which generation it is of.
struct Engine {
    generation: u32,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl StageEngine<Order, (u32, u32)> for Engine {
    fn name(&self) -> String {
        format!("generation {}", self.generation)
    }

    fn process(&mut self, batch: &[Order]) -> Vec<Result<(u32, u32), StageFailure>> {
        self.batches.lock().expect("not poisoned").push(batch.len());
        let obey = |order: &Order| match order {
            Order::Answer(number) => Ok((self.generation, *number)),
            Order::Panic => panic!("told to panic"),
            Order::WaitAt(gate) => {
                gate.pass();
                Ok((self.generation, 0))
            }
            Order::FitsInto(most) if batch.len() > *most => {
                Err(StageFailure::new(ErrorCode::GpuOutOfMemory, "told to run out"))
            }
            Order::FitsInto(_) => Ok((self.generation, 0)),
        };
        batch.iter().map(obey).collect()
    }
}

type Handle = StageHandle<Order, (u32, u32)>;
type Supervisor = Mailbox<StageSupervisor<Order, (u32, u32)>>;

fn config(workers: usize) -> StageConfig {
    StageConfig {
        stage: Stage::Tts,
        workers,
        max_batch: 1,
        linger: Duration::ZERO,
        queue_capacity: 4_096,
        timeout: Duration::from_secs(60),
        start_timeout: Duration::from_secs(60),
        max_abandoned_threads: 2,
        retries: 1,
        nice: 0,
    }
}

#[derive(Clone, Default)]
struct Workshop {
    batches: Arc<Mutex<Vec<usize>>>,
}

impl Workshop {
    fn factory(&self, generation: u32) -> EngineFactory<Order, (u32, u32)> {
        let batches = Arc::clone(&self.batches);
        Arc::new(move || Ok(Box::new(Engine { generation, batches: Arc::clone(&batches) })))
    }
}

/// Runs `test` on a thread of its own, beside an actix system that keeps the stage.
fn with_stage(
    config: StageConfig,
    factory: EngineFactory<Order, (u32, u32)>,
    test: impl FnOnce(Handle, Client) + Send + 'static,
) -> Vec<LifecycleEvent> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    actix::System::new().block_on(async move {
        let registry = Registry::default();
        let events = EventBus::start_with(&registry, vec![Listener(listener).start().recipient()]);
        let (handle, supervisor) = stage::start(&registry, config, factory, events);
        let client = Client { supervisor, runtime: tokio::runtime::Handle::current() };
        tokio::task::spawn_blocking(move || test(handle, client)).await.expect("the test passes");
    });
    let events = heard.lock().expect("not poisoned");
    events.clone()
}

struct Listener(Arc<Mutex<Vec<LifecycleEvent>>>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<LifecycleEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        self.0.lock().expect("not poisoned").push(event);
    }
}

/// An operator: gives commands and waits for what came of them.
#[derive(Clone)]
struct Client {
    supervisor: Supervisor,
    runtime: tokio::runtime::Handle,
}

impl Client {
    fn ask<M>(&self, message: M) -> M::Result
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
        StageSupervisor<Order, (u32, u32)>: Handler<M>,
    {
        self.runtime.block_on(self.supervisor.send(message)).expect("the supervisor lives")
    }

    fn observe(&self) -> stage::StageObservation {
        self.ask(Observe)
    }
}

fn submit(handle: &Handle, order: Order) -> mpsc::Receiver<Result<(u32, u32), ErrorCode>> {
    let (sender, receiver) = mpsc::channel();
    let reply: stage::Reply<(u32, u32)> = Box::new(move |report| {
        // A test that is over no longer wants to know.
        let _ = sender.send(report.result.map_err(|failure| failure.code));
    });
    handle.submit(1, order, Ticket::new(Cancellation::default(), reply)).expect("the queue has room");
    receiver
}

fn answer(receiver: &mpsc::Receiver<Result<(u32, u32), ErrorCode>>) -> Result<(u32, u32), ErrorCode> {
    receiver.recv_timeout(PATIENCE).expect("every job is answered")
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// Jobs that come in one after the other for as long as something goes on; all are answered, in the end.
fn under_load<T>(handle: &Handle, action: impl FnOnce() -> T) -> (T, Vec<u32>) {
    let going_on = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut generations = Vec::new();
            let mut number = 0;
            while going_on.load(Ordering::Acquire) {
                number += 1;
                let (generation, same) = answer(&submit(handle, Order::Answer(number))).expect("no job is lost");
                assert_eq!(same, number);
                generations.push(generation);
            }
            generations
        });
        let outcome = action();
        going_on.store(false, Ordering::Release);
        (outcome, load.join().expect("no job is lost"))
    })
}

#[test]
fn a_rolling_restart_always_leaves_somebody_at_work() {
    let workshop = Workshop::default();
    let new = workshop.factory(2);
    let events = with_stage(config(3), workshop.factory(1), move |handle, client| {
        wait_until("all are ready", || handle.ready_workers() == 3);
        let lowest = AtomicUsize::new(usize::MAX);
        let watching = AtomicBool::new(true);
        let (restarted, generations) = std::thread::scope(|scope| {
            scope.spawn(|| {
                while watching.load(Ordering::Acquire) {
                    lowest.fetch_min(handle.ready_workers(), Ordering::AcqRel);
                }
            });
            let outcome =
                under_load(&handle, || client.ask(Restart { mode: RestartMode::Rolling, source: Some(new.into()) }));
            watching.store(false, Ordering::Release);
            outcome
        });
        let restarted = restarted.expect("it can be done");
        assert_eq!((restarted.mode, restarted.replaced), (RestartMode::Rolling, 3));
        assert!(lowest.load(Ordering::Acquire) >= 3, "{lowest:?} workers were ready at the worst moment");
        assert!(generations.iter().all(|generation| [1, 2].contains(generation)));
        assert_eq!(answer(&submit(&handle, Order::Answer(1))), Ok((2, 1)));
        wait_until("the old ones are gone", || client.observe().workers.len() == 3);
        assert_eq!(client.observe().engine, "generation 2");
    });
    assert!(events.iter().any(|event| matches!(event, LifecycleEvent::StageRestarted { replaced: 3, .. })));
    assert!(!events.iter().any(|event| matches!(event, LifecycleEvent::WorkerLost { .. })), "nobody was lost");
}

#[test]
fn weights_that_cannot_be_loaded_leave_the_old_ones_at_work() {
    let workshop = Workshop::default();
    with_stage(config(2), workshop.factory(1), move |handle, client| {
        wait_until("all are ready", || handle.ready_workers() == 2);
        let broken: EngineFactory<Order, (u32, u32)> = Arc::new(|| Err("the file is cut off".to_owned()));
        let (outcome, generations) =
            under_load(&handle, || client.ask(Restart { mode: RestartMode::Rolling, source: Some(broken.into()) }));
        assert_eq!(outcome, Err(CommandError::CannotStart("the file is cut off".to_owned())));
        assert!(generations.iter().all(|&generation| generation == 1));
        assert_eq!(handle.ready_workers(), 2);
        assert_eq!(client.observe().workers.len(), 2);
        // What comes after builds by the factory that worked.
        let again = client.ask(Restart { mode: RestartMode::All, source: None }).expect("it can be done");
        assert_eq!((again.mode, again.replaced), (RestartMode::All, 2));
        assert_eq!(answer(&submit(&handle, Order::Answer(1))), Ok((1, 1)));
    });
}

#[test]
fn a_restart_of_all_finishes_what_is_held_and_loses_nothing_that_waits() {
    let workshop = Workshop::default();
    let new = workshop.factory(2);
    with_stage(config(1), workshop.factory(1), move |handle, client| {
        let gate = Arc::new(Gate::default());
        let held = submit(&handle, Order::WaitAt(Arc::clone(&gate)));
        wait_until("it is held", || handle.depth() == 0);
        let waiting = submit(&handle, Order::Answer(5));
        let (commander, second) = (client.clone(), client.clone());
        let restart =
            std::thread::spawn(move || commander.ask(Restart { mode: RestartMode::All, source: Some(new.into()) }));
        wait_until("it has begun", || client.observe().restarting);
        assert_eq!(second.ask(Restart { mode: RestartMode::All, source: None }), Err(CommandError::Busy(Stage::Tts)));
        assert_eq!(second.ask(Scale(2)), Err(CommandError::Busy(Stage::Tts)));
        gate.open();
        assert_eq!(answer(&held), Ok((1, 0)), "by the old worker");
        assert_eq!(answer(&waiting), Ok((2, 5)), "by the new one");
        assert_eq!(restart.join().expect("no panic").expect("it can be done").replaced, 1);
    });
}

#[test]
fn a_stage_is_scaled_both_ways_while_it_works() {
    let workshop = Workshop::default();
    with_stage(config(1), workshop.factory(1), move |handle, client| {
        let (up, _) = under_load(&handle, || {
            let scaled = client.ask(Scale(4));
            wait_until("four are ready", || handle.ready_workers() == 4);
            scaled
        });
        assert_eq!(up.map(|scaled| (scaled.from, scaled.to)), Ok((1, 4)));
        let (down, _) = under_load(&handle, || {
            let scaled = client.ask(Scale(2));
            wait_until("two are left", || client.observe().workers.len() == 2);
            scaled
        });
        assert_eq!(down.map(|scaled| (scaled.from, scaled.to)), Ok((4, 2)));
        assert_eq!(handle.ready_workers(), 2);
        assert_eq!(client.ask(Scale(0)), Err(CommandError::Workers(0)));
        assert_eq!(client.ask(Scale(65)), Err(CommandError::Workers(65)));
    });
}

#[test]
fn a_paused_stage_takes_jobs_in_and_does_them_later() {
    let workshop = Workshop::default();
    let events = with_stage(config(1), workshop.factory(1), move |handle, client| {
        wait_until("it is ready", || handle.ready_workers() == 1);
        client.ask(SetPaused(true));
        client.ask(SetPaused(true));
        let waiting = submit(&handle, Order::Answer(1));
        let observed = client.observe();
        assert!(observed.paused && observed.queue_depth == 1 && observed.oldest_job_ms.is_some());
        client.ask(SetPaused(false));
        assert_eq!(answer(&waiting), Ok((1, 1)));
        wait_until("it is counted", || client.observe().latencies.jobs == 1);
        assert_eq!(client.observe().workers[0].batches, 1);
    });
    let paused = |event: &LifecycleEvent| match event {
        LifecycleEvent::StagePaused { paused, .. } => Some(*paused),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(paused).collect::<Vec<_>>(), [true, false], "told once each");
}

#[test]
fn a_poison_job_costs_its_neighbours_in_the_batch_no_more_than_one_attempt() {
    let workshop = Workshop::default();
    with_stage(StageConfig { max_batch: 8, ..config(1) }, workshop.factory(1), move |handle, client| {
        client.ask(SetPaused(true));
        let before: Vec<_> = (0..3).map(|number| submit(&handle, Order::Answer(number))).collect();
        let poison = submit(&handle, Order::Panic);
        let after: Vec<_> = (3..6).map(|number| submit(&handle, Order::Answer(number))).collect();
        client.ask(SetPaused(false));
        assert_eq!(answer(&poison), Err(ErrorCode::StageUnavailable));
        for (number, receiver) in before.iter().chain(&after).enumerate() {
            assert_eq!(answer(receiver), Ok((1, number as u32)), "an innocent neighbour is done all the same");
        }
        assert_eq!(client.observe().restarts["panic"], 2);
    });
}

#[test]
fn a_batch_that_does_not_fit_into_memory_is_halved_down_to_one() {
    let workshop = Workshop::default();
    let batches = Arc::clone(&workshop.batches);
    with_stage(StageConfig { max_batch: 8, ..config(1) }, workshop.factory(1), move |handle, client| {
        client.ask(SetPaused(true));
        let jobs: Vec<_> = (0..8).map(|_| submit(&handle, Order::FitsInto(2))).collect();
        client.ask(SetPaused(false));
        for job in &jobs {
            assert_eq!(answer(job), Ok((1, 0)));
        }
        assert_eq!(*batches.lock().expect("not poisoned"), [8, 4, 2, 2, 4, 2, 2]);
        let hopeless = submit(&handle, Order::FitsInto(0));
        assert_eq!(answer(&hopeless), Err(ErrorCode::GpuOutOfMemory));
        assert!(client.observe().restarts.is_empty(), "no worker was lost to it");
    });
}

#[test]
fn stuck_threads_are_counted_until_they_return_and_called_hopeless_past_the_bound() {
    let workshop = Workshop::default();
    let limits = StageConfig { timeout: Duration::from_millis(50), ..config(1) };
    let events = with_stage(limits, workshop.factory(1), move |handle, client| {
        let gate = Arc::new(Gate::default());
        for stuck in 1..=2 {
            let job = submit(&handle, Order::WaitAt(Arc::clone(&gate)));
            assert_eq!(answer(&job), Err(ErrorCode::Timeout));
            wait_until("it is left behind", || client.observe().abandoned_threads == stuck);
        }
        assert_eq!(answer(&submit(&handle, Order::Answer(1))), Ok((1, 1)), "the third worker serves");
        gate.open();
        wait_until("they have come back", || client.observe().abandoned_threads == 0);
        assert_eq!(client.observe().restarts["stuck"], 2);
    });
    let hopeless = events.iter().filter(|event| matches!(event, LifecycleEvent::StageHopeless { threads: 2, .. }));
    assert_eq!(hopeless.count(), 1);
}

#[test]
fn an_engine_that_is_never_built_is_left_behind_too() {
    let workshop = Workshop::default();
    let (gate, attempts) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (shut, builds) = (Arc::clone(&gate), workshop.factory(1));
    let factory: EngineFactory<Order, (u32, u32)> = Arc::new(move || {
        if attempts.fetch_add(1, Ordering::AcqRel) == 0 {
            shut.pass();
        }
        builds()
    });
    let limits = StageConfig { start_timeout: Duration::from_millis(50), ..config(1) };
    with_stage(limits, factory, move |handle, client| {
        assert_eq!(answer(&submit(&handle, Order::Answer(1))), Ok((1, 1)));
        assert_eq!(client.observe().abandoned_threads, 1);
        gate.open();
        wait_until("it has come back", || client.observe().abandoned_threads == 0);
        assert_eq!(handle.ready_workers(), 1);
    });
    // Nobody listens here: publishing must not be an error.
    EventSender::silent().publish(LifecycleEvent::StagePaused { stage: Stage::Asr, paused: false });
}
