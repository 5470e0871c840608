//! The official Socket.IO clients against the service over fake engines: every event and every error, on every
//! transport. What each scenario asks for is in tests/interop/, the same in JavaScript and in Python; here stands
//! what each group of them needs of the service.

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use sts_protocol::ErrorCode;
use support::{Service, get, node, python, root, succeed};

/// Groups that run side by side; each has a service of its own.
const AT_ONCE: usize = 5;
const TOKENS: (&str, &str) = ("WORKER_TOKENS", "0123456789abcdef,fedcba9876543210");

/// A file of scenarios, and the settings that they are written for.
type Group = (&'static str, &'static [(&'static str, &'static str)]);

/// Those that take longest come first.
const GROUPS: &[Group] = &[
    ("admission", &[("MAX_STREAMS", "3"), ("QUEUE_CAPACITY", "2"), ("RESUME_GRACE_MS", "0")]),
    (
        "stages",
        &[
            ("ASR_TIMEOUT_MS", "300"),
            ("TRANSLATION_TIMEOUT_MS", "300"),
            ("TTS_TIMEOUT_MS", "300"),
            ("ASR_WORKERS", "2"),
            ("TRANSLATION_WORKERS", "2"),
            ("TTS_WORKERS", "2"),
        ],
    ),
    ("main_job", &[("ASR_WORKERS", "4")]),
    ("life_cycle", &[("ASR_WORKERS", "4")]),
    ("resume", &[("ASR_WORKERS", "8")]),
    ("limits", &[("MAX_FRAGMENT_BYTES", "64000"), ("MAX_MESSAGES_PER_SECOND", "6"), ("INIT_TIMEOUT_MS", "1500")]),
    ("drain", &[("ASR_WORKERS", "2")]),
    ("refusals", &[]),
    ("order", &[("REORDER_GAP_TIMEOUT_MS", "400"), ("ASR_WORKERS", "4")]),
    ("backpressure", &[]),
    ("grace", &[("RESUME_GRACE_MS", "300")]),
    ("grace", &[("RESUME_GRACE_MS", "0")]),
    ("tokens", &[TOKENS]),
    ("connections", &[("MAX_CONNECTIONS", "2")]),
    ("connections", &[("MAX_CONNECTIONS_PER_ADDRESS", "2")]),
    ("connections", &[TOKENS, ("MAX_CONNECTIONS_PER_TOKEN", "2")]),
];

/// Runs every group through a client; `client` gives the command but for the group's name.
fn every_group(client: impl Fn(&str) -> Command + Sync) {
    let left = Mutex::new(GROUPS.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(group) = left.lock().expect("nobody panics with it").next() else { return };
                    if let Err(failure) = run(group, &client) {
                        failures.lock().expect("nobody panics with it").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panics with it");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn run(&(name, settings): &Group, client: impl Fn(&str) -> Command) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gate = folder.path().join("gate");
    let gate = gate.to_str().expect("a path in UTF-8");
    let environment: Vec<(&str, &str)> = settings.iter().copied().chain([("FAKE_GATE", gate)]).collect();
    let service = Service::fake(&environment);
    let mut command = client(&service.url());
    command.arg(name).envs(environment).env("SERVICE_PID", service.id().to_string());
    let output = command.output().expect("the client starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = |what: &str| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{name} {settings:?}: {what}\n{said}{complaint}"))
    };
    if !output.status.success() {
        return failed("a scenario failed");
    }
    if !said.lines().any(|line| line.starts_with("ok ")) {
        return failed("no scenario ran");
    }
    if name == "drain" && service.wait() != Some(0) {
        return failed("the service did not exit with 0");
    }
    Ok(())
}

fn javascript(transport: &str) {
    every_group(|url| {
        let mut command = node();
        command.arg(root().join("tests/interop/node/run.mjs")).args([url, transport]);
        command
    });
}

fn python_client(kind: &str, transport: &str) {
    every_group(|url| {
        let mut command = python();
        command.arg(root().join("tests/interop/python/run.py")).args([url, kind, transport]);
        command
    });
}

#[test]
fn javascript_over_websocket() {
    javascript("websocket");
}

