//! What a service that is asked for more than it takes does to what it has taken: `tests/admission` at full size.
//!
//! usage: admission ADDRESS streams|queue PERIODS     prints one line of JSON
//!
//! With `streams`, 100 of them send a fragment of 6 s every 6 s for so many periods, and as many while 20 strangers ask
//! for a stream ten times a second each. With `queue`, eight keep 64 fragments waiting, 20 ms of work each, and want 72.

#[path = "../admission/comparison.rs"]
mod comparison;
#[path = "../support/messages.rs"]
mod messages;
#[path = "../admission/queue.rs"]
mod queue;
#[path = "../support/raw.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod raw;
#[path = "../admission/streams.rs"]
mod streams;
#[path = "../admission/worker.rs"]
mod worker;

/// What the tests call it.
mod support {
    pub(crate) use super::{messages, raw};
}

use std::time::Duration;

use queue::Crowd;
use streams::Visit;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, bound, periods] = arguments.as_slice() else {
        eprintln!("usage: admission ADDRESS streams|queue PERIODS");
        std::process::exit(2);
    };
    let periods: u32 = periods.parse().expect("PERIODS: a number");
    let comparison = if bound == "streams" {
        let visit = Visit {
            streams: 100,
            fragment: Duration::from_secs(6),
            work_ms: 20,
            fragments: periods,
            strangers: 20,
            pause: Duration::from_millis(100),
        };
        streams::play(address, visit).await
    } else {
        let crowd = Crowd {
            streams: 8,
            share: 8,
            fragment: Duration::from_secs(1),
            work_ms: 20,
            // As many as are done in a period of the others.
            fragments: periods as usize * 6 * 1_000 / 20 / 8,
            pause: Duration::from_millis(20),
        };
        queue::play(address, crowd).await
    };
    println!("{}", comparison.summary());
}
