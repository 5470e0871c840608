//! Each threat of docs/security.md that is met at the gateway or the control plane, against the running service.

mod support;

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::Service;
use support::messages::{audio, fragment, init};
use support::polling::{Outcome, Worker};

const OLD: &str = "the-token-of-yesterday";
const NEW: &str = "the-token-of-tomorrow";

fn resume(session_id: &str) -> Value {
    let mut resume = init(1_000);
    resume["resume"] = json!({"session_id": session_id});
    resume
}

fn refused(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused(message) => message,
        Outcome::Connected(_) => panic!("it was let in"),
    }
}

#[tokio::test]
async fn a_stream_belongs_to_the_token_that_opened_it() {
    let service = Service::fake(&[("WORKER_TOKENS", &format!("{OLD},{NEW}"))]);
    let url = service.url();
    let owner = Worker::connect(&url, json!({"token": OLD, "stream_id": "owned"})).await.expect_connected();
    owner.emit("stream:init", &init(1_000)).await;
    let session_id = owner.next("stream:ready").await["session_id"].as_str().expect("a session").to_owned();

    let thief = Worker::connect(&url, json!({"token": NEW, "stream_id": "owned"})).await.expect_connected();
    thief.emit("stream:init", &resume(&session_id)).await;
    let stolen = thief.next("error").await;
    let stranger = Worker::connect(&url, json!({"token": NEW, "stream_id": "never-was"})).await.expect_connected();
    stranger.emit("stream:init", &resume(&session_id)).await;
    let unknown = stranger.next("error").await;
    assert_eq!(stolen["code"], "STREAM_NOT_FOUND");
    assert_eq!(stolen["message"], unknown["message"], "the refusal must not tell whether there is such a stream");

    let silence = fragment("owned", 0, &audio(100, 0, 0));
    thief.emit("fragment:data", &silence).await;
    assert_eq!(thief.next("error").await["code"], "STREAM_NOT_FOUND");

    // The owner has noticed nothing, and its own resume works from another connection.
    owner.emit("fragment:data", &silence).await;
    assert_eq!(owner.next("fragment:processed").await["status"], "success");
    let again = Worker::connect(&url, json!({"token": OLD, "stream_id": "owned"})).await.expect_connected();
    again.emit("stream:init", &resume(&session_id)).await;
    assert_eq!(again.next("stream:ready").await["resumed"], true);
}

#[tokio::test]
async fn a_name_in_use_is_refused() {
    let service = Service::fake(&[]);
    let first = Worker::connect(&service.url(), json!({"stream_id": "taken"})).await.expect_connected();
    first.emit("stream:init", &init(1_000)).await;
    first.next("stream:ready").await;
    let second = Worker::connect(&service.url(), json!({"stream_id": "taken"})).await.expect_connected();
    second.emit("stream:init", &init(1_000)).await;
    let error = second.next("error").await;
    assert_eq!(error["code"], "INVALID_CONFIG");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("`stream_id`")), "{error}");
}

