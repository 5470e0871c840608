//! A worker that keeps its own account of its stream: what it sent, what was acknowledged, what came back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::messages::{fragment, init, samples};
use crate::support::raw::{Client, Packet};
use crate::{Soak, count};

/// Fragments of one stream.
const FRAGMENTS: u64 = 60;
const MAX_IN_FLIGHT: u64 = 5;
/// How long anything that must come is waited for: a stage may have lost its weights, be paused, or wait for its turn.
const DEADLINE: Duration = Duration::from_secs(120);
/// Codes that a fragment may fail with when its engine does.
const FAILURES: [&str; 4] = ["INTERNAL", "GPU_OUT_OF_MEMORY", "STAGE_UNAVAILABLE", "TIMEOUT"];
/// Codes with which a fragment may be refused, to be sent again.
const REFUSALS: [&str; 2] = ["SERVICE_OVERLOADED", "BACKPRESSURE_EXCEEDED"];

/// A stream as its worker sees it.
pub struct Worker {
    stream_id: String,
    random: fastrand::Rng,
    session_id: Option<String>,
    /// The next fragment to send; those before it were acknowledged, but for the last when `awaits_answer`.
    next: u64,
    awaits_answer: bool,
    received: u64,
    failed: u64,
}

enum Ending {
    Completed,
    Broken,
}

impl Worker {
    pub fn new(stream_id: String, random: fastrand::Rng) -> Self {
        Self { stream_id, random, session_id: None, next: 0, awaits_answer: false, received: 0, failed: 0 }
    }

    /// The stream from its first connection to its last.
    pub async fn live(mut self, soak: &Soak) {
        loop {
            let auth = json!({"stream_id": self.stream_id, "worker_id": "soak"});
            let mut client = Client::connect(&soak.address, &auth, Arc::default()).await.expect("a connection");
            count(&soak.tally.connections);
            match self.work(soak, &mut client).await {
                Ending::Completed => return client.leave().await,
                Ending::Broken if self.random.bool() => {
                    count(&soak.tally.resets);
                    client.reset();
                }
                Ending::Broken => {
                    count(&soak.tally.farewells);
                    client.leave().await;
                }
            }
            tokio::time::sleep(Duration::from_millis(self.random.u64(..300))).await;
        }
    }

    async fn work(&mut self, soak: &Soak, client: &mut Client) -> Ending {
        self.open(soak, client).await;
        let mut packets_left = self.random.u32(20..300);
        let mut send_at = tokio::time::Instant::now();
        let mut end_sent = false;
        loop {
            if self.received == FRAGMENTS && !end_sent {
                end_sent = client.emit("stream:end", &json!({})).await.is_ok();
            }
            let may_send = !self.awaits_answer && self.next < FRAGMENTS && self.next - self.received < MAX_IN_FLIGHT;
            tokio::select! {
                packet = client.next_event() => {
                    let packet = packet.unwrap_or_else(|| panic!("{} was cut off", self.stream_id));
                    if self.take(soak, &packet, &mut send_at).await {
                        return Ending::Completed;
                    }
                    packets_left -= 1;
                    if packets_left == 0 {
                        return Ending::Broken;
                    }
                }
                () = tokio::time::sleep_until(send_at), if may_send => {
                    // A connection that is gone shows when it is read from.
                    let _ = client.emit("fragment:data", &self.fragment(self.next)).await;
                    self.awaits_answer = true;
                    send_at = tokio::time::Instant::now() + Duration::from_millis(self.random.u64(50..750));
                }
                () = tokio::time::sleep(DEADLINE) => {
                    panic!("{}: nothing comes any more; {} sent, {} received", self.stream_id, self.next, self.received)
                }
            }
        }
    }

    /// Takes an event; says whether the stream is complete.
    async fn take(&mut self, soak: &Soak, packet: &Packet, send_at: &mut tokio::time::Instant) -> bool {
        let data = packet.data();
        match packet.event() {
            "fragment:ack" => {
                assert_eq!(data["fragment_id"], self.next.to_string(), "{}: {data}", self.stream_id);
                assert!(self.awaits_answer, "{}: acknowledged twice: {data}", self.stream_id);
                self.acknowledge(soak, 1);
            }
            "error" => {
                let code = data["code"].as_str().expect("a code");
                assert!(REFUSALS.contains(&code) && data["retryable"] == true, "{}: {data}", self.stream_id);
                soak.tally.note(format!("refused, {code}")).await;
                self.awaits_answer = false;
                *send_at = tokio::time::Instant::now() + Duration::from_millis(300);
            }
            "fragment:processed" => {
                let outcome = self.receive(&data);
                soak.tally.answered.fetch_add(1, Ordering::Relaxed);
                soak.tally.note(outcome).await;
            }
            "stream:complete" => {
                self.check_complete(&data);
                return true;
            }
            "backpressure" => {}
            _ => panic!("{}: {packet:?}", self.stream_id),
        }
        false
    }

