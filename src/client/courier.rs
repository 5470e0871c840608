//! A stream's connection: opened, lost, resumed or opened anew, for as long as there is something to dub.
//!
//! The courier is a task of its own. Pieces go to it as [`Order`]s, and what became of them comes back as [`News`];
//! what is sent when is the [`Dispatcher`]'s to say.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};
use sts_models::translate::breaker::BreakerState;
use sts_protocol::{Action, AudioSpec, ErrorCode, Stage};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::connection::{Connection, Received};
use super::dispatch::{Decision, DispatchOptions, Dispatcher, Failure};

/// How long the service may take to open a stream, or to close one.
const OPENING: Duration = Duration::from_secs(10);
/// How long a message may take to leave.
const SENDING: Duration = Duration::from_secs(10);
/// The longest pause before the second attempt to connect; it doubles with each further one …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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

enum Command {
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
        let courier = Courier {
            dispatcher: Dispatcher::new(options.dispatch, fastrand::Rng::new()),
            request,
            options,
            commands: orders,
            teller,
            pieces: BTreeMap::new(),
            session: None,
            attempts: 0,
            lost_at: Instant::now(),
            heard_at: Instant::now(),
            was_online: false,
            is_ending: false,
            told: None,
        };
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

/// A session that a lost connection may go on with.
struct Session {
    id: String,
    last_received: Option<u64>,
}

/// A connection with a stream on it.
struct Opened {
    connection: Connection,
    ready: Value,
}

enum OpenError {
    /// The same may succeed later.
    Passing(anyhow::Error),
    /// The session that was to go on is gone; another may be opened.
    Forgotten(anyhow::Error),
    /// The service does not take such a stream.
    Lasting(anyhow::Error),
}

impl OpenError {
    fn into_inner(self) -> anyhow::Error {
        let (Self::Passing(error) | Self::Forgotten(error) | Self::Lasting(error)) = self;
        error
    }
}

async fn open(request: StreamRequest, resume: Option<Value>, first: u64) -> Result<Opened, OpenError> {
    let StreamRequest { url, token, stream_id, worker_id, spec, .. } = &request;
    let opening = Connection::open(url, stream_id, worker_id, token.as_deref());
    let mut connection = match tokio::time::timeout(OPENING, opening).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) if format!("{error:#}").contains(ErrorCode::Unauthorized.as_str()) => {
            return Err(OpenError::Lasting(error));
        }
        Ok(Err(error)) => return Err(OpenError::Passing(error)),
        Err(_) => return Err(OpenError::Passing(anyhow!("{url} does not answer"))),
    };
    let mut init = json!({
        "source_language": request.source_language, "target_language": request.target_language,
        "voice_profile": request.voice_profile, "chunk_duration_ms": request.chunk_ms,
        "sample_rate_hz": spec.sample_rate_hz, "channels": spec.channels, "format": spec.format,
        "first_sequence_number": first, "domain_hints": request.hints,
    });
    let is_resumption = resume.is_some();
    if let Some(resume) = resume {
        init["resume"] = resume;
    }
    connection.send("stream:init", init).await.map_err(OpenError::Passing)?;
    let answer = connection.next(OPENING).await.map_err(OpenError::Passing)?;
    if answer.event == "stream:ready" {
        return Ok(Opened { connection, ready: answer.data });
    }
    let target = &request.target_language;
    let error = anyhow!("the service did not open the stream into '{target}': {}", answer.data);
    let code = serde_json::from_value(answer.data["code"].clone()).ok();
    Err(match code {
        Some(ErrorCode::StreamNotFound) if is_resumption => OpenError::Forgotten(error),
        Some(ErrorCode::InvalidVoiceProfile | ErrorCode::UnsupportedLanguage) => OpenError::Lasting(error),
        // The connection before may not be known to be gone yet.
        Some(ErrorCode::InvalidConfig) if !error.to_string().contains("in use") => OpenError::Lasting(error),
        _ => OpenError::Passing(error),
    })
}

type Opening = Pin<Box<dyn Future<Output = Result<Opened, OpenError>> + Send>>;

/// Where a courier stands with the service.
enum Line {
    /// There is a stream.
    Online(Connection),
    /// One is being opened.
    Opening(Opening),
    /// One will be tried for at that time.
    Offline(Instant),
    /// It was told that there is nothing more, and has not said good-bye yet.
    Closing(Connection, Instant),
}

