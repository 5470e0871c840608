//! An operator at the control plane of a running service, while a worker's fragments pass through it.

#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::Service;
use support::messages::{self, audio, init};
use support::polling::Worker;

struct Operator {
    client: reqwest::Client,
    base: String,
}

impl Operator {
    fn of(service: &Service) -> Self {
        Self { client: reqwest::Client::new(), base: format!("http://{}/api/v1", service.operators) }
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.timeout(Duration::from_secs(20)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(self.client.get(format!("{}{path}", self.base))).await
    }

    async fn post(&self, path: &str) -> (u16, Value) {
        self.ask(self.client.post(format!("{}{path}", self.base))).await
    }

    async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(self.client.put(format!("{}{path}", self.base)).json(body)).await
    }
}

async fn open(service: &Service, stream: &str) -> Worker {
    let worker = Worker::connect(&service.url(), json!({"stream_id": stream})).await.expect_connected();
    worker.emit("stream:init", &init(100)).await;
    worker.next("stream:ready").await;
    worker
}

/// 100 ms in which the fake recogniser hears "words 1" after 1 ms.
fn fragment(stream: &str, number: usize) -> Value {
    ordered(stream, number, 1, 1)
}

/// 100 ms with an order to the fakes.
fn ordered(stream: &str, number: usize, order: i16, parameter: i16) -> Value {
    messages::fragment(stream, number, &audio(100, order, parameter))
}

#[tokio::test]
async fn every_stage_is_restarted_and_scaled_under_load_and_nothing_is_lost() {
    let service = Service::fake(&[("MAX_MESSAGES_PER_SECOND", "10000")]);
    let operator = Operator::of(&service);
    let worker = open(&service, "under-restarts").await;
    let load = async {
        for number in 0..400 {
            worker.emit("fragment:data", &fragment("under-restarts", number)).await;
            let result = worker.next("fragment:processed").await;
            assert_eq!(
                (&result["sequence_number"], &result["status"]),
                (&json!(number), &json!("success")),
                "{result}"
            );
        }
    };
    let commands = async {
        for stage in ["asr", "translate", "tts"] {
            let (status, scaled) = operator.put(&format!("/stages/{stage}/workers"), &json!({"workers": 2})).await;
            assert_eq!((status, &scaled["from"], &scaled["to"]), (200, &json!(1), &json!(2)), "{scaled}");
            for mode in ["rolling", "all", "rolling", "all", "rolling"] {
                let (status, restarted) = operator.post(&format!("/stages/{stage}/restart?mode={mode}")).await;
                assert_eq!((status, &restarted["mode"]), (200, &json!(mode)), "{restarted}");
            }
            let (_, observed) = operator.get(&format!("/stages/{stage}")).await;
            assert_eq!(observed["workers_ready"], 2, "{observed}");
            let (status, _) = operator.put(&format!("/stages/{stage}/workers"), &json!({"workers": 1})).await;
            assert_eq!(status, 200);
        }
    };
    tokio::join!(load, commands);
    worker.emit("stream:end", &json!({})).await;
    assert_eq!(worker.next("stream:complete").await["success_count"], 400);
    let (status, stages) = operator.get("/stages").await;
    assert_eq!((status, stages.as_array().map(Vec::len)), (200, Some(3)));
    assert!(stages[0]["latencies"]["jobs"].as_u64().is_some_and(|jobs| jobs >= 400), "{stages}");
    assert_eq!(stages[2]["restarts"], json!({}), "no worker was lost");
}

