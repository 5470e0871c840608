//! Spans at a collector. The collector here is a fake: it takes what the protocol has sent to `/v1/traces`, and keeps it.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

use crate::metrics::scrape;
use crate::support::Service;
use crate::worker::{PATIENCE, Worker};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    /// Starts one; gives where it listens.
    async fn start(&self) -> String {
        let kept = Arc::clone(&self.0);
        let take = move |body: Bytes| async move {
            kept.lock().expect("no panic").push(ExportTraceServiceRequest::decode(body).expect("OTLP"));
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().expect("no panic");
        let scopes = requests.iter().flat_map(|request| &request.resource_spans).flat_map(|spans| &spans.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// Waits until so many fragments' own spans have come, which come last.
    async fn wait_for(&self, fragments: usize) -> Vec<Span> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            if spans.iter().filter(|span| span.name == "fragment").count() >= fragments {
                return spans;
            }
            assert!(Instant::now() < deadline, "{spans:#?}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(span: &Span) -> HashMap<&str, String> {
    let text = |value: &Attribute| match value {
        Attribute::StringValue(text) => text.clone(),
        Attribute::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = span.attributes.iter();
    pairs.filter_map(|pair| Some((pair.key.as_str(), text(pair.value.as_ref()?.value.as_ref()?)))).collect()
}

/// The span of a fragment, and those under it by name.
fn family(spans: &[Span], sequence_number: u64) -> (&Span, HashMap<&str, &Span>) {
    let is_it = |span: &&Span| {
        span.name == "fragment" && attributes(span)["sts.sequence_number"] == sequence_number.to_string()
    };
    let root = spans.iter().find(is_it).expect("the fragment's span");
    let children = spans.iter().filter(|span| span.parent_span_id == root.span_id);
    (root, children.map(|span| (span.name.as_str(), span)).collect())
}

fn milliseconds(span: &Span) -> u64 {
    (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000_000
}

#[tokio::test]
async fn a_fragments_spans_reach_the_collector() {
    let collector = Collector::default();
    let service = Service::fake(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.start().await)]);
    let auth = json!({"traceparent": format!("00-{TRACE}-{PARENT}-01")});
    let mut worker = Worker::open_with(&service.address, "traced", auth).await;
    worker.dub(10, 50).await;
    worker.dub(23, 1).await;
    let own = json!({"traceparent": "00-11111111111111111111111111111111-2222222222222222-01"});
    worker.send_with(4, 5, &own).await;
    worker.next("fragment:processed").await;
    let unsampled = json!({"traceparent": "00-33333333333333333333333333333333-4444444444444444-00"});
    worker.send_with(1, 1, &unsampled).await;
    worker.next("fragment:processed").await;
    worker.dub(0, 0).await;
    let spans = collector.wait_for(4).await;

    let (root, children) = family(&spans, 0);
    assert_eq!((hex(&root.trace_id), hex(&root.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    let of_root = attributes(root);
    assert_eq!(of_root["sts.stream_id"], "traced");
    assert_eq!((of_root["sts.fragment_id"].as_str(), of_root["sts.status"].as_str()), ("0", "success"));
    let mut names: Vec<_> = children.keys().copied().collect();
    names.sort_unstable();
    let stages = ["asr.queue", "asr.work", "reorder", "translation.queue", "translation.work", "tts.queue", "tts.work"];
    assert_eq!(names, stages);
    for span in children.values() {
        assert_eq!(span.trace_id, root.trace_id);
        assert!(root.start_time_unix_nano <= span.start_time_unix_nano, "{span:?}");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        assert!(span.end_time_unix_nano <= root.end_time_unix_nano, "{span:?}");
    }
    assert!(milliseconds(children["asr.work"]) >= 50 && milliseconds(root) >= 50, "{children:#?}");
    assert_eq!(attributes(children["asr.work"])["sts.attempts"], "1");

    let (root, children) = family(&spans, 1);
    assert_eq!(
        (attributes(root)["error.type"].as_str(), attributes(root)["sts.stage"].as_str()),
        ("INTERNAL", "translation")
    );
    assert_eq!(attributes(children["translation.work"])["error.type"], "INTERNAL");
    assert!(!children.contains_key("tts.work"), "it came no further");

    let (root, children) = family(&spans, 2);
    assert_eq!((hex(&root.trace_id), hex(&root.parent_span_id)), ("1".repeat(32), "2".repeat(16)), "its own");
    assert_eq!(attributes(children["asr.work"])["sts.attempts"], "2", "the first cost a worker");

    assert!(spans.iter().all(|span| hex(&span.trace_id) != "3".repeat(32)), "whoever began it does not record it");
    let (_, children) = family(&spans, 4);
    assert_eq!(children.len(), 3, "nobody spoke, so that nothing was translated: {:?}", children.keys());
    let resource = collector.0.lock().expect("no panic")[0].resource_spans[0].resource.clone().expect("a resource");
    assert!(format!("{resource:?}").contains("\"sts\""), "{resource:?}");
    let exported = format!("sts_trace_spans_total{{outcome=\"exported\"}} {}\n", spans.len());
    assert!(scrape(&service).contains(&exported), "{exported}");
}

#[tokio::test]
async fn what_is_no_trace_counts_as_absent() {
    let collector = Collector::default();
    let service = Service::fake(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.start().await)]);
    let mut worker = Worker::open_with(&service.address, "untraced", json!({"traceparent": ["no", "text"]})).await;
    worker.send_with(1, 1, &json!({"traceparent": format!("00-{TRACE}-{}-01", "0".repeat(16))})).await;
    assert_eq!(worker.next("fragment:processed").await["status"], "success");
    // What is left is sent at the end.
    worker.end().await;
    service.signal(libc::SIGTERM);
    assert_eq!(service.wait(), Some(0));
    let spans = collector.wait_for(1).await;
    let (root, _) = family(&spans, 0);
    assert!(root.parent_span_id.is_empty() && hex(&root.trace_id) != TRACE, "a trace that begins here: {root:?}");
    assert!(root.trace_id.iter().any(|&byte| byte != 0));
}

#[tokio::test]
async fn a_collector_that_hangs_or_is_away_disturbs_nobody() {
    // Connections are taken by the system, and nobody ever reads from them.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    let hanging_endpoint = format!("http://{}", hanging.local_addr().expect("an address"));
    for endpoint in [hanging_endpoint.as_str(), "http://127.0.0.1:1"] {
        let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("MAX_MESSAGES_PER_SECOND", "100000")];
        let service = Service::fake(&environment);
        let mut worker = Worker::open(&service.address, "undisturbed").await;
        // More spans than may wait.
        for number in 0..700 {
            assert_eq!(worker.dub(1, 0).await["sequence_number"], number);
        }
        assert_eq!(worker.end().await["success_count"], 700);
        let text = scrape(&service);
        let (lost, hung) = ("outcome=\"failed\"} 0\n", "outcome=\"dropped\"} 0\n");
        assert!(!text.contains(lost) || !text.contains(hung), "they are counted: {text}");
        service.signal(libc::SIGTERM);
        assert_eq!(service.wait(), Some(0), "the end does not wait for {endpoint}");
    }
    drop(hanging);
}

#[tokio::test]
async fn without_a_collector_there_is_nothing_of_it() {
    let service = Service::fake(&[]);
    let mut worker = Worker::open(&service.address, "plain").await;
    worker.dub(1, 1).await;
    assert!(!scrape(&service).contains("sts_trace"));
}
