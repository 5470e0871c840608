//! Fifty connections that break at random, for thousands of fragments: nothing is lost, nothing comes twice, nothing
//! comes out of order, memory stays flat, and nothing of a stream is left when its worker never comes back.
//!
//! `SOAK_FRAGMENTS` says how many fragments; from 10 000 on, memory is judged as well. `make soak` runs it whole.

mod support;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::messages::{self, RATE_HZ, init, samples};
use support::raw::{Client, Packet, Silent, Traffic};
use support::{Service, get};
use tokio::sync::Mutex;

const CONNECTIONS: usize = 50;
const MAX_STREAMS: usize = 200;
const GRACE_MS: u64 = 3_000;
/// Fragments of one stream; then its seat opens another.
const STREAM_FRAGMENTS: u64 = 50;
const MAX_IN_FLIGHT: u64 = 6;
/// A soak of so many fragments is whole: memory is judged, and silent workers are waited for.
const WHOLE: usize = 10_000;
/// How long anything that must come is waited for.
const DEADLINE: Duration = Duration::from_secs(30);
/// Until the service notices that nobody answers its pings: interval and timeout.
const PING_DEADLINE: Duration = Duration::from_secs(45 + 15);

/// What all workers share.
struct Soak {
    address: String,
    wanted: usize,
    /// Longest time between two fragments of a stream, ms.
    pace_ms: u64,
    delivered: AtomicUsize,
    tally: Tally,
    /// Connections at whose ends nobody is; kept so that the service is not told.
    silent: Mutex<Vec<Silent>>,
}

#[derive(Default)]
struct Tally {
    streams: AtomicU64,
    connections: AtomicU64,
    resets: AtomicU64,
    silences: AtomicU64,
    farewells: AtomicU64,
    goners: AtomicU64,
    silent_goners: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One worker's own view of its stream.
struct Worker {
    stream_id: String,
    random: fastrand::Rng,
    session_id: Option<String>,
    next_to_send: u64,
    acknowledged: u64,
    received: u64,
    /// It never comes back once it has received this many.
    vanishes_at: Option<u64>,
}

/// How a connection ended.
enum Ending {
    Completed,
    Broken,
    Vanished,
}

impl Soak {
    /// One seat: stream after stream, until enough was delivered.
    async fn seat(self: Arc<Self>, seat: usize) {
        let mut random = fastrand::Rng::with_seed(seat as u64);
        for life in 0.. {
            if self.delivered.load(Ordering::Relaxed) >= self.wanted {
                return;
            }
            count(&self.tally.streams);
            let vanishes_at = (random.u8(..100) < 15).then(|| random.u64(1..STREAM_FRAGMENTS));
            let worker = Worker {
                stream_id: format!("soak-{seat}-{life}"),
                random: fastrand::Rng::with_seed(random.u64(..)),
                session_id: None,
                next_to_send: 0,
                acknowledged: 0,
                received: 0,
                vanishes_at,
            };
            self.live(worker).await;
        }
    }

    /// A stream from its first connection to its last.
    async fn live(&self, mut worker: Worker) {
        loop {
            let auth = json!({"stream_id": worker.stream_id, "worker_id": "soak"});
            let mut client =
                Client::connect(&self.address, &auth, Arc::new(Traffic::default())).await.expect("a connection");
            count(&self.tally.connections);
            match self.work(&mut worker, &mut client).await {
                Ending::Completed => return client.leave().await,
                Ending::Vanished => {
                    count(&self.tally.goners);
                    // Only a whole soak has the time to see the service find out by itself.
                    if self.wanted >= WHOLE && worker.random.u8(..4) == 0 {
                        count(&self.tally.silent_goners);
                        self.silent.lock().await.push(client.fall_silent());
                    } else {
                        client.reset();
                    }
                    return;
                }
                Ending::Broken => match worker.random.u8(..3) {
                    0 => {
                        count(&self.tally.resets);
                        client.reset();
                    }
                    1 => {
                        count(&self.tally.silences);
                        self.silent.lock().await.push(client.fall_silent());
                    }
                    _ => {
                        count(&self.tally.farewells);
                        client.leave().await;
                    }
                },
            }
            tokio::time::sleep(Duration::from_millis(worker.random.u64(..400))).await;
        }
    }

