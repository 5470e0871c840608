//! SIGTERM while twenty streams send at pace: what was acknowledged is delivered, once and in order, every stream is
//! completed, and the exit status is 0.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::Service;
use support::messages::{audio, fragment, init};
use support::raw::Client;

const STREAMS: usize = 20;
const FRAGMENT_MS: usize = 300;
const WORK_MS: i16 = 150;
/// Fragments acknowledged in all before the signal is sent.
const BEFORE_THE_SIGNAL: usize = 100;
const DEADLINE: Duration = Duration::from_secs(30);

/// What one worker saw.
#[derive(Default)]
struct Seen {
    acknowledged: Vec<u64>,
    delivered: Vec<u64>,
    refused: usize,
    complete: Option<Value>,
}

/// Sends at pace until it is told that the service drains; then listens until the service closes the connection.
async fn stream(address: String, index: usize, acknowledged: Arc<AtomicUsize>) -> Seen {
    let stream_id = format!("drained-{index}");
    let auth = json!({"stream_id": stream_id, "worker_id": "load"});
    let mut client = Client::connect(&address, &auth, Arc::default()).await.expect("a connection");
    client.emit("stream:init", &init(FRAGMENT_MS)).await.expect("a fresh connection takes it");
    let pcm = audio(FRAGMENT_MS, 1, WORK_MS);
    let mut seen = Seen::default();
    let mut pace = tokio::time::interval(Duration::from_millis(FRAGMENT_MS as u64));
    let mut number = 0;
    loop {
        tokio::select! {
            packet = client.next_event() => {
                let Some(packet) = packet else { return seen };
                let data = packet.data();
                match packet.event() {
                    "fragment:ack" => {
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                        let id = data["fragment_id"].as_str().and_then(|id| id.parse().ok());
                        seen.acknowledged.push(id.expect("the id that was sent"));
                    }
                    "fragment:processed" => {
                        assert_eq!(data["status"], "success");
                        assert!(seen.complete.is_none(), "a result after stream:complete");
                        seen.delivered.push(data["sequence_number"].as_u64().expect("a number"));
                    }
                    "stream:complete" => {
                        assert!(seen.complete.is_none(), "a second stream:complete");
                        seen.complete = Some(data);
                    }
                    "error" => {
                        assert_eq!(data["code"], "SERVICE_OVERLOADED", "{data}");
                        assert_eq!(data["retryable"], true);
                        seen.refused += 1;
                    }
                    "stream:ready" | "backpressure" => {}
                    other => panic!("{other}: {data}"),
                }
            }
            _ = pace.tick(), if seen.refused == 0 && seen.complete.is_none() => {
                client.emit("fragment:data", &fragment(&stream_id, number, &pcm)).await.expect("the connection is open");
                number += 1;
            }
        }
    }
}

#[tokio::test]
async fn sigterm_under_load_loses_nothing_that_was_acknowledged() {
    let service = Service::fake(&[("ASR_WORKERS", "12"), ("QUEUE_CAPACITY", "200")]);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut streams = tokio::task::JoinSet::new();
    for index in 0..STREAMS {
        streams.spawn(stream(service.address.clone(), index, Arc::clone(&acknowledged)));
    }
    let loaded = async {
        while acknowledged.load(Ordering::Relaxed) < BEFORE_THE_SIGNAL {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, loaded).await.expect("the load builds up in time");
    service.signal(libc::SIGTERM);
    let mut total = 0;
    while let Some(seen) = tokio::time::timeout(DEADLINE, streams.join_next()).await.expect("the drain ends in time") {
        let seen = seen.expect("a worker saw what it must");
        let expected: Vec<u64> = (0..seen.acknowledged.len() as u64).collect();
        assert_eq!(seen.acknowledged, expected);
        assert_eq!(seen.delivered, expected, "what was acknowledged is delivered once, in order");
        let complete = seen.complete.expect("a stream:complete before the connection ends");
        assert_eq!(complete["total_fragments"], expected.len());
        assert_eq!(complete["success_count"], expected.len());
        total += expected.len();
    }
    assert!(total >= BEFORE_THE_SIGNAL);
    assert_eq!(service.wait(), Some(0), "the exit status");
}