#[tokio::test]
async fn a_token_is_rotated_by_sighup_and_never_logged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tokens, log) = (folder.path().join("tokens"), folder.path().join("log"));
    std::fs::write(&tokens, OLD).expect("written");
    let environment = [("WORKER_TOKENS_FILE", tokens.to_str().expect("UTF-8")), ("LOG_LEVEL", "debug")];
    let service = Service::fake_logging_to(&log, &environment);
    let url = service.url();
    let held = Worker::connect(&url, json!({"token": OLD})).await.expect_connected();
    assert!(refused(Worker::connect(&url, json!({"token": NEW})).await).starts_with("UNAUTHORIZED"));

    std::fs::write(&tokens, format!("{OLD}\n{NEW}\n")).expect("written");
    service.signal(libc::SIGHUP);
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Outcome::Refused(message) = Worker::connect(&url, json!({"token": NEW})).await {
        assert!(Instant::now() < deadline, "the new token is not known: {message}");
    }
    Worker::connect(&url, json!({"token": OLD})).await.expect_connected();
    std::fs::write(&tokens, NEW).expect("written");
    service.signal(libc::SIGHUP);
    while let Outcome::Connected(_) = Worker::connect(&url, json!({"token": OLD})).await {
        assert!(Instant::now() < deadline, "the old token is still good");
    }
    // An unreadable file leaves the tokens as they are, and who is connected stays so.
    std::fs::remove_file(&tokens).expect("removed");
    service.signal(libc::SIGHUP);
    Worker::connect(&url, json!({"token": NEW})).await.expect_connected();
    held.emit("stream:init", &init(1_000)).await;
    held.next("stream:ready").await;
    let fragment = json!({"fragment_id": "f\"}\n{\"level\":\"forged", "stream_id": "s", "sequence_number": 0});
    held.emit("fragment:data", &fragment).await;
    held.next("error").await;

    service.signal(libc::SIGTERM);
    assert_eq!(service.wait(), Some(0));
    let written = std::fs::read_to_string(&log).expect("a log");
    assert!(written.contains("tokens read anew") && written.contains("the old ones stay"), "{written}");
    for line in written.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not one JSON object: {line}"));
        assert_ne!(record["level"], "forged");
        assert!(!line.contains(OLD) && !line.contains(NEW), "a token in {line}");
    }
}

#[tokio::test]
async fn a_foreign_page_may_not_connect() {
    let service = Service::fake(&[("CORS_ORIGINS", "https://studio.example")]);
    let url = service.url();
    let foreign = Worker::connect_from(&url, Some("https://evil.example"), json!({})).await;
    assert!(refused(foreign).starts_with("UNAUTHORIZED"));
    Worker::connect_from(&url, Some("https://studio.example"), json!({})).await.expect_connected();
    let own = url.clone();
    Worker::connect_from(&url, Some(&own), json!({})).await.expect_connected();

    let handshake = format!("{url}/socket.io/?EIO=4&transport=polling");
    for (origin, allowed) in [("https://studio.example", true), ("https://evil.example", false)] {
        let answer = reqwest::Client::new().get(&handshake).header("origin", origin).send().await.expect("an answer");
        let header = answer.headers().get("access-control-allow-origin");
        assert_eq!(header.is_some_and(|header| header == origin), allowed, "{origin}: {header:?}");
    }
}

#[tokio::test]
async fn tls_is_spoken_when_a_certificate_is_configured() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let write = || {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        std::fs::write(&certificate, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("PEM")
    };
    let client = |root| {
        reqwest::Client::builder().add_root_certificate(root).pool_max_idle_per_host(0).build().expect("a client")
    };
    let first = write();
    let service = Service::fake_unchecked(&[
        ("TLS_CERTIFICATE_PATH", certificate.to_str().expect("UTF-8")),
        ("TLS_KEY_PATH", key.to_str().expect("UTF-8")),
    ]);
    let url = format!("https://{}", service.address);
    let worker = Worker::connect_with(client(first.clone()), &url, None, json!({})).await.expect_connected();
    worker.emit("stream:init", &init(1_000)).await;
    worker.next("stream:ready").await;
    assert!(reqwest::get(format!("http://{}/health", service.address)).await.is_err(), "no plain HTTP on that port");

    let second = write();
    service.signal(libc::SIGHUP);
    let deadline = Instant::now() + Duration::from_secs(10);
    let renewed = client(second);
    while renewed.get(format!("{url}/health/live")).send().await.is_err() {
        assert!(Instant::now() < deadline, "the new certificate is not served");
    }
    assert!(client(first).get(format!("{url}/health/live")).send().await.is_err(), "the old one still is");
}

