//! The official Socket.IO clients against the service over fake engines: the main job and its refusals, on every
//! transport. What each scenario asks for is in tests/interop/.

mod support;

use std::time::Duration;
use support::{Service, get, node, python, root, succeed};

fn javascript(transport: &str) {
    let service = Service::fake(&[]);
    let output = succeed(node().arg(root().join("tests/interop/worker.mjs")).args([&service.url(), transport]));
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches("ok ").count(), 6);
}

fn python_client(transport: &str) {
    let service = Service::fake(&[]);
    let output = succeed(python().arg(root().join("tests/interop/worker.py")).args([&service.url(), transport]));
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches("ok ").count(), 4);
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
fn python_over_websocket() {
    python_client("websocket");
}

#[test]
fn python_over_polling() {
    python_client("polling");
}

#[test]
fn python_upgrading_from_polling() {
    python_client("upgrade");
}

#[test]
fn a_worker_without_a_token_is_told_so() {
    let service = Service::fake(&[("WORKER_TOKENS", "0123456789abcdef,fedcba9876543210")]);
    let script = "
import socketio, sys
url = sys.argv[1]
def attempt(auth, headers):
    client, said = socketio.Client(reconnection=False), []
    client.on('connect_error', lambda data: said.append(str(data)))
    try:
        client.connect(url, auth=auth, headers=headers, transports=['websocket'])
        client.disconnect()
        return 'in'
    except socketio.exceptions.ConnectionError:
        return ' '.join(said)
answers = [attempt(None, {}), attempt({'token': 'wrong'}, {}), attempt({'token': 'fedcba9876543210'}, {}),
           attempt(None, {'Authorization': 'Bearer 0123456789abcdef'})]
print(answers)
assert 'UNAUTHORIZED' in answers[0] and 'UNAUTHORIZED' in answers[1], answers
assert answers[2:] == ['in', 'in'], answers
";
    succeed(python().args(["-c", script, &service.url()]));
}

#[test]
fn sigterm_lets_accepted_fragments_be_delivered() {
    let service = Service::fake(&[]);
    let script = "
import os, signal, sys
# What worker.py has before its scenarios: the client and its fragments.
exec(open('tests/interop/worker.py').read().split('def main_job')[0])
worker = Worker('drain')
worker.init(first_sequence_number=0)
for number in range(5):
    worker.client.call('fragment:data', fragment(worker.stream_id, number, 1, 100))
os.kill(int(os.environ['SERVICE']), signal.SIGTERM)
assert [worker.next('fragment:processed')['sequence_number'] for _ in range(5)] == list(range(5))
complete = worker.next('stream:complete')
assert complete['success_count'] == 5, complete
";
    let mut client = python();
    client.current_dir(root()).env("SERVICE", service.id().to_string()).args([
        "-c",
        script,
        &service.url(),
        "websocket",
    ]);
    succeed(&mut client);
    assert_eq!(service.wait(), Some(0));
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
fn wrong_settings_are_all_named_and_end_with_status_two() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sts"))
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
