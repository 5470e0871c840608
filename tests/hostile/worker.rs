//! A well-behaved worker beside the storm: a fragment every 100 ms, and every result right, in order and in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::case::Stage;
use super::fields::{event, fragment, object, pcm};
use super::websocket::{Incoming, Line};

const PACE: Duration = Duration::from_millis(100);
/// Longest that a result may take. Alone it takes some 20 ms; a machine with two busy cores is allowed its hiccups.
const IN_TIME: Duration = Duration::from_secs(2);

/// What the worker saw.
#[derive(Debug)]
pub struct Record {
    pub fragments: u64,
    pub slowest: Duration,
}

/// What the fake recogniser hears in a fragment, and how many ms it takes for it.
fn words(number: u64) -> i16 {
    (number % 20 + 1) as i16
}

/// Streams until told to stop.
pub async fn work(address: &str, stop: Arc<AtomicBool>) -> Record {
    const STREAM: &str = "well-behaved";
    let mut line = Line::open(address, Stage::Streaming, STREAM).await;
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sent: Vec<Instant> = Vec::new();
    let mut record = Record { fragments: 0, slowest: Duration::ZERO };
    while !(stop.load(Ordering::Relaxed) && record.fragments == sent.len() as u64) {
        tokio::select! {
            _ = pace.tick(), if !stop.load(Ordering::Relaxed) => {
                let number = sent.len() as u64;
                let fields = fragment(STREAM, &format!("good-{number}"), number, &pcm(1, words(number)));
                sent.push(Instant::now());
                line.send(event("fragment:data", &object(&fields))).await;
            }
            incoming = line.next() => match incoming {
                Incoming::Event(name, result) if name == "fragment:processed" => {
                    check(&result, record.fragments);
                    let took = sent[record.fragments as usize].elapsed();
                    assert!(took <= IN_TIME, "fragment {} took {took:?}", record.fragments);
                    record.slowest = record.slowest.max(took);
                    record.fragments += 1;
                }
                Incoming::Event(name, _) if name == "fragment:ack" || name == "backpressure" => {}
                other => panic!("the well-behaved stream got {other:?} after {} fragments", record.fragments),
            },
        }
    }
    line.close().await;
    record
}

fn check(result: &Value, number: u64) {
    let audio = result["dubbed_audio"].as_str().and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
    let found = (
        result["sequence_number"].as_u64(),
        result["fragment_id"].as_str(),
        result["status"].as_str(),
        result["transcript"].as_str(),
        result["translated_text"].as_str(),
        audio.len(),
    );
    let (id, text) = (format!("good-{number}"), format!("words {}", words(number)));
    let loud = text.to_uppercase();
    let right = (Some(number), Some(id.as_str()), Some("success"), Some(text.as_str()), Some(loud.as_str()), 1_600);
    assert_eq!(found, right, "a result is wrong");
}
