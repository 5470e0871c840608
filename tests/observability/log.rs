//! The log: a line for each thing that happens, and no harm to the service when the lines find no taker.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Service, get};
use crate::worker::{PATIENCE, Worker};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The lines of a log, once each of these messages is among them: those of two actors come in no set order.
fn lines(log: &Path, awaited: &[&str]) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(log).expect("a log");
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines: Vec<Value> = whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect();
        let missing = awaited.iter().find(|message| !lines.iter().any(|line| line["message"] == **message));
        let Some(missing) = missing else { return lines };
        assert!(Instant::now() < deadline, "no '{missing}' in {text}");
        std::thread::yield_now();
    }
}

fn with<'a>(lines: &'a [Value], message: &str, matching: &Value) -> &'a Value {
    let fits = |line: &&Value| {
        let wanted = matching.as_object().expect("an object");
        line["message"] == message && wanted.iter().all(|(key, value)| line[key] == *value)
    };
    lines.iter().find(fits).unwrap_or_else(|| panic!("no '{message}' with {matching} in {lines:#?}"))
}

#[tokio::test]
async fn each_step_of_a_fragment_has_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let environment = [("LOG_LEVEL", "info"), ("TRANSLATION_TIMEOUT_MS", "60000")];
    let service = Service::fake_logging_to(&log, &environment);
    let mut worker = Worker::open_with(&service.address, "logged", json!({"traceparent": TRACEPARENT})).await;
    assert_eq!(worker.dub(1, 1).await["status"], "success");
    assert_eq!(worker.dub(23, 7).await["status"], "failed");
    // The first keeps the translator until the fourth is there.
    for _ in 0..4 {
        worker.send(20, 400).await;
    }
    worker.end().await;
    let lines = lines(&log, &["worker disconnected", "stream closed"]);

    for line in &lines {
        assert!(humantime::parse_rfc3339(line["timestamp"].as_str().expect("a text")).is_ok(), "{line}");
        let level = line["level"].as_str().expect("a text");
        assert!(["critical", "error", "warning", "info"].contains(&level), "more than was asked for: {line}");
    }
    let stream = json!({"stream_id": "logged", "worker_id": "the-worker"});
    for message in ["worker connected", "stream opened", "stream is now ending", "stream closed", "worker disconnected"]
    {
        with(&lines, message, &stream);
    }
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let first = json!({"stream_id": "logged", "worker_id": "the-worker", "fragment_id": "0", "sequence_number": 0,
        "trace_id": trace_id});
    with(&lines, "fragment received", &first);
    for (stage, duration) in
        [("asr", "asr_duration_ms"), ("translation", "translation_duration_ms"), ("tts", "tts_duration_ms")]
    {
        let mut of_stage = first.clone();
        of_stage["stage"] = json!(stage);
        with(&lines, "stage started", &of_stage);
        let finished = with(&lines, "stage finished", &of_stage);
        let whole = with(&lines, "fragment finished", &first);
        assert!(finished[duration].is_f64() && whole[duration] == finished[duration], "{finished} {whole}");
    }
    let failed = json!({"stream_id": "logged", "sequence_number": 1, "error.stage": "translation",
        "error.code": "INTERNAL", "error.retryable": false, "level": "warning"});
    with(&lines, "stage failed", &failed);
    assert!(with(&lines, "fragment failed", &failed)["asr_duration_ms"].is_f64());
    with(&lines, "backpressure", &json!({"stream_id": "logged", "severity": "medium", "action": "slow_down"}));
    with(&lines, "backpressure", &json!({"severity": "low", "action": "none"}));
    let text = std::fs::read_to_string(&log).expect("a log");
    assert!(!text.to_lowercase().contains("words "), "what was said is not logged");
    assert!(lines.iter().any(|line| line["target"].is_string()), "libraries are heard");
}

#[tokio::test]
async fn libraries_details_need_a_level_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    for (level, heard) in [("info", false), ("trace", true)] {
        let log = folder.path().join(level);
        let service = Service::fake_logging_to(&log, &[("LOG_LEVEL", level)]);
        assert!(get(&service.operators, "/api/v1/service").is_some());
        service.signal(libc::SIGTERM);
        assert_eq!(service.wait(), Some(0));
        let lines = lines(&log, &["stopped"]);
        let is_detail =
            |line: &Value| line["target"].is_string() && ["debug", "trace"].map(Value::from).contains(&line["level"]);
        assert_eq!(lines.iter().any(is_detail), heard, "at {level}: {lines:#?}");
    }
}

/// Records that the service says it has dropped for this reason.
fn dropped(service: &Service, reason: &str) -> u64 {
    let metrics = get(&service.address, "/metrics").expect("metrics");
    let series = format!("sts_log_records_dropped_total{{reason=\"{reason}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series)).expect("the series is always there");
    value.parse().expect("a number")
}

async fn serves_and_ends(service: Service) {
    let mut worker = Worker::open(&service.address, "unlogged").await;
    for number in 0..3 {
        assert_eq!(worker.dub(1, number).await["status"], "success");
    }
    assert_eq!(worker.end().await["success_count"], 3);
    service.signal(libc::SIGTERM);
    assert_eq!(service.wait(), Some(0));
}

#[tokio::test]
async fn a_full_disk_costs_lines_and_nothing_else() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let service = Service::fake_on(full, &[("LOG_LEVEL", "info")]);
    assert!(dropped(&service, "unwritable") > 0);
    serves_and_ends(service).await;
}

#[tokio::test]
async fn a_pipe_that_nobody_holds_costs_lines_and_nothing_else() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let service = Service::fake_on(writer, &[("LOG_LEVEL", "info")]);
    assert!(dropped(&service, "unwritable") > 0);
    serves_and_ends(service).await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_costs_lines_and_nothing_else() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let service =
        Service::fake_on(Stdio::from(writer), &[("LOG_LEVEL", "info"), ("MAX_MESSAGES_PER_SECOND", "1000000")]);
    let mut worker = Worker::open(&service.address, "noisy").await;
    let deadline = Instant::now() + PATIENCE;
    while dropped(&service, "queue_full") == 0 {
        for _ in 0..100 {
            worker.emit("stream:pause", &json!({})).await;
            worker.emit("stream:resume", &json!({})).await;
        }
        worker.drop_what_came().await;
        assert!(Instant::now() < deadline, "the pipe and the queue are full by now");
    }
    worker.end().await;
    serves_and_ends(service).await;
    drop(reader);
}
