//! An engine that fails one time in ten, and stays sound.

use serde_json::json;

use crate::scene::{STAGES, Scene};

const FRAGMENTS: u64 = 300;

#[tokio::test]
async fn an_engine_that_errors_one_time_in_ten_costs_those_fragments_alone() {
    let scene = Scene::new(&[("FAKE_FAULTS", "seed=11 *.fail=0.1"), ("MAX_MESSAGES_PER_SECOND", "10000")]);
    scene.wait_until_ready().await;
    let mut stream = scene.open("one-in-ten").await;
    let mut failed = [0_u64; 3];
    for _ in 0..FRAGMENTS {
        stream.send(1, 1).await.expect("it is accepted");
        let result = stream.result().await;
        if result["status"] == "failed" {
            let stage = STAGES.iter().position(|(stage, _)| result["error"]["stage"] == *stage).expect("a stage");
            assert_eq!((&result["error"]["code"], &result["error"]["retryable"]), (&json!("INTERNAL"), &json!(false)));
            failed[stage] += 1;
        } else {
            assert_eq!(result["status"], "success");
        }
    }
    // 27.1 % are expected of three stages; four standard deviations lie within these.
    let total: u64 = failed.iter().sum();
    assert!((50..=113).contains(&total), "{failed:?} of {FRAGMENTS} failed");
    println!("failed of {FRAGMENTS}: {failed:?} in recognition, translation and synthesis");
    for ((stage, _), times) in STAGES.iter().zip(failed) {
        let series = format!("sts_fragment_errors_total{{error_code=\"INTERNAL\",stage=\"{stage}\"}} {times}");
        scene.wait_for_series(&series).await;
        assert_eq!(scene.operator.stage(stage).await["restarts"], json!({}), "no worker was lost");
    }
    assert_eq!(scene.health().0, 200);
    let complete = stream.end().await;
    assert_eq!((&complete["failed_count"], &complete["success_count"]), (&json!(total), &json!(FRAGMENTS - total)));
}
