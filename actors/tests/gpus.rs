//! The GPU monitor over a reader that misbehaves: GPUs that vanish, fail, come back, and a driver that hangs or panics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use actix::{Actor, Context, Handler};
use sts_actors::events::{EventBus, LifecycleEvent, Subscriber};
use sts_actors::gpu::{
    GpuBoard, GpuIdentity, GpuMonitorActor, GpuMonitorSettings, GpuOpener, GpuReader, GpuReading, GpusUnread, SweptGpu,
};
use sts_actors::metrics::{Metrics, MetricsActor};
use sts_actors::registry::Registry;

const PATIENCE: Duration = Duration::from_secs(20);

/// What one sweep of the fake driver does.
enum Sweep {
    /// Reads these GPUs; `None` is one that cannot be read.
    Gpus(Vec<(u32, Option<GpuReading>)>),
    Fail(&'static str),
    Panic,
    /// Returns once the sender is gone.
    Hang(mpsc::Receiver<()>),
}

#[derive(Clone, Default)]
struct Driver {
    plan: Arc<Mutex<VecDeque<Sweep>>>,
    opened: Arc<Mutex<usize>>,
}

impl Driver {
    fn plan(sweeps: impl IntoIterator<Item = Sweep>) -> Self {
        Self { plan: Arc::new(Mutex::new(sweeps.into_iter().collect())), opened: Arc::default() }
    }

    fn opener(&self) -> GpuOpener {
        let driver = self.clone();
        Arc::new(move || {
            *driver.opened.lock().expect("not poisoned") += 1;
            Ok(Box::new(driver.clone()))
        })
    }
}

impl GpuReader for Driver {
    /// Once the plan is over, the last GPUs stay as they are.
    fn sweep(&mut self) -> Result<Vec<SweptGpu>, GpusUnread> {
        let next = {
            let mut plan = self.plan.lock().expect("not poisoned");
            match plan.front() {
                Some(Sweep::Gpus(gpus)) if plan.len() == 1 => Sweep::Gpus(gpus.clone()),
                _ => plan.pop_front().expect("the plan ends with GPUs"),
            }
        };
        match next {
            Sweep::Gpus(gpus) => Ok(gpus.into_iter().map(swept).collect()),
            Sweep::Fail(error) => Err(GpusUnread::Failed(error.to_owned())),
            Sweep::Panic => panic!("told to panic"),
            Sweep::Hang(until) => {
                let _ = until.recv();
                Ok(Vec::new())
            }
        }
    }
}

fn swept((gpu, reading): (u32, Option<GpuReading>)) -> SweptGpu {
    let identity = GpuIdentity { name: "Fake GPU".to_owned(), uuid: format!("GPU-{gpu}") };
    SweptGpu {
        gpu,
        outcome: reading.map(|reading| (identity, reading)).ok_or_else(|| "it fell off the bus".to_owned()),
    }
}

fn reading(utilization: f64) -> GpuReading {
    GpuReading {
        utilization_percent: Some(utilization),
        memory_used_bytes: Some(1 << 30),
        memory_total_bytes: Some(80 << 30),
        temperature_celsius: Some(40.0),
        power_watts: Some(300.5),
    }
}

struct Listener(mpsc::Sender<LifecycleEvent>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<LifecycleEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        // A test that is over no longer wants to know.
        let _ = self.0.send(event);
    }
}

/// What a test sees of the monitor.
struct Watch {
    events: mpsc::Receiver<LifecycleEvent>,
    board: GpuBoard,
    metrics: Arc<Metrics>,
}

impl Watch {
    /// Waits for an event that is not a reading, and describes it.
    fn next_news(&self) -> String {
        loop {
            match self.events.recv_timeout(PATIENCE).expect("something happens in time") {
                LifecycleEvent::GpuRead { .. } => {}
                LifecycleEvent::GpuFound { gpu, name } => return format!("found {gpu}, {name}"),
                LifecycleEvent::GpuLost { gpu, error } => return format!("lost {gpu}: {error}"),
                LifecycleEvent::GpusUnreadable { error } => return format!("unreadable: {error}"),
                LifecycleEvent::GpusAbsent { reason } => return format!("absent: {reason}"),
                other => panic!("{other:?}"),
            }
        }
    }

