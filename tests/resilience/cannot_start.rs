//! A worker whose engine cannot be built: its weights are missing.

use serde_json::json;

use crate::scene::{Recovery, STAGES, Scene, Stream, assert_success};

fn scene(missing: &[&str]) -> Scene {
    Scene::with_files(|folder| {
        let prefix = folder.join("missing");
        for stage in missing {
            std::fs::write(folder.join(format!("missing-{stage}")), "").expect("written");
        }
        vec![("FAKE_BROKEN", prefix.to_str().expect("UTF-8").to_owned())]
    })
}

#[tokio::test]
async fn a_stage_that_cannot_start_keeps_the_service_unready_and_says_why() {
    let scene = scene(&["asr", "translation", "tts"]);
    for (stage, _) in STAGES {
        scene.wait_until_unready(&format!("the {stage} stage has no live worker: told to have no weights")).await;
        scene.wait_for_log(&["worker lost", "cannot_start", &format!("\"{stage}\"")]).await;
    }
    let live = crate::support::get(&scene.service.address, "/health/live").expect("it listens");
    assert!(live.starts_with("HTTP/1.1 200"), "it lives: {live}");
    let refused = Stream::try_open(&scene.service.address, "too-early").await.err().expect("nobody could serve it");
    assert_eq!((&refused["code"], &refused["retryable"]), (&json!("SERVICE_OVERLOADED"), &json!(true)), "{refused}");
    let recovery = Recovery::begins();
    for (stage, _) in STAGES {
        scene.remove(&format!("missing-{stage}"));
    }
    scene.wait_until_ready().await;
    recovery.ended("weights put back, to ready");
    scene.open("started").await.succeed().await;
}

#[tokio::test]
async fn fragments_wait_for_a_stage_that_lost_its_worker_and_its_weights() {
    let scene = scene(&[]);
    scene.wait_until_ready().await;
    let mut stream = scene.open("waits").await;
    for (stage, tens) in STAGES {
        stream.succeed().await;
        scene.touch(&format!("missing-{stage}"));
        stream.send(tens + 7, 1).await.expect("it is accepted");
        stream.send(1, 1).await.expect("it is accepted");
        scene.wait_until_unready(&format!("the {stage} stage has no live worker: told to have no weights")).await;
        scene.wait_for_series(&format!("sts_stage_workers{{stage=\"{stage}\"}} 0")).await;
        // Several attempts, further and further apart.
        scene.wait_for_stage(stage, |observed| observed["restarts"]["cannot_start"].as_u64() >= Some(3)).await;
        let recovery = Recovery::begins();
        scene.remove(&format!("missing-{stage}"));
        for _ in 0..2 {
            assert_success(&stream.result().await);
        }
        recovery.ended(&format!("weights of {stage} put back"));
        scene.wait_until_ready().await;
    }
    assert_eq!(stream.end().await["failed_count"], 0);
}
