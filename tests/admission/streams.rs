//! As many streams as there may be, at the pace of real time; then strangers knock, and are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, interval_at, sleep};

use super::comparison::{Comparison, check_refusal};
use super::support::messages::{audio, init};
use super::worker::{Worker, connect};

/// Refused tries after which a stranger makes a new connection.
const TRIES: usize = 5;

/// Who comes, and how often.
#[derive(Clone, Copy)]
pub struct Visit {
    /// Streams, which is the service's bound.
    pub streams: usize,
    /// Length of a fragment, and time from one to the next.
    pub fragment: Duration,
    /// The fake recogniser's work on each, ms.
    pub work_ms: i16,
    /// Fragments of each stream before the strangers come, and as many while they knock.
    pub fragments: u32,
    /// Strangers, each with a connection of its own.
    pub strangers: usize,
    /// Between two tries of one stranger.
    pub pause: Duration,
}

/// Plays it. The second number of refusals is that of the strangers.
pub async fn play(address: &str, visit: Visit) -> Comparison {
    let (knocking, enough) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (mut streams, mut strangers) = (JoinSet::new(), JoinSet::new());
    let mut workers = Vec::new();
    for index in 0..visit.streams {
        let pcm = audio(visit.fragment.as_millis() as usize, 1, visit.work_ms);
        workers.push(Worker::open(address, format!("old-{index}"), visit.fragment.as_millis() as usize, pcm).await);
    }
    for (index, worker) in workers.into_iter().enumerate() {
        // Spread evenly, so that no two send at once by design.
        let start = Instant::now() + visit.fragment * index as u32 / visit.streams as u32;
        streams.spawn(stream(worker, start, visit, Arc::clone(&knocking)));
    }
    sleep(visit.fragment * visit.fragments).await;
    knocking.store(true, Ordering::Release);
    for index in 0..visit.strangers {
        strangers.spawn(knock(address.to_owned(), index, visit.pause, Arc::clone(&enough)));
    }
    let workers = streams.join_all().await;
    enough.store(true, Ordering::Release);
    let refused: usize = strangers.join_all().await.into_iter().sum();
    // Only now: a stream that ends gives its place up, and a stranger would get it.
    let mut comparison = Comparison { refused: [0, refused], ..Comparison::default() };
    for worker in workers {
        comparison.extend(worker.end().await);
    }
    comparison
}

/// Sends at pace, and returns the worker when everything was delivered.
async fn stream(mut worker: Worker, start: Instant, visit: Visit, knocking: Arc<AtomicBool>) -> Worker {
    let mut pace = interval_at(start, visit.fragment);
    let mut left = 2 * visit.fragments;
    while left > 0 {
        tokio::select! {
            _ = pace.tick() => {
                worker.send(knocking.load(Ordering::Acquire)).await;
                left -= 1;
            }
            () = worker.receive() => {}
        }
    }
    worker.settle().await;
    worker
}

/// Asks for a stream again and again, and returns how often it was refused.
async fn knock(address: String, index: usize, pause: Duration, enough: Arc<AtomicBool>) -> usize {
    let mut pace = interval(pause);
    let mut refused = 0;
    loop {
        let mut client = connect(&address, &format!("stranger-{index}-{refused}")).await;
        for _ in 0..TRIES {
            pace.tick().await;
            if enough.load(Ordering::Acquire) {
                client.leave().await;
                return refused;
            }
            client.emit("stream:init", &init(1_000)).await.expect("the connection stays");
            let answer = client.next_event().await.expect("an answer");
            assert_eq!(answer.event(), "error", "{answer:?}");
            check_refusal(&answer.data());
            assert_eq!(answer.data()["stream_id"], json!(null), "no stream was made for it");
            refused += 1;
        }
        client.leave().await;
    }
}
