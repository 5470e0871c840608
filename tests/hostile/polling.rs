//! HTTP by hand, and cases over long-polling.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::case::{Case, End, Frame, Stage, Verdict};
use super::fields::{event, fragment, init, object, pcm};
use super::websocket::{DEADLINE, Incoming, understand};

/// How long a request may take.
pub const DEADLINE_OF_REQUEST: Duration = DEADLINE;

/// The message behind a case whose answer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// None: the case is answered in any case.
    Itself,
    /// A good CONNECT.
    Connect,
    /// A fragment for a stream that is not this connection's.
    Fragment,
}

/// What came back for a request.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// A status and a body.
    Status(u16, String),
    /// The connection was closed without an answer.
    Closed,
    /// Neither, before the deadline.
    Nothing,
}

impl Answer {
    /// As the verdict on a request.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Status(status @ 200..300, body) => Verdict::Taken(format!("HTTP {status} {body}")),
            Self::Status(status, _) => Verdict::Http(*status),
            Self::Closed => Verdict::Ended(End::Cut),
            Self::Nothing => Verdict::Hang,
        }
    }
}

/// Sends these bytes over a connection of their own, and reads the answer.
pub async fn exchange(address: &str, request: &[u8], limit: Duration) -> Answer {
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        // What is refused early is not read to its end.
        let _ = stream.write_all(request).await;
        read_to_the_end(&mut stream).await
    };
    match timeout(limit, talk).await {
        Err(_) => Answer::Nothing,
        Ok(Err::<_, io::Error>(_)) => Answer::Closed,
        Ok(Ok(answer)) => read_answer(&String::from_utf8_lossy(&answer)),
    }
}

/// Reads until the connection or the answer ends. A reset after an answer takes nothing back.
async fn read_to_the_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut answer, mut chunk) = (Vec::new(), [0; 16 << 10]);
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) => return Ok(answer),
            Ok(bytes) => answer.extend_from_slice(&chunk[..bytes]),
            Err(_) if !answer.is_empty() => return Ok(answer),
            Err(error) => return Err(error),
        }
        if is_complete(&answer) {
            return Ok(answer);
        }
    }
}

/// Whether an answer has as many bytes as it announced.
fn is_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn read_answer(answer: &str) -> Answer {
    let status = answer.strip_prefix("HTTP/1.1 ").or(answer.strip_prefix("HTTP/1.0 "));
    match status.and_then(|rest| rest.get(..3)).and_then(|status| status.parse().ok()) {
        Some(status) => Answer::Status(status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned()),
        None => Answer::Closed,
    }
}

/// A request that closes its connection.
pub fn request(method: &str, target: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let length = if method == "POST" { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}{more}\r\n");
    [head.as_bytes(), body].concat()
}

/// A polling session.
pub struct Session {
    address: String,
    target: String,
    stream_id: String,
    probes: u64,
}

impl Session {
    /// Opens a session and brings it to the stage.
    pub async fn open(address: &str, stage: Stage, stream_id: &str) -> Self {
        let target = "/socket.io/?EIO=4&transport=polling".to_owned();
        let mut session = Self { address: address.to_owned(), target, stream_id: stream_id.to_owned(), probes: 0 };
        let Answer::Status(200, body) = session.get().await else { panic!("a good handshake is taken") };
        let open: serde_json::Value = serde_json::from_str(&body[1..]).expect("an open packet");
        session.target.push_str(&format!("&sid={}", open["sid"].as_str().expect("a session id")));
        if stage != Stage::Opened {
            session.post(format!("40{{\"stream_id\":\"{stream_id}\"}}").into()).await;
            let connected = session.poll().await;
            assert!(matches!(&connected, Answer::Status(200, body) if body.starts_with("40")), "{connected:?}");
        }
        if stage == Stage::Streaming {
            session.post(event("stream:init", &object(&init())).into()).await;
            let ready = session.poll().await;
            assert!(matches!(&ready, Answer::Status(200, body) if body.contains("stream:ready")), "{ready:?}");
        }
        session
    }

    /// One poll.
    pub async fn get(&self) -> Answer {
        exchange(&self.address, &request("GET", &self.target, "", b""), DEADLINE).await
    }

