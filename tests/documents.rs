//! The documents of the wire, by their own validators: AsyncAPI, OpenAPI, JSON Schema; and a running service by OpenAPI.

mod support;

use std::process::Command;

use serde_json::json;
use support::messages::{audio, fragment, init};
use support::polling::Worker;
use support::{Service, root, succeed};

fn node(script: &str) -> Command {
    let folder = root().join("tests/contract");
    assert!(folder.join("node_modules").exists(), "the validators are missing: make test-clients");
    let mut command = Command::new("node");
    command.arg(folder.join(script));
    command
}

#[test]
fn documents_and_samples_are_valid() {
    let output = succeed(&mut node("check.mjs"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("valid"));
}

#[test]
fn a_running_service_answers_as_the_openapi_document_says() {
    let service = Service::fake(&[]);
    let output = succeed(node("http.mjs").arg(service.url()));
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches("ok").count(), 4);
}

#[tokio::test]
async fn a_running_control_plane_answers_as_its_openapi_document_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let gpus = folder.path().join("gpus");
    std::fs::write(&gpus, r#"[{"gpu": 0, "utilization_percent": 40}, {"gpu": 1, "error": "it fell off the bus"}]"#)
        .expect("it can be written");
    let secret = "an-operators-secret";
    let service = Service::fake(&[("OPS_TOKENS", secret), ("FAKE_GPUS", gpus.to_str().expect("UTF-8"))]);
    let name = "an/open%stream";
    let worker = Worker::connect(&service.url(), json!({"stream_id": name})).await.expect_connected();
    worker.emit("stream:init", &init(100)).await;
    worker.next("stream:ready").await;
    for (number, order) in [1, 3, 2].into_iter().enumerate() {
        worker.emit("fragment:data", &fragment(name, number, &audio(100, order, 1))).await;
        worker.next("fragment:processed").await;
    }
    let output = succeed(node("operators.mjs").arg(format!("http://{}", service.operators)).arg(secret));
    let tried = String::from_utf8_lossy(&output.stdout).matches("ok").count();
    assert!(tried >= 40, "only {tried} requests were tried");
    assert_eq!(service.wait(), Some(0));
}
