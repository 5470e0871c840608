//! An engine that does not return: late, for so long that its thread is left behind, or so often that the process had
//! better be replaced.

use serde_json::json;

use crate::scene::{Recovery, STAGES, Scene, assert_failed, assert_success};

const LIMITS: [(&str, &str); 3] =
    [("ASR_TIMEOUT_MS", "300"), ("TRANSLATION_TIMEOUT_MS", "300"), ("TTS_TIMEOUT_MS", "300")];

#[tokio::test]
async fn a_stage_past_its_limit_is_answered_with_timeout_and_one_past_three_is_left_behind() {
    let scene = Scene::new(&LIMITS);
    scene.wait_until_ready().await;
    let mut stream = scene.open("stuck").await;
    for (stage, tens) in STAGES {
        // Late: the worker comes back before it is given up, and its result is dropped.
        stream.send(tens, 500).await.expect("it is accepted");
        assert_failed(&stream.result().await, stage, "TIMEOUT", true);
        stream.succeed().await;
        assert_eq!(scene.operator.stage(stage).await["restarts"], json!({}), "nobody was lost");

        // Stuck: the next fragment waits behind it, and is done by another worker.
        let recovery = Recovery::begins();
        stream.send(tens, 2_000).await.expect("it is accepted");
        stream.send(1, 1).await.expect("it is accepted");
        assert_failed(&stream.result().await, stage, "TIMEOUT", true);
        assert_success(&stream.result().await);
        recovery.ended(&format!("stuck worker in {stage}, limit 300 ms"));
        let observed = scene.operator.stage(stage).await;
        assert_eq!(observed["restarts"], json!({"stuck": 1}), "{observed}");
        scene.wait_for_series(&format!("sts_stage_restarts_total{{reason=\"stuck\",stage=\"{stage}\"}} 1")).await;
        scene.wait_for_log(&["worker lost", &format!("\"{stage}\""), "left behind"]).await;
        scene.wait_for_stage(stage, |observed| observed["abandoned_threads"] == 0).await;
    }
    assert_eq!(stream.end().await["failed_count"], 6);
}

#[tokio::test]
async fn a_service_with_too_many_stuck_threads_says_so_drains_and_ends_with_status_one() {
    let scene = Scene::with_files(|folder| {
        let mut environment: Vec<_> = LIMITS.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        // No such file will ever be: what waits for it never returns.
        environment.push(("FAKE_GATE", folder.join("gate").to_str().expect("UTF-8").to_owned()));
        environment
    });
    scene.wait_until_ready().await;
    let mut stream = scene.open("hopeless").await;
    let recovery = Recovery::begins();
    for stuck in 1..=4 {
        stream.send(5, stuck).await.expect("it is accepted");
        assert_failed(&stream.result().await, "asr", "TIMEOUT", true);
        if stuck < 4 {
            scene.wait_for_stage("asr", |observed| observed["abandoned_threads"] == stuck).await;
            stream.succeed().await;
        }
    }
    // What was accepted has been answered, and the stream gets its account although nobody ended it.
    let complete = stream.wait_for_complete().await;
    assert_eq!((&complete["total_fragments"], &complete["failed_count"]), (&json!(7), &json!(4)), "{complete}");
    scene.wait_for_log(&["too many threads of a stage are stuck", "\"crit"]).await;
    let log = scene.path("log");
    let (status, log) = (scene.service.wait(), std::fs::read_to_string(log));
    assert_eq!(status, Some(1), "{log:?}");
    recovery.ended("four stuck threads, to the process's end");
}