    fn next_reading(&self) -> (u32, GpuReading) {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("it is read in time");
            if let LifecycleEvent::GpuRead { gpu, reading } = event {
                return (gpu, reading);
            }
        }
    }

    /// Series of GPUs, once the subscriber that counts has them so.
    fn wait_for_series(&self, wanted: impl Fn(&str) -> bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let text = self.metrics.encode().expect("it can be written");
            if wanted(&text) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{text}");
            std::thread::yield_now();
        }
    }
}

fn watch(opener: GpuOpener, patience: Duration, test: impl FnOnce(Watch) + Send + 'static) {
    actix::System::new().block_on(async move {
        let (sender, events) = mpsc::channel();
        let metrics = Metrics::new("test").expect("valid names");
        // The counting one first, so that whoever hears an event finds it counted soon.
        let registry = Registry::default();
        let counting = MetricsActor::start_with(&registry, Arc::clone(&metrics)).into();
        let subscribers: Vec<Subscriber> = vec![counting, Listener(sender).start().recipient().into()];
        let (bus, board) = (EventBus::start_with(&registry, subscribers), GpuBoard::default());
        let settings = GpuMonitorSettings { interval: Duration::from_millis(10), patience };
        GpuMonitorActor::start_in(&registry, settings, opener, bus, board.clone());
        tokio::task::spawn_blocking(move || test(Watch { events, board, metrics })).await.expect("the test passes");
    });
}

