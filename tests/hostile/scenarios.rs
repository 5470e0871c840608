//! What is hostile by its order or its timing, not by its bytes.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::case::{End, Stage, Verdict};
use super::polling::{Answer, Session, exchange, request};
use super::websocket::{Incoming, Line};

/// Longest that the service may wait for somebody who says nothing, or only half.
const PATIENCE: Duration = Duration::from_secs(35);

/// What happened, and what came of it.
pub type Outcome = (&'static str, Verdict);

/// Polls while an upgrade is under way, at most.
const UPGRADE_POLLS: usize = 100;

/// All of them, side by side.
pub async fn play(address: &str) -> Vec<Outcome> {
    let (polling, upgrades, silent, vanishing) =
        tokio::join!(polling(address), upgrades(address), silent(address), vanishing(address));
    [polling, upgrades, silent, vanishing].concat()
}

async fn polling(address: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let session = Session::open(address, Stage::Connected, "polls-twice").await;
    // Three, as one may be answered at once, by a heartbeat.
    let (one, two, three) = tokio::join!(session.get(), session.get(), session.get());
    let refused = [one, two, three].into_iter().find(|answer| matches!(answer, Answer::Status(400, _)));
    outcomes.push(("two polls at once", refused.map_or(Verdict::Silence, |answer| answer.verdict())));
    outcomes.push(("poll after two polls at once", session.get().await.verdict()));

    let session = Session::open(address, Stage::Streaming, "closes").await;
    session.post(b"1".to_vec()).await;
    outcomes.push(("POST after close", session.post(b"42[\"stream:end\"]".to_vec()).await.verdict()));
    outcomes.push(("poll after close", session.get().await.verdict()));
    outcomes.push(("close after close", session.post(b"1".to_vec()).await.verdict()));

    let session = Session::open(address, Stage::Connected, "other-methods").await;
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = exchange(address, &request(method, session.target(), "", b""), PATIENCE).await;
        outcomes.push(("another method on a session", answer.verdict()));
    }
    // The body says that it is longer than it is.
    let short = request("POST", session.target(), "Content-Type: text/plain\r\n", &[b'3'; 100]);
    outcomes.push(("POST whose body is cut off", cut(address, &short[..short.len() - 60]).await));
    let chunked = format!("POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n3", session.target());
    outcomes.push(("POST whose chunk is cut off", cut(address, chunked.as_bytes()).await));
    outcomes
}

/// Sends a part of a request, closes the way out, and sees what comes.
async fn cut(address: &str, part: &[u8]) -> Verdict {
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    stream.write_all(part).await.expect("it reads");
    stream.shutdown().await.expect("half of it is closed");
    until_the_end(&mut stream).await
}

/// What comes until the service closes.
async fn until_the_end(stream: &mut TcpStream) -> Verdict {
    let mut answer = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut answer)).await {
        Err(_) => Verdict::Hang,
        Ok(_) => match String::from_utf8_lossy(&answer).get(9..12).and_then(|status| status.parse().ok()) {
            Some(status @ 200..300) => Verdict::Taken(format!("HTTP {status}")),
            Some(status) => Verdict::Http(status),
            None => Verdict::Ended(End::Cut),
        },
    }
}

/// Polls until there is more than a NOOP: a client sees the end of its WebSocket a moment before the service has ended
/// the session.
async fn poll_until_refused(session: &Session) -> Verdict {
    let refused = async {
        loop {
            match session.get().await {
                Answer::Status(200, body) if body == "6" => tokio::task::yield_now().await,
                other => return other.verdict(),
            }
        }
    };
    timeout(PATIENCE, refused).await.unwrap_or(Verdict::Hang)
}

async fn upgrades(address: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (kind, packet) in [
        ("upgrade with a wrong probe", "2"),
        ("upgrade with a message for a probe", "42[\"stream:end\"]"),
        ("upgrade without a probe", "5"),
        ("upgrade with an unknown packet", "9"),
    ] {
        let session = Session::open(address, Stage::Connected, "upgrades").await;
        let mut line = Line::upgrade(address, session.target()).await;
        line.send(packet.to_owned()).await;
        outcomes.push((kind, line.end().await));
        outcomes.push(("poll after a failed upgrade", poll_until_refused(&session).await));
    }
    let session = Session::open(address, Stage::Connected, "upgrades-well").await;
    let mut line = Line::upgrade(address, session.target()).await;
    line.probe().await;
    // Until the service has seen the client's last word on it, the upgrade is under way, and a poll gets a NOOP.
    let mut poll = session.get().await.verdict();
    for _ in 0..UPGRADE_POLLS {
        if !matches!(poll, Verdict::Taken(_)) {
            break;
        }
        poll = session.get().await.verdict();
    }
    outcomes.push(("poll after an upgrade", poll));
    outcomes.push(("POST after an upgrade", session.post(b"42[\"stream:end\"]".to_vec()).await.verdict()));
    let mut second = Line::upgrade(address, session.target()).await;
    second.send("2probe".to_owned()).await;
    outcomes.push(("second upgrade", second.end().await));
    line.send("42[\"stream:end\"]".to_owned()).await;
    let answer = line.next().await;
    assert!(matches!(answer, Incoming::Event(..)), "a second upgrade harms the first: {answer:?}");
    line.close().await;
    outcomes
}

/// Connections that say nothing, or half of something, and wait.
async fn silent(address: &str) -> Vec<Outcome> {
    let session = Session::open(address, Stage::Connected, "slow").await;
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n42[\"st", session.target());
    let chunked = format!("POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n42", session.target());
    let wait = |kind: &'static str, part: Vec<u8>| async move {
        let mut stream = TcpStream::connect(address).await.expect("the service listens");
        stream.write_all(&part).await.expect("it reads");
        (kind, until_the_end(&mut stream).await)
    };
    let never_connects = async {
        let mut line = Line::open(address, Stage::Opened, "").await;
        ("WebSocket without CONNECT", line.end().await)
    };
    let never_probes = async {
        let session = Session::open(address, Stage::Connected, "probes-not").await;
        let mut line = Line::upgrade(address, session.target()).await;
        ("upgrade without a word", line.end().await)
    };
    let (nothing, blank, preface, line, headers, body, chunk, connects, probes) = tokio::join!(
        wait("TCP connection without a word", Vec::new()),
        wait("blank lines", b"\r\n\r\n".to_vec()),
        wait("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        wait("half a request line", b"GET /socket.io/?EIO=4".to_vec()),
        wait("headers without an end", b"GET /health HTTP/1.1\r\nHost: x\r\nX: y\r\n".to_vec()),
        wait("body that stops", head.into_bytes()),
        wait("chunk that stops", chunked.into_bytes()),
        never_connects,
        never_probes,
    );
    vec![nothing, blank, preface, line, headers, body, chunk, connects, probes]
}

/// Connections that are gone without a word, at every stage.
async fn vanishing(address: &str) -> Vec<Outcome> {
    const TIMES: usize = 20;
    for stage in [Stage::Opened, Stage::Connected, Stage::Streaming] {
        for time in 0..TIMES {
            drop(Line::open(address, stage, &format!("vanishes-{stage:?}-{time}")).await);
        }
    }
    Vec::new()
}
