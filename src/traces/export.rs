//! Spans to the collector. A thread of its own sends them in batches; whoever makes them never waits: past a bound they
//! are dropped, and counted.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor};
use prometheus::{IntCounterVec, Opts};

/// Spans that may wait to be sent, those that are just being sent included.
const CAPACITY: usize = 4_096;
/// Spans that are sent together.
const BATCH: usize = 512;
/// How long spans wait for others to be sent with.
const LINGER: Duration = Duration::from_secs(1);
/// From a request to the end of its answer.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 << 10;

/// Takes spans and sends them.
pub(super) struct Export {
    processor: BatchSpanProcessor,
    tally: Tally,
}

impl Export {
    pub(super) fn start(endpoint: &str) -> Result<Self, String> {
        let client =
            std::thread::spawn(|| reqwest::blocking::Client::builder().use_rustls_tls().timeout(REQUEST_LIMIT).build());
        let client = client.join().map_err(|_| "the HTTP client panicked")?.map_err(|error| error.to_string())?;
        let exporter = OtlpExporter::builder()
            .with_http()
            .with_http_client(Client(client))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| error.to_string())?;
        let tally = Tally::new();
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(CAPACITY)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(LINGER)
            .build();
        let counting = Counting { exporter, tally: tally.clone() };
        let mut processor = BatchSpanProcessor::builder(counting).with_batch_config(config).build();
        processor.set_resource(&resource());
        Ok(Self { processor, tally })
    }

    pub(super) fn counted(&self) -> IntCounterVec {
        self.tally.counted.clone()
    }

    /// Never waits.
    pub(super) fn take(&self, span: SpanData) {
        if self.tally.admit() {
            self.processor.on_end(span);
        }
    }

    pub(super) fn finish(&self, limit: Duration) {
        // What could not be sent by then is lost with the process.
        let _ = self.processor.shutdown_with_timeout(limit);
    }
}

/// Who says all this. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say otherwise.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder().with_attribute(version);
    let is_named = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"].iter().any(|name| {
        std::env::var(name).is_ok_and(|value| *name == "OTEL_SERVICE_NAME" || value.contains("service.name="))
    });
    if is_named { named.build() } else { named.with_service_name("sts").build() }
}

/// How many spans wait, and what became of the others.
#[derive(Clone, Debug)]
struct Tally {
    waiting: Arc<AtomicUsize>,
    counted: IntCounterVec,
}

impl Tally {
    fn new() -> Self {
        let options = Opts::new("sts_trace_spans_total", "Spans, by what became of them.");
        let counted = IntCounterVec::new(options, &["outcome"]).expect("the name is one that Prometheus takes");
        ["exported", "failed", "dropped"].iter().for_each(|outcome| counted.with_label_values(&[outcome]).reset());
        Self { waiting: Arc::default(), counted }
    }

    /// Whether there is room for one more.
    fn admit(&self) -> bool {
        let has_room = |waiting: usize| (waiting < CAPACITY).then_some(waiting + 1);
        let admitted = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, has_room).is_ok();
        if !admitted {
            self.counted.with_label_values(&["dropped"]).inc();
        }
        admitted
    }

    fn done(&self, count: usize, outcome: &str) {
        self.waiting.fetch_sub(count, Ordering::AcqRel);
        self.counted.with_label_values(&[outcome]).inc_by(count as u64);
    }
}

/// The exporter, and what came of each batch.
#[derive(Debug)]
struct Counting {
    exporter: OtlpExporter,
    tally: Tally,
}

impl SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.exporter.export(batch).await;
        if let Err(error) = &result {
            log::warn!(target: "sts::traces", "{count} spans cannot be sent: {error}");
        }
        self.tally.done(count, if result.is_ok() { "exported" } else { "failed" });
        result
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(limit)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The HTTP client that the rest of the program uses, for the exporter's thread.
#[derive(Debug)]
struct Client(reqwest::blocking::Client);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.execute(request.try_into()?)?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        answer.take(MAX_ANSWER).read_to_end(&mut body)?;
        Ok(response.body(body.into())?)
    }
}
