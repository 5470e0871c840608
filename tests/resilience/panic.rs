//! An engine that panics.

use serde_json::json;

use crate::scene::{Recovery, STAGES, Scene, assert_success};

#[tokio::test]
async fn a_panic_in_any_stage_costs_the_fragment_one_attempt_and_the_streams_nothing() {
    let scene = Scene::new(&[]);
    scene.wait_until_ready().await;
    let mut stream = scene.open("panic").await;
    for (stage, tens) in STAGES {
        stream.succeed().await;
        let recovery = Recovery::begins();
        stream.send(tens + 7, 1).await.expect("it is accepted");
        // Behind it, so that the queue stands while the worker is replaced.
        stream.send(1, 1).await.expect("it is accepted");
        for _ in 0..2 {
            assert_success(&stream.result().await);
        }
        recovery.ended(&format!("panic in {stage}"));
        let observed = scene.wait_for_stage(stage, |observed| observed["workers_ready"] == 1).await;
        assert_eq!(observed["restarts"], json!({"panic": 1}), "{observed}");
        scene.wait_for_series(&format!("sts_stage_restarts_total{{reason=\"panic\",stage=\"{stage}\"}} 1")).await;
        scene.wait_for_log(&["worker lost", &format!("\"{stage}\""), "told to panic once"]).await;
        scene.wait_until_ready().await;
    }
    assert_eq!(stream.end().await["failed_count"], 0);
}