enum Event {
    Received(Received),
    Opened(Result<Opened, OpenError>),
    /// It is time to try.
    Due,
    /// The other side says nothing any more.
    Silent,
}

impl Line {
    /// What happens next; nothing is lost when it is dropped.
    async fn next(&mut self) -> Event {
        match self {
            Self::Online(connection) => connection.receive().await.map_or(Event::Silent, Event::Received),
            Self::Opening(opening) => Event::Opened(opening.await),
            Self::Offline(until) => {
                sleep_until((*until).into()).await;
                Event::Due
            }
            Self::Closing(connection, until) => tokio::select! {
                received = connection.receive() => received.map_or(Event::Silent, Event::Received),
                () = sleep_until((*until).into()) => Event::Silent,
            },
        }
    }
}

struct Courier {
    request: StreamRequest,
    options: CourierOptions,
    dispatcher: Dispatcher,
    commands: mpsc::UnboundedReceiver<Command>,
    teller: mpsc::UnboundedSender<News>,
    /// What has no fate yet: when it begins, ms, and its samples.
    pieces: BTreeMap<u64, (f64, Bytes)>,
    session: Option<Session>,
    /// Attempts to connect since there was a stream.
    attempts: u32,
    lost_at: Instant,
    /// When the service last said something, or had nothing to say.
    heard_at: Instant,
    was_online: bool,
    is_ending: bool,
    told: Option<Standing>,
}

impl Courier {
    async fn run(mut self, opened: Option<Opened>) {
        let line = match opened {
            Some(opened) => self.take_over(opened),
            None => Line::Offline(Instant::now()),
        };
        let outcome = self.work(line).await;
        self.tell(News::Ended(outcome));
    }

    async fn work(&mut self, mut line: Line) -> anyhow::Result<()> {
        loop {
            if self.is_ending && self.dispatcher.is_idle() {
                match line {
                    Line::Online(connection) => {
                        connection.send("stream:end", json!({})).await?;
                        line = Line::Closing(connection, Instant::now() + OPENING);
                    }
                    Line::Closing(..) => {}
                    Line::Opening(_) | Line::Offline(_) => return Ok(()),
                }
            }
            let now = Instant::now();
            if let Line::Online(connection) = &line {
                if let Err(error) = self.send_due(connection, now).await {
                    line = self.lose(line, &format!("{error:#}"))?;
                    continue;
                }
            } else {
                self.dispatcher.take_late(now).into_iter().for_each(|decision| self.decide(decision, None));
            }
            self.tell_standing();
            let wake = self.wake_at(&line, now);
            tokio::select! {
                command = self.commands.recv() => self.obey(command.unwrap_or(Command::End)),
                event = line.next() => match event {
                    Event::Received(received) if matches!(line, Line::Closing(..)) => {
                        if received.event == "stream:complete" || is_an_end(&received) {
                            if let Line::Closing(connection, _) = line {
                                connection.close().await;
                            }
                            return Ok(());
                        }
                    }
                    Event::Received(received) => {
                        self.heard_at = Instant::now();
                        if let Err(error) = self.take(received) {
                            line = self.lose(line, &format!("{error:#}"))?;
                        }
                    }
                    // Everything is answered: a good-bye that does not come costs nothing.
                    Event::Silent if matches!(line, Line::Closing(..)) => return Ok(()),
                    Event::Silent => line = self.lose(line, "the connection is gone")?,
                    Event::Opened(Ok(opened)) => line = self.take_over(opened),
                    Event::Opened(Err(error)) => line = self.stay_offline(error)?,
                    Event::Due => line = Line::Opening(self.opening()),
                },
                () = sleep_until(wake.into()) => {
                    let silent_for = self.heard_at.elapsed();
                    let is_silent = self.dispatcher.is_owed() && silent_for >= self.options.silence;
                    if matches!(line, Line::Online(_)) && is_silent {
                        let why = format!("nothing came from the service for {} s", silent_for.as_secs());
                        line = self.lose(line, &why)?;
                    }
                }
            }
        }
    }

    fn wake_at(&mut self, line: &Line, now: Instant) -> Instant {
        if !self.dispatcher.is_owed() {
            self.heard_at = now;
        }
        let silence = matches!(line, Line::Online(_)).then_some(self.heard_at + self.options.silence);
        let far = now + Duration::from_secs(60);
        self.dispatcher.wake_at(now).into_iter().chain(silence).min().unwrap_or(far).min(far)
    }

