//! Stages restarted, scaled, paused and given other weights while fragments pass through them.

use serde_json::{Value, json};

use super::support::Service;
use super::support::operator::Operator;
use super::worker::{fragment, open};

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
    let reload =
        async |path: std::path::PathBuf| operator.post_json("/stages/asr/reload", &json!({"path": path})).await;
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
