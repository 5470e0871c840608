//! Wrong and hostile commands: each is answered by a problem that says what is wrong, and nothing comes of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::Service;
use super::support::operator::Operator;

/// Status, code and a word that the message has.
fn expect((status, problem): (u16, Value), wanted: (u16, &str, &str), what: &str) {
    assert_eq!((status, &problem["code"]), (wanted.0, &json!(wanted.1)), "{what}: {problem}");
    let message = problem["message"].as_str().unwrap_or_default();
    assert!(message.contains(wanted.2) && message.len() < 500, "{what}: {problem}");
}

#[tokio::test]
async fn wrong_commands_are_explained() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    for (path, status, code, word) in [
        ("/stages/vad", 404, "INVALID_CONFIG", "'vad'"),
        ("/nowhere", 404, "INVALID_CONFIG", "no such path"),
        ("/streams/nobodys", 404, "STREAM_NOT_FOUND", "'nobodys'"),
        ("/streams/%FF", 404, "STREAM_NOT_FOUND", "no stream"),
        ("/streams/a/b", 404, "INVALID_CONFIG", "no such path"),
        ("/streams?limit=0", 400, "INVALID_CONFIG", "`limit`"),
        ("/streams?limit=1001", 400, "INVALID_CONFIG", "`limit`"),
        ("/streams?limit=-1", 400, "INVALID_CONFIG", "`limit`"),
        ("/streams?limit=2&limit=3", 400, "INVALID_CONFIG", "limit"),
        ("/streams?ilmit=2", 400, "INVALID_CONFIG", "ilmit"),
        ("/events?after=x", 400, "INVALID_CONFIG", "`after`"),
        ("/events?after=18446744073709551616", 400, "INVALID_CONFIG", "`after`"),
        ("/events?kind=stage,gossip", 400, "INVALID_CONFIG", "'gossip'"),
        ("/actors?kind=clerk", 400, "INVALID_CONFIG", "clerk"),
        ("/stages/asr/restart", 405, "INVALID_CONFIG", "POST"),
    ] {
        expect(operator.get(path).await, (status, code, word), path);
    }
    let long = format!("/streams/{}", "x".repeat(5_000));
    expect(operator.get(&long).await, (404, "STREAM_NOT_FOUND", "no stream"), "a long name");
    expect(operator.post("/stages/asr/restart?mode=gently").await, (400, "INVALID_CONFIG", "mode"), "mode");
    let wrong_method = operator.request(Method::DELETE, "/stages").send().await.expect("an answer");
    assert_eq!((wrong_method.status().as_u16(), wrong_method.headers()["allow"].to_str().ok()), (405, Some("GET")));
    let (_, service) = operator.get("/service").await;
    assert_eq!((&service["state"], &service["streams"]), (&json!("ready"), &json!(0)), "{service}");
}

#[tokio::test]
async fn wrong_bodies_are_explained() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    let workers = "/stages/asr/workers";
    for (body, word) in [
        (r#"{"workers": 0}"#, "not 0"),
        (r#"{"workers": 65}"#, "not 65"),
        (r#"{"workers": "two"}"#, "`workers`"),
        (r#"{"workers": -1}"#, "`workers`"),
        (r#"{"workers": 1.5}"#, "`workers`"),
        (r#"{"workers": null}"#, "`workers`"),
        (r#"{"workers": {"workers": 1}}"#, "`workers`"),
        (r#"{"workers": 2, "workers": 3}"#, "workers"),
        (r#"{"workers": 2, "force": true}"#, "force"),
        (r#"{"workers": 2} {}"#, "after its end"),
        (r#"{"workers": 2"#, "EOF"),
        ("[2]", "JSON object"),
        ("{}", "`workers`"),
        ("", "JSON object"),
        ("\u{0}", "JSON object"),
    ] {
        let request = operator.request(Method::PUT, workers).header("content-type", "application/json").body(body);
        expect(operator.ask(request).await, (400, "INVALID_CONFIG", word), body);
    }
    let deep = r#"{"workers":"#.repeat(1_000);
    let request = operator.request(Method::PUT, workers).header("content-type", "application/json").body(deep);
    expect(operator.ask(request).await, (400, "INVALID_CONFIG", "`workers`"), "brackets");
    let huge = format!(r#"{{"workers": 2, "x": "{}"}}"#, "x".repeat(100_000));
    let request = operator.request(Method::PUT, workers).header("content-type", "application/json").body(huge);
    expect(operator.ask(request).await, (413, "INVALID_CONFIG", "larger than"), "a huge body");
    let request = operator.request(Method::PUT, workers).body(r#"{"workers": 2}"#);
    expect(operator.ask(request).await, (415, "INVALID_CONFIG", "content-type"), "no content type");
    expect(operator.post("/stages/asr/reload").await, (415, "INVALID_CONFIG", "content-type"), "no body");
    let path = json!({"path": "/no/such/weights"});
    expect(
        operator.post_json("/stages/asr/reload", &path).await,
        (400, "INVALID_CONFIG", "is no directory"),
        "no weights",
    );
    let (_, stage) = operator.get("/stages/asr").await;
    assert_eq!(
        (&stage["workers_wanted"], &stage["workers_ready"]),
        (&json!(1), &json!(1)),
        "nothing came of it: {stage}"
    );
}
