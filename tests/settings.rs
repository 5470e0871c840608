//! Settings as a person gives them to the program.

use std::process::Command;

#[test]
fn wrong_settings_are_all_named_and_end_with_status_two() {
    let output = Command::new(env!("CARGO_BIN_EXE_sts"))
        .args(["serve", "--port", "many", "--tts-timeout-ms", "0"])
        .env("DEVICE", "tpu")
        .output()
        .expect("sts starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in ["PORT", "TTS_TIMEOUT_MS", "DEVICE"] {
        assert!(said.contains(name), "{name} is not named in {said}");
    }
}

#[test]
fn a_token_that_is_too_short_is_refused_without_being_shown() {
    let output = Command::new(env!("CARGO_BIN_EXE_sts"))
        .arg("serve")
        .env("WORKER_TOKENS", "hush-hush")
        .output()
        .expect("sts starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("WORKER_TOKENS") && !said.contains("hush-hush"), "{said}");
}
