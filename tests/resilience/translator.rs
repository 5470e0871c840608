//! A translator that is down, slow, or refuses.

use serde_json::json;

use crate::scene::{Recovery, Scene, assert_failed, assert_success};

#[tokio::test]
async fn a_translator_that_is_down_slow_or_refusing_fails_its_fragments_by_name() {
    let scene = Scene::new(&[("TRANSLATION_TIMEOUT_MS", "400")]);
    scene.wait_until_ready().await;
    let mut stream = scene.open("translator").await;
    let faults = [
        ("down", 28, 0, "STAGE_UNAVAILABLE", true),
        ("past its limit of 400 ms", 20, 700, "TIMEOUT", true),
        ("refusing: too many requests", 25, 0, "RATE_LIMIT_EXCEEDED", true),
        ("refusing: the account is used up", 26, 0, "QUOTA_EXCEEDED", false),
    ];
    for (fault, order, number, code, retryable) in faults {
        let recovery = Recovery::begins();
        stream.send(order, number).await.expect("it is accepted");
        let result = stream.result().await;
        assert_failed(&result, "translation", code, retryable);
        assert_eq!(result["transcript"], format!("words {number} order {order}"));
        stream.succeed().await;
        recovery.ended(&format!("translator {fault}"));
        scene
            .wait_for_series(&format!("sts_fragment_errors_total{{error_code=\"{code}\",stage=\"translation\"}} 1"))
            .await;
        scene.wait_for_log(&["stage failed", code]).await;
    }
    stream.send(20, 200).await.expect("it is accepted");
    assert_success(&stream.result().await);
    let observed = scene.operator.stage("translation").await;
    assert_eq!(observed["restarts"], json!({}), "its engine is sound: {observed}");
    assert_eq!(scene.health().0, 200);
    assert_eq!(stream.end().await["failed_count"], 4);
}