#[test]
fn javascript_over_polling() {
    javascript("polling");
}

#[test]
fn javascript_upgrading_from_polling() {
    javascript("upgrade");
}

#[test]
fn synchronous_python_over_websocket() {
    python_client("sync", "websocket");
}

#[test]
fn synchronous_python_over_polling() {
    python_client("sync", "polling");
}

#[test]
fn synchronous_python_upgrading_from_polling() {
    python_client("sync", "upgrade");
}

#[test]
fn asynchronous_python_over_websocket() {
    python_client("async", "websocket");
}

#[test]
fn asynchronous_python_over_polling() {
    python_client("async", "polling");
}

#[test]
fn asynchronous_python_upgrading_from_polling() {
    python_client("async", "upgrade");
}

#[test]
fn every_code_and_event_is_provoked_through_both_languages() {
    for (language, extension) in [("node", "mjs"), ("python", "py")] {
        let mut scenarios = String::new();
        for (name, _) in GROUPS {
            let path = root().join("tests/interop").join(language).join(name).with_extension(extension);
            scenarios += &std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let harness = root().join("tests/interop").join(language).join("harness").with_extension(extension);
        let events = scenarios.clone() + &std::fs::read_to_string(harness).expect("a harness");
        for code in ErrorCode::ALL {
            assert!(scenarios.contains(code.as_str()), "no scenario in {language} provokes {}", code.as_str());
        }
        for event in [
            "stream:init",
            "fragment:data",
            "stream:pause",
            "stream:resume",
            "stream:end",
            "stream:ready",
            "fragment:ack",
            "fragment:processed",
            "backpressure",
            "stream:complete",
            "error",
        ] {
            assert!(events.contains(event), "no scenario in {language} has {event}");
        }
    }
}

/// 13 s, each piece of 6 s beginning with an instruction for the fake recogniser.
fn recording(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a WAV file");
    for index in 0..13 * 16_000_i32 {
        let sample = match index % (6 * 16_000) {
            0 => 1,
            1 => 20,
            _ => 0,
        };
        writer.write_sample(sample as i16).expect("written");
    }
    writer.finalize().expect("written");
}

#[test]
fn the_examples_of_the_readme_dub_a_recording() {
    let service = Service::fake(&[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("in.wav");
    recording(&source);
    // Node looks for packages beside the script.
    std::fs::copy(root().join("docs/examples/client.mjs"), folder.path().join("client.mjs")).expect("copied");
    std::os::unix::fs::symlink(root().join("tests/interop/node_modules"), folder.path().join("node_modules"))
        .expect("linked");
    let examples = [
        (python(), root().join("docs/examples/client.py"), "python-example"),
        (node(), folder.path().join("client.mjs"), "node-example"),
    ];
    for (mut command, script, stream_id) in examples {
        let dubbed = folder.path().join(stream_id);
        let output = succeed(command.arg(script).arg(service.url()).arg(&source).arg(&dubbed));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(stream_id), "{said}");
        assert_eq!(said.matches("success WORDS 20").count(), 3, "{said}");
        let mut dub = hound::WavReader::open(&dubbed).expect("a WAV file");
        assert_eq!(dub.duration(), 13 * 16_000);
        let loudest = dub.samples::<i16>().map(|sample| sample.expect("a sample").unsigned_abs()).max();
        assert!(loudest > Some(8_000), "the fake's tone is in the dub");
    }
}

#[test]
fn health_and_metrics_are_served() {
    let service = Service::fake(&[]);
    let health = get(&service.address, "/health").expect("it listens");
    assert!(health.ends_with(r#"{"status":"ok"}"#), "{health}");
    let metrics = get(&service.address, "/metrics").expect("it listens");
    for name in
        ["sts_stage_workers{stage=\"asr\"} 1", "sts_stage_queue_depth{stage=\"tts\"} 0", "sts_asr_duration_seconds"]
    {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_sts"))
        .args(["serve", "--port", &port, "--ops-port", "0", "--log-level", "critical"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("sts starts");
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        assert!(std::time::Instant::now() < deadline, "it neither listens nor gives up");
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut said).expect("UTF-8");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&port) && said.contains("in use"), "{said}");
}
