//! Cases over a raw WebSocket.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::case::{Case, End, Frame, Stage, Verdict};
use super::fields::{event, fragment, init, object, pcm};

/// How long an answer may take; far more than it does, and far less than a person would wait.
pub const DEADLINE: Duration = Duration::from_secs(8);

/// Good connections that were not taken, and what came instead.
pub static REFUSED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What comes from the service.
#[derive(Debug)]
pub enum Incoming {
    /// An event with its argument.
    Event(String, Value),
    /// An acknowledgement.
    Acknowledgement(String),
    /// CONNECT.
    Connected,
    /// CONNECT_ERROR.
    ConnectError(String),
    /// The end.
    Ended(End),
    /// Nothing before the deadline.
    Nothing,
}

/// What an Engine.IO packet of the service says; `None` when it is of no interest.
pub fn understand(packet: &str) -> Option<Incoming> {
    let message = match packet.split_at_checked(1)? {
        ("4", message) => message,
        ("1", _) => return Some(Incoming::Ended(End::Disconnect)),
        _ => return None,
    };
    let (kind, data) = message.split_at_checked(1)?;
    // The number of attachments and the acknowledgement's id stand before the data; the namespace is only in answers
    // to what was asked of another one.
    let json = data.find(['[', '{']).map_or("", |start| &data[start..]);
    Some(match kind {
        "0" => Incoming::Connected,
        "1" => Incoming::Ended(End::Disconnect),
        "2" | "5" => {
            let mut arguments: Vec<Value> = serde_json::from_str(json).expect("the service sends JSON");
            let argument = if arguments.len() > 1 { arguments.remove(1) } else { Value::Null };
            Incoming::Event(arguments[0].as_str().expect("an event has a name").to_owned(), argument)
        }
        "3" | "6" => Incoming::Acknowledgement(json.to_owned()),
        "4" => Incoming::ConnectError(json.to_owned()),
        _ => return None,
    })
}

/// A connection at some stage.
pub struct Line {
    socket: WebSocketStream<TcpStream>,
    stream_id: String,
    probes: u64,
}

impl Line {
    /// Connects, and brings the connection to the stage.
    pub async fn open(address: &str, stage: Stage, stream_id: &str) -> Self {
        loop {
            match Self::try_open(address, stage, stream_id).await {
                Ok(line) => return line,
                Err(incoming) => REFUSED.lock().expect("nobody panics here").push(incoming),
            }
        }
    }

    async fn try_open(address: &str, stage: Stage, stream_id: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.expect("the service listens");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = client_async(url, stream).await.expect("a good handshake is taken");
        let mut line = Self { socket, stream_id: stream_id.to_owned(), probes: 0 };
        if stage != Stage::Opened {
            line.send(format!("40{{\"stream_id\":\"{stream_id}\"}}")).await;
            match line.next().await {
                Incoming::Connected => {}
                other => return Err(format!("CONNECT: {other:?}")),
            }
        }
        if stage == Stage::Streaming {
            line.send(event("stream:init", &object(&init()))).await;
            match line.next().await {
                Incoming::Event(name, _) if name == "stream:ready" => {}
                other => return Err(format!("stream:init: {other:?}")),
            }
        }
        Ok(line)
    }

    /// A WebSocket for a polling session, before the probe.
    pub async fn upgrade(address: &str, target: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the service listens");
        let url = format!("ws://{address}{}", target.replace("polling", "websocket"));
        let (socket, _) = client_async(url, stream).await.expect("the upgrade is answered");
        Self { socket, stream_id: String::new(), probes: 0 }
    }

    /// Probes and upgrades, as a client does.
    pub async fn probe(&mut self) {
        self.send("2probe".to_owned()).await;
        let answer = timeout(DEADLINE, self.socket.next()).await.expect("in time");
        assert!(matches!(&answer, Some(Ok(Message::Text(text))) if text.as_str() == "3probe"), "{answer:?}");
        self.send("5".to_owned()).await;
    }

    /// How the connection ends, by itself.
    pub async fn end(&mut self) -> Verdict {
        let deadline = tokio::time::Instant::now() + 3 * DEADLINE;
        let mut verdict = Verdict::Hang;
        while tokio::time::Instant::now() < deadline {
            match self.next().await {
                Incoming::Ended(end) if verdict == Verdict::Hang => return Verdict::Ended(end),
                Incoming::Ended(_) => return verdict,
                Incoming::Event(name, error) if name == "error" => verdict = Verdict::Error(error),
                _ => {}
            }
        }
        Verdict::Hang
    }

