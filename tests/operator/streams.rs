//! Streams as operators see them, and one drained.

use serde_json::{Value, json};

use super::support::Service;
use super::support::operator::Operator;
use super::worker::{fragment, open, ordered};

#[tokio::test]
async fn a_stream_is_seen_and_drained() {
    let gate = tempfile::tempdir().expect("a folder");
    let gate = gate.path().join("gate");
    let service = Service::fake(&[("FAKE_GATE", gate.to_str().expect("UTF-8"))]);
    let operator = Operator::of(&service);
    let worker = open(&service, "s/1?&%").await;
    let path = "/streams/s%2F1%3F&%25";
    worker.emit("fragment:data", &fragment("s/1?&%", 0)).await;
    assert_eq!(worker.next("fragment:processed").await["status"], "success");
    worker.emit("fragment:data", &ordered("s/1?&%", 1, 3, 0)).await;
    assert_eq!(worker.next("fragment:processed").await["status"], "failed");
    worker.emit("fragment:data", &ordered("s/1?&%", 2, 5, 7)).await;
    worker.next("fragment:ack").await;

    let (status, seen) = operator.get(path).await;
    assert_eq!(status, 200, "{seen}");
    let expected = json!({"stream_id": "s/1?&%", "state": "active", "attached": true, "source_language": "en",
        "target_language": "es", "voice_profile": "spanish_male_1", "in_flight": 1, "level": "low", "unsent": 0,
        "fragments": {"received": 3, "success": 1, "partial": 0, "failed": 1, "skipped": 0}});
    for (field, value) in expected.as_object().expect("it is one") {
        assert_eq!(&seen[field], value, "{field} in {seen}");
    }
    assert_eq!(seen["processing_ms"]["recent"].as_array().map(Vec::len), Some(2), "{seen}");
    assert_eq!((&seen["last_error"]["stage"], &seen["last_error"]["code"]), (&json!("asr"), &json!("INTERNAL")));
    assert!(seen["stage_ms"]["asr"].is_f64() && seen["last_error"]["ms_ago"].is_f64(), "{seen}");

    let (status, drained) = operator.post(&format!("{path}/drain")).await;
    assert_eq!((status, drained), (202, json!({"stream_id": "s/1?&%", "state": "ending", "in_flight": 1})));
    assert_eq!(operator.get(path).await.1["state"], "ending");
    worker.emit("fragment:data", &fragment("s/1?&%", 3)).await;
    assert_eq!(worker.next("error").await["code"], "STREAM_NOT_FOUND");
    std::fs::write(gate.with_file_name("gate-7"), "").expect("it is opened");
    assert_eq!(worker.next("fragment:processed").await["sequence_number"], 2);
    assert_eq!(worker.next("stream:complete").await["total_fragments"], 3);
    let (status, problem) = operator.post("/streams/another/drain").await;
    assert_eq!((status, &problem["code"]), (404, &json!("STREAM_NOT_FOUND")), "{problem}");
}

#[tokio::test]
async fn streams_come_in_order_and_page_by_page() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    let mut workers = Vec::new();
    for name in ["c", "a", "b"] {
        workers.push(open(&service, name).await);
    }
    let ids = |streams: &Value| {
        let streams = streams["streams"].as_array().expect("a list");
        streams.iter().map(|stream| stream["stream_id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let (_, all) = operator.get("/streams").await;
    assert_eq!(
        (ids(&all), &all["total"], &all["next"]),
        (["a", "b", "c"].map(str::to_owned).into(), &json!(3), &Value::Null)
    );
    let (_, first) = operator.get("/streams?limit=2").await;
    assert_eq!((ids(&first), &first["next"]), (["a", "b"].map(str::to_owned).into(), &json!("b")));
    let (_, rest) = operator.get("/streams?limit=2&after=b").await;
    assert_eq!((ids(&rest), &rest["next"]), (["c"].map(str::to_owned).into(), &Value::Null));
}

#[tokio::test]
async fn one_answer_has_the_whole_picture() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    let _worker = open(&service, "pictured").await;
    let (status, picture) = operator.get("/snapshot").await;
    assert_eq!((status, &picture["service"]["state"]), (200, &json!("ready")), "{picture}");
    assert_eq!(picture["stages"].as_array().map(Vec::len), Some(3), "{picture}");
    assert_eq!(picture["streams"]["streams"][0]["stream_id"], "pictured", "{picture}");
    assert!(picture["events"]["events"].to_string().contains("worker_ready"), "{picture}");
}
