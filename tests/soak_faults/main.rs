//! A soak with faults throughout: engines that panic, lose their minds, run late, get stuck, run out of memory or fail;
//! weights and a GPU that go and come back; connections that break; an operator who restarts, scales and pauses. All of
//! it at random, by a seed.
//!
//! Every fragment that was acknowledged must be answered once and in order: well, or with a failure that names its stage
//! and its code. Memory, threads and descriptors must stay flat, and be back where they were once all is over.
//!
//! `SOAK_SECONDS` says for how long, `SOAK_SEED` by which seed. `make soak-faults` runs it for half an hour.

#[path = "../support/mod.rs"]
mod support;

mod chaos;
mod footprint;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chaos::Chaos;
use footprint::Footprints;
use support::{Service, get};
use tokio::sync::Mutex;
use worker::Worker;

/// Streams at once.
const SEATS: usize = 24;
/// Streams that may wait for a worker which never comes back are counted, too.
const GRACE_MS: &str = "3000";
/// From here on it is a whole soak: the footprint is judged over time.
const WHOLE: Duration = Duration::from_secs(600);

/// What all workers share.
pub struct Soak {
    address: String,
    is_over: AtomicBool,
    tally: Tally,
}

/// What was seen in all.
#[derive(Default)]
pub struct Tally {
    streams: AtomicU64,
    connections: AtomicU64,
    resets: AtomicU64,
    farewells: AtomicU64,
    acknowledged: AtomicU64,
    answered: AtomicU64,
    /// Results by status, or stage and code; refusals by code.
    outcomes: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    async fn note(&self, outcome: String) {
        *self.outcomes.lock().await.entry(outcome).or_default() += 1;
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// One seat: stream after stream, until the time is over.
async fn seat(soak: Arc<Soak>, seat: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed ^ (seat as u64 + 1) << 32);
    for life in 0.. {
        if soak.is_over.load(Ordering::Relaxed) {
            return;
        }
        count(&soak.tally.streams);
        Worker::new(format!("faults-{seat}-{life}"), random.fork()).live(&soak).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fragment_is_answered_once_and_in_order_whatever_fails() {
    let (length, seed) = (Duration::from_secs(setting("SOAK_SECONDS", 40)), setting("SOAK_SEED", 1));
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    // Workers are replaced at most thirty times a minute: a whole soak stays below that, a short one may use it up.
    let (lost, stuck) = if length >= WHOLE { (0.0008, 0.0003) } else { (0.003, 0.001) };
    let faults = format!(
        "seed={seed} *.fail=0.01 *.oom=0.01 *.slow=0.01 *.late=0.003 *.panic={lost} *.poison={lost} *.stuck={stuck}"
    );
    std::fs::write(path("gpu"), "").expect("written");
    let (broken, gpu, log) = (path("broken"), path("gpu"), folder.path().join("log"));
    let service = Service::fake_logging_to(
        &log,
        &[
            ("FAKE_FAULTS", &faults),
            ("FAKE_BROKEN", &broken),
            ("FAKE_GPU", &gpu),
            ("FAKE_WORK_MS", "12,2,15"),
            ("FAKE_START_MS", "50"),
            ("GPU_FAILOVER", "true"),
            ("ASR_WORKERS", "3"),
            ("TRANSLATION_WORKERS", "2"),
            ("TTS_WORKERS", "3"),
            ("ASR_TIMEOUT_MS", "400"),
            ("TRANSLATION_TIMEOUT_MS", "400"),
            ("TTS_TIMEOUT_MS", "400"),
            ("QUEUE_CAPACITY", "60"),
            ("MAX_CONNECTIONS_PER_ADDRESS", "1000"),
            ("RESUME_GRACE_MS", GRACE_MS),
        ],
    );
    let soak = Arc::new(Soak { address: service.address.clone(), is_over: false.into(), tally: Tally::default() });
    let (started, mut footprints) = (Instant::now(), Footprints::of(&service));
    let mut chaos = Chaos::new(&service, folder.path(), seed, length >= WHOLE);
    let mut seats = tokio::task::JoinSet::new();
    for index in 0..SEATS {
        seats.spawn(seat(Arc::clone(&soak), index, seed));
    }
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    let mut working = Box::pin(async {
        while started.elapsed() < length {
            chaos.act().await;
        }
        soak.is_over.store(true, Ordering::Relaxed);
        // Nothing that was taken away stays away, or the last streams would not end.
        chaos.mend().await;
        std::future::pending::<()>().await;
    });
    while !seats.is_empty() {
        tokio::select! {
            Some(seat) = seats.join_next() => seat.expect("every worker saw what it must"),
            _ = clock.tick() => footprints.note(started.elapsed()),
            () = &mut working => {}
        }
    }
    drop(working);
    report(&soak, &chaos, started.elapsed(), seed).await;
    nothing_is_left(&service).await;
    footprints.judge(length >= WHOLE).await;
    let log = std::fs::read_to_string(&log).expect("a log");
    let unexpected: Vec<_> = log.lines().filter(|line| is_unexpected(line)).collect();
    assert!(unexpected.is_empty(), "{} lines, as {}", unexpected.len(), unexpected[0]);
}

/// Whether a panic came from elsewhere than the fakes.
fn is_unexpected(line: &str) -> bool {
    line.contains("panicked: ") && !line.contains("panicked: befallen by chance")
}

async fn report(soak: &Soak, chaos: &Chaos, took: Duration, seed: u64) {
    let tally = &soak.tally;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (acknowledged, answered) = (read(&tally.acknowledged), read(&tally.answered));
    println!(
        "{acknowledged} fragments acknowledged, {answered} answered, over {} streams and {} connections in {:.0} s, seed {seed}",
        read(&tally.streams),
        read(&tally.connections),
        took.as_secs_f64()
    );
    println!(
        "connections broken and resumed: {} by reset, {} by farewell",
        read(&tally.resets),
        read(&tally.farewells)
    );
    for (outcome, times) in tally.outcomes.lock().await.iter() {
        println!("  {outcome}: {times}");
    }
    for (action, times) in chaos.actions() {
        println!("  operator: {action}: {times}");
    }
    for line in chaos.losses().await {
        println!("  {line}");
    }
    assert_eq!(acknowledged, answered, "lost: {}", acknowledged as i64 - answered as i64);
    println!("lost 0, twice 0, out of order 0");
}

/// No series of a stream is left.
async fn nothing_is_left(service: &Service) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let metrics = get(&service.address, "/metrics").expect("it still listens");
        let left: Vec<&str> = metrics.lines().filter(|line| line.contains("stream_id=\"faults")).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{} series are left, as {}", left.len(), left[0]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