    /// Sends and receives until the connection is to break, or the stream is complete.
    async fn work(&self, worker: &mut Worker, client: &mut Client) -> Ending {
        worker.open(client).await;
        let mut packets_left = worker.random.u32(4..60);
        let mut send_at = tokio::time::Instant::now();
        let mut end_sent = false;
        loop {
            if worker.vanishes_at.is_some_and(|limit| worker.received >= limit) {
                return Ending::Vanished;
            }
            if worker.received == STREAM_FRAGMENTS && !end_sent {
                end_sent = client.emit("stream:end", &json!({})).await.is_ok();
            }
            let may_send =
                worker.next_to_send < STREAM_FRAGMENTS && worker.next_to_send - worker.received < MAX_IN_FLIGHT;
            tokio::select! {
                packet = client.next_event() => {
                    let packet = packet.unwrap_or_else(|| panic!("{} was cut off", worker.stream_id));
                    match packet.event() {
                        "fragment:ack" => worker.acknowledge(&packet.data()),
                        "fragment:processed" => {
                            worker.receive(&packet.data());
                            self.delivered.fetch_add(1, Ordering::Relaxed);
                        }
                        "stream:complete" => {
                            worker.check_complete(&packet.data());
                            return Ending::Completed;
                        }
                        "backpressure" => {}
                        _ => panic!("{}: {packet:?}", worker.stream_id),
                    }
                    packets_left -= 1;
                    if packets_left == 0 {
                        return Ending::Broken;
                    }
                }
                () = tokio::time::sleep_until(send_at), if may_send => {
                    let fragment = worker.fragment(worker.next_to_send);
                    // A connection that is gone shows when it is read from.
                    let _ = client.emit("fragment:data", &fragment).await;
                    worker.next_to_send += 1;
                    send_at += Duration::from_millis(worker.random.u64(..self.pace_ms));
                }
                () = tokio::time::sleep(DEADLINE) => panic!("{}: nothing comes any more", worker.stream_id),
            }
        }
    }
}

impl Worker {
    async fn open(&mut self, client: &mut Client) {
        let mut init = init(500);
        if let Some(session_id) = &self.session_id {
            let last_received = self.received.checked_sub(1);
            init["resume"] = json!({"session_id": session_id, "last_sequence_received": last_received});
        }
        client.emit("stream:init", &init).await.expect("a fresh connection takes it");
        let ready = within(client.next_event()).await.expect("an answer to stream:init");
        assert_eq!(ready.event(), "stream:ready", "{}: {ready:?}", self.stream_id);
        let ready = ready.data();
        if self.session_id.is_some() {
            assert_eq!(ready["resumed"], true);
            let next = ready["next_sequence_number"].as_u64().expect("a number");
            assert!(
                (self.acknowledged..=self.next_to_send).contains(&next),
                "{}: {next} is next, though {} were acknowledged and {} sent",
                self.stream_id,
                self.acknowledged,
                self.next_to_send
            );
            (self.next_to_send, self.acknowledged) = (next, next);
        }
        self.session_id = ready["session_id"].as_str().map(str::to_owned);
    }

    /// Length in samples and delay in ms: by the number alone, so that a result can be told from another's.
    fn shape(&self, number: u64) -> (usize, i16) {
        let mut random = fastrand::Rng::with_seed(number * 7_919 + self.stream_id.len() as u64);
        (RATE_HZ * random.usize(100..=500) / 1_000, random.i16(1..=30))
    }

    fn fragment(&self, number: u64) -> Value {
        let (count, delay_ms) = self.shape(number);
        let mut fragment = messages::fragment(&self.stream_id, number as usize, &samples(count, 1, delay_ms));
        fragment["fragment_id"] = format!("{}-{number}", self.stream_id).into();
        fragment
    }

    fn acknowledge(&mut self, ack: &Value) {
        let expected = format!("{}-{}", self.stream_id, self.acknowledged);
        assert_eq!(ack["fragment_id"], expected, "acknowledgements come in the order of what was sent");
        self.acknowledged += 1;
    }

    fn receive(&mut self, result: &Value) {
        let (count, delay_ms) = self.shape(self.received);
        let about = format!("{}: {} was due, this came: {}", self.stream_id, self.received, without_audio(result));
        assert_eq!(result["sequence_number"], self.received, "{about}");
        assert_eq!(result["fragment_id"], format!("{}-{}", self.stream_id, self.received), "{about}");
        assert_eq!(result["status"], "success", "{about}");
        assert_eq!(result["transcript"], format!("words {delay_ms}"), "{about}");
        assert_eq!(result["dubbed_audio"].as_str().map(str::len), Some(base64_length(count * 2)), "{about}");
        assert!(result.get("skipped").is_none_or(|skipped| skipped == &json!([])), "{about}");
        self.received += 1;
    }

