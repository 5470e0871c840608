//! Spans of fragments, for a collector that speaks OTLP over HTTP. Nothing of this runs unless one is configured.
//!
//! | file | concept |
//! | --- | --- |
//! | `spans.rs` | lifecycle events to spans |
//! | `export.rs` | spans to the collector: queued, sent in batches, counted |

mod export;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};
use prometheus::IntCounterVec;
use sts_actors::events::LifecycleEvent;
use sts_actors::registry::{ActorKind, Listing, Mailbox, Observed, Registration, Registry};
use sts_actors::takes_letters;

use export::Export;
use spans::Spans;

/// How long the end of the service waits for a collector to take what is left.
const FAREWELL: Duration = Duration::from_secs(3);

/// The export of spans.
#[derive(Clone)]
pub struct Traces {
    export: Arc<Export>,
}

impl Traces {
    /// Starts sending to the collector at `endpoint`, as `http://127.0.0.1:4318`; `/v1/traces` is added to it.
    ///
    /// # Errors
    /// A sentence, when the endpoint cannot be used.
    pub fn start(endpoint: &str) -> Result<Self, String> {
        Export::start(endpoint).map(|export| Self { export: Arc::new(export) })
    }

    /// Counts spans by what became of them.
    pub fn counted(&self) -> IntCounterVec {
        self.export.counted()
    }

    /// Starts listening to lifecycle events.
    pub fn listen_in(&self, registry: &Registry) -> Mailbox<TracesActor> {
        let listing = Listing::new("traces", ActorKind::Subscriber, MAILBOX);
        let spans = Spans::new(Arc::clone(&self.export));
        registry.start(listing, |registration| TracesActor { spans, _registration: registration })
    }

    /// Sends what is left, as far as the collector takes it in time.
    pub fn finish(&self) {
        self.export.finish(FAREWELL);
    }
}

/// Listens to lifecycle events and makes spans of them.
pub struct TracesActor {
    spans: Spans,
    _registration: Registration,
}

/// Bursts of events wait here.
const MAILBOX: usize = 1_024;

impl Actor for TracesActor {
    type Context = Context<Self>;
}

impl Observed for TracesActor {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({"open_fragments": self.spans.open_fragments()})
    }
}

takes_letters!(TracesActor);

impl Handler<LifecycleEvent> for TracesActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        self.spans.note(&event, std::time::SystemTime::now());
    }
}