    fn acknowledge(&mut self, soak: &Soak, fragments: u64) {
        soak.tally.acknowledged.fetch_add(fragments, Ordering::Relaxed);
        self.next += fragments;
        self.awaits_answer = false;
    }

    async fn open(&mut self, soak: &Soak, client: &mut Client) {
        let mut message = init(300);
        if let Some(session_id) = &self.session_id {
            message["resume"] =
                json!({"session_id": session_id, "last_sequence_received": self.received.checked_sub(1)});
        }
        let ready = loop {
            client.emit("stream:init", &message).await.expect("a fresh connection takes it");
            let answer =
                tokio::time::timeout(DEADLINE, client.next_event()).await.expect("in time").expect("an answer");
            let data = answer.data();
            match answer.event() {
                "stream:ready" => break data,
                // No stream is opened while a stage has no live worker; one that is there already is resumed all the same.
                "error" if data["code"] == "SERVICE_OVERLOADED" && self.session_id.is_none() => {
                    soak.tally.note("stream refused, SERVICE_OVERLOADED".to_owned()).await;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                _ => panic!("{}: {answer:?}", self.stream_id),
            }
        };
        if self.session_id.is_some() {
            assert_eq!(ready["resumed"], true);
            // The one that was on its way when the connection broke arrived, or did not.
            let next = ready["next_sequence_number"].as_u64().expect("a number");
            let arrived = next.checked_sub(self.next).filter(|arrived| *arrived <= u64::from(self.awaits_answer));
            let arrived = arrived.unwrap_or_else(|| panic!("{}: {next} is next, not {}", self.stream_id, self.next));
            self.acknowledge(soak, arrived);
        }
        self.session_id = ready["session_id"].as_str().map(str::to_owned);
    }

    /// Length in samples and a number that is heard: by the place alone, so that a result can be told from another's.
    fn shape(&self, number: u64) -> (usize, i16) {
        let mut random = fastrand::Rng::with_seed(number * 7_919 + self.stream_id.len() as u64);
        (16 * random.usize(100..=400), random.i16(1..=20))
    }

    fn fragment(&self, number: u64) -> Value {
        let (length, heard) = self.shape(number);
        fragment(&self.stream_id, number as usize, &samples(length, 1, heard))
    }

    /// Checks a result, and says how it fared.
    fn receive(&mut self, result: &Value) -> String {
        let (length, heard) = self.shape(self.received);
        let mut shown = result.clone();
        shown.as_object_mut().map(|fields| fields.remove("dubbed_audio"));
        let about = format!("{}: {} was due, this came: {shown}", self.stream_id, self.received);
        assert_eq!(result["sequence_number"], self.received, "{about}");
        assert_eq!(result["fragment_id"], self.received.to_string(), "{about}");
        assert!(result.get("skipped").is_none_or(|skipped| skipped == &json!([])), "{about}");
        self.received += 1;
        if result["status"] == "success" {
            assert_eq!(result["transcript"], format!("words {heard}"), "{about}");
            let audio = result["dubbed_audio"].as_str().map(str::len);
            assert_eq!(audio, Some((length * 2).div_ceil(3) * 4), "{about}");
            return "success".to_owned();
        }
        assert_eq!(result["status"], "failed", "{about}");
        let (stage, code) = (result["error"]["stage"].as_str(), result["error"]["code"].as_str());
        let (stage, code) = (stage.expect("a stage"), code.expect("a code"));
        assert!(FAILURES.contains(&code), "{about}");
        self.failed += 1;
        format!("failed in {stage}, {code}")
    }

    fn check_complete(&self, complete: &Value) {
        assert_eq!(self.received, FRAGMENTS, "{} was completed early", self.stream_id);
        assert_eq!(complete["total_fragments"], FRAGMENTS, "{}: {complete}", self.stream_id);
        assert_eq!(complete["failed_count"], self.failed, "{}: {complete}", self.stream_id);
        assert_eq!(complete["success_count"], FRAGMENTS - self.failed, "{}: {complete}", self.stream_id);
    }
}
