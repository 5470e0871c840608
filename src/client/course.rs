//! The course of one language's dub: send with a bounded number in flight, try again what may come right, take results.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Received};
use super::dub::DubArgs;
use super::recording::Recording;
use super::report::FragmentReport;

/// How long the service may be silent while something is owed.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest pause before a second attempt; it doubles with each further one.
const BACK_OFF: Duration = Duration::from_millis(500);

/// A piece of the recording and what came of it.
pub(super) struct Piece {
    /// Its frames in the recording.
    pub(super) frames: Range<usize>,
    /// Its dub, if there is one.
    pub(super) dub: Option<Vec<u8>>,
    /// What is known of it; nothing where the course was interrupted before.
    pub(super) report: Option<FragmentReport>,
}

/// An attempt at a piece, under a number of its own.
struct Sent {
    piece: usize,
    attempt: usize,
    at: Instant,
    ack_ms: Option<f64>,
}

/// A piece that is to be sent under a new number, or a number that is to be sent once more.
enum Task {
    Piece { piece: usize, attempt: usize },
    Again { number: usize },
}

/// One language's stream.
pub(super) struct Course<'a> {
    args: &'a DubArgs,
    recording: &'a Recording,
    stream_id: String,
    connection: Connection,
    /// The engines behind the stages, as the service names them.
    pub(super) engines: Value,
    max_in_flight: usize,
    is_paused: bool,
    pieces: Vec<Piece>,
    waiting: VecDeque<Task>,
    later: Vec<(Instant, Task)>,
    sent: Vec<Sent>,
    /// The number whose result is due.
    due: usize,
    /// How often each number was refused.
    refusals: BTreeMap<usize, usize>,
}

impl<'a> Course<'a> {
    /// Opens the stream.
    ///
    /// # Errors
    /// The service cannot be reached, or does not take such a stream.
    pub(super) async fn open(
        args: &'a DubArgs,
        recording: &'a Recording,
        stretches: &[Range<usize>],
        language: &str,
        voice: &str,
        url: &str,
    ) -> anyhow::Result<Self> {
        let stream_id = format!("dub-{}", uuid::Uuid::new_v4());
        let mut connection = Connection::open(url, &stream_id, "sts-dub", args.token.as_deref()).await?;
        let spec = recording.spec;
        let init = json!({
            "source_language": args.from, "target_language": language, "voice_profile": voice,
            "chunk_duration_ms": args.chunk_ms, "sample_rate_hz": spec.sample_rate_hz, "channels": spec.channels,
            "format": spec.format, "first_sequence_number": 0, "domain_hints": args.hints,
        });
        connection.send("stream:init", init).await?;
        let answer = connection.next(PATIENCE).await?;
        if answer.event != "stream:ready" {
            bail!("the service did not open the stream into '{language}': {}", answer.data);
        }
        let most = answer.data["max_inflight"].as_u64().map_or(args.in_flight, |most| most as usize);
        let piece = |frames: &Range<usize>| Piece { frames: frames.clone(), dub: None, report: None };
        Ok(Self {
            args,
            recording,
            stream_id,
            connection,
            engines: answer.data["engines"].clone(),
            max_in_flight: args.in_flight.min(most).max(1),
            is_paused: false,
            pieces: stretches.iter().map(piece).collect(),
            waiting: (0..stretches.len()).map(|piece| Task::Piece { piece, attempt: 1 }).collect(),
            later: Vec::new(),
            sent: Vec::new(),
            due: 0,
            refusals: BTreeMap::new(),
        })
    }

    /// Has every piece dubbed. An interruption ends it with what there is by then, and so does a failure, which is told
    /// beside it: the connection broke, or the service refused what it must take.
    pub(super) async fn run(
        mut self,
        bar: &ProgressBar,
        interruption: &CancellationToken,
    ) -> (Vec<Piece>, Option<anyhow::Error>) {
        let failure = self.dub_all(bar, interruption).await.err();
        self.connection.close().await;
        (self.pieces, failure)
    }

    async fn dub_all(&mut self, bar: &ProgressBar, interruption: &CancellationToken) -> anyhow::Result<()> {
        while self.pieces.iter().any(|piece| piece.report.is_none()) {
            if interruption.is_cancelled() {
                return Ok(());
            }
            self.send_what_may_go().await?;
            let next_later = self.later.iter().map(|(at, _)| *at).min();
            tokio::select! {
                // Before all else: a service of this process's own hears Ctrl-C too, and leaves.
                biased;
                () = interruption.cancelled() => return Ok(()),
                received = self.connection.next(PATIENCE) => {
                    if self.take(received?)? {
                        bar.inc(1);
                    }
                }
                () = tokio::time::sleep_until(next_later.unwrap_or_else(Instant::now).into()), if next_later.is_some() => {}
            }
        }
        self.connection.send("stream:end", json!({})).await?;
        while self.connection.next(PATIENCE).await?.event != "stream:complete" {}
        Ok(())
    }

    async fn send_what_may_go(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let (due, later) = self.later.drain(..).partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(Instant, Task)> = due;
        for (_, task) in due {
            match task {
                // It is on its way already, as far as the number in flight goes.
                Task::Again { number } => self.emit(number).await?,
                Task::Piece { .. } => self.waiting.push_front(task),
            }
        }
        loop {
            let in_flight = self.sent.len() - self.due;
            let most = if self.is_paused { 1 } else { self.max_in_flight };
            if in_flight >= most {
                return Ok(());
            }
            let Some(Task::Piece { piece, attempt }) = self.waiting.pop_front() else { return Ok(()) };
            self.sent.push(Sent { piece, attempt, at: Instant::now(), ack_ms: None });
            self.emit(self.sent.len() - 1).await?;
        }
    }