    /// Sends a text packet. That it cannot be sent shows when nothing can be received.
    pub async fn send(&mut self, packet: String) {
        let _ = self.socket.send(Message::text(packet)).await;
    }

    /// The next thing of interest.
    pub async fn next(&mut self) -> Incoming {
        loop {
            let message = match timeout(DEADLINE, self.socket.next()).await {
                Err(_) => return Incoming::Nothing,
                Ok(None | Some(Err(_))) => return Incoming::Ended(End::Cut),
                Ok(Some(Ok(message))) => message,
            };
            match message {
                Message::Text(packet) if packet.as_str() == "2" => self.send("3".to_owned()).await,
                Message::Text(packet) => {
                    if let Some(incoming) = understand(packet.as_str()) {
                        return incoming;
                    }
                }
                Message::Close(frame) => {
                    return Incoming::Ended(
                        frame.map_or(End::BareCloseFrame, |frame| End::CloseFrame(frame.code.into())),
                    );
                }
                _ => {}
            }
        }
    }

    async fn send_frame(&mut self, frame: &Frame) {
        let sent = match frame {
            Frame::Text(text) => self.socket.send(Message::text(text.replace("STREAM", &self.stream_id))).await.is_ok(),
            Frame::Binary(bytes) => self.socket.send(Message::binary(bytes.clone())).await.is_ok(),
            Frame::Raw(bytes) => self.socket.get_mut().write_all(bytes).await.is_ok(),
        };
        // A connection that was closed before the last frame was out says so when it is read.
        let _ = sent;
    }

    /// Sends the case, and after it a message whose answer is known: what comes before that answer is the case's.
    /// Also returns whether the connection can be used again.
    pub async fn attack(&mut self, case: &Case) -> (Verdict, bool) {
        for frame in &case.frames {
            self.send_frame(frame).await;
        }
        self.probes += 1;
        let probe = format!("probe-{}", self.probes);
        let is_raw = case.frames.iter().any(|frame| matches!(frame, Frame::Raw(_)));
        match case.stage {
            // These break the framing: what comes after would be part of them.
            _ if is_raw => {}
            // A CONNECT is its own probe: two of them are not answered in order.
            Stage::Opened if case.is_connect() => {}
            Stage::Opened => self.send("40".to_owned()).await,
            Stage::Connected | Stage::Streaming => {
                let good = fragment("nobody's", &probe, 0, &pcm(0, 0));
                self.send(event("fragment:data", &object(&good))).await;
            }
        }
        let mut verdict = Verdict::Silence;
        loop {
            let answer = match self.next().await {
                Incoming::Event(name, error) if name == "error" => {
                    if error["fragment_id"] == probe.as_str() {
                        return (verdict, true);
                    }
                    Verdict::Error(error)
                }
                Incoming::Event(name, _) if name == "stream:complete" || name == "backpressure" => continue,
                Incoming::Event(name, argument) => Verdict::Taken(format!("{name} {argument}")),
                Incoming::Acknowledgement(carried) => Verdict::Acknowledged(carried),
                Incoming::ConnectError(message) if case.stage == Stage::Opened => {
                    return (Verdict::ConnectError(message), false);
                }
                Incoming::ConnectError(message) => Verdict::ConnectError(message),
                Incoming::Connected if case.is_connect() => return (Verdict::Taken("CONNECT".to_owned()), false),
                Incoming::Connected if case.stage == Stage::Opened => return (verdict, false),
                Incoming::Connected => Verdict::Taken("CONNECT".to_owned()),
                Incoming::Ended(end) if verdict == Verdict::Silence => return (Verdict::Ended(end), false),
                Incoming::Ended(_) => return (verdict, false),
                Incoming::Nothing => return (Verdict::Hang, false),
            };
            // An acknowledgement and an error may both come; the error says more.
            if !matches!(verdict, Verdict::Error(_)) {
                verdict = answer;
            }
        }
    }

    /// Whether the transport ends as well, and not the namespace alone.
    pub async fn is_gone(&mut self) -> bool {
        let end = async { while let Some(Ok(_)) = self.socket.next().await {} };
        timeout(DEADLINE, end).await.is_ok()
    }

    /// Says farewell and waits until the service has closed.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
        while let Ok(Some(Ok(_))) = timeout(DEADLINE, self.socket.next()).await {}
    }
}
