//! Queues that are full.

use crate::scene::{Recovery, STAGES, Scene, assert_success};

#[tokio::test]
async fn what_finds_no_room_is_refused_and_what_was_accepted_is_delivered() {
    let scene = Scene::new(&[("QUEUE_CAPACITY", "4")]);
    scene.wait_until_ready().await;
    let mut streams = Vec::new();
    for index in 0..3 {
        streams.push(scene.open(&format!("full-{index}")).await);
    }
    assert_eq!(scene.operator.post("/stages/asr/pause").await.0, 200);
    let (mut accepted, mut refused) = ([0; 3], 0);
    for _ in 0..3 {
        for (index, stream) in streams.iter_mut().enumerate() {
            match stream.send(1, 1).await {
                Ok(()) => accepted[index] += 1,
                Err(error) => {
                    assert_eq!(
                        (&error["code"], &error["retryable"]),
                        (&"SERVICE_OVERLOADED".into(), &true.into()),
                        "{error}"
                    );
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((accepted.iter().sum::<i32>(), refused), (4, 5), "{accepted:?}");
    let observed = scene.operator.stage("asr").await;
    assert_eq!((&observed["queue_depth"], &observed["queue_capacity"]), (&4.into(), &4.into()), "{observed}");
    scene.wait_for_series("sts_stage_queue_depth{stage=\"asr\"} 4").await;
    scene.wait_for_log(&["fragment refused", "SERVICE_OVERLOADED"]).await;
    assert_eq!(scene.health().0, 200, "a full queue is no reason to be taken out of service");
    let recovery = Recovery::begins();
    assert_eq!(scene.operator.post("/stages/asr/resume").await.0, 200);
    for (stream, accepted) in streams.iter_mut().zip(accepted) {
        for _ in 0..accepted {
            assert_success(&stream.result().await);
        }
        stream.succeed().await;
    }
    recovery.ended("full queue, from the first free worker");
    for (stage, _) in STAGES {
        assert_eq!(scene.operator.stage(stage).await["queue_depth"], 0);
    }
}
