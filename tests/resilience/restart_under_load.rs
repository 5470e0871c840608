//! Stages restarted while streams send at the pace of real time: nothing is lost, nothing comes twice, nothing comes out
//! of order. What it costs in latency is printed; `make bench-restart` has it at true speed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::scene::{PATIENCE, STAGES, assert_success};
use crate::support::Service;
use crate::support::messages::{audio, fragment, init};
use crate::support::operator::Operator;
use crate::support::raw::Client;

const PHASES: [&str; 4] = ["before", "rolling restarts", "restarts of all at once", "after"];
const MODES: [&str; 2] = ["rolling", "all"];

/// A worker on a machine that is slower than real time sends no more than the service takes.
const MAX_IN_FLIGHT: usize = 8;

/// What the streams of one run do, and what is done to them.
struct Plan {
    streams: usize,
    fragment: Duration,
    /// How often each stage is restarted in each way.
    restarts: usize,
    /// How long nothing is done after a restart.
    between: Duration,
    /// How long the load runs before the first restart, and after the last.
    before: Duration,
    /// The audio of the so-manieth fragment.
    audio: fn(usize, Duration) -> Vec<u8>,
}

/// What goes on, as the streams are told.
#[derive(Default)]
struct Stagehand {
    phase: AtomicUsize,
    is_over: AtomicBool,
}

/// One fragment's way there and back.
struct Latency {
    /// What went on when it was sent.
    phase: usize,
    took: Duration,
}

/// Sends at pace until all is over; then waits for what is on its way.
async fn stream(
    address: String,
    id: String,
    plan: Arc<Plan>,
    phase_shift: Duration,
    hand: Arc<Stagehand>,
) -> Vec<Latency> {
    let auth = json!({"stream_id": id, "worker_id": "restarts"});
    let mut client = Client::connect(&address, &auth, Arc::default()).await.expect("a connection");
    client.emit("stream:init", &init(plan.fragment.as_millis() as usize)).await.expect("a fresh connection takes it");
    let (mut sent, mut acknowledged, mut latencies) = (Vec::new(), 0, Vec::<Latency>::new());
    let mut pace = tokio::time::interval_at(tokio::time::Instant::now() + phase_shift, plan.fragment);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut end_sent = false;
    loop {
        if hand.is_over.load(Ordering::Relaxed) && latencies.len() == sent.len() && !end_sent {
            client.emit("stream:end", &json!({})).await.expect("the connection is open");
            end_sent = true;
        }
        tokio::select! {
            packet = client.next_event() => {
                let packet = packet.unwrap_or_else(|| panic!("{id} was cut off"));
                let data = packet.data();
                match packet.event() {
                    "fragment:ack" => {
                        assert_eq!(data["fragment_id"], acknowledged.to_string(), "{id}: {data}");
                        acknowledged += 1;
                    }
                    "fragment:processed" => {
                        assert_success(&data);
                        assert_eq!(data["sequence_number"], latencies.len(), "{id}: in order, each once");
                        let (phase, at): (usize, Instant) = sent[latencies.len()];
                        latencies.push(Latency { phase, took: at.elapsed() });
                    }
                    "stream:complete" => {
                        check_complete(&id, &data, sent.len());
                        client.leave().await;
                        return latencies;
                    }
                    "stream:ready" | "backpressure" => {}
                    _ => panic!("{id}: {packet:?}"),
                }
            }
            _ = pace.tick(), if sent.len() - latencies.len() < MAX_IN_FLIGHT && !hand.is_over.load(Ordering::Relaxed) => {
                let pcm = (plan.audio)(sent.len(), plan.fragment);
                client.emit("fragment:data", &fragment(&id, sent.len(), &pcm)).await.expect("the connection is open");
                sent.push((hand.phase.load(Ordering::Relaxed), Instant::now()));
            }
            () = tokio::time::sleep(PATIENCE) => panic!("{id}: nothing comes any more"),
        }
    }
}

fn check_complete(id: &str, complete: &Value, sent: usize) {
    assert_eq!(
        (&complete["total_fragments"], &complete["success_count"]),
        (&json!(sent), &json!(sent)),
        "{id}: {complete}"
    );
}

