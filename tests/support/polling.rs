//! A worker that speaks Socket.IO over HTTP long-polling by hand, so that headers and TLS can be chosen freely.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(15);
/// Engine.IO puts this between the packets of one answer.
const SEPARATOR: char = '\u{1e}';

/// What came of a CONNECT.
pub enum Outcome {
    /// Let in.
    Connected(Worker),
    /// `connect_error`, with its message.
    Refused(String),
}

impl Outcome {
    pub fn expect_connected(self) -> Worker {
        match self {
            Self::Connected(worker) => worker,
            Self::Refused(message) => panic!("not let in: {message}"),
        }
    }
}

/// One connection; packets are taken one by one.
pub struct Worker {
    client: reqwest::Client,
    session: String,
    origin: Option<String>,
    packets: Mutex<VecDeque<String>>,
}

impl Worker {
    pub async fn connect(url: &str, auth: Value) -> Outcome {
        Self::connect_from(url, None, auth).await
    }

    pub async fn connect_from(url: &str, origin: Option<&str>, auth: Value) -> Outcome {
        Self::connect_with(reqwest::Client::new(), url, origin, auth).await
    }

    pub async fn connect_with(client: reqwest::Client, url: &str, origin: Option<&str>, auth: Value) -> Outcome {
        let endpoint = format!("{url}/socket.io/?EIO=4&transport=polling");
        let mut worker =
            Self { client, session: endpoint, origin: origin.map(str::to_owned), packets: Mutex::default() };
        let open = worker.poll().await.expect("a handshake");
        let open: Value = serde_json::from_str(open.strip_prefix('0').expect("an open packet")).expect("JSON");
        worker.session = format!("{}&sid={}", worker.session, open["sid"].as_str().expect("a session"));
        worker.post(format!("40{auth}")).await;
        let answer = worker.packet().await;
        match answer.strip_prefix("44") {
            Some(error) => {
                let error: Value = serde_json::from_str(error).expect("JSON");
                Outcome::Refused(error["message"].as_str().expect("a message").to_owned())
            }
            None if answer.starts_with("40") => Outcome::Connected(worker),
            None => panic!("not an answer to CONNECT: {answer}"),
        }
    }

    fn request(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = request.timeout(PATIENCE);
        match &self.origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    }

    async fn poll(&self) -> Option<String> {
        let answer = self.request(self.client.get(&self.session)).send().await.expect("an answer");
        if !answer.status().is_success() {
            return None;
        }
        Some(answer.text().await.expect("a body"))
    }

    async fn post(&self, packet: String) {
        let answer = self.request(self.client.post(&self.session)).body(packet).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// The next packet that is no ping; those are answered.
    async fn packet(&self) -> String {
        loop {
            let waiting = self.packets.lock().expect("no panic").pop_front();
            match waiting {
                Some(ping) if ping == "2" => self.post("3".to_owned()).await,
                Some(packet) => return packet,
                None => {
                    let polled = self.poll().await.expect("the session is open");
                    let packets = polled.split(SEPARATOR).map(str::to_owned);
                    self.packets.lock().expect("no panic").extend(packets);
                }
            }
        }
    }

    pub async fn emit(&self, event: &str, data: &Value) {
        self.post(format!("42{}", serde_json::json!([event, data]))).await;
    }

    /// Waits for an event of this name; others before it are dropped.
    pub async fn next(&self, event: &str) -> Value {
        let others = Mutex::new(Vec::new());
        let waiting = async {
            loop {
                let packet = self.packet().await;
                let message = packet.strip_prefix("42").and_then(|message| serde_json::from_str(message).ok());
                match message {
                    Some(Value::Array(message)) if message[0] == event => return message[1].clone(),
                    _ => others.lock().expect("no panic").push(packet),
                }
            }
        };
        let came = tokio::time::timeout(PATIENCE, waiting).await;
        came.unwrap_or_else(|_| panic!("no {event} came, but {:?}", others.lock().expect("no panic")))
    }

    /// Says goodbye.
    pub async fn leave(&self) {
        self.post("41".to_owned()).await;
    }

    /// Waits until the service has ended the connection.
    pub async fn closed(&self) {
        let closing = async { while self.packet().await != "41" {} };
        tokio::time::timeout(PATIENCE, closing).await.expect("it is closed");
    }
}
