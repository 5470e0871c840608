//! Stage pools with real threads: what a panic, a poisoned engine, a stuck worker and a worker that cannot start cost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use sts_actors::events::EventSender;
use sts_actors::registry::Registry;
use sts_actors::stage::{
    self, Cancellation, EngineFactory, StageConfig, StageEngine, StageFailure, StageHandle, StageReport, Ticket,
};
use sts_protocol::{ErrorCode, Stage};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a test's job asks of the fake engine.
#[derive(Clone, Debug)]
enum Order {
    Answer(u32),
    Panic,
    PanicOnce(u32),
    Poison,
    WaitFor(Arc<Mutex<()>>),
}

#[derive(Default)]
struct Memory {
    built: AtomicUsize,
    panicked_on: Mutex<Vec<u32>>,
    batches: Mutex<Vec<usize>>,
}

struct ObedientEngine(Arc<Memory>);

impl StageEngine<Order, u32> for ObedientEngine {
    fn name(&self) -> String {
        "obedient".to_owned()
    }

    fn process(&mut self, batch: &[Order]) -> Vec<Result<u32, StageFailure>> {
        self.0.batches.lock().expect("not poisoned").push(batch.len());
        batch.iter().map(|order| self.obey(order)).collect()
    }
}

impl ObedientEngine {
    fn obey(&self, order: &Order) -> Result<u32, StageFailure> {
        match order {
            Order::Answer(number) => Ok(*number),
            Order::Panic => panic!("told to panic"),
            Order::PanicOnce(number) => {
                let first = {
                    let mut seen = self.0.panicked_on.lock().expect("not poisoned");
                    let first = !seen.contains(number);
                    seen.push(*number);
                    first
                };
                assert!(!first, "told to panic once");
                Ok(*number)
            }
            Order::Poison => {
                let failure = StageFailure::new(ErrorCode::Internal, "told to be poisoned");
                Err(StageFailure { poisons: true, ..failure })
            }
            Order::WaitFor(gate) => {
                drop(gate.lock().expect("not poisoned"));
                Ok(0)
            }
        }
    }
}

fn config() -> StageConfig {
    StageConfig {
        stage: Stage::Asr,
        workers: 1,
        max_batch: 1,
        linger: Duration::ZERO,
        queue_capacity: 16,
        timeout: Duration::from_secs(60),
        start_timeout: Duration::from_secs(60),
        max_abandoned_threads: 8,
        retries: 1,
        nice: 0,
    }
}

/// Runs `test` beside an actix system that keeps the stage's supervisor.
fn with_stage(
    config: StageConfig,
    factory: EngineFactory<Order, u32>,
    test: impl FnOnce(StageHandle<Order, u32>) + Send + 'static,
) {
    actix::System::new().block_on(async move {
        let (handle, _supervisor) = stage::start(&Registry::default(), config, factory, EventSender::silent());
        tokio::task::spawn_blocking(move || test(handle)).await.expect("the test passes");
    });
}

fn factory(memory: &Arc<Memory>) -> EngineFactory<Order, u32> {
    let memory = Arc::clone(memory);
    Arc::new(move || {
        memory.built.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(ObedientEngine(Arc::clone(&memory))))
    })
}

fn submit(handle: &StageHandle<Order, u32>, order: Order) -> mpsc::Receiver<StageReport<u32>> {
    let (sender, receiver) = mpsc::channel();
    let reply = Box::new(move |report| drop(sender.send(report)));
    handle.submit(1, order, Ticket::new(Cancellation::default(), reply)).expect("the queue has room");
    receiver
}