/// Runs the load and the restarts; prints what fragments took in each phase.
async fn run(what: &str, service: &Service, plan: Plan) {
    let (operator, hand, plan) = (Operator::of(service), Arc::new(Stagehand::default()), Arc::new(plan));
    let mut streams = tokio::task::JoinSet::new();
    for index in 0..plan.streams {
        let shift = plan.fragment * index as u32 / plan.streams as u32;
        let (address, id) = (service.address.clone(), format!("restarts-{index}"));
        streams.spawn(stream(address, id, Arc::clone(&plan), shift, Arc::clone(&hand)));
    }
    let restarts = async {
        tokio::time::sleep(plan.before).await;
        for (index, mode) in MODES.into_iter().enumerate() {
            hand.phase.store(index + 1, Ordering::Relaxed);
            for (stage, _) in STAGES {
                for _ in 0..plan.restarts {
                    let (status, restarted) = operator.restart(stage, mode).await;
                    assert_eq!((status, &restarted["mode"]), (200, &json!(mode)), "{stage}: {restarted}");
                    tokio::time::sleep(plan.between).await;
                }
            }
        }
        hand.phase.store(3, Ordering::Relaxed);
        tokio::time::sleep(plan.before).await;
        hand.is_over.store(true, Ordering::Relaxed);
    };
    let ((), seen) = tokio::join!(restarts, streams.join_all());
    for (stage, _) in STAGES {
        assert_eq!(operator.stage(stage).await["restarts"], json!({}), "no worker was lost");
    }
    report(what, &plan, seen.into_iter().flatten().collect());
}

fn report(what: &str, plan: &Plan, latencies: Vec<Latency>) {
    println!(
        "{what}: {} streams, a fragment every {} ms each, every stage restarted {} times each way: {} fragments, 0 lost, 0 twice, in order",
        plan.streams,
        plan.fragment.as_millis(),
        plan.restarts,
        latencies.len()
    );
    let mut p95_before = f64::NAN;
    for (phase, name) in PHASES.iter().enumerate() {
        let of_phase = latencies.iter().filter(|latency| latency.phase == phase);
        let mut took: Vec<f64> = of_phase.map(|latency| latency.took.as_secs_f64() * 1000.0).collect();
        took.sort_by(f64::total_cmp);
        let share = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1)));
        let Some((p50, p95, worst)) = share(0.5).zip(share(0.95)).zip(share(1.0)).map(|((a, b), c)| (a, b, c)) else {
            continue;
        };
        if phase == 0 {
            p95_before = *p95;
        }
        println!(
            "  {name}: {} fragments, p50 {p50:.0} ms, p95 {p95:.0} ms ({:.2} times that before), worst {worst:.0} ms",
            took.len(),
            p95 / p95_before
        );
    }
}

fn words(_: usize, length: Duration) -> Vec<u8> {
    audio(length.as_millis() as usize, 1, 1)
}

/// Six seconds of a recording, over and over.
fn speech(number: usize, length: Duration) -> Vec<u8> {
    let mut recording =
        hound::WavReader::open(crate::support::root().join("tests/audio/lj001.wav")).expect("a recording");
    let length = (recording.spec().sample_rate as f64 * length.as_secs_f64()) as usize;
    let start = number * length % (recording.duration() as usize - length);
    let samples = recording.samples::<i16>().skip(start).take(length);
    samples.flat_map(|sample| sample.expect("16-bit PCM").to_le_bytes()).collect()
}

fn fakes(work: &str, start: &str) -> Service {
    Service::fake(&[
        ("FAKE_WORK_MS", work),
        ("FAKE_START_MS", start),
        ("ASR_WORKERS", "2"),
        ("TRANSLATION_WORKERS", "2"),
        ("TTS_WORKERS", "4"),
        ("QUEUE_CAPACITY", "200"),
    ])
}

/// A twentieth of true speed, and fragments of a twentieth of the usual length.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_streams_lose_nothing_while_every_stage_is_restarted_five_times_each_way() {
    let service = fakes("15,1,41", "100");
    let fragment = Duration::from_millis(300);
    let plan = Plan {
        streams: 20,
        fragment,
        restarts: 5,
        between: Duration::ZERO,
        before: Duration::from_secs(2),
        audio: words,
    };
    run("fake engines, twenty times true speed", &service, plan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_through_real_engines_loses_nothing_while_every_stage_is_restarted() {
    let service = Service::real(18_775);
    let fragment = Duration::from_secs(6);
    let plan = Plan {
        streams: 1,
        fragment,
        restarts: 1,
        between: Duration::ZERO,
        before: Duration::from_secs(1),
        audio: speech,
    };
    run("real engines", &service, plan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes of real time: make bench-restart"]
async fn latency_at_true_speed_over_fake_engines() {
    // What the stages take for 6 s of speech on two cores, and about what their engines take to start.
    let service = fakes("305,10,822", "1500");
    let (fragment, before) = (Duration::from_secs(6), Duration::from_secs(60));
    let plan = Plan { streams: 20, fragment, restarts: 5, between: Duration::ZERO, before, audio: words };
    run("fake engines at true speed", &service, plan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes of real time: make bench-restart"]
async fn latency_of_real_engines() {
    let service = Service::real(18_777);
    let (fragment, before) = (Duration::from_secs(6), Duration::from_secs(90));
    // Without a pause all restarts are over within the time of three fragments: too few for a percentile.
    let plan = Plan { streams: 1, fragment, restarts: 5, between: fragment, before, audio: speech };
    run("real engines", &service, plan).await;
}
