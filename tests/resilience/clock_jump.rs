//! A wall clock that jumps by an hour, forwards and backwards, while streams run. Durations are measured by the
//! monotonic clock, so nothing may time out, expire or be judged by it.

use std::path::{Path, PathBuf};

use crate::scene::{Scene, Stream, assert_success};

const HOUR_MS: i64 = 3_600_000;

/// Debian's libfaketime, for processes of several threads.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("there is /usr/lib").filter_map(Result::ok);
    let found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    found.expect("libfaketime is missing: make system")
}

/// Sets the service's wall clock to the true one and so many hours.
fn set(clock: &Path, hours: i32) {
    let next = clock.with_extension("next");
    std::fs::write(&next, format!("{hours:+}h\n")).and_then(|()| std::fs::rename(&next, clock)).expect("written");
}

/// By how much the service's clock, as an acknowledgement shows it, is ahead of this process's, ms.
fn ahead(stream: &Stream) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later than 1970");
    stream.acknowledged["timestamp"].as_i64().expect("a time") - now.as_millis() as i64
}

#[tokio::test]
async fn a_clock_that_jumps_by_an_hour_disturbs_no_stream() {
    let scene = Scene::with_files(|folder| {
        let clock = folder.join("clock");
        set(&clock, 0);
        vec![
            ("LD_PRELOAD", library().to_str().expect("UTF-8").to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("UTF-8").to_owned()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("RESUME_GRACE_MS", "20000".to_owned()),
            ("ASR_WORKERS", "2".to_owned()),
        ]
    });
    scene.wait_until_ready().await;
    let mut stream = scene.open("jump").await;
    stream.succeed().await;
    assert!(ahead(&stream).abs() < HOUR_MS / 2, "{} ms ahead", ahead(&stream));
    let clock = scene.path("clock");
    for (hours, order) in [(1, 10), (-1, 20), (0, 30)] {
        // One at work and one before it while the clock jumps.
        stream.send(1, 1).await.expect("it is accepted");
        stream.send(order, 700).await.expect("it is accepted");
        set(&clock, hours);
        stream.send(1, 1).await.expect("it is accepted");
        let (expected, seen) = (i64::from(hours) * HOUR_MS, ahead(&stream));
        assert!((seen - expected).abs() < HOUR_MS / 2, "the service's clock is {seen} ms ahead");
        stream.break_and_resume().await;
        for _ in 0..3 {
            let result = stream.result().await;
            assert_success(&result);
            let took = result["processing_time_ms"].as_f64().expect("a number");
            assert!((0.0..60_000.0).contains(&took), "it took {took} ms by the service's account");
        }
    }
    assert_eq!(scene.health().0, 200);
    for stage in ["asr", "translation", "tts"] {
        assert_eq!(scene.operator.stage(stage).await["restarts"], serde_json::json!({}));
    }
    let complete = stream.end().await;
    assert_eq!(complete["success_count"], 10, "{complete}");
}
