//! Keeps a stream's connection: opened, lost, resumed or opened anew, for as long as there is something to dub.
//!
//! The courier is a task of its own. What is sent when is the [`Dispatcher`]'s to say.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};
use sts_protocol::ErrorCode;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::back_off::back_off;
use super::connection::{Connection, Received};
use super::dispatch::{Decision, Dispatcher, Failure};
use super::opening::{OpenError, Opened, open};
use super::stream::{Answer, Command, CourierOptions, News, Order, Standing, StreamRequest};

/// How long the service may take to close a stream.
const CLOSING: Duration = Duration::from_secs(10);
/// How long a message may take to leave.
const SENDING: Duration = Duration::from_secs(10);
/// The longest pause before the second attempt to connect; it doubles with each further one …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A session that a lost connection may go on with.
struct Session {
    id: String,
    last_received: Option<u64>,
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

/// Keeps a stream's connection.
pub(super) struct Courier {
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
    /// One without a connection yet, that takes orders and tells what becomes of them.
    pub(super) fn new(
        request: StreamRequest,
        options: CourierOptions,
        commands: mpsc::UnboundedReceiver<Command>,
        teller: mpsc::UnboundedSender<News>,
    ) -> Self {
        Self {
            dispatcher: Dispatcher::new(options.dispatch, fastrand::Rng::new()),
            request,
            options,
            commands,
            teller,
            pieces: BTreeMap::new(),
            session: None,
            attempts: 0,
            lost_at: Instant::now(),
            heard_at: Instant::now(),
            was_online: false,
            is_ending: false,
            told: None,
        }
    }

    /// Works until there is nothing more to do, or no service for too long.
    pub(super) async fn run(mut self, opened: Option<Opened>) {
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
                        line = Line::Closing(connection, Instant::now() + CLOSING);
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
        back_off(FIRST_PAUSE, LONGEST_PAUSE, self.attempts, fastrand::f64())
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