    async fn emit(&self, number: usize) -> anyhow::Result<()> {
        let spec = self.recording.spec;
        let frames = self.pieces[self.sent[number].piece].frames.clone();
        let data = json!({
            "fragment_id": format!("{}-{number}", self.stream_id), "stream_id": self.stream_id,
            "sequence_number": number, "timestamp": spec.duration_ms(frames.start),
            "audio": BASE64.encode(self.recording.bytes(&frames)), "sample_rate": spec.sample_rate_hz,
            "channels": spec.channels, "format": spec.format, "duration_ms": spec.duration_ms(frames.len()),
        });
        self.connection.send("fragment:data", data).await
    }

    /// Whether a piece is done by it.
    fn take(&mut self, received: Received) -> anyhow::Result<bool> {
        let Received { event, data, at } = received;
        match event.as_str() {
            "fragment:ack" => {
                if let Some(sent) = self.number_of(&data).and_then(|number| self.sent.get_mut(number)) {
                    sent.ack_ms.get_or_insert(at.duration_since(sent.at).as_secs_f64() * 1000.0);
                }
                Ok(false)
            }
            "fragment:processed" => self.take_result(&data, at),
            "backpressure" => {
                self.is_paused = data["action"] != "none";
                Ok(false)
            }
            "error" => self.take_refusal(&data).map(|()| false),
            "disconnected" | "connection_error" => bail!("the connection broke: {event} {data}"),
            _ => Ok(false),
        }
    }

    fn number_of(&self, data: &Value) -> Option<usize> {
        let number = data["fragment_id"].as_str()?.rsplit('-').next()?.parse().ok()?;
        (self.due..self.sent.len()).contains(&number).then_some(number)
    }

    /// A fragment that was not let in is sent again under its number, if the service says that this may help.
    fn take_refusal(&mut self, data: &Value) -> anyhow::Result<()> {
        let told = || anyhow!("the service answered {}: {}", data["code"], data["message"]);
        let number = self.number_of(data).filter(|_| data["retryable"] == true).ok_or_else(told)?;
        let refusals = self.refusals.entry(number).or_default();
        *refusals += 1;
        if *refusals > self.args.retries {
            return Err(told()).context(format!("refused {refusals} times"));
        }
        self.later.push((Instant::now() + back_off(*refusals), Task::Again { number }));
        Ok(())
    }

    fn take_result(&mut self, data: &Value, at: Instant) -> anyhow::Result<bool> {
        // What the service no longer waits for had not reached it: its piece goes again, under a new number.
        for skipped in data["skipped"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
            let Some(sent) = self.sent.get(skipped as usize) else { continue };
            self.waiting.push_front(Task::Piece { piece: sent.piece, attempt: sent.attempt + 1 });
            self.later.retain(|(_, task)| !matches!(task, Task::Again { number } if *number == skipped as usize));
            self.due = skipped as usize + 1;
        }
        let number = self.due;
        let sent = self.sent.get(number).ok_or_else(|| anyhow!("a result came for a fragment that was not sent"))?;
        if data["sequence_number"] != json!(number) {
            bail!("result {} came where {number} was due", data["sequence_number"]);
        }
        self.due += 1;
        let (index, attempt) = (sent.piece, sent.attempt);
        if data["error"]["retryable"] == true && attempt <= self.args.retries {
            self.later.push((Instant::now() + back_off(attempt), Task::Piece { piece: index, attempt: attempt + 1 }));
            return Ok(false);
        }
        let dub =
            data["dubbed_audio"].as_str().map(|audio| BASE64.decode(audio).context("dubbed_audio")).transpose()?;
        let frames = self.pieces[index].frames.len();
        self.pieces[index].report = Some(self.report(index, sent, data, dub.as_deref(), frames, at));
        self.pieces[index].dub = dub;
        Ok(true)
    }

    fn report(
        &self,
        index: usize,
        sent: &Sent,
        data: &Value,
        dub: Option<&[u8]>,
        frames: usize,
        at: Instant,
    ) -> FragmentReport {
        let spec = self.recording.spec;
        let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
        let timings = data["stage_timings"].as_object().into_iter().flatten();
        let error = data["error"].as_object();
        let dubbed_frames = dub.map_or(frames, |dub| dub.len() / spec.bytes_per_frame());
        FragmentReport {
            sequence_number: index as u64,
            status: text("status"),
            transcript: text("transcript"),
            translated_text: text("translated_text"),
            original_duration_ms: spec.duration_ms(frames),
            dubbed_duration_ms: spec.duration_ms(dubbed_frames),
            speed_ratio: data["metadata"]["speed_ratio"].as_f64(),
            attempts: sent.attempt,
            ack_ms: sent.ack_ms.unwrap_or(f64::NAN),
            latency_ms: at.duration_since(sent.at).as_secs_f64() * 1000.0,
            stage_timings: timings.filter_map(|(key, value)| Some((key.clone(), value.as_f64()?))).collect(),
            error: error.map(|error| format!("{} {}", error["code"].as_str().unwrap_or_default(), error["message"])),
        }
    }
}

/// A random part of a pause that doubles with each attempt.
fn back_off(attempt: usize) -> Duration {
    let longest = BACK_OFF * 2u32.saturating_pow(attempt.min(8) as u32 - 1);
    longest.mul_f64(0.1 + 0.9 * fastrand::f64())
}
