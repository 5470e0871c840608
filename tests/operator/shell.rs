//! `sts ctl`.

use serde_json::{Value, json};

use super::support::Service;

#[test]
fn a_shell_can_do_the_same() {
    let service = Service::fake(&[("OPS_TOKENS", "an-operators-secret")]);
    let ctl = |token: &str, arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sts"))
            .args(["ctl", "--url", &format!("http://{}", service.operators), "--token", token])
            .args(arguments)
            .output()
            .expect("sts starts");
        let said = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.code(), String::from_utf8(said).expect("UTF-8"))
    };
    let read = |said: &str| serde_json::from_str::<Value>(said).expect("JSON");
    let (status, said) = ctl("an-operators-secret", &["restart", "tts"]);
    assert_eq!((status, &read(&said)["replaced"]), (Some(0), &json!(1)), "{said}");
    let (status, said) = ctl("an-operators-secret", &["scale", "asr", "3"]);
    assert_eq!((status, &read(&said)["to"]), (Some(0), &json!(3)), "{said}");
    let (status, said) = ctl("an-operators-secret", &["stages"]);
    assert_eq!((status, &read(&said)[0]["workers_wanted"]), (Some(0), &json!(3)), "{said}");
    let (status, said) = ctl("an-operators-secret", &["scale", "asr", "0"]);
    assert!(status == Some(1) && said.contains("INVALID_CONFIG"), "{said}");
    let (status, said) = ctl("not-the-right-secret", &["service"]);
    assert!(status == Some(1) && said.contains("UNAUTHORIZED"), "{said}");
    let (status, said) = ctl("an-operators-secret", &["drain"]);
    assert_eq!((status, &read(&said)["state"]), (Some(0), &json!("draining")), "{said}");
    assert_eq!(service.wait(), Some(0));
}
