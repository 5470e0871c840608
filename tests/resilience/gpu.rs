//! A GPU that is full, and one that is gone.

use serde_json::json;

use crate::scene::{Recovery, STAGES, Scene, assert_failed, assert_success};

#[tokio::test]
async fn a_full_gpu_halves_the_batch_and_fails_only_what_does_not_fit_alone() {
    let scene = Scene::new(&[]);
    scene.wait_until_ready().await;
    let mut stream = scene.open("full-gpu").await;
    for (stage, tens) in STAGES {
        let recovery = Recovery::begins();
        stream.send(tens + 4, 0).await.expect("it is accepted");
        assert_failed(&stream.result().await, stage, "GPU_OUT_OF_MEMORY", true);
        stream.succeed().await;
        recovery.ended(&format!("GPU out of memory in {stage}"));
        let series = format!("sts_fragment_errors_total{{error_code=\"GPU_OUT_OF_MEMORY\",stage=\"{stage}\"}} 1");
        scene.wait_for_series(&series).await;
    }
    // Four that wait make one batch, of which only halves of halves fit.
    assert_eq!(scene.operator.post("/stages/translation/pause").await.0, 200);
    for _ in 0..4 {
        stream.send(29, 1).await.expect("it is accepted");
    }
    scene.wait_for_stage("translation", |observed| observed["queue_depth"] == 4).await;
    assert_eq!(scene.operator.post("/stages/translation/resume").await.0, 200);
    for _ in 0..4 {
        assert_success(&stream.result().await);
    }
    let observed = scene.operator.stage("translation").await;
    assert_eq!(observed["latencies"]["batch_size"]["max"], 4.0, "{observed}");
    assert_eq!(observed["restarts"], json!({}), "no worker was lost");
    assert_eq!(stream.end().await["failed_count"], 3);
}

fn with_gpu(failover: &'static str) -> Scene {
    Scene::with_files(|folder| {
        let gpu = folder.join("gpu");
        std::fs::write(&gpu, "").expect("written");
        vec![("FAKE_GPU", gpu.to_str().expect("UTF-8").to_owned()), ("GPU_FAILOVER", failover.to_owned())]
    })
}

#[tokio::test]
async fn a_gpu_that_stays_away_leaves_the_work_to_the_cpu_until_an_operator_restarts_the_stage() {
    let scene = with_gpu("true");
    scene.wait_until_ready().await;
    let mut stream = scene.open("lost-gpu").await;
    stream.succeed().await;
    let engine = scene.operator.stage("tts").await["engine"].clone();
    assert_eq!(engine, "fake-synthesizer (cuda:0)");
    let recovery = Recovery::begins();
    scene.remove("gpu");
    // Each stage loses its engine over this one, which costs an attempt in each.
    stream.succeed().await;
    recovery.ended("GPU gone, GPU_FAILOVER=true: a fragment through three stages");
    for (stage, _) in STAGES {
        let observed = scene.wait_for_stage(stage, |observed| observed["failed_over"] == true).await;
        let engine = observed["engine"].as_str().expect("a name");
        assert!(engine.ends_with("(cpu)"), "{observed}");
        assert_eq!(observed["restarts"], json!({"poisoned": 1, "cannot_start": 2}), "{observed}");
        scene.wait_for_series(&format!("sts_stage_failed_over{{stage=\"{stage}\"}} 1")).await;
        scene.wait_for_log(&["device stays away", &format!("\"{stage}\"")]).await;
    }
    assert_eq!(scene.health().0, 200);
    let (status, refused) = scene.operator.restart("tts", "rolling").await;
    assert_eq!((status, &refused["code"]), (502, &json!("STAGE_UNAVAILABLE")), "the GPU is still away: {refused}");
    stream.succeed().await;

    scene.touch("gpu");
    for (stage, _) in STAGES {
        assert_eq!(scene.operator.restart(stage, "rolling").await.0, 200);
        let observed = scene.operator.stage(stage).await;
        assert!(observed["engine"].as_str().is_some_and(|engine| engine.ends_with("(cuda:0)")), "{observed}");
        assert_eq!(observed["failed_over"], false);
        scene.wait_for_series(&format!("sts_stage_failed_over{{stage=\"{stage}\"}} 0")).await;
    }
    stream.succeed().await;
    assert_eq!(stream.end().await["failed_count"], 0);
}

#[tokio::test]
async fn without_failover_the_service_is_unready_until_the_gpu_is_back() {
    let scene = with_gpu("false");
    scene.wait_until_ready().await;
    let mut stream = scene.open("waits-for-gpu").await;
    stream.succeed().await;
    scene.remove("gpu");
    stream.send(1, 1).await.expect("it is accepted");
    scene.wait_until_unready("CUDA error").await;
    let recovery = Recovery::begins();
    scene.touch("gpu");
    assert_success(&stream.result().await);
    recovery.ended("GPU back, GPU_FAILOVER=false");
    scene.wait_until_ready().await;
    assert_eq!(scene.operator.stage("asr").await["failed_over"], false);
}
