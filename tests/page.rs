//! The operators' page of a running service, in real Chromium. What is played is in tests/page/; here stands what each
//! scenario needs of the service.

mod support;

use support::{Service, node, root, succeed};

fn play(scenario: &str, settings: &[(&str, &str)]) {
    let folder = root().join("tests/page");
    assert!(folder.join("node_modules").exists(), "what drives Chromium is missing: make test-clients");
    let service = Service::fake(settings);
    let operators = format!("http://{}", service.operators);
    let mut command = node();
    command.arg(folder.join("run.mjs")).args([&service.url(), "websocket", scenario, &operators]);
    succeed(command.env("SERVICE_PID", service.id().to_string()));
}

#[test]
fn numbers_move_and_a_stage_is_restarted_with_nothing_lost() {
    play("restart", &[("MAX_MESSAGES_PER_SECOND", "10000")]);
}

#[test]
fn every_action_is_confirmed_and_says_what_it_did() {
    play("actions", &[]);
}

#[test]
fn streams_are_sorted_filtered_and_drained_and_their_names_are_text() {
    play("streams", &[("MAX_MESSAGES_PER_SECOND", "10000")]);
}

#[test]
fn the_keyboard_is_enough() {
    play("keyboard", &[]);
}

#[test]
fn a_token_is_asked_for_and_a_wrong_one_is_refused() {
    play("token", &[("OPS_TOKENS", "an-operators-secret")]);
}

#[test]
fn a_connection_that_is_gone_is_said_to_be_gone() {
    play("connection", &[]);
}

#[test]
fn it_is_accessible_and_fits_every_screen() {
    let folder = tempfile::tempdir().expect("a folder");
    let gpus = folder.path().join("gpus.json");
    std::fs::write(&gpus, r#"[{"gpu": 0, "utilization_percent": 37}]"#).expect("written");
    let gpus = gpus.to_str().expect("a path in UTF-8");
    play("looks", &[("MAX_MESSAGES_PER_SECOND", "10000"), ("FAKE_GPUS", gpus)]);
}