    fn check_complete(&self, complete: &Value) {
        assert_eq!(self.received, STREAM_FRAGMENTS, "{} was completed early", self.stream_id);
        for field in ["total_fragments", "success_count"] {
            assert_eq!(complete[field], STREAM_FRAGMENTS, "{}: {complete}", self.stream_id);
        }
        assert_eq!((&complete["failed_count"], &complete["partial_count"]), (&json!(0), &json!(0)));
    }
}

fn base64_length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

fn without_audio(result: &Value) -> Value {
    let mut result = result.clone();
    result.as_object_mut().map(|fields| fields.remove("dubbed_audio"));
    result
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("in time")
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_or_disordered_over_connections_that_break() {
    let wanted = std::env::var("SOAK_FRAGMENTS").map_or(1_500, |text| text.parse().expect("SOAK_FRAGMENTS: a number"));
    let service = Service::fake(&[
        ("ASR_WORKERS", "8"),
        ("QUEUE_CAPACITY", "400"),
        ("MAX_STREAMS", &MAX_STREAMS.to_string()),
        ("MAX_CONNECTIONS", "2000"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "2000"),
        ("RESUME_GRACE_MS", &GRACE_MS.to_string()),
    ]);
    let soak = Arc::new(Soak {
        address: service.address.clone(),
        wanted,
        // A connection that fell silent is only given up after 45 s: a whole soak lasts longer than that, or memory
        // would still be filling up.
        pace_ms: if wanted >= WHOLE { 1_100 } else { 200 },
        delivered: AtomicUsize::new(0),
        tally: Tally::default(),
        silent: Mutex::default(),
    });
    let started = Instant::now();
    let mut seats = tokio::task::JoinSet::new();
    for seat in 0..CONNECTIONS {
        seats.spawn(Arc::clone(&soak).seat(seat));
    }
    let mut readings = Vec::new();
    let mut clock = tokio::time::interval(Duration::from_millis(100));
    while !seats.is_empty() {
        tokio::select! {
            Some(seat) = seats.join_next() => seat.expect("every worker saw what it must"),
            _ = clock.tick() => {
                let (resident, anonymous) = service.memory();
                readings.push(Reading { delivered: soak.delivered.load(Ordering::Relaxed), resident, anonymous });
            }
        }
    }
    report(&soak, started.elapsed());
    nothing_is_left(&service, &soak).await;
    judge_memory(&readings, wanted);
}

/// Memory at one moment, KiB.
struct Reading {
    delivered: usize,
    resident: u64,
    anonymous: u64,
}

fn report(soak: &Soak, took: Duration) {
    let delivered = soak.delivered.load(Ordering::Relaxed);
    let tally = &soak.tally;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{delivered} fragments of {} streams over {} connections at {CONNECTIONS} seats in {:.1} s ({:.0} a second)",
        read(&tally.streams),
        read(&tally.connections),
        took.as_secs_f64(),
        delivered as f64 / took.as_secs_f64()
    );
    println!(
        "broken and resumed: {} by reset, {} by silence and takeover, {} by farewell; never came back: {}, {} of them mute",
        read(&tally.resets),
        read(&tally.silences),
        read(&tally.farewells),
        read(&tally.goners),
        read(&tally.silent_goners)
    );
}

/// Medians of each thousand, from the second to the last, lie within 5 % of the second's.
fn judge_memory(readings: &[Reading], wanted: usize) {
    let median = |thousand: usize, of: fn(&Reading) -> u64| {
        let mut values: Vec<u64> =
            readings.iter().filter(|reading| reading.delivered / 1_000 == thousand).map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    let thousands: Vec<(usize, u64, u64)> = (1..=wanted / 1_000)
        .filter_map(|thousand| {
            let resident = median(thousand, |reading| reading.resident)?;
            Some((thousand, resident, median(thousand, |reading| reading.anonymous)?))
        })
        .collect();
    let Some(&(_, base, _)) = thousands.first() else { return };
    for (thousand, resident, anonymous) in &thousands {
        println!(
            "memory while fragments {}000 to {}999 were delivered: resident {:.1} MiB ({:+.1} %), anonymous {:.1} MiB",
            thousand,
            thousand,
            *resident as f64 / 1024.0,
            (*resident as f64 / base as f64 - 1.0) * 100.0,
            *anonymous as f64 / 1024.0
        );
    }
    if wanted >= WHOLE {
        for (thousand, resident, _) in thousands {
            let change = resident as f64 / base as f64 - 1.0;
            assert!(change.abs() <= 0.05, "memory changed by {:.1} % by thousand {thousand}", change * 100.0);
        }
    } else {
        println!("memory is not judged below {WHOLE} fragments");
    }
}

/// No series, and room for as many streams as there may be.
async fn nothing_is_left(service: &Service, soak: &Soak) {
    let limit = Duration::from_millis(GRACE_MS) + if soak.wanted >= WHOLE { PING_DEADLINE } else { DEADLINE };
    let deadline = Instant::now() + limit;
    loop {
        let metrics = get(&service.address, "/metrics").expect("it still listens");
        let left: Vec<&str> = metrics.lines().filter(|line| line.contains("stream_id=")).collect();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{} series are left, as {}", left.len(), left[0]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut clients = Vec::new();
    for index in 0..MAX_STREAMS {
        let auth = json!({"stream_id": format!("after-{index}"), "worker_id": "soak"});
        let mut client = Client::connect(&service.address, &auth, Arc::default()).await.expect("a connection");
        client.emit("stream:init", &init(500)).await.expect("a fresh connection takes it");
        let answer: Packet = within(client.next_event()).await.expect("an answer");
        assert_eq!(answer.event(), "stream:ready", "stream {index} of {MAX_STREAMS}: {answer:?}");
        clients.push(client);
    }
    println!("afterwards: no series of a stream, and room for {MAX_STREAMS} new ones");
}
