//! Streams that keep the service's queue full; then each wants one fragment more in it, and is refused until there is
//! room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::comparison::Comparison;
use super::support::messages::audio;
use super::worker::Worker;

/// How many come, and with what.
#[derive(Clone, Copy)]
pub struct Crowd {
    /// Streams.
    pub streams: usize,
    /// Fragments that each keeps in flight: all together as many as the queue holds.
    pub share: usize,
    /// Length of a fragment.
    pub fragment: Duration,
    /// The fake recogniser's work on each, ms.
    pub work_ms: i16,
    /// Fragments of each stream while all keep to their share, and about as many while they do not.
    pub fragments: usize,
    /// Between two tries of one stream.
    pub pause: Duration,
}

/// Plays it.
pub async fn play(address: &str, crowd: Crowd) -> Comparison {
    let (mut streams, crowding) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
    for index in 0..crowd.streams {
        let length_ms = crowd.fragment.as_millis() as usize;
        let pcm = audio(length_ms, 1, crowd.work_ms);
        let worker = Worker::open(address, format!("crowd-{index}"), length_ms, pcm).await;
        streams.spawn(stream(worker, crowd, Arc::clone(&crowding)));
    }
    let mut comparison = Comparison::default();
    for worker in streams.join_all().await {
        comparison.extend(worker.end().await);
    }
    comparison
}

/// Keeps to its share until somebody has sent half of what it has; then wants one more.
async fn stream(mut worker: Worker, crowd: Crowd, crowding: Arc<AtomicBool>) -> Worker {
    let mut next_try = Instant::now();
    while worker.sent() < 2 * crowd.fragments || worker.unanswered() > 0 {
        crowding.fetch_or(worker.sent() >= crowd.fragments, Ordering::AcqRel);
        let is_crowding = crowding.load(Ordering::Acquire);
        let wanted = crowd.share + usize::from(is_crowding);
        let may_try = worker.unanswered() == 0 && worker.in_flight() < wanted;
        tokio::select! {
            () = worker.receive() => {}
            () = sleep_until(next_try), if may_try => {
                worker.send(is_crowding).await;
                next_try = Instant::now() + crowd.pause;
            }
        }
    }
    worker.settle().await;
    worker
}
