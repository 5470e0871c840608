//! The log's level, changed while the service runs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::Service;
use super::support::operator::Operator;
use super::worker::open;

#[tokio::test]
async fn the_level_changes_what_is_logged_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let service = Service::fake_logging_to(&log, &[("LOG_LEVEL", "warning")]);
    let operator = Operator::of(&service);
    assert_eq!(operator.get("/log").await, (200, json!({"level": "warning"})));
    let _quiet = open(&service, "before").await;
    let changed = operator.put("/log", &json!({"level": "info"})).await;
    assert_eq!(changed, (200, json!({"from": "warning", "level": "info"})));
    assert_eq!(operator.get("/log").await.1["level"], "info");
    let _heard = open(&service, "after").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let text = loop {
        let text = std::fs::read_to_string(&log).expect("a log");
        if text.contains(r#""stream_id":"after""#) {
            break text;
        }
        assert!(Instant::now() < deadline, "not in the log: {text}");
        tokio::task::yield_now().await;
    };
    // Events are logged a moment after they happen, but connections at once.
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told = lines.any(|line| line["message"] == "connected" && line["stream_id"] == "before");
    assert!(!told, "{text}");
    let (status, problem) = operator.put("/log", &json!({"level": "loud"})).await;
    assert_eq!((status, &problem["code"]), (400, &json!("INVALID_CONFIG")), "{problem}");
    assert!(problem["message"].as_str().is_some_and(|message| message.starts_with("`level` 'loud'")), "{problem}");
}
