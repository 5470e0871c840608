//! A stage whose device stays away goes over to the other one, says so, and comes back when an operator restarts it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler};
use sts_actors::events::{EventBus, LifecycleEvent, Subscriber};
use sts_actors::metrics::{Metrics, MetricsActor};
use sts_actors::registry::{Mailbox, Registry};
use sts_actors::stage::{
    self, Cancellation, CommandError, EngineFactory, EngineSource, Fallback, Observe, Restart, RestartMode,
    StageConfig, StageEngine, StageFailure, StageHandle, StageObservation, StageSupervisor, Ticket,
};
use sts_protocol::{ErrorCode, Stage};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a job asks for.
#[derive(Clone, Copy)]
enum Order {
    /// The name of the device, and the size of the batch.
    Answer,
    /// A panic that is no device's fault.
    Panic,
    /// A GPU does not return from this one until the test is over; a CPU does it.
    Hang,
}

/// A device that can be taken away.
#[derive(Clone)]
struct Device {
    name: &'static str,
    is_there: Arc<AtomicBool>,
    /// Engines that somebody tried to build here.
    built: Arc<AtomicUsize>,
}

impl Device {
    fn new(name: &'static str) -> Self {
        Self { name, is_there: Arc::new(AtomicBool::new(true)), built: Arc::default() }
    }

