//! A fragment that costs every worker that it meets: by a panic, or by an engine that cannot be trusted after it.

use serde_json::json;

use crate::scene::{Recovery, STAGES, Scene, assert_failed, assert_success};

#[tokio::test]
async fn a_poison_fragment_is_refused_after_its_retries_and_its_neighbours_live() {
    let scene = Scene::new(&[("STAGE_RETRIES", "1")]);
    scene.wait_until_ready().await;
    let (mut stream, mut neighbour) = (scene.open("poisoned").await, scene.open("neighbour").await);
    for (stage, tens) in STAGES {
        for (digit, reason) in [(1, "panic"), (2, "poisoned")] {
            stream.succeed().await;
            let recovery = Recovery::begins();
            stream.send(tens + digit, 0).await.expect("it is accepted");
            stream.send(1, 1).await.expect("it is accepted");
            neighbour.send(1, 1).await.expect("it is accepted");
            assert_failed(&stream.result().await, stage, "STAGE_UNAVAILABLE", true);
            assert_success(&stream.result().await);
            assert_success(&neighbour.result().await);
            recovery.ended(&format!("poison fragment in {stage} ({reason})"));
            // One worker an attempt. The worker answers before its supervisor hears that it is no more.
            scene.wait_for_stage(stage, |observed| observed["restarts"][reason] == 2).await;
            scene
                .wait_for_series(&format!("sts_stage_restarts_total{{reason=\"{reason}\",stage=\"{stage}\"}} 2"))
                .await;
        }
        let failed = format!("sts_fragment_errors_total{{error_code=\"STAGE_UNAVAILABLE\",stage=\"{stage}\"}} 2");
        scene.wait_for_series(&failed).await;
        scene.wait_until_ready().await;
    }
    let complete = stream.end().await;
    assert_eq!(complete["failed_count"], 6, "{complete}");
    assert_eq!(complete["error_breakdown"].as_object().map(|stages| stages.len()), Some(3), "{complete}");
    assert_eq!(neighbour.end().await["failed_count"], json!(0));
}
