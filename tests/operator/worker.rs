//! The worker whose fragments the operator watches.

use serde_json::{Value, json};

use super::support::Service;
use super::support::messages::{self, audio, init};
use super::support::polling::Worker;

/// A worker with a stream of this name.
pub async fn open(service: &Service, stream: &str) -> Worker {
    let worker = Worker::connect(&service.url(), json!({"stream_id": stream})).await.expect_connected();
    worker.emit("stream:init", &init(100)).await;
    worker.next("stream:ready").await;
    worker
}

/// 100 ms in which the fake recogniser hears "words 1" after 1 ms.
pub fn fragment(stream: &str, number: usize) -> Value {
    ordered(stream, number, 1, 1)
}

/// 100 ms with an order to the fakes.
pub fn ordered(stream: &str, number: usize, order: i16, parameter: i16) -> Value {
    messages::fragment(stream, number, &audio(100, order, parameter))
}
