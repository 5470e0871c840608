//! A service, a worker's stream and an operator, and what each of the two sees.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::messages::{audio, fragment, init};
use crate::support::operator::Operator;
use crate::support::raw::Client;
use crate::support::{Service, get};

/// How long anything that must come is waited for. How soon it comes is printed, and judged nowhere.
pub const PATIENCE: Duration = Duration::from_secs(60);
const FRAGMENT_MS: usize = 100;

/// The stages as the control plane names them, and the digit that has the fakes misbehave there.
pub const STAGES: [(&str, i16); 3] = [("asr", 10), ("translation", 20), ("tts", 30)];

/// The running service, as its operator sees it.
pub struct Scene {
    pub service: Service,
    pub operator: Operator,
    folder: tempfile::TempDir,
}

impl Scene {
    /// With its log in a file.
    pub fn new(environment: &[(&str, &str)]) -> Self {
        Self::with_files(|_| environment.iter().map(|&(name, value)| (name, value.to_owned())).collect())
    }

    /// The same, with settings that name files in a folder of its own.
    pub fn with_files<'a>(environment: impl FnOnce(&Path) -> Vec<(&'a str, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut environment = environment(folder.path());
        environment.push(("LOG_LEVEL", "info".to_owned()));
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let service = Service::fake_logging_unchecked(&folder.path().join("log"), &environment);
        Self { operator: Operator::of(&service), service, folder }
    }

    /// Over a service that was started otherwise, and whose log is elsewhere.
    pub fn of(service: Service) -> Self {
        Self { operator: Operator::of(&service), service, folder: tempfile::tempdir().expect("a folder") }
    }

    /// A file in the scene's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn touch(&self, name: &str) {
        std::fs::write(self.path(name), "").expect("written");
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("removed");
    }

    /// `/health/ready`: its status, and why.
    pub fn health(&self) -> (u16, String) {
        let answer = get(&self.service.address, "/health/ready").expect("it listens");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer)
    }

    pub async fn wait_until_ready(&self) {
        self.wait("it is ready", async || (self.health().0 == 200).then_some(())).await;
    }

    /// Waits for `/health/ready` to say 503, with this in its reason.
    pub async fn wait_until_unready(&self, reason: &str) {
        self.wait("it says why it is not ready", async || {
            let (status, answer) = self.health();
            (status == 503 && answer.contains(reason)).then_some(())
        })
        .await;
    }

    /// Waits until a stage is so.
    pub async fn wait_for_stage(&self, stage: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let asked = async || Some(self.operator.stage(stage).await).filter(|observed| wanted(observed));
        self.wait(stage, asked).await
    }

    /// Waits for a series with this value.
    pub async fn wait_for_series(&self, series: &str) {
        self.wait(series, async || {
            let metrics = get(&self.service.address, "/metrics").expect("it listens");
            metrics.lines().any(|line| line == series).then_some(())
        })
        .await;
    }

    /// Waits for a line of the log with all of this in it.
    pub async fn wait_for_log(&self, parts: &[&str]) {
        self.wait(&format!("a line with {parts:?}"), async || {
            let log = std::fs::read_to_string(self.path("log")).expect("a log");
            log.lines().any(|line| parts.iter().all(|part| line.contains(part))).then_some(())
        })
        .await;
    }

    async fn wait<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(Instant::now() < deadline, "{what} did not come; {:?}", self.health());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A worker's stream.
    pub async fn open(&self, id: &str) -> Stream {
        Stream::open(&self.service.address, id).await
    }
}

/// A stream as its worker sees it.
pub struct Stream {
    client: Client,
    id: String,
    address: String,
    session_id: Value,
    /// The last `fragment:ack`.
    pub acknowledged: Value,
    next: usize,
    received: usize,
    results: VecDeque<Value>,
}