fn answer(receiver: &mpsc::Receiver<StageReport<u32>>) -> Result<u32, ErrorCode> {
    let report = receiver.recv_timeout(PATIENCE).expect("every job is answered");
    assert!(receiver.recv_timeout(Duration::from_millis(1)).is_err(), "a job is answered once");
    report.result.map_err(|failure| failure.code)
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

#[test]
fn a_panic_costs_one_attempt_and_the_job_is_done_by_the_next_worker() {
    let memory = Arc::new(Memory::default());
    let seen = Arc::clone(&memory);
    with_stage(config(), factory(&memory), move |handle| {
        let (survivor, follower) = (submit(&handle, Order::PanicOnce(7)), submit(&handle, Order::Answer(8)));
        assert_eq!(answer(&survivor), Ok(7));
        assert_eq!(answer(&follower), Ok(8));
        assert_eq!(seen.built.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_job_that_kills_every_worker_is_refused_and_the_others_live() {
    let memory = Arc::new(Memory::default());
    let seen = Arc::clone(&memory);
    with_stage(config(), factory(&memory), move |handle| {
        let (poison, follower) = (submit(&handle, Order::Panic), submit(&handle, Order::Answer(1)));
        assert_eq!(answer(&poison), Err(ErrorCode::StageUnavailable));
        assert_eq!(answer(&follower), Ok(1));
        assert_eq!(seen.built.load(Ordering::SeqCst), 3, "two workers were lost to it, the third lives");
    });
}

#[test]
fn an_engine_that_cannot_be_trusted_is_built_anew() {
    let memory = Arc::new(Memory::default());
    let seen = Arc::clone(&memory);
    with_stage(config(), factory(&memory), move |handle| {
        assert_eq!(answer(&submit(&handle, Order::Poison)), Err(ErrorCode::StageUnavailable));
        assert_eq!(answer(&submit(&handle, Order::Answer(2))), Ok(2));
        assert!(seen.built.load(Ordering::SeqCst) >= 3);
    });
}

/// Panics when it is told to, and again when it is dropped.
struct BrokenEngine;

impl StageEngine<Order, u32> for BrokenEngine {
    fn name(&self) -> String {
        "broken".to_owned()
    }

    fn process(&mut self, _: &[Order]) -> Vec<Result<u32, StageFailure>> {
        panic!("told to panic")
    }
}

impl Drop for BrokenEngine {
    fn drop(&mut self) {
        panic!("told to panic in the end");
    }
}

#[test]
fn an_engine_that_panics_even_while_it_is_dropped_is_replaced_all_the_same() {
    let (memory, built) = (Arc::new(Memory::default()), AtomicUsize::new(0));
    let factory: EngineFactory<Order, u32> = Arc::new(move || match built.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(Box::new(BrokenEngine)),
        _ => Ok(Box::new(ObedientEngine(Arc::clone(&memory)))),
    });
    with_stage(config(), factory, |handle| {
        assert_eq!(answer(&submit(&handle, Order::Answer(1))), Ok(1));
        wait_until("the second is ready", || handle.engine_name() == "obedient" && handle.ready_workers() == 1);
    });
}

#[test]
fn a_slow_job_is_answered_with_timeout_and_its_late_result_is_dropped() {
    let memory = Arc::new(Memory::default());
    let gate = Arc::new(Mutex::new(()));
    let limits = StageConfig { timeout: Duration::from_millis(200), ..config() };
    with_stage(limits, factory(&memory), move |handle| {
        let closed = gate.lock().expect("not poisoned");
        let slow = submit(&handle, Order::WaitFor(Arc::clone(&gate)));
        assert_eq!(answer(&slow), Err(ErrorCode::Timeout));
        drop(closed);
        assert_eq!(answer(&submit(&handle, Order::Answer(3))), Ok(3));
    });
}

#[test]
fn a_stuck_worker_is_left_behind_and_replaced() {
    let memory = Arc::new(Memory::default());
    let gate = Arc::new(Mutex::new(()));
    let limits = StageConfig { timeout: Duration::from_millis(100), ..config() };
    let seen = Arc::clone(&memory);
    with_stage(limits, factory(&memory), move |handle| {
        let closed = gate.lock().expect("not poisoned");
        let stuck = submit(&handle, Order::WaitFor(Arc::clone(&gate)));
        assert_eq!(answer(&stuck), Err(ErrorCode::Timeout));
        // The gate stays shut: only another worker can answer this.
        assert_eq!(answer(&submit(&handle, Order::Answer(4))), Ok(4));
        assert_eq!(seen.built.load(Ordering::SeqCst), 2);
        drop(closed);
    });
}

#[test]
fn a_worker_that_cannot_start_is_tried_again_until_it_can() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let memory = Arc::new(Memory::default());
    let (counted, engines) = (Arc::clone(&attempts), Arc::clone(&memory));
    let factory: EngineFactory<Order, u32> = Arc::new(move || match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Err("the weights are missing".to_owned()),
        1 => panic!("the weights are broken"),
        _ => Ok(Box::new(ObedientEngine(Arc::clone(&engines)))),
    });
    with_stage(config(), factory, move |handle| {
        wait_until("the reason is told", || handle.last_error().is_some_and(|reason| reason.contains("missing")));
        assert_eq!(answer(&submit(&handle, Order::Answer(5))), Ok(5));
        wait_until("the reason is forgotten", || handle.last_error().is_none());
        assert_eq!((handle.ready_workers(), attempts.load(Ordering::SeqCst)), (1, 3));
    });
}

#[test]
fn a_worker_that_cannot_start_is_tried_further_and_further_apart() {
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&attempts);
    let factory: EngineFactory<Order, u32> = Arc::new(move || {
        noted.lock().expect("not poisoned").push(Instant::now());
        Err("the weights are missing".to_owned())
    });
    with_stage(config(), factory, move |_| {
        wait_until("it has tried four times", || attempts.lock().expect("not poisoned").len() == 4);
        let attempts = attempts.lock().expect("not poisoned");
        let gaps: Vec<u128> = attempts.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        assert!(gaps.iter().zip([200, 400, 800]).all(|(gap, least)| *gap >= least), "{gaps:?}");
    });
}

#[test]
fn a_storm_of_losses_does_not_turn_into_a_storm_of_engines() {
    const WORKERS: usize = 16;
    /// Most replacements within a minute.
    const BOUND: usize = 30;
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let factory: EngineFactory<Order, u32> = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Err("the weights are missing".to_owned())
    });
    with_stage(StageConfig { workers: WORKERS, ..config() }, factory, move |_| {
        wait_until("the bound is reached", || attempts.load(Ordering::SeqCst) == WORKERS + BOUND);
        // Without it, all sixteen would be tried again after 0.8 s.
        let deadline = Instant::now() + Duration::from_millis(1_500);
        while Instant::now() < deadline {
            assert_eq!(attempts.load(Ordering::SeqCst), WORKERS + BOUND);
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_full_queue_refuses_and_what_waited_is_taken_in_batches() {
    let memory = Arc::new(Memory::default());
    let gate = Arc::new(Mutex::new(()));
    let limits = StageConfig { queue_capacity: 4, max_batch: 8, ..config() };
    let seen = Arc::clone(&memory);
    with_stage(limits, factory(&memory), move |handle| {
        let closed = gate.lock().expect("not poisoned");
        let first = submit(&handle, Order::WaitFor(Arc::clone(&gate)));
        wait_until("the worker takes the first", || handle.depth() == 0);
        let waiting: Vec<_> = (0..4).map(|number| submit(&handle, Order::Answer(number))).collect();
        assert!(handle.reserve().is_none());
        let refused = handle.submit(1, Order::Answer(9), Ticket::new(Cancellation::default(), Box::new(|_| ())));
        assert_eq!(refused.expect_err("it is full").code, ErrorCode::ServiceOverloaded);
        drop(closed);
        assert_eq!(answer(&first), Ok(0));
        for (number, receiver) in waiting.iter().enumerate() {
            assert_eq!(answer(receiver), Ok(number as u32));
        }
        assert_eq!(*seen.batches.lock().expect("not poisoned"), [1, 4]);
    });
}

#[test]
fn jobs_of_a_stream_that_is_gone_cost_nothing() {
    let memory = Arc::new(Memory::default());
    let gate = Arc::new(Mutex::new(()));
    let seen = Arc::clone(&memory);
    with_stage(config(), factory(&memory), move |handle| {
        let closed = gate.lock().expect("not poisoned");
        let first = submit(&handle, Order::WaitFor(Arc::clone(&gate)));
        wait_until("the worker takes the first", || handle.depth() == 0);
        let cancellation = Cancellation::default();
        handle
            .submit(2, Order::Panic, Ticket::new(cancellation.clone(), Box::new(|_| ())))
            .expect("the queue has room");
        cancellation.cancel();
        drop(closed);
        assert_eq!(answer(&first), Ok(0));
        assert_eq!(answer(&submit(&handle, Order::Answer(6))), Ok(6));
        assert_eq!(seen.built.load(Ordering::SeqCst), 1, "the cancelled job never met an engine");
    });
}
