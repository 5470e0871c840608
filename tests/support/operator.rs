//! An operator at the control plane of a running service.

use std::time::Duration;

use serde_json::{Value, json};

use super::Service;

/// Long enough for a restart that waits for slow work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks and commands over HTTP.
#[derive(Clone)]
pub struct Operator {
    client: reqwest::Client,
    base: String,
}

impl Operator {
    pub fn of(service: &Service) -> Self {
        Self { client: reqwest::Client::new(), base: format!("http://{}/api/v1", service.operators) }
    }

    /// A request to a path of the API, to be made more of.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends it; gives the status and what was said.
    pub async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.timeout(PATIENCE).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(self.client.get(format!("{}{path}", self.base))).await
    }

    pub async fn post(&self, path: &str) -> (u16, Value) {
        self.ask(self.client.post(format!("{}{path}", self.base))).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(self.client.put(format!("{}{path}", self.base)).json(body)).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// How a stage is.
    pub async fn stage(&self, stage: &str) -> Value {
        let (status, observed) = self.get(&format!("/stages/{stage}")).await;
        assert_eq!(status, 200, "{observed}");
        observed
    }

    /// Replaces a stage's workers.
    pub async fn restart(&self, stage: &str, mode: &str) -> (u16, Value) {
        self.post(&format!("/stages/{stage}/restart?mode={mode}")).await
    }

    /// Asks for a number of workers.
    pub async fn scale(&self, stage: &str, workers: usize) -> (u16, Value) {
        self.put(&format!("/stages/{stage}/workers"), &json!({"workers": workers})).await
    }
}