#[test]
fn every_gpu_has_its_series_and_its_place_on_the_board() {
    let driver = Driver::plan([Sweep::Gpus(vec![(0, Some(reading(37.0))), (1, Some(reading(99.0)))])]);
    watch(driver.opener(), PATIENCE, |watch| {
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
        assert_eq!(watch.next_news(), "found 1, Fake GPU");
        watch.wait_for_series(|text| {
            [
                "sts_gpu_utilization_percent{gpu=\"0\"} 37\n",
                "sts_gpu_utilization_percent{gpu=\"1\"} 99\n",
                "sts_gpu_memory_used_bytes{gpu=\"1\"} 1073741824\n",
                "sts_gpu_memory_total_bytes{gpu=\"0\"} 85899345920\n",
                "sts_gpu_temperature_celsius{gpu=\"0\"} 40\n",
                "sts_gpu_power_watts{gpu=\"0\"} 300.5\n",
            ]
            .iter()
            .all(|series| text.contains(series))
        });
        let board = watch.board.observe();
        assert_eq!(board.iter().map(|gpu| gpu.gpu).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((board[1].identity.uuid.as_str(), board[1].reading), ("GPU-1", Some(reading(99.0))));
    });
}

#[test]
fn what_a_card_does_not_tell_is_absent_and_not_zero() {
    let silent = GpuReading { utilization_percent: None, power_watts: None, ..reading(0.0) };
    let driver = Driver::plan([Sweep::Gpus(vec![(0, Some(reading(1.0)))]), Sweep::Gpus(vec![(0, Some(silent))])]);
    watch(driver.opener(), PATIENCE, |watch| {
        watch.wait_for_series(|text| {
            text.contains("sts_gpu_temperature_celsius{gpu=\"0\"} 40")
                && !text.contains("sts_gpu_utilization_percent{")
                && !text.contains("sts_gpu_power_watts{")
        });
    });
}

#[test]
fn a_gpu_that_cannot_be_read_leaves_alone_and_may_come_back() {
    let both = || Sweep::Gpus(vec![(0, Some(reading(1.0))), (1, Some(reading(2.0)))]);
    let driver = Driver::plan([
        both(),
        Sweep::Gpus(vec![(0, Some(reading(3.0))), (1, None)]),
        Sweep::Gpus(vec![(0, Some(reading(3.0))), (1, None)]),
        both(),
        Sweep::Gpus(vec![(1, Some(reading(2.0)))]),
    ]);
    watch(driver.opener(), PATIENCE, |watch| {
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
        assert_eq!(watch.next_news(), "found 1, Fake GPU");
        assert_eq!(watch.next_news(), "lost 1: it fell off the bus", "said once");
        assert_eq!(watch.next_news(), "found 1, Fake GPU");
        assert_eq!(watch.next_news(), "lost 0: it is no longer there");
        watch.wait_for_series(|text| !text.contains("gpu=\"0\"") && text.contains("gpu=\"1\""));
        let gone = &watch.board.observe()[0];
        assert_eq!((gone.reading, gone.identity.name.as_str()), (None, "Fake GPU"), "it is known which one is missing");
        assert_eq!(gone.error.as_deref(), Some("it is no longer there"));
    });
}

#[test]
fn a_driver_that_fails_or_panics_is_opened_anew() {
    let all = || Sweep::Gpus(vec![(0, Some(reading(1.0)))]);
    let driver = Driver::plan([
        all(),
        Sweep::Fail("the driver is gone"),
        Sweep::Fail("the driver is gone"),
        all(),
        Sweep::Panic,
        all(),
    ]);
    let opened = Arc::clone(&driver.opened);
    watch(driver.opener(), PATIENCE, move |watch| {
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
        assert_eq!(watch.next_news(), "lost 0: the driver is gone", "said once");
        watch.wait_for_series(|text| !text.contains("sts_gpu_"));
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
        assert_eq!(watch.next_news(), "lost 0: the reading panicked");
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
        assert_eq!(*opened.lock().expect("not poisoned"), 4, "after each of the three failures");
    });
}

#[test]
fn a_driver_that_never_worked_is_complained_about_once() {
    let driver = Driver::plan([
        Sweep::Fail("no permission"),
        Sweep::Fail("no permission"),
        Sweep::Fail("no permission"),
        Sweep::Gpus(vec![(0, Some(reading(1.0)))]),
    ]);
    watch(driver.opener(), PATIENCE, |watch| {
        assert_eq!(watch.next_news(), "unreadable: no permission");
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
    });
}

#[test]
fn a_driver_that_hangs_is_waited_for_by_one_thread_alone() {
    let (release, hang) = mpsc::channel();
    let driver = Driver::plan([
        Sweep::Gpus(vec![(0, Some(reading(1.0)))]),
        Sweep::Hang(hang),
        Sweep::Gpus(vec![(0, Some(reading(5.0)))]),
    ]);
    let left = Arc::clone(&driver.plan);
    watch(driver.opener(), Duration::from_millis(30), move |watch| {
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
        assert_eq!(watch.next_news(), "lost 0: the driver does not answer");
        watch.wait_for_series(|text| !text.contains("sts_gpu_"));
        // Many intervals later nobody else has asked the driver.
        assert!(watch.events.recv_timeout(Duration::from_millis(200)).is_err(), "nothing happens meanwhile");
        assert_eq!(left.lock().expect("not poisoned").len(), 1);
        drop(release);
        assert_eq!(watch.next_news(), "found 0, Fake GPU");
        assert_eq!(watch.next_reading(), (0, reading(5.0)));
    });
}

#[test]
fn without_a_gpu_there_is_one_line_and_nothing_else() {
    let opener: GpuOpener = Arc::new(|| Err(GpusUnread::Absent("libnvidia-ml.so.1 is not installed".to_owned())));
    watch(opener, PATIENCE, |watch| {
        assert_eq!(watch.next_news(), "absent: libnvidia-ml.so.1 is not installed");
        assert!(watch.events.recv_timeout(Duration::from_millis(100)).is_err(), "the monitor has ended");
        assert!(watch.board.observe().is_empty());
        assert!(!watch.metrics.encode().expect("it can be written").contains("sts_gpu_"));
    });
}
