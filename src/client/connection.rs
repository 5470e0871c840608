//! The Socket.IO client of the streaming worker.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures_util::FutureExt as _;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Something that the service sent.
#[derive(Debug)]
pub struct Received {
    /// The event's name; `connected` and `disconnected` are the connection's own.
    pub event: String,
    /// Its argument.
    pub data: Value,
    /// When it came.
    pub at: std::time::Instant,
}

/// A connection to the service.
pub struct Connection {
    client: Client,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Connection {
    /// Connects and waits until the namespace is open.
    ///
    /// # Errors
    /// Why the service cannot be reached, or did not let the worker in.
    pub async fn open(url: &str, stream_id: &str, worker_id: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let (sender, received) = mpsc::unbounded_channel();
        let forward = move |event: Event, payload: Payload, _: Client| {
            let sender = sender.clone();
            let data = match payload {
                Payload::Text(values) => values.into_iter().next().unwrap_or(Value::Null),
                #[allow(deprecated, reason = "the library still hands such payloads out")]
                Payload::String(text) => Value::String(text),
                Payload::Binary(_) => Value::Null,
            };
            let event = match event {
                Event::Connect => "connected".to_owned(),
                Event::Close => "disconnected".to_owned(),
                Event::Error => "connection_error".to_owned(),
                other => String::from(other),
            };
            let at = std::time::Instant::now();
            // The receiver is gone once the dub is over.
            let _ = sender.send(Received { event, data, at });
            async {}.boxed()
        };
        let (connect, close, error, any) = (forward.clone(), forward.clone(), forward.clone(), forward);
        let client = ClientBuilder::new(url)
            .transport_type(TransportType::Websocket)
            .reconnect(false)
            .auth(json!({"stream_id": stream_id, "worker_id": worker_id, "token": token}))
            .on(Event::Connect, move |payload, client| connect(Event::Connect, payload, client))
            .on(Event::Close, move |payload, client| close(Event::Close, payload, client))
            .on(Event::Error, move |payload, client| error(Event::Error, payload, client))
            .on_any(any)
            .connect()
            .await
            .with_context(|| format!("{url} cannot be reached"))?;
        let mut connection = Self { client, received };
        let first = connection.next(Duration::from_secs(10)).await?;
        match first.event.as_str() {
            "connected" => Ok(connection),
            other => Err(anyhow!("the service did not let the worker in: {other} {}", first.data)),
        }
    }

    /// Sends an event.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&self, event: &str, data: Value) -> anyhow::Result<()> {
        self.client.emit(event, data).await.with_context(|| format!("{event} could not be sent"))
    }

    /// The next thing that comes, however long that takes; `None` when nothing will.
    pub async fn receive(&mut self) -> Option<Received> {
        self.received.recv().await
    }

    /// The next thing that comes.
    ///
    /// # Errors
    /// Nothing came in time, or nothing will.
    pub async fn next(&mut self, patience: Duration) -> anyhow::Result<Received> {
        tokio::time::timeout(patience, self.received.recv())
            .await
            .map_err(|_| anyhow!("nothing came from the service for {} s", patience.as_secs()))?
            .ok_or_else(|| anyhow!("the connection is gone"))
    }

    /// Leaves.
    pub async fn close(self) {
        // Already gone is as good.
        let _ = self.client.disconnect().await;
    }
}

/// Asks `/health/ready`: `None` when the service is ready, else its reason.
///
/// # Errors
/// The service cannot be reached.
pub async fn health(url: &str) -> anyhow::Result<Option<String>> {
    let response = reqwest::get(format!("{}/health/ready", url.trim_end_matches('/'))).await?;
    if response.status().is_success() {
        return Ok(None);
    }
    let body: Value = response.json().await.unwrap_or(Value::Null);
    Ok(Some(body["reason"].as_str().unwrap_or("no reason given").to_owned()))
}