impl Stream {
    pub async fn open(address: &str, id: &str) -> Self {
        Self::try_open(address, id).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Gives the `error` when the stream is refused.
    pub async fn try_open(address: &str, id: &str) -> Result<Self, Value> {
        let (client, ready) = connect(address, id, &init(FRAGMENT_MS)).await?;
        Ok(Self {
            client,
            id: id.to_owned(),
            address: address.to_owned(),
            session_id: ready["session_id"].clone(),
            acknowledged: Value::Null,
            next: 0,
            received: 0,
            results: VecDeque::new(),
        })
    }

    /// Breaks the connection, and comes back for what it has not received.
    pub async fn break_and_resume(&mut self) {
        let mut message = init(FRAGMENT_MS);
        let last_received = (self.received + self.results.len()).checked_sub(1);
        message["resume"] = json!({"session_id": self.session_id, "last_sequence_received": last_received});
        let (client, ready) = connect(&self.address, &self.id, &message).await.expect("its stream is there");
        assert_eq!((&ready["resumed"], &ready["next_sequence_number"]), (&json!(true), &json!(self.next)), "{ready}");
        std::mem::replace(&mut self.client, client).reset();
    }

    /// Sends a fragment that tells the fakes what to do; gives the refusal, if it is refused.
    pub async fn send(&mut self, order: i16, number: i16) -> Result<(), Value> {
        self.send_audio(&audio(FRAGMENT_MS, order, number)).await
    }

    /// Sends a fragment with this audio.
    pub async fn send_audio(&mut self, pcm: &[u8]) -> Result<(), Value> {
        let message = fragment(&self.id, self.next, pcm);
        self.client.emit("fragment:data", &message).await.expect("the connection is open");
        loop {
            match self.next_event().await {
                (event, data) if event == "fragment:ack" => {
                    assert_eq!(data["fragment_id"], self.next.to_string(), "{data}");
                    (self.next, self.acknowledged) = (self.next + 1, data);
                    return Ok(());
                }
                (event, data) if event == "error" => return Err(data),
                _ => {}
            }
        }
    }

    /// The next result: that of the oldest fragment without one.
    pub async fn result(&mut self) -> Value {
        while self.results.is_empty() {
            self.next_event().await;
        }
        let result = self.results.pop_front().expect("there is one");
        assert_eq!(result["sequence_number"], self.received, "in order, each once: {result}");
        self.received += 1;
        result
    }

    /// Sends one that is sound, and waits for its success.
    pub async fn succeed(&mut self) {
        self.send(1, 1).await.expect("it is accepted");
        assert_success(&self.result().await);
    }

    /// Ends the stream; gives its account, in which every fragment has its place.
    pub async fn end(mut self) -> Value {
        self.client.emit("stream:end", &json!({})).await.expect("the connection is open");
        let complete = self.wait_for_complete().await;
        self.client.leave().await;
        complete
    }

    /// Waits for the stream's account.
    pub async fn wait_for_complete(&mut self) -> Value {
        loop {
            let (event, data) = self.next_event().await;
            if event == "stream:complete" {
                assert!(
                    self.results.is_empty() && self.received == self.next,
                    "{} are open",
                    self.next - self.received
                );
                assert_eq!(data["total_fragments"], self.next, "{data}");
                return data;
            }
        }
    }

    async fn next_event(&mut self) -> (String, Value) {
        let packet = tokio::time::timeout(PATIENCE, self.client.next_event()).await;
        let packet = packet.expect("something comes in time").expect("the connection stays");
        let (event, data) = (packet.event().to_owned(), packet.data());
        if event == "fragment:processed" {
            self.results.push_back(data.clone());
        }
        (event, data)
    }
}

async fn connect(address: &str, id: &str, init: &Value) -> Result<(Client, Value), Value> {
    let auth = json!({"stream_id": id, "worker_id": "resilience"});
    let mut client = Client::connect(address, &auth, std::sync::Arc::default()).await.expect("a connection");
    client.emit("stream:init", init).await.expect("a fresh connection takes it");
    let answer = client.next_event().await.expect("an answer");
    match answer.event() {
        "stream:ready" => Ok((client, answer.data())),
        "error" => Err(answer.data()),
        _ => panic!("{answer:?}"),
    }
}

pub fn assert_success(result: &Value) {
    assert_eq!(result["status"], "success", "{}", without_audio(result));
}

/// Failed in this stage with this code; what the stages before it made is there.
pub fn assert_failed(result: &Value, stage: &str, code: &str, retryable: bool) {
    let shown = without_audio(result);
    let error = &result["error"];
    assert_eq!(
        (&result["status"], &error["stage"], &error["code"], &error["retryable"]),
        (&json!("failed"), &json!(stage), &json!(code), &json!(retryable)),
        "{shown}"
    );
    assert!(result.get("dubbed_audio").is_none_or(Value::is_null), "{shown}");
    assert_eq!(result["transcript"].is_string(), stage != "asr", "{shown}");
    assert_eq!(result["translated_text"].is_string(), stage == "tts", "{shown}");
}

fn without_audio(result: &Value) -> Value {
    let mut shown = result.clone();
    shown.as_object_mut().map(|fields| fields.remove("dubbed_audio"));
    shown
}

/// From a fault to what shows that it is over.
pub struct Recovery(Instant);

impl Recovery {
    pub fn begins() -> Self {
        Self(Instant::now())
    }

    /// Prints how long it took.
    pub fn ended(self, fault: &str) {
        println!("time to recovery: {fault}: {:.0} ms", self.0.elapsed().as_secs_f64() * 1000.0);
    }
}
