//! What happened, as operators are told.

use serde_json::{Value, json};

use super::support::Service;
use super::support::operator::Operator;
use super::worker::{fragment, open, ordered};

#[tokio::test]
async fn events_are_numbered_named_and_told_apart() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    let worker = open(&service, "eventful").await;
    worker.emit("fragment:data", &fragment("eventful", 0)).await;
    worker.next("fragment:processed").await;
    worker.emit("fragment:data", &ordered("eventful", 1, 3, 0)).await;
    worker.next("fragment:processed").await;
    worker.emit("fragment:data", &ordered("eventful", 2, 2, 0)).await;
    worker.next("fragment:processed").await;
    let named = |events: &Value, name: &str| {
        let events = events["events"].as_array().expect("a list");
        events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("no {name} in {events:?}")).clone()
    };
    let (status, all) = operator.get("/events").await;
    assert_eq!((status, &all["lost"]), (200, &json!(false)), "{all}");
    let numbers: Vec<_> =
        all["events"].as_array().expect("a list").iter().map(|event| event["number"].clone()).collect();
    let expected: Vec<_> = (1..=numbers.len()).map(|number| json!(number)).collect();
    assert_eq!(numbers, expected, "{all}");
    let received = named(&all, "fragment_received");
    assert_eq!((&received["stream_id"], &received["sequence_number"]), (&json!("eventful"), &json!(0)));
    assert!(received["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{received}");
    assert!(!all.to_string().contains("words"), "what was said is not told: {all}");

    let (_, stages) = operator.get("/events?kind=stage,error&limit=1000").await;
    assert_eq!(named(&stages, "worker_lost")["reason"], "panic");
    assert_eq!(
        named(&stages, "stage_failed")["error"],
        json!({"stage": "asr", "code": "INTERNAL", "retryable": false})
    );
    assert!(!stages.to_string().contains("fragment_received"), "{stages}");
    let last = all["last"].as_u64().expect("a number");
    let (_, later) = operator.get(&format!("/events?after={}&limit=1", last - 1)).await;
    assert_eq!(later["events"][0]["number"], last, "{later}");
}
