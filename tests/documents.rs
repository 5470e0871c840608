//! The documents of the wire, by their own validators: AsyncAPI, OpenAPI, JSON Schema; and a running service by OpenAPI.

mod support;

use std::process::Command;

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