    /// Polls until there is more than a heartbeat, and answers that.
    async fn poll(&self) -> Answer {
        loop {
            match self.get().await {
                Answer::Status(200, body) if body.split('\u{1e}').any(|packet| packet == "2") => {
                    self.post(b"3".to_vec()).await;
                    let rest: Vec<&str> = body.split('\u{1e}').filter(|packet| *packet != "2").collect();
                    if !rest.is_empty() {
                        return Answer::Status(200, rest.join("\u{1e}"));
                    }
                }
                other => return other,
            }
        }
    }

    /// One body.
    pub async fn post(&self, body: Vec<u8>) -> Answer {
        let request = request("POST", &self.target, "Content-Type: text/plain;charset=UTF-8\r\n", &body);
        exchange(&self.address, &request, DEADLINE).await
    }

    /// Where requests of this session go.
    pub fn target(&self) -> &str {
        &self.target
    }

    fn body(&self, case: &Case) -> Vec<u8> {
        let packets: Vec<String> = case
            .frames
            .iter()
            .map(|frame| match frame {
                Frame::Text(text) => text.replace("STREAM", &self.stream_id),
                Frame::Binary(bytes) => format!("b{}", BASE64.encode(bytes)),
                Frame::Raw(_) => unreachable!("raw frames are WebSocket's"),
            })
            .collect();
        packets.join("\u{1e}").into_bytes()
    }

    /// Sends the case, and after it a message whose answer is known. Also returns whether the session can be used again.
    pub async fn attack(&mut self, case: &Case) -> (Verdict, bool) {
        let probe = match case.stage {
            Stage::Opened if case.is_connect() => Probe::Itself,
            Stage::Opened => Probe::Connect,
            _ => Probe::Fragment,
        };
        self.attack_with(self.body(case), probe).await
    }

    /// The same with a body as it is.
    pub async fn attack_with(&mut self, body: Vec<u8>, probe: Probe) -> (Verdict, bool) {
        match self.post(body).await {
            Answer::Status(200, _) => {}
            refused => return (refused.verdict(), false),
        }
        self.probes += 1;
        let probe_id = format!("probe-{}", self.probes);
        let known = match probe {
            Probe::Itself => None,
            Probe::Connect => Some("40".to_owned()),
            Probe::Fragment => Some(event("fragment:data", &object(&fragment("nobody's", &probe_id, 0, &pcm(0, 0))))),
        };
        if let Some(known) = known
            && let Answer::Status(400.., _) = self.post(known.into_bytes()).await
        {
            return (Verdict::Ended(End::SessionGone), false);
        }
        let mut verdict = Verdict::Silence;
        loop {
            let body = match self.poll().await {
                Answer::Status(200, body) if !body.is_empty() => body,
                Answer::Nothing => return (Verdict::Hang, false),
                _ if verdict == Verdict::Silence => return (Verdict::Ended(End::SessionGone), false),
                _ => return (verdict, false),
            };
            for packet in body.split('\u{1e}') {
                let answer = match understand(packet) {
                    Some(Incoming::Event(name, error)) if name == "error" => {
                        if error["fragment_id"] == probe_id.as_str() {
                            return (verdict, true);
                        }
                        Verdict::Error(error)
                    }
                    Some(Incoming::Event(name, _)) if name == "stream:complete" || name == "backpressure" => continue,
                    Some(Incoming::Event(name, argument)) => Verdict::Taken(format!("{name} {argument}")),
                    Some(Incoming::Acknowledgement(carried)) => Verdict::Acknowledged(carried),
                    Some(Incoming::ConnectError(message)) if probe != Probe::Fragment => {
                        return (Verdict::ConnectError(message), false);
                    }
                    Some(Incoming::ConnectError(message)) => Verdict::ConnectError(message),
                    Some(Incoming::Connected) if probe == Probe::Connect => return (verdict, false),
                    Some(Incoming::Connected) if probe == Probe::Itself => {
                        return (Verdict::Taken("CONNECT".to_owned()), false);
                    }
                    Some(Incoming::Connected) => Verdict::Taken("CONNECT".to_owned()),
                    Some(Incoming::Ended(end)) if verdict == Verdict::Silence => Verdict::Ended(end),
                    _ => continue,
                };
                if !matches!(verdict, Verdict::Error(_)) {
                    verdict = answer;
                }
            }
        }
    }

    /// Ends the session.
    pub async fn close(self) {
        self.post(b"1".to_vec()).await;
    }
}
