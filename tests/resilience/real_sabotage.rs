//! A real engine that panics in the midst of its work, or that says that it cannot be trusted any more: of each stage.

use serde_json::json;

use crate::scene::{Recovery, STAGES, Scene, Stream};
use crate::speech::{assert_dubbed, speech};
use crate::support::Service;

#[tokio::test]
async fn real_engines_that_panic_or_are_poisoned_cost_one_attempt_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let by = folder.path().join("sabotage");
    let by = by.to_str().expect("UTF-8");
    let scene = Scene::of(Service::sabotaged(&[("SABOTAGE", by), ("LOG_LEVEL", "critical")]));
    let mut stream = Stream::open(&scene.service.address, "real").await;
    stream.send_audio(&speech(0)).await.expect("it is accepted");
    assert_dubbed(&stream.result().await);
    for (how, reason) in [("panic", "panic"), ("poison", "poisoned")] {
        for (stage, _) in STAGES {
            let sabotage = format!("{by}-{stage}.{how}");
            std::fs::write(&sabotage, "").expect("written");
            let recovery = Recovery::begins();
            stream.send_audio(&speech(1)).await.expect("it is accepted");
            assert_dubbed(&stream.result().await);
            recovery.ended(&format!("real models, {reason} in {stage}: to the dub of the same fragment"));
            assert!(!std::path::Path::new(&sabotage).exists(), "the {stage} engine was not sabotaged");
            let observed = scene.operator.stage(stage).await;
            assert_eq!(observed["restarts"][reason], 1, "{observed}");
        }
    }
    for (stage, _) in STAGES {
        let restarts = &scene.operator.stage(stage).await["restarts"];
        assert_eq!(restarts, &json!({"panic": 1, "poisoned": 1}), "{stage}");
    }
    let complete = stream.end().await;
    assert_eq!((&complete["total_fragments"], &complete["success_count"]), (&json!(7), &json!(7)), "{complete}");
}
