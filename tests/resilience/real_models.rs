//! The same with real engines: no GPU where one was asked for, weights that go and come back while speech is dubbed, a
//! translator's process that is killed.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::scene::{PATIENCE, Recovery, Scene, Stream};
use crate::speech::{assert_dubbed, speech};
use crate::support::{Service, models_dir};

const PORT: u16 = 18_771;

/// A store with a link to each model, of which one can be taken away.
fn link_models(store: &Path) {
    for model in std::fs::read_dir(models_dir()).expect("weights: make models") {
        let model = model.expect("a directory");
        symlink(model.path().canonicalize().expect("it exists"), store.join(model.file_name())).expect("linked");
    }
}

/// Kills every process that the service started.
fn kill_children(service: &Service) -> usize {
    let children = std::fs::read_dir("/proc").expect("Linux").filter_map(|process| {
        let status = std::fs::read_to_string(process.ok()?.path().join("status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<i32>().ok());
        (field("PPid:")? == i32::try_from(service.id()).ok()?).then(|| field("Pid:"))?
    });
    let killed = children.map(|child| {
        // SAFETY: the process is a child of the test's own service, found a moment ago.
        unsafe { libc::kill(child, libc::SIGKILL) }
    });
    killed.filter(|answer| *answer == 0).count()
}

#[tokio::test]
async fn real_engines_come_back_from_what_befalls_them() {
    let store = tempfile::tempdir().expect("a folder");
    link_models(store.path());
    let settings = [
        ("MODELS_DIR", store.path().to_str().expect("UTF-8")),
        ("LOG_LEVEL", "critical"),
        // No machine has so many.
        ("DEVICE", "cuda:63"),
        ("GPU_FAILOVER", "true"),
        // In libtorch, as the other two engines.
        ("TRANSLATOR", "marian"),
    ];
    let recovery = Recovery::begins();
    let scene = Scene::of(Service::real_with(PORT, &settings));
    recovery.ended("real models, no GPU, GPU_FAILOVER=true: from the start to ready");
    for stage in ["asr", "translation", "tts"] {
        let observed = scene.operator.stage(stage).await;
        assert_eq!(observed["failed_over"], true, "{observed}");
        assert!(observed["engine"].as_str().is_some_and(|name| name.contains("cpu")), "{observed}");
    }
    let mut stream = Stream::open(&scene.service.address, "real").await;
    stream.send_audio(&speech(0)).await.expect("it is accepted");
    assert_dubbed(&stream.result().await);

    // The recogniser loses its weights and its worker, and a fragment waits for both.
    let (weights, hidden) = (store.path().join("whisper-base"), store.path().join("away"));
    std::fs::rename(&weights, &hidden).expect("renamed");
    let (status, refused) = scene.operator.restart("asr", "all").await;
    assert_eq!((status, &refused["code"]), (502, &json!("STAGE_UNAVAILABLE")), "{refused}");
    // At first the restart was in vain as there is no GPU; then the CPU has no weights either.
    scene.wait_until_unready("whisper-base/model.safetensors").await;
    stream.send_audio(&speech(1)).await.expect("it is accepted");
    let recovery = Recovery::begins();
    std::fs::rename(&hidden, &weights).expect("renamed");
    assert_dubbed(&stream.result().await);
    recovery.ended("real models: recogniser's weights put back, to the dub of a fragment that waited");
    scene.wait_until_ready().await;

    // The translator is processes of its own, of which none is left.
    let recovery = Recovery::begins();
    assert!(kill_children(&scene.service) > 0, "Apertium runs in processes of its own");
    stream.send_audio(&speech(2)).await.expect("it is accepted");
    assert_dubbed(&stream.result().await);
    recovery.ended("real models: translator's processes killed, to the dub of the next fragment");
    let complete = stream.end().await;
    assert_eq!((&complete["total_fragments"], &complete["failed_count"]), (&json!(3), &json!(0)), "{complete}");
}

#[tokio::test]
async fn engines_that_are_built_anew_leave_no_memory_behind() {
    let scene = Scene::of(Service::real_with(PORT + 2, &[("LOG_LEVEL", "critical")]));
    let (_, before) = scene.service.memory();
    for stage in ["asr", "tts"] {
        for mode in ["all", "rolling", "all", "rolling"] {
            assert_eq!(scene.operator.restart(stage, mode).await.0, 200);
        }
    }
    // The last ones' threads give their memory back when nobody waits for them any more.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, now) = scene.service.memory();
        let growth = now as f64 / before as f64 - 1.0;
        if growth < 0.2 {
            println!("memory after eight restarts: {:.0} MiB, {:+.1} %", now as f64 / 1024.0, growth * 100.0);
            return;
        }
        assert!(Instant::now() < deadline, "{before} KiB before eight restarts, {now} KiB after them");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
