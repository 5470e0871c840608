//! A service that is asked for more than it takes refuses what is new, and does what it has taken as well as before.
//!
//! | file | concept |
//! | --- | --- |
//! | `streams.rs` | the bound on streams, and strangers who knock |
//! | `queue.rs` | the bound on queued fragments, and streams that have more |
//! | `worker.rs` | a stream, and the checks that each of its fragments passes |
//! | `comparison.rs` | what was seen before and during |
//!
//! `tests/bench/admission.rs` plays the same at full size, and `make bench` prints what came of it.

mod comparison;
mod queue;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod worker;

use std::time::Duration;

use comparison::{Comparison, percentile};
use support::{Service, get};

/// How much longer a median may be while others are refused: a machine with two busy cores is allowed its hiccups, and
/// what grew with the refusals would exceed it by far.
const HICCUP_MS: f64 = 1_000.0;

fn check(comparison: &Comparison, fragments: usize, least_refused: usize) {
    println!("{}", comparison.summary());
    let Comparison { before, during, refused } = comparison;
    assert_eq!(before.results.len() + during.results.len(), fragments, "each was delivered once");
    assert!(before.results.len() >= fragments / 3 && during.results.len() >= fragments / 3, "both phases took place");
    assert_eq!(refused[0], 0, "nothing is refused before there is too much");
    assert!(refused[1] >= least_refused, "{} refusals", refused[1]);
    for (earlier, later) in [(&before.acks, &during.acks), (&before.results, &during.results)] {
        let (earlier, later) = (percentile(earlier, 0.5), percentile(later, 0.5));
        assert!(later <= 2.0 * earlier + HICCUP_MS, "{later} ms, after {earlier} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_too_many_is_refused_and_old_ones_are_not_slowed() {
    let service = Service::fake(&[("MAX_STREAMS", "10"), ("ASR_WORKERS", "4")]);
    let visit = streams::Visit {
        streams: 10,
        fragment: Duration::from_millis(300),
        work_ms: 20,
        fragments: 15,
        strangers: 8,
        pause: Duration::from_millis(20),
    };
    let comparison = streams::play(&service.address, visit).await;
    check(&comparison, 2 * 10 * 15, 100);
    let metrics = get(&service.address, "/metrics").expect("an answer");
    assert!(!metrics.contains("stranger"), "a refused stream leaves a series");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fragment_too_many_is_refused_and_queued_ones_are_not_slowed() {
    const STREAMS: usize = 8;
    let service = Service::fake(&[
        ("QUEUE_CAPACITY", "32"),
        ("ASR_WORKERS", "2"),
        // One stream may have more than its share: it is the service's bound that is tested.
        ("BACKPRESSURE_THRESHOLD_HIGH", "100"),
        ("BACKPRESSURE_THRESHOLD_CRITICAL", "100"),
    ]);
    let crowd = queue::Crowd {
        streams: STREAMS,
        share: 4,
        fragment: Duration::from_millis(200),
        work_ms: 20,
        fragments: 40,
        pause: Duration::from_millis(20),
    };
    let comparison = queue::play(&service.address, crowd).await;
    check(&comparison, 2 * STREAMS * 40, 100);
}
