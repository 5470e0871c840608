//! A stream that is kept open, as whoever has something dubbed sees it: pieces go in as [`Order`]s, and what became of
//! them comes out as [`News`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use bytes::Bytes;
use serde_json::Value;
use sts_models::translate::breaker::BreakerState;
use sts_protocol::{Action, AudioSpec, Stage};
use tokio::sync::mpsc;

use super::courier::Courier;
use super::dispatch::{Decision, DispatchOptions};
use super::opening::{OpenError, Opened, open};

/// The stream that is wanted.
#[derive(Clone, Debug)]
pub struct StreamRequest {
    /// The service, as http://HOST:PORT.
    pub url: String,
    /// Token to show to it.
    pub token: Option<String>,
    /// The stream's name.
    pub stream_id: String,
    /// The worker's.
    pub worker_id: String,
    /// Language of the source (ISO 639-1).
    pub source_language: String,
    /// Language of the dub.
    pub target_language: String,
    /// Who speaks it.
    pub voice_profile: String,
    /// Usual length of a piece, ms.
    pub chunk_ms: usize,
    /// Shape of the samples.
    pub spec: AudioSpec,
    /// Names and terms.
    pub hints: Vec<String>,
}

/// How a courier bears what befalls it.
#[derive(Clone, Copy, Debug)]
pub struct CourierOptions {
    /// How pieces are sent.
    pub dispatch: DispatchOptions,
    /// How long the service may say nothing while it owes an answer, before the connection counts as lost.
    pub silence: Duration,
    /// How long to try for a connection before giving up; `None`: for ever.
    pub patience: Option<Duration>,
}

/// A piece to be dubbed.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its place in the programme.
    pub piece: u64,
    /// When it begins, ms.
    pub start_ms: f64,
    /// Its samples.
    pub audio: Bytes,
    /// When its dub is of no more use.
    pub deadline: Option<Instant>,
}

pub(super) enum Command {
    Order(Order),
    Abandon(u64),
    End,
}

/// What a courier tells.
#[derive(Debug)]
pub enum News {
    /// There is a stream.
    Online {
        /// The engines behind the stages, as the service names them.
        engines: Value,
        /// Whether it is the one that was lost.
        resumed: bool,
    },
    /// There is none for now.
    Offline {
        /// Why.
        why: String,
    },
    /// A piece's fate.
    Decided(Decision, Option<Answer>),
    /// How things stand, whenever that changed.
    Standing(Standing),
    /// Nothing more will come.
    Ended(anyhow::Result<()>),
}

/// How things stand between the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the service asks for.
    pub action: Action,
    /// Each stage's breaker.
    pub breakers: BTreeMap<Stage, BreakerState>,
    /// Fragments without an answer.
    pub in_flight: usize,
    /// Pieces that wait to be sent.
    pub queued: usize,
    /// Attempts beyond each piece's first.
    pub retries: u64,
}

/// What the service made of a piece.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `success`, `partial` or `failed`.
    pub status: String,
    /// Samples as the stream has them.
    pub dub: Option<Bytes>,
    /// What was said.
    pub transcript: String,
    /// The same in the target language.
    pub translated_text: String,
    /// Speaking rate, when something was spoken.
    pub speed_ratio: Option<f64>,
    /// The service's own account of the time in each stage, ms.
    pub stage_timings: BTreeMap<String, f64>,
}

/// The other end of a courier.
pub struct Stream {
    commands: mpsc::UnboundedSender<Command>,
    news: mpsc::UnboundedReceiver<News>,
    task: tokio::task::JoinHandle<()>,
}

impl Stream {
    /// Opens a stream, and has a courier keep it open.
    ///
    /// # Errors
    /// The service cannot be reached, or does not take such a stream.
    pub async fn open(request: StreamRequest, options: CourierOptions) -> anyhow::Result<Self> {
        let opened = open(request.clone(), None, 0).await.map_err(OpenError::into_inner)?;
        Ok(Self::start(request, options, Some(opened)))
    }

    /// Has a courier open a stream and keep it open, whenever the service lets it.
    pub fn open_later(request: StreamRequest, options: CourierOptions) -> Self {
        Self::start(request, options, None)
    }

    fn start(request: StreamRequest, options: CourierOptions, opened: Option<Opened>) -> Self {
        let (commands, orders) = mpsc::unbounded_channel();
        let (teller, news) = mpsc::unbounded_channel();
        let courier = Courier::new(request, options, orders, teller);
        let task = tokio::spawn(courier.run(opened));
        Self { commands, news, task }
    }

    /// Has a piece dubbed.
    pub fn order(&self, order: Order) {
        // The courier tells by itself that it has ended.
        let _ = self.commands.send(Command::Order(order));
    }

    /// Nobody waits for the piece any more.
    pub fn abandon(&self, piece: u64) {
        let _ = self.commands.send(Command::Abandon(piece));
    }

    /// There will be no more orders.
    pub fn end(&self) {
        let _ = self.commands.send(Command::End);
    }

    /// What happened next. It may be dropped and asked again: nothing is lost.
    pub async fn news(&mut self) -> News {
        self.news.recv().await.unwrap_or_else(|| News::Ended(Err(anyhow!("the courier is gone"))))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
