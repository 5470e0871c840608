//! What the log says of operators' actions.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::support::Service;
use super::support::operator::Operator;

/// `printf %s an-operators-secret | sha256sum | cut -c 1-8`
const TAG: &str = "73de5caa";

/// The lines with this message in the log, once there are so many.
async fn lines_of(log: &Path, message: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let text = std::fs::read_to_string(log).expect("a log");
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found: Vec<Value> = lines.filter(|line| line["message"] == message).collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{} of {count} are in the log:\n{text}", found.len());
        tokio::task::yield_now().await;
    }
}

fn expect(line: &Value, expected: &Value) {
    for (key, value) in expected.as_object().expect("it is one") {
        assert_eq!(&line[key], value, "{key} in {line}");
    }
    assert!(line["timestamp"].is_string() && line["took_ms"].is_f64(), "{line}");
    assert!(line["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")), "{line}");
}

#[tokio::test]
async fn each_action_is_logged_at_any_level_with_who_what_and_outcome() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let service = Service::fake_logging_to(&log, &[("OPS_TOKENS", "an-operators-secret"), ("LOG_LEVEL", "critical")]);
    let operator = Operator::of(&service);
    let ask = async |method: Method, path: &str, token: &str, body: Option<Value>| {
        let request = operator.request(method, path).bearer_auth(token);
        operator.ask(if let Some(body) = body { request.json(&body) } else { request }).await.0
    };
    let secret = "an-operators-secret";
    assert_eq!(ask(Method::GET, "/stages", secret, None).await, 200);
    assert_eq!(ask(Method::PUT, "/stages/asr/workers", secret, Some(json!({"workers": 2}))).await, 200);
    assert_eq!(ask(Method::POST, "/stages/tts/restart?mode=all", secret, None).await, 200);
    assert_eq!(ask(Method::POST, "/streams/nobodys/drain", secret, None).await, 404);
    assert_eq!(ask(Method::PUT, "/stages/asr/workers", secret, Some(json!({"workers": 0}))).await, 400);
    assert_eq!(ask(Method::POST, "/service/drain", "a-forged-secret-of-mine", None).await, 401);
    let foreign =
        operator.request(Method::POST, "/service/drain").bearer_auth(secret).header("origin", "https://x.example");
    assert_eq!(operator.ask(foreign).await.0, 401);

    let lines = lines_of(&log, "an operator acts", 6).await;
    assert_eq!(lines.len(), 6, "what is only looked at is no action");
    expect(
        &lines[0],
        &json!({"operator": TAG, "operator_action": "scale", "stage": "asr", "detail": "2",
        "outcome": "done", "http_status": 200, "level": "info", "request": "PUT /api/v1/stages/asr/workers"}),
    );
    expect(
        &lines[1],
        &json!({"operator": TAG, "operator_action": "restart", "stage": "tts", "detail": "all",
        "outcome": "done", "http_status": 200}),
    );
    expect(
        &lines[2],
        &json!({"operator": TAG, "operator_action": "drain", "stream_id": "nobodys",
        "outcome": "refused", "http_status": 404, "error.code": "STREAM_NOT_FOUND", "level": "warning"}),
    );
    expect(
        &lines[3],
        &json!({"operator": TAG, "operator_action": "scale", "detail": "0", "outcome": "refused",
        "error.code": "INVALID_CONFIG", "error": "workers must be 1 to 64, not 0"}),
    );
    expect(
        &lines[4],
        &json!({"operator": "unknown", "operator_action": "", "outcome": "refused", "http_status": 401,
        "error.code": "UNAUTHORIZED", "request": "POST /api/v1/service/drain"}),
    );
    expect(&lines[5], &json!({"operator": TAG, "outcome": "refused", "http_status": 401}));
    let asked = lines_of(&log, "an operator asks", 4).await;
    let actions: Vec<&Value> = asked.iter().map(|line| &line["operator_action"]).collect();
    assert_eq!(actions, ["scale", "restart", "drain", "scale"], "what nobody may do is not asked for");
    let text = std::fs::read_to_string(&log).expect("a log");
    assert!(!text.contains(secret) && !text.contains("a-forged-secret"), "no token is logged");
}
