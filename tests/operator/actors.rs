//! Actors and their mailboxes, as operators and Prometheus see them.

use serde_json::{Value, json};

use super::support::operator::Operator;
use super::support::{Service, get};
use super::worker::{open, ordered};

fn named(actors: &Value, name: &str) -> Value {
    let actors = actors.as_array().expect("a list");
    actors.iter().find(|actor| actor["actor"] == name).unwrap_or_else(|| panic!("no {name} in {actors:?}")).clone()
}

#[tokio::test]
async fn every_actor_is_listed_with_its_mailbox_and_its_state() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    let worker = open(&service, "watched/1").await;
    worker.emit("fragment:data", &ordered("watched/1", 0, 2, 0)).await;
    assert_eq!(worker.next("fragment:processed").await["status"], "failed");
    // The fragment is answered a moment before its second worker is counted as lost.
    let (mut restarts, mut looks) = (0, 0);
    while restarts < 2 && looks < 1_000 {
        let supervisor = operator.get("/actors/asr-supervisor").await.1;
        (restarts, looks) = (supervisor["restarts"].as_u64().expect("a number"), looks + 1);
    }
    let (status, actors) = operator.get("/actors").await;
    assert_eq!(status, 200, "{actors}");
    for (name, kind) in [
        ("gateway", "gateway"),
        ("asr-supervisor", "supervisor"),
        ("translation-supervisor", "supervisor"),
        ("tts-supervisor", "supervisor"),
        ("events", "bus"),
        ("metrics", "subscriber"),
        ("event-log", "subscriber"),
        ("event-history", "subscriber"),
        ("last-resort", "subscriber"),
        ("stream:watched/1", "stream"),
    ] {
        let actor = named(&actors, name);
        assert_eq!((&actor["kind"], &actor["alive"]), (&json!(kind), &json!(true)), "{actor}");
        assert!(actor["mailbox_capacity"].as_u64().is_some_and(|capacity| capacity > 0), "{actor}");
        assert!(actor["mailbox_depth"].is_u64() && actor["state"].is_object(), "{actor}");
    }
    let supervisor = named(&actors, "asr-supervisor");
    assert_eq!(
        (&supervisor["restarts"], &supervisor["last_error"]),
        (&json!(2), &json!("told to panic")),
        "{supervisor}"
    );
    assert_eq!(supervisor["state"]["lost"], json!({"panic": 2}), "{supervisor}");
    let (status, stream) = operator.get("/actors/stream:watched%2F1").await;
    assert_eq!((status, &stream["state"]["fragments"]["failed"]), (200, &json!(1)), "{stream}");
    assert_eq!(stream["last_error"], "STAGE_UNAVAILABLE in asr", "{stream}");
    assert!(stream["messages_handled"].as_u64().is_some_and(|handled| handled >= 2), "{stream}");
    let (_, gateways) = operator.get("/actors?kind=gateway").await;
    assert_eq!(
        (gateways.as_array().map(Vec::len), &gateways[0]["state"]["streams"]),
        (Some(1), &json!(1)),
        "{gateways}"
    );
    assert_eq!(operator.get("/actors/nobody").await.0, 404);
    let (_, picture) = operator.get("/snapshot").await;
    assert_eq!(named(&picture["actors"], "gateway")["state"], Value::Null, "nobody is asked for the picture");

    let metrics = get(&service.address, "/metrics").expect("an answer");
    for series in [
        r#"sts_actor_mailbox_depth{actor="stream"} 0"#,
        r#"sts_actor_mailbox_capacity{actor="stream"} 64"#,
        r#"sts_actor_mailbox_capacity{actor="gateway"} 4096"#,
        r#"sts_actor_mailbox_depth{actor="asr-supervisor"} 0"#,
    ] {
        assert!(metrics.contains(series), "{series} is missing in {metrics}");
    }
    assert!(!metrics.contains("stream:watched"), "streams have no series of their own");
}

#[tokio::test]
async fn a_streams_actor_leaves_the_list_with_it() {
    let service = Service::fake(&[("RESUME_GRACE_MS", "0")]);
    let operator = Operator::of(&service);
    let worker = open(&service, "passing").await;
    assert_eq!(operator.get("/actors/stream:passing").await.0, 200);
    worker.leave().await;
    let (mut status, mut looks) = (200, 0);
    while status == 200 && looks < 1_000 {
        (status, looks) = (operator.get("/actors/stream:passing").await.0, looks + 1);
    }
    assert_eq!(status, 404);
}
