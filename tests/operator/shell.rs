//! `sts ctl`: every command against a running service, as JSON for programs and as tables for people.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::Service;
use super::support::operator::Operator;
use super::worker::{fragment, open};

const SECRET: &str = "an-operators-secret";

/// `sts ctl` with these arguments; gives the exit status and what was said, on standard error when it failed.
fn ctl(service: &Service, token: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(service, token, arguments).output().expect("sts starts");
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code(), String::from_utf8(said).expect("UTF-8"))
}

fn command(service: &Service, token: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
    command.args(["ctl", "--url", &format!("http://{}", service.operators), "--token", token]).args(arguments);
    command
}

/// What a command that succeeds says, as JSON.
fn told(service: &Service, arguments: &[&str]) -> Value {
    let (status, said) = ctl(service, SECRET, arguments);
    assert_eq!(status, Some(0), "{arguments:?}: {said}");
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{arguments:?}: no JSON: {said}"))
}

/// A command that fails, and a word of why.
fn refused(service: &Service, token: &str, arguments: &[&str], word: &str) {
    let (status, said) = ctl(service, token, arguments);
    assert!(status == Some(1) && said.contains(word), "{arguments:?}: {status:?}, {said}");
}

#[test]
fn a_shell_can_command_stages_and_the_service() {
    let service = Service::fake(&[("OPS_TOKENS", SECRET)]);
    assert_eq!(told(&service, &["service"])["state"], "ready");
    assert_eq!(told(&service, &["restart", "tts"])["replaced"], 1);
    assert_eq!(told(&service, &["restart", "tts", "--mode", "all"])["mode"], "all");
    assert_eq!(told(&service, &["scale", "asr", "3"])["to"], 3);
    assert_eq!(told(&service, &["stages"])[0]["workers_wanted"], 3);
    assert_eq!(told(&service, &["pause", "translate"]), json!({"stage": "translation", "paused": true}));
    assert_eq!(told(&service, &["resume", "translate"])["paused"], false);
    assert_eq!(told(&service, &["log-level"])["level"], "error");
    assert_eq!(told(&service, &["log-level", "critical"]), json!({"from": "error", "level": "critical"}));
    refused(&service, SECRET, &["log-level", "loud"], "`level` 'loud'");
    refused(&service, SECRET, &["reload", "asr", "/no/such/weights"], "is no directory");
    refused(&service, SECRET, &["scale", "asr", "0"], "INVALID_CONFIG");
    refused(&service, "not-the-right-secret", &["service"], "UNAUTHORIZED");
    assert_eq!(told(&service, &["drain"])["state"], "draining");
    assert_eq!(service.wait(), Some(0));
}

#[tokio::test]
async fn a_shell_shows_streams_actors_and_events_and_drains_a_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let gpus = folder.path().join("gpus");
    std::fs::write(&gpus, r#"[{"gpu": 0, "memory_used_bytes": 3221225472}]"#).expect("it can be written");
    // Nobody polls for the workers while the commands run: on a slow machine their connections may be given up.
    let gpus = ("FAKE_GPUS", gpus.to_str().expect("UTF-8"));
    let service = Service::fake(&[("OPS_TOKENS", SECRET), gpus, ("RESUME_GRACE_MS", "600000")]);
    let _other = open(&service, "another").await;
    let worker = open(&service, "a/stream").await;
    worker.emit("fragment:data", &fragment("a/stream", 0)).await;
    worker.next("fragment:processed").await;

    let streams = told(&service, &["streams"]);
    assert_eq!((&streams["total"], &streams["streams"][0]["stream_id"]), (&json!(2), &json!("a/stream")), "{streams}");
    assert_eq!(told(&service, &["stream", "show", "a/stream"])["fragments"]["success"], 1);
    let actors = told(&service, &["actors"]);
    assert!(actors.to_string().contains("stream:a/stream"), "{actors}");
    let events = told(&service, &["events", "--kind", "stream,stage", "--limit", "2"]);
    assert_eq!(events["events"].as_array().map(Vec::len), Some(2), "{events}");

    for (arguments, words) in [
        (&["streams", "--table"][..], &["a/stream", "another", "low", "in flight"][..]),
        (&["stages", "--table"], &["asr", "fake-recognizer", "1 of 1", "work p95"]),
        (&["actors", "--table"], &["gateway", "0 of 4096", "subscriber"]),
        (&["gpus", "--table"], &["0", "3.0 GiB"]),
        (&["translators", "--table"], &["translator", "breaker"]),
        (&["events", "--table"], &["stream_opened  stream_id=another", "worker_ready"]),
        (&["service", "--table"], &["ready", "uptime_s"]),
    ] {
        let (status, said) = ctl(&service, SECRET, arguments);
        assert_eq!(status, Some(0), "{said}");
        for word in words {
            assert!(said.contains(word), "no {word} in what {arguments:?} says:\n{said}");
        }
    }

    let drained = told(&service, &["stream", "drain", "a/stream"]);
    assert_eq!(drained, json!({"stream_id": "a/stream", "state": "ending", "in_flight": 0}));
    refused(&service, SECRET, &["stream", "drain", "nobodys"], "STREAM_NOT_FOUND");
}

#[tokio::test]
async fn a_shell_follows_events_as_they_happen() {
    let service = Service::fake(&[("OPS_TOKENS", SECRET)]);
    let mut following = command(&service, SECRET, &["events", "--follow", "--kind", "stage"]);
    let mut following = following.stdout(Stdio::piped()).spawn().expect("sts starts");
    let stdout = BufReader::new(following.stdout.take().expect("stdout is piped"));
    let (said, lines) = mpsc::channel();
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
    let next = || -> Value {
        let line = lines.recv_timeout(Duration::from_secs(60)).expect("it goes on");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    };
    let mut begun = [(); 4].map(|()| next()["event"].as_str().unwrap_or("none").to_owned());
    begun.sort();
    let expected = ["breaker_changed", "worker_ready", "worker_ready", "worker_ready"];
    assert_eq!(begun, expected, "the translator, and each stage's first worker");
    let request = Operator::of(&service).request(reqwest::Method::POST, "/stages/tts/pause").bearer_auth(SECRET);
    assert!(request.send().await.expect("an answer").status().is_success());
    let paused = next();
    assert_eq!((&paused["event"], &paused["stage"]), (&json!("stage_paused"), &json!("tts")), "{paused}");
    following.kill().expect("it can be ended");
    following.wait().expect("it has ended");
}
