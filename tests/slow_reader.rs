//! A client that goes on sending and does not read: what it asked to be acknowledged is acknowledged once it reads
//! again; if it never does, its connection ends, and nothing is left of it.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::messages::{audio, fragment, init};
use support::raw::Client;
use support::{Service, get};
use tokio::net::TcpSocket;

const STREAM: &str = "unread";
/// Results of 1.3 MB each: more than the kernel takes for a connection that is not read from.
const LARGE: usize = 4;
/// Small fragments after them, which are in work until the end.
const HELD: usize = 8;
/// How often each of those is sent again at once, each time with a callback. Fewer than a stream takes at once; in all,
/// at two packets each time, more than the 256 that the service keeps for a connection.
const REPETITIONS: usize = 40;
const DEADLINE: Duration = Duration::from_secs(60);

/// A service whose recogniser works on some fragments until it is told to be done.
struct Gated {
    service: Service,
    directory: tempfile::TempDir,
}

impl Gated {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let gate = directory.path().join("gate");
        let service = Service::fake(&[
            ("FAKE_GATE", gate.to_str().expect("UTF-8")),
            ("ASR_WORKERS", "2"),
            ("ASR_TIMEOUT_MS", "120000"),
            ("MAX_MESSAGES_PER_SECOND", "1000"),
            ("RESUME_GRACE_MS", "1000"),
            ("BACKPRESSURE_THRESHOLD_HIGH", "20"),
            ("BACKPRESSURE_THRESHOLD_CRITICAL", "20"),
        ]);
        Self { service, directory }
    }

    /// Lets all work be done.
    fn open(&self) {
        for number in LARGE..LARGE + HELD {
            std::fs::write(self.directory.path().join(format!("gate-{number}")), "").expect("a file");
        }
    }

    /// Polls until `path` of the service says what it should.
    async fn wait_until(&self, what: &str, path: &str, is_so: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let address = if path == "/metrics" { &self.service.address } else { &self.service.operators };
            let answer = get(address, path).expect("an answer");
            if is_so(&answer) {
                return;
            }
            assert!(Instant::now() < deadline, "{what} is still to come: {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn wait_for_in_flight(&self, count: usize) {
        let line = format!("sts_fragments_in_flight{{stream_id=\"{STREAM}\"}} {count}\n");
        self.wait_until(&line, "/metrics", |metrics| metrics.contains(&line)).await;
    }

    /// A client that has sent what it wants acknowledged, and has read nothing of what the service said to that.
    async fn client_that_does_not_read(&self) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 << 10).expect("a small buffer");
        let stream = socket.connect(self.service.address.parse().expect("an address")).await.expect("it listens");
        let auth = json!({"stream_id": STREAM, "worker_id": "slow"});
        let address = &self.service.address;
        let mut client = Client::connect_over(stream, address, &auth, Arc::default()).await.expect("a connection");
        client.emit("stream:init", &init(30_000)).await.expect("a fresh connection takes it");
        assert_eq!(client.next_event().await.expect("an answer").event(), "stream:ready");
        let large = audio(30_000, 1, 1);
        for number in 0..LARGE {
            client.emit("fragment:data", &fragment(STREAM, number, &large)).await.expect("the connection stays");
            self.wait_for_in_flight(0).await;
        }
        // What comes over a connection is taken in order: once one is in work, what was sent before has been answered.
        for number in LARGE..LARGE + HELD {
            let held = fragment(STREAM, number, &audio(10, 5, number as i16));
            client.emit("fragment:data", &held).await.expect("the connection stays");
            self.wait_for_in_flight(number - LARGE + 1).await;
            for repetition in 0..REPETITIONS {
                let id = (number - LARGE) * REPETITIONS + repetition;
                client.call(id as u64, "fragment:data", &held).await.expect("the connection stays");
            }
        }
        client
    }
}

#[tokio::test]
async fn a_callback_that_found_no_room_comes_once_when_there_is_some() {
    let gated = Gated::start();
    let mut client = gated.client_that_does_not_read().await;
    let (mut callbacks, mut acks, mut results, mut apart) = (BTreeSet::new(), 0, 0, 0);
    let all_callbacks = HELD * REPETITIONS;
    while callbacks.len() < all_callbacks || acks < LARGE + HELD + all_callbacks || results < LARGE {
        let packet = tokio::time::timeout(DEADLINE, client.next()).await.expect("in time").expect("it stays open");
        if let Some(id) = packet.acknowledges() {
            assert!(callbacks.insert(id), "callback {id} came twice");
            let (ack, held) = (packet.data(), LARGE + id as usize / REPETITIONS);
            assert_eq!((&ack["fragment_id"], &ack["status"]), (&json!(held.to_string()), &json!("queued")), "{ack}");
        }
        match packet.event() {
            "fragment:ack" => acks += 1,
            "fragment:processed" => results += 1,
            "error" => panic!("{}", packet.data()),
            _ => {}
        }
        // As long as there is room each callback stands beside its event, and a held fragment has an event alone.
        apart = apart.max(acks.saturating_sub(LARGE).abs_diff(callbacks.len()));
    }
    assert_eq!(callbacks, (0..all_callbacks as u64).collect(), "which callbacks came");
    assert!(apart > HELD + 1, "the buffer was never full: {apart}");
    gated.open();
    for number in LARGE..LARGE + HELD {
        let result = tokio::time::timeout(DEADLINE, next_result(&mut client)).await.expect("in time");
        assert_eq!((&result["sequence_number"], &result["status"]), (&json!(number), &json!("success")));
    }
    client.leave().await;
}

/// The next result; a callback must not come any more.
async fn next_result(client: &mut Client) -> Value {
    loop {
        let packet = client.next().await.expect("it stays open");
        assert_eq!(packet.acknowledges(), None, "a callback came twice");
        if packet.event() == "fragment:processed" {
            return packet.data();
        }
    }
}

#[tokio::test]
async fn a_client_that_never_reads_again_is_cut_and_leaves_nothing() {
    let gated = Gated::start();
    let descriptors = || {
        let directory = format!("/proc/{}/fd", gated.service.id());
        std::fs::read_dir(directory).expect("it runs").count()
    };
    let before = descriptors();
    let silent = gated.client_that_does_not_read().await.fall_silent();
    let nobody = |service: &str| service.contains("\"connections\":0") && service.contains("\"streams\":0");
    gated.wait_until("the end of connection and stream", "/api/v1/service", nobody).await;
    gated.open();
    gated.wait_until("the end of its series", "/metrics", |metrics| !metrics.contains(STREAM)).await;
    let deadline = Instant::now() + DEADLINE;
    while descriptors() > before {
        assert!(Instant::now() < deadline, "{} descriptors, {before} before", descriptors());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(silent);
    // Another may have the name at once, and is served.
    let auth = json!({"stream_id": STREAM});
    let mut next = Client::connect(&gated.service.address, &auth, Arc::default()).await.expect("a connection");
    next.emit("stream:init", &init(100)).await.expect("a fresh connection takes it");
    assert_eq!(next.next_event().await.expect("an answer").event(), "stream:ready");
    next.emit("fragment:data", &fragment(STREAM, 0, &audio(100, 1, 1))).await.expect("the connection stays");
    assert_eq!(next_result(&mut next).await["status"], "success");
    next.leave().await;
}