    fn opening(&self) -> Opening {
        let resume = self
            .session
            .as_ref()
            .map(|session| json!({"session_id": session.id, "last_sequence_received": session.last_received}));
        Box::pin(open(self.request.clone(), resume, self.dispatcher.next_number()))
    }

    fn take_over(&mut self, opened: Opened) -> Line {
        let Opened { connection, ready } = opened;
        let resumed = ready["resumed"] == true;
        let most = ready["max_inflight"].as_u64().map_or(usize::MAX, |most| most as usize);
        let next = ready["next_sequence_number"].as_u64();
        match (next, resumed) {
            (Some(next), true) => self.dispatcher.resumed(next, most, Instant::now()),
            _ => {
                let lost = self.dispatcher.opened(most, Instant::now());
                lost.into_iter().for_each(|decision| self.decide(decision, None));
            }
        }
        let last_received = self.dispatcher.due().checked_sub(1).filter(|_| resumed);
        let id = ready["session_id"].as_str().unwrap_or_default().to_owned();
        self.session = Some(Session { id, last_received });
        (self.attempts, self.heard_at, self.was_online) = (0, Instant::now(), true);
        self.tell(News::Online { engines: ready["engines"].clone(), resumed });
        Line::Online(connection)
    }

    /// The line is lost: another is tried for, at once.
    fn lose(&mut self, line: Line, why: &str) -> anyhow::Result<Line> {
        if let Line::Online(connection) = line {
            // Its good-bye may take as long as the network likes.
            tokio::spawn(connection.close());
        }
        self.lost_at = Instant::now();
        self.tell(News::Offline { why: why.to_owned() });
        Ok(Line::Offline(Instant::now() + self.pause()))
    }

    fn stay_offline(&mut self, error: OpenError) -> anyhow::Result<Line> {
        let (is_lasting, is_forgotten) =
            (matches!(error, OpenError::Lasting(_)), matches!(error, OpenError::Forgotten(_)));
        let error = error.into_inner();
        if is_forgotten {
            self.session = None;
            return Ok(Line::Opening(self.opening()));
        }
        let is_over = self.options.patience.is_some_and(|patience| self.lost_at.elapsed() >= patience);
        if is_over || is_lasting && !self.was_online {
            return Err(error).context("no connection to the service");
        }
        if self.attempts == 0 {
            self.tell(News::Offline { why: format!("{error:#}") });
        }
        self.attempts += 1;
        Ok(Line::Offline(Instant::now() + self.pause()))
    }

