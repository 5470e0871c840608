//! A worker whose fragments make something to see.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::messages::{audio, fragment, init};
use crate::support::raw::Client;

/// Longer than anything here takes, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Length of a fragment, ms.
const FRAGMENT_MS: usize = 100;

/// A stream that is open.
pub struct Worker {
    client: Client,
    stream_id: String,
    sent: usize,
}

impl Worker {
    pub async fn open(address: &str, stream_id: &str) -> Self {
        Self::open_with(address, stream_id, json!({})).await
    }

    /// With more in the `auth` payload.
    pub async fn open_with(address: &str, stream_id: &str, mut auth: Value) -> Self {
        auth["stream_id"] = json!(stream_id);
        auth["worker_id"] = json!("the-worker");
        let client = Client::connect(address, &auth, Arc::default()).await.expect("a connection");
        let mut worker = Self { client, stream_id: stream_id.to_owned(), sent: 0 };
        worker.emit("stream:init", &init(FRAGMENT_MS)).await;
        worker.next("stream:ready").await;
        worker
    }

    pub async fn emit(&mut self, event: &str, data: &Value) {
        self.client.emit(event, data).await.expect("the connection is open");
    }

    /// Sends a fragment that tells the fake engines what to do.
    pub async fn send(&mut self, order: i16, number: i16) {
        self.send_with(order, number, &json!({})).await;
    }

    /// With more fields.
    pub async fn send_with(&mut self, order: i16, number: i16, more: &Value) {
        let mut fragment = fragment(&self.stream_id, self.sent, &audio(FRAGMENT_MS, order, number));
        for (key, value) in more.as_object().expect("an object") {
            fragment[key] = value.clone();
        }
        self.emit("fragment:data", &fragment).await;
        self.sent += 1;
    }

    /// The next event of this name; others are dropped.
    pub async fn next(&mut self, event: &str) -> Value {
        let waiting = async {
            loop {
                let packet = self.client.next_event().await.expect("the connection is open");
                if packet.event() == event {
                    return packet.data();
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("no {event} came"))
    }

    /// Sends one and waits for its result.
    pub async fn dub(&mut self, order: i16, number: i16) -> Value {
        self.send(order, number).await;
        self.next("fragment:processed").await
    }

    /// Takes what has come so far, so that the service has room to say more.
    pub async fn drop_what_came(&mut self) {
        while tokio::time::timeout(Duration::from_millis(1), self.client.next()).await.is_ok_and(|came| came.is_some())
        {
        }
    }

    pub async fn end(mut self) -> Value {
        self.emit("stream:end", &json!({})).await;
        let complete = self.next("stream:complete").await;
        self.client.leave().await;
        complete
    }
}