#[tokio::test]
async fn a_connection_without_a_stream_is_closed() {
    let service = Service::fake(&[("INIT_TIMEOUT_MS", "300")]);
    let idle = Worker::connect(&service.url(), json!({})).await.expect_connected();
    let busy = Worker::connect(&service.url(), json!({})).await.expect_connected();
    busy.emit("stream:init", &init(1_000)).await;
    busy.next("stream:ready").await;
    let error = idle.next("error").await;
    assert_eq!(error["code"], "STREAM_NOT_FOUND");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("stream:init")), "{error}");
    idle.closed().await;
    busy.emit("stream:end", &json!({})).await;
    busy.next("stream:complete").await;
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let service = Service::fake(&[]);
    let started = Instant::now();
    let mut silent = TcpStream::connect(&service.address).expect("it listens");
    silent.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    assert_eq!(silent.read(&mut [0]).expect("closed, not reset"), 0);
    assert!((8..20).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[test]
fn tcp_connections_of_one_address_are_bounded() {
    let service = Service::fake(&[("MAX_CONNECTIONS_PER_ADDRESS", "4")]);
    // Twice the limit and a reserve of 64: what is over is closed at once.
    let mut open: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(&service.address).expect("it listens")).collect();
    let mut closed_at_once = || {
        let is_closed = |stream: &mut TcpStream| {
            stream.set_nonblocking(true).expect("a socket");
            matches!(stream.read(&mut [0]), Ok(0))
                || stream.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        };
        open.iter_mut().filter_map(|stream| is_closed(stream).then_some(())).count()
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while closed_at_once() < 28 {
        assert!(Instant::now() < deadline, "{} of 100 are closed", closed_at_once());
        std::thread::yield_now();
    }
    assert!(closed_at_once() <= 30, "{} of 100 are closed", closed_at_once());
    drop(open);
    let deadline = Instant::now() + Duration::from_secs(5);
    while support::get(&service.address, "/health").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
        assert!(Instant::now() < deadline, "there is no room again");
    }
}

#[tokio::test]
async fn the_control_plane_asks_for_a_token_of_its_own() {
    let service = Service::fake(&[("WORKER_TOKENS", OLD), ("OPS_TOKENS", NEW)]);
    let state = format!("http://{}/api/v1/service", service.operators);
    let client = reqwest::Client::new();
    for token in [None, Some(OLD)] {
        let request = client.get(&state);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.json::<Value>().await.expect("JSON")["code"], "UNAUTHORIZED");
    }
    let foreign = client.get(&state).bearer_auth(NEW).header("origin", "https://evil.example").send().await;
    assert_eq!(foreign.expect("an answer").status(), 401);
    let answer = client.get(&state).bearer_auth(NEW).send().await.expect("an answer");
    assert_eq!(answer.json::<Value>().await.expect("JSON")["state"], "ready");
    // An operator's token is none of a worker's.
    assert!(refused(Worker::connect(&service.url(), json!({"token": NEW})).await).starts_with("UNAUTHORIZED"));
}

#[tokio::test]
async fn an_operators_drain_delivers_what_was_accepted_and_ends_the_process() {
    let service = Service::fake(&[]);
    let worker = Worker::connect(&service.url(), json!({"stream_id": "drained"})).await.expect_connected();
    worker.emit("stream:init", &init(1_000)).await;
    worker.next("stream:ready").await;
    // Words after 300 ms.
    worker.emit("fragment:data", &fragment("drained", 0, &audio(1_000, 1, 300))).await;
    worker.next("fragment:ack").await;
    let drain = format!("http://{}/api/v1/service/drain", service.operators);
    let answer = reqwest::Client::new().post(&drain).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    let late = Worker::connect(&service.url(), json!({})).await.expect_connected();
    late.emit("stream:init", &init(1_000)).await;
    assert_eq!(late.next("error").await["code"], "SERVICE_OVERLOADED");
    assert_eq!(worker.next("fragment:processed").await["transcript"], "words 300");
    assert_eq!(worker.next("stream:complete").await["success_count"], 1);
    assert_eq!(service.wait(), Some(0));
}