    /// A random part of a pause that doubles with each attempt; none before the first.
    fn pause(&self) -> Duration {
        let Some(doublings) = self.attempts.checked_sub(1) else { return Duration::ZERO };
        let longest = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(doublings)).min(LONGEST_PAUSE);
        longest.mul_f64(0.1 + 0.9 * fastrand::f64())
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Order(Order { piece, start_ms, audio, deadline }) => {
                self.pieces.insert(piece, (start_ms, audio));
                self.dispatcher.add(piece, deadline);
            }
            Command::Abandon(piece) => {
                self.pieces.remove(&piece);
                self.dispatcher.abandon(piece);
            }
            Command::End => self.is_ending = true,
        }
    }

    async fn send_due(&mut self, connection: &Connection, now: Instant) -> anyhow::Result<()> {
        let (emissions, late) = self.dispatcher.take_due(now);
        late.into_iter().for_each(|decision| self.decide(decision, None));
        let (spec, stream_id) = (self.request.spec, &self.request.stream_id);
        for emission in emissions {
            let Some((start_ms, audio)) = self.pieces.get(&emission.piece) else { continue };
            let frames = audio.len() / spec.bytes_per_frame();
            let data = json!({
                "fragment_id": format!("{stream_id}-{}", emission.number), "stream_id": stream_id,
                "sequence_number": emission.number, "timestamp": start_ms, "audio": BASE64.encode(audio),
                "sample_rate": spec.sample_rate_hz, "channels": spec.channels, "format": spec.format,
                "duration_ms": spec.duration_ms(frames),
            });
            let sending = connection.send("fragment:data", data);
            tokio::time::timeout(SENDING, sending).await.map_err(|_| anyhow!("the connection takes nothing"))??;
        }
        Ok(())
    }

    /// # Errors
    /// The stream on this connection is no more.
    fn take(&mut self, received: Received) -> anyhow::Result<()> {
        let Received { event, data, at } = received;
        match event.as_str() {
            "fragment:ack" => {
                if let Some(number) = number_of(&data) {
                    self.dispatcher.acknowledged(number, at);
                }
            }
            "fragment:processed" => self.take_answer(&data, at)?,
            "backpressure" => {
                let action = serde_json::from_value(data["action"].clone()).context("backpressure: action")?;
                self.dispatcher.pressed(action);
            }
            "error" => {
                let failure = failure(&data);
                let number = number_of(&data).ok_or_else(|| anyhow!("the service answered {data}"))?;
                if let Some(decision) = self.dispatcher.refused(number, failure, at) {
                    self.decide(decision, None);
                }
            }
            "stream:complete" => {
                self.session = None;
                return Err(anyhow!("the service ended the stream"));
            }
            _ if is_an_end(&Received { event: event.clone(), data: Value::Null, at }) => {
                return Err(anyhow!("the connection broke: {event} {data}"));
            }
            _ => {}
        }
        Ok(())
    }

    fn take_answer(&mut self, data: &Value, at: Instant) -> anyhow::Result<()> {
        let number = data["sequence_number"].as_u64().context("fragment:processed: sequence_number")?;
        let skipped: Vec<u64> = data["skipped"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let failure = data["error"].is_object().then(|| failure(&data["error"]));
        let answer = answer(data);
        let outcome = answer
            .map_err(|error| error.to_string())
            .and_then(|answer| Ok((answer, self.dispatcher.answered(number, &skipped, failure, at)?)));
        let (answer, decision) = outcome.map_err(|error| {
            // What it says cannot be relied on: it is to begin anew.
            self.session = None;
            anyhow!("{error}")
        })?;
        if let Some(session) = &mut self.session {
            session.last_received = Some(number);
        }
        if let Some(decision) = decision {
            self.decide(decision, Some(answer));
        }
        Ok(())
    }

    fn decide(&mut self, decision: Decision, answer: Option<Answer>) {
        self.pieces.remove(&decision.piece);
        self.tell(News::Decided(decision, answer));
    }

    fn tell_standing(&mut self) {
        let dispatcher = &self.dispatcher;
        let standing = Standing {
            action: dispatcher.action(),
            breakers: dispatcher.breakers().collect(),
            in_flight: dispatcher.in_flight(),
            queued: dispatcher.queued(),
            retries: dispatcher.retries(),
        };
        if self.told.as_ref() != Some(&standing) {
            self.told = Some(standing.clone());
            self.tell(News::Standing(standing));
        }
    }

    fn tell(&self, news: News) {
        // Whoever listens no more needs no news.
        let _ = self.teller.send(news);
    }
}

fn is_an_end(received: &Received) -> bool {
    matches!(received.event.as_str(), "disconnected" | "connection_error")
}

/// The number that a fragment's name ends in.
fn number_of(data: &Value) -> Option<u64> {
    data["fragment_id"].as_str()?.rsplit('-').next()?.parse().ok()
}

fn failure(data: &Value) -> Failure {
    Failure {
        stage: serde_json::from_value(data["stage"].clone()).ok(),
        // One that is not known yet is the service's own affair.
        code: serde_json::from_value(data["code"].clone()).unwrap_or(ErrorCode::Internal),
        message: data["message"].as_str().unwrap_or_default().to_owned(),
        retryable: data["retryable"] == true,
    }
}

fn answer(data: &Value) -> anyhow::Result<Answer> {
    let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
    let audio = data["dubbed_audio"].as_str().map(|audio| BASE64.decode(audio).context("dubbed_audio")).transpose()?;
    let timings = data["stage_timings"].as_object().into_iter().flatten();
    Ok(Answer {
        status: text("status"),
        dub: audio.map(Bytes::from),
        transcript: text("transcript"),
        translated_text: text("translated_text"),
        speed_ratio: data["metadata"]["speed_ratio"].as_f64(),
        stage_timings: timings.filter_map(|(key, value)| Some((key.clone(), value.as_f64()?))).collect(),
    })
}