#[test]
fn a_shell_can_do_the_same() {
    let service = Service::fake(&[("OPS_TOKENS", "an-operators-secret")]);
    let ctl = |token: &str, arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sts"))
            .args(["ctl", "--url", &format!("http://{}", service.operators), "--token", token])
            .args(arguments)
            .output()
            .expect("sts starts");
        let said = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.code(), String::from_utf8(said).expect("UTF-8"))
    };
    let read = |said: &str| serde_json::from_str::<Value>(said).expect("JSON");
    let (status, said) = ctl("an-operators-secret", &["restart", "tts"]);
    assert_eq!((status, &read(&said)["replaced"]), (Some(0), &json!(1)), "{said}");
    let (status, said) = ctl("an-operators-secret", &["scale", "asr", "3"]);
    assert_eq!((status, &read(&said)["to"]), (Some(0), &json!(3)), "{said}");
    let (status, said) = ctl("an-operators-secret", &["stages"]);
    assert_eq!((status, &read(&said)[0]["workers_wanted"]), (Some(0), &json!(3)), "{said}");
    let (status, said) = ctl("an-operators-secret", &["scale", "asr", "0"]);
    assert!(status == Some(1) && said.contains("INVALID_CONFIG"), "{said}");
    let (status, said) = ctl("not-the-right-secret", &["service"]);
    assert!(status == Some(1) && said.contains("UNAUTHORIZED"), "{said}");
    let (status, said) = ctl("an-operators-secret", &["drain"]);
    assert_eq!((status, &read(&said)["state"]), (Some(0), &json!("draining")), "{said}");
    assert_eq!(service.wait(), Some(0));
}

#[tokio::test]
async fn a_paused_stage_holds_fragments_and_lets_them_go() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    let worker = open(&service, "paused-stage").await;
    assert_eq!(operator.post("/stages/tts/pause").await.1, json!({"stage": "tts", "paused": true}));
    worker.emit("fragment:data", &fragment("paused-stage", 0)).await;
    worker.next("fragment:ack").await;
    let (mut observed, mut looks) = (Value::Null, 0);
    while observed["queue_depth"] != 1 && looks < 500 {
        (observed, looks) = (operator.get("/stages/tts").await.1, looks + 1);
    }
    assert_eq!((&observed["paused"], &observed["queue_depth"]), (&json!(true), &json!(1)), "{observed}");
    assert_eq!(operator.post("/stages/tts/resume").await.1["paused"], false);
    assert_eq!(worker.next("fragment:processed").await["status"], "success");
}

#[tokio::test]
async fn weights_that_are_broken_leave_the_stage_as_it_was() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    let folder = tempfile::tempdir().expect("a folder");
    let (sound, broken) = (folder.path().join("sound"), folder.path().join("broken"));
    for directory in [&sound, &broken] {
        std::fs::create_dir(directory).expect("a directory");
    }
    let reload = |path: std::path::PathBuf| {
        let request = operator.client.post(format!("{}/stages/asr/reload", operator.base)).json(&json!({"path": path}));
        operator.ask(request)
    };
    let (status, problem) = reload(folder.path().join("missing")).await;
    assert_eq!((status, &problem["code"]), (400, &json!("INVALID_CONFIG")), "{problem}");
    let (status, problem) = reload(broken).await;
    assert_eq!((status, &problem["code"]), (502, &json!("STAGE_UNAVAILABLE")), "{problem}");
    let (status, restarted) = reload(sound).await;
    assert_eq!((status, &restarted["replaced"]), (200, &json!(1)), "{restarted}");
    let worker = open(&service, "after-reload").await;
    worker.emit("fragment:data", &fragment("after-reload", 0)).await;
    assert_eq!(worker.next("fragment:processed").await["transcript"], "words 1");
}

#[tokio::test]
async fn wrong_commands_are_explained() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    for (status, code, (got, problem)) in [
        (404, "INVALID_CONFIG", operator.get("/stages/vad").await),
        (404, "INVALID_CONFIG", operator.get("/nowhere").await),
        (400, "INVALID_CONFIG", operator.post("/stages/asr/restart?mode=gently").await),
        (400, "INVALID_CONFIG", operator.put("/stages/asr/workers", &json!({"workers": 0})).await),
        (400, "INVALID_CONFIG", operator.put("/stages/asr/workers", &json!({"workers": "two"})).await),
        (415, "INVALID_CONFIG", operator.post("/stages/asr/reload").await),
    ] {
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{problem}");
        assert!(problem["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    let (_, service) = operator.get("/service").await;
    assert_eq!((&service["state"], &service["streams"]), (&json!("ready"), &json!(0)), "{service}");
}

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
