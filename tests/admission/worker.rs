//! A worker that has a stream, and checks what comes over it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::comparison::{Comparison, check_refusal};
use super::support::messages::{fragment, init};
use super::support::raw::Client;

/// How long anything that must come is waited for.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// One fragment that was sent.
struct Sent {
    at: Instant,
    during: bool,
}

/// One worker and its stream.
pub struct Worker {
    client: Client,
    stream_id: String,
    pcm: Vec<u8>,
    sent: Vec<Sent>,
    acknowledged: usize,
    delivered: usize,
    seen: Comparison,
}

impl Worker {
    /// Connects and opens a stream.
    pub async fn open(address: &str, stream_id: String, fragment_ms: usize, pcm: Vec<u8>) -> Self {
        let mut client = connect(address, &stream_id).await;
        client.emit("stream:init", &init(fragment_ms)).await.expect("a fresh connection takes it");
        let ready = client.next_event().await.expect("an answer");
        assert_eq!(ready.event(), "stream:ready", "{ready:?}");
        let (sent, seen) = (Vec::new(), Comparison::default());
        Self { client, stream_id, pcm, sent, acknowledged: 0, delivered: 0, seen }
    }

    /// Sends the next fragment.
    pub async fn send(&mut self, during: bool) {
        let message = fragment(&self.stream_id, self.sent.len(), &self.pcm);
        self.sent.push(Sent { at: Instant::now(), during });
        self.client.emit("fragment:data", &message).await.expect("the connection stays");
    }

    /// Fragments that were sent, but for those that were refused.
    pub fn sent(&self) -> usize {
        self.sent.len()
    }

    /// Fragments that were sent and not answered yet.
    pub fn unanswered(&self) -> usize {
        self.sent.len() - self.acknowledged
    }

    /// Fragments that were taken and not delivered yet.
    pub fn in_flight(&self) -> usize {
        self.acknowledged - self.delivered
    }

    /// Waits for the next thing to come, and checks it. A fragment that is refused counts as not sent. May be
    /// cancelled.
    pub async fn receive(&mut self) {
        let packet = self.client.next_event().await.expect("the connection stays");
        let data = packet.data();
        match packet.event() {
            "fragment:ack" => {
                assert_eq!(data["fragment_id"], self.acknowledged.to_string(), "{data}");
                let sent = &self.sent[self.acknowledged];
                let times = if sent.during { &mut self.seen.during } else { &mut self.seen.before };
                times.acks.push(milliseconds(sent.at));
                self.acknowledged += 1;
            }
            "fragment:processed" => {
                let result = (&data["status"], &data["sequence_number"]);
                assert_eq!(result, (&json!("success"), &json!(self.delivered)), "{}", data["error"]);
                let sent = &self.sent[self.delivered];
                let times = if sent.during { &mut self.seen.during } else { &mut self.seen.before };
                times.results.push(milliseconds(sent.at));
                self.delivered += 1;
            }
            "error" => {
                check_refusal(&data);
                let sent = self.sent.pop().expect("what is refused was sent");
                assert_eq!(data["fragment_id"], self.sent.len().to_string(), "the last one sent, as one waits");
                self.seen.refused[usize::from(sent.during)] += 1;
            }
            "backpressure" => {}
            other => panic!("{other}: {data}"),
        }
    }

    /// Waits until everything that was sent has been delivered.
    pub async fn settle(&mut self) {
        while self.delivered < self.sent.len() {
            tokio::time::timeout(DEADLINE, self.receive()).await.expect("the next result in time");
        }
    }

    /// Ends the stream, and says what it saw.
    pub async fn end(mut self) -> Comparison {
        self.client.emit("stream:end", &json!({})).await.expect("the connection stays");
        let complete = loop {
            let packet = self.client.next_event().await.expect("stream:complete");
            match packet.event() {
                "backpressure" => {}
                event => {
                    break (event == "stream:complete").then(|| packet.data()).expect("stream:complete comes last");
                }
            }
        };
        let counts = [&complete["total_fragments"], &complete["success_count"]];
        assert_eq!(counts, [&json!(self.sent.len()); 2], "{complete}");
        self.client.leave().await;
        self.seen
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// A connection for a stream of this name.
pub async fn connect(address: &str, stream_id: &str) -> Client {
    let auth: Value = json!({"stream_id": stream_id, "worker_id": "admission"});
    Client::connect(address, &auth, Arc::default()).await.expect("a connection")
}