    fn set(&self, is_there: bool) {
        self.is_there.store(is_there, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), String> {
        if self.is_there.load(Ordering::SeqCst) { Ok(()) } else { Err(format!("{} error: it is gone", self.name)) }
    }

    fn factory(&self) -> EngineFactory<Order, (&'static str, usize)> {
        let device = self.clone();
        Arc::new(move || {
            device.built.fetch_add(1, Ordering::SeqCst);
            device.check()?;
            Ok(Box::new(device.clone()))
        })
    }
}

impl StageEngine<Order, (&'static str, usize)> for Device {
    fn name(&self) -> String {
        format!("fake ({})", self.name)
    }

    fn process(&mut self, batch: &[Order]) -> Vec<Result<(&'static str, usize), StageFailure>> {
        if let Err(message) = self.check() {
            let failure = StageFailure { code: ErrorCode::StageUnavailable, message, poisons: true };
            return batch.iter().map(|_| Err(failure.clone())).collect();
        }
        let obey = |order: &Order| match order {
            Order::Answer => Ok((self.name, batch.len())),
            Order::Panic => panic!("told to panic"),
            Order::Hang if self.name == "GPU" => {
                while self.is_there.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                Err(StageFailure::new(ErrorCode::Internal, "too late"))
            }
            Order::Hang => Ok((self.name, batch.len())),
        };
        batch.iter().map(obey).collect()
    }
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

type Answer = Result<(&'static str, usize), ErrorCode>;

/// A stage, seen from outside.
struct Outside {
    handle: StageHandle<Order, (&'static str, usize)>,
    supervisor: Mailbox<StageSupervisor<Order, (&'static str, usize)>>,
    runtime: tokio::runtime::Handle,
    metrics: Arc<Metrics>,
    events: Arc<Mutex<Vec<LifecycleEvent>>>,
}

impl Outside {
    fn submit(&self, order: Order) -> mpsc::Receiver<Answer> {
        let (sender, receiver) = mpsc::channel();
        let reply: stage::Reply<(&'static str, usize)> = Box::new(move |report| {
            // A test that is over no longer wants to know.
            let _ = sender.send(report.result.map_err(|failure| failure.code));
        });
        self.handle.submit(1, order, Ticket::new(Cancellation::default(), reply)).expect("the queue has room");
        receiver
    }

    fn answer(&self, order: Order) -> Answer {
        self.submit(order).recv_timeout(PATIENCE).expect("every job is answered")
    }

    fn restart(&self, mode: RestartMode) -> Result<usize, CommandError> {
        let restart = Restart { mode, source: None };
        let answer = self.runtime.block_on(self.supervisor.send(restart)).expect("the supervisor lives");
        answer.map(|restarted| restarted.replaced)
    }

    fn observe(&self) -> StageObservation {
        self.runtime.block_on(self.supervisor.send(Observe)).expect("the supervisor lives")
    }

    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "{what} did not happen: {:?}", self.observe());
            std::thread::yield_now();
        }
    }

    fn is_metered_as(&self, value: u8) -> bool {
        let series = format!("sts_stage_failed_over{{stage=\"tts\"}} {value}\n");
        self.metrics.encode().expect("it can be written").contains(&series)
    }

    fn count(&self, wanted: impl Fn(&LifecycleEvent) -> bool) -> usize {
        self.events.lock().expect("not poisoned").iter().filter(|event| wanted(event)).count()
    }
}

fn with_stage(gpu: &Device, cpu: Option<&Device>, test: impl FnOnce(Outside) + Send + 'static) {
    with_limited_stage(Duration::from_secs(60), gpu, cpu, test);
}

fn with_limited_stage(
    timeout: Duration,
    gpu: &Device,
    cpu: Option<&Device>,
    test: impl FnOnce(Outside) + Send + 'static,
) {
    let config = StageConfig {
        stage: Stage::Tts,
        workers: 1,
        max_batch: 8,
        linger: Duration::ZERO,
        queue_capacity: 64,
        timeout,
        start_timeout: Duration::from_secs(60),
        max_abandoned_threads: 4,
        retries: 1,
        nice: 0,
    };
    let fallback = cpu.map(|cpu| Fallback {
        factory: cpu.factory(),
        max_batch: 1,
        is_device_fault: |error| error.contains("GPU"),
    });
    let source = EngineSource { factory: gpu.factory(), fallback };
    actix::System::new().block_on(async move {
        let registry = Registry::default();
        let (metrics, events) = (Metrics::new("test").expect("valid names"), Arc::new(Mutex::new(Vec::new())));
        let subscribers: Vec<Subscriber> = vec![
            MetricsActor::start_with(&registry, Arc::clone(&metrics)).into(),
            Listener(Arc::clone(&events)).start().recipient().into(),
        ];
        let bus = EventBus::start_with(&registry, subscribers);
        let (handle, supervisor) = stage::start(&registry, config, source, bus);
        let outside = Outside { handle, supervisor, runtime: tokio::runtime::Handle::current(), metrics, events };
        tokio::task::spawn_blocking(move || test(outside)).await.expect("the test passes");
    });
}

#[test]
fn a_gpu_that_is_lost_at_work_costs_each_job_one_attempt_and_the_cpu_goes_on() {
    let (gpu, cpu) = (Device::new("GPU"), Device::new("CPU"));
    let taken = gpu.clone();
    with_stage(&gpu, Some(&cpu), move |stage| {
        assert_eq!(stage.answer(Order::Answer), Ok(("GPU", 1)));
        assert_eq!(stage.observe().engine, "fake (GPU)");
        taken.set(false);
        assert_eq!(stage.answer(Order::Answer), Ok(("CPU", 1)), "the job that lost its GPU is done by the CPU");
        let observed = stage.observe();
        assert!(
            observed.failed_over && observed.engine == "fake (CPU)" && observed.last_error.is_none(),
            "{observed:?}"
        );
        assert_eq!(observed.restarts, [("cannot_start", 2), ("poisoned", 1)].into(), "three faults in a row");
        stage.wait_until("it is told", |stage| {
            stage
                .count(|event| matches!(event, LifecycleEvent::StageFailedOver { error, .. } if error.contains("gone")))
                == 1
                && stage.is_metered_as(1)
        });
    });
}

#[test]
fn a_gpu_that_was_never_there_is_given_up_and_the_stage_is_ready() {
    let (gpu, cpu) = (Device::new("GPU"), Device::new("CPU"));
    gpu.set(false);
    with_stage(&gpu, Some(&cpu), move |stage| {
        stage.wait_until("it is ready", |stage| stage.handle.ready_workers() == 1);
        assert_eq!(stage.answer(Order::Answer), Ok(("CPU", 1)));
    });
}

#[test]
fn a_gpu_that_hangs_is_given_up_before_the_stage_is() {
    let (gpu, cpu) = (Device::new("GPU"), Device::new("CPU"));
    let hanging = gpu.clone();
    with_limited_stage(Duration::from_millis(50), &gpu, Some(&cpu), move |stage| {
        for stuck in 1..=3 {
            assert_eq!(stage.answer(Order::Hang), Err(ErrorCode::Timeout));
            stage.wait_until("it is left behind", |stage| stage.observe().restarts.get("stuck") == Some(&stuck));
        }
        assert_eq!(stage.answer(Order::Hang), Ok(("CPU", 1)));
        hanging.set(false);
        stage.wait_until("the threads are back", |stage| stage.observe().abandoned_threads == 0);
        assert_eq!(stage.count(|event| matches!(event, LifecycleEvent::StageHopeless { .. })), 0);
    });
}

#[test]
fn the_cpu_has_its_own_limit_of_a_batch() {
    let (gpu, cpu) = (Device::new("GPU"), Device::new("CPU"));
    let taken = gpu.clone();
    with_stage(&gpu, Some(&cpu), move |stage| {
        let paused =
            |paused| stage.runtime.block_on(stage.supervisor.send(stage::SetPaused(paused))).expect("it lives");
        let four = || {
            paused(true);
            let jobs: Vec<_> = (0..4).map(|_| stage.submit(Order::Answer)).collect();
            paused(false);
            jobs.into_iter().map(|job| job.recv_timeout(PATIENCE).expect("answered").expect("done").1).max()
        };
        assert_eq!(four(), Some(4));
        taken.set(false);
        assert_eq!(stage.answer(Order::Answer), Ok(("CPU", 1)));
        assert_eq!(four(), Some(1));
    });
}

#[test]
fn an_operators_restart_brings_the_stage_back_once_the_gpu_is_there() {
    let (gpu, cpu) = (Device::new("GPU"), Device::new("CPU"));
    let returned = gpu.clone();
    gpu.set(false);
    with_stage(&gpu, Some(&cpu), move |stage| {
        assert_eq!(stage.answer(Order::Answer), Ok(("CPU", 1)));
        // In vain: the CPU stays at work, whichever way.
        let refused = stage.restart(RestartMode::Rolling);
        assert_eq!(refused, Err(CommandError::CannotStart("GPU error: it is gone".to_owned())));
        assert_eq!((stage.answer(Order::Answer), stage.handle.ready_workers()), (Ok(("CPU", 1)), 1));
        assert!(stage.restart(RestartMode::All).is_err());
        assert_eq!(stage.answer(Order::Answer), Ok(("CPU", 1)), "at once, not after three more faults");
        assert!(stage.observe().failed_over);

        returned.set(true);
        stage.wait_until("it is ready", |stage| stage.handle.ready_workers() == 1);
        assert_eq!(stage.restart(RestartMode::Rolling), Ok(1));
        assert_eq!(stage.answer(Order::Answer), Ok(("GPU", 1)));
        assert!(!stage.observe().failed_over);
        stage.wait_until("it is told", |stage| {
            stage.count(|event| matches!(event, LifecycleEvent::StageFailedBack { .. })) == 1 && stage.is_metered_as(0)
        });
    });
}

#[test]
fn fragments_that_kill_workers_do_not_move_the_stage() {
    let (gpu, cpu) = (Device::new("GPU"), Device::new("CPU"));
    let untouched = Arc::clone(&cpu.built);
    with_stage(&gpu, Some(&cpu), move |stage| {
        for _ in 0..2 {
            assert_eq!(stage.answer(Order::Panic), Err(ErrorCode::StageUnavailable));
        }
        assert_eq!(stage.answer(Order::Answer), Ok(("GPU", 1)));
        assert_eq!((untouched.load(Ordering::SeqCst), stage.observe().restarts["panic"]), (0, 4));
    });
}

#[test]
fn without_another_device_the_stage_waits_for_its_own() {
    let gpu = Device::new("GPU");
    let (returned, built) = (gpu.clone(), Arc::clone(&gpu.built));
    gpu.set(false);
    with_stage(&gpu, None, move |stage| {
        let waiting = stage.submit(Order::Answer);
        stage.wait_until("it has tried four times", |_| built.load(Ordering::SeqCst) >= 4);
        assert_eq!(stage.handle.ready_workers(), 0);
        assert!(stage.handle.last_error().is_some_and(|error| error.contains("gone")));
        returned.set(true);
        assert_eq!(waiting.recv_timeout(PATIENCE).expect("answered"), Ok(("GPU", 1)));
        assert!(stage.is_metered_as(0));
    });
}
