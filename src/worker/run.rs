//! The worker itself: what happens when any part of the way does something.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use slog::Logger;
use sts_models::translate::breaker::BreakerState;
use sts_protocol::{AudioSpec, Stage};
use tokio::signal::unix::{SignalKind, signal};

use super::input::{Input, InputEvent};
use super::location::Location;
use super::metrics::{Metrics, Part};
use super::output::{self, Output, OutputSettings};
use super::pace::Pace;
use super::pictures::Pictures;
use super::programme::{NewPiece, Presented, Programme};
use super::report::Report;
use super::transport_stream::CLOCK_HZ;
use crate::client::{Answer, CourierOptions, Decision, Fate, News, Order, Standing, Stream, StreamRequest, median};

/// How often sound is put out.
const TICK: Duration = Duration::from_millis(20);
/// What a dub must be there before its time, so that it can be mixed.
const MARGIN: Duration = Duration::from_millis(100);
/// Shorter pieces, as the last may be, are not worth dubbing, ms.
const SHORTEST_MS: f64 = 100.0;
/// How much earlier than sound pictures are put out, in ticks: a reader looks at some before it begins.
const PICTURES_LEAD: i64 = CLOCK_HZ * 3 / 2;
/// The longest pause before the second attempt to begin an input or output anew; it doubles with each further one …
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Answers whose times are kept for the report.
const ANSWERS: usize = 100_000;

/// What a worker is to do.
pub(super) struct Settings {
    pub(super) source: Location,
    pub(super) output: OutputSettings,
    pub(super) latency: Duration,
    /// How long an input on the network may stay away.
    pub(super) patience: Duration,
    /// How long an input or output may do nothing.
    pub(super) stall: Duration,
    pub(super) courier: CourierOptions,
    pub(super) report: Option<PathBuf>,
}

/// A part of the way that is begun anew after pauses that double.
#[derive(Default)]
struct Attempts {
    count: u32,
    not_before: Option<Instant>,
}

impl Attempts {
    fn may_begin(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| now >= at)
    }

    fn failed(&mut self, now: Instant) {
        let longest = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(self.count)).min(LONGEST_PAUSE);
        self.count += 1;
        self.not_before = Some(now + longest.mul_f64(0.1 + 0.9 * fastrand::f64()));
    }
}

/// An input, and where in the programme it begins.
struct Source {
    input: Input,
    /// The frame that its first sound is; nothing before that came.
    base: Option<u64>,
    /// Frames that came.
    frames: u64,
    heard_at: Instant,
}

/// An output, and what its times are moved by.
struct Target {
    output: Output,
    offset: i64,
    began_at: Instant,
}

/// What is known of a piece on its way.
struct Underway {
    due_at: Instant,
    failed: bool,
}

pub(super) struct Worker {
    settings: Settings,
    spec: AudioSpec,
    programme: Programme,
    pace: Pace,
    pictures: Pictures,
    has_pictures: bool,
    stream: Stream,
    source: Option<Source>,
    source_attempts: Attempts,
    /// When the input was lost.
    source_lost_at: Instant,
    /// Nothing more will come in.
    is_over: bool,
    target: Option<Target>,
    target_attempts: Attempts,
    underway: BTreeMap<u64, Underway>,
    breakers: BTreeMap<Stage, BreakerState>,
    answers_ms: Vec<f64>,
    report: Report,
    metrics: Arc<Metrics>,
    log: Logger,
}

/// What happened.
enum Event {
    Input(InputEvent),
    News(News),
    OutputEnded(anyhow::Error),
    Tick,
    Stop,
}

impl Worker {
    pub(super) fn new(
        settings: Settings,
        request: StreamRequest,
        programme: Programme,
        metrics: Arc<Metrics>,
        log: Logger,
    ) -> anyhow::Result<Self> {
        let (spec, now) = (request.spec, Instant::now());
        Ok(Self {
            spec,
            programme,
            pace: Pace::new(spec.sample_rate_hz, settings.latency, now),
            pictures: Pictures::default(),
            has_pictures: false,
            stream: Stream::open_later(request, settings.courier),
            settings,
            source: None,
            source_attempts: Attempts::default(),
            source_lost_at: now,
            is_over: false,
            target: None,
            target_attempts: Attempts::default(),
            underway: BTreeMap::new(),
            breakers: BTreeMap::new(),
            answers_ms: Vec::new(),
            report: Report::default(),
            metrics,
            log,
        })
    }

    /// Works until the programme is over, or somebody wants it to end.
    ///
    /// # Errors
    /// The programme cannot be read or written at all, or the service does not take such a stream.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        slog::info!(self.log, "dubbing"; "input" => %self.settings.source, "output" => %self.settings.output.target,
            "latency_ms" => self.settings.latency.as_millis() as u64);
        let outcome = loop {
            let event = tokio::select! {
                // What was there first is taken first.
                biased;
                _ = interrupt.recv() => Event::Stop,
                _ = terminate.recv() => Event::Stop,
                _ = ticks.tick() => Event::Tick,
                news = self.stream.news() => Event::News(news),
                error = ended(&mut self.target) => Event::OutputEnded(error),
                event = next(&mut self.source) => Event::Input(event),
            };
            match self.take(event) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let written = self.close().await;
        outcome.and(written)
    }

    /// Whether it is over.
    fn take(&mut self, event: Event) -> anyhow::Result<bool> {
        match event {
            Event::Input(event) => self.take_input(event)?,
            Event::News(news) => self.take_news(news)?,
            Event::OutputEnded(error) => self.lose_output(&error)?,
            Event::Tick => return self.tick(),
            Event::Stop => {
                slog::info!(self.log, "told to end");
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take_input(&mut self, event: InputEvent) -> anyhow::Result<()> {
        let now = Instant::now();
        let Some(source) = &mut self.source else { return Ok(()) };
        match event {
            InputEvent::Sound(sound) => {
                if source.base.is_none() {
                    let begin = if self.programme.end() == 0 { 0 } else { self.pace.live(now) };
                    source.base = Some(begin.max(self.programme.end()));
                    self.source_attempts = Attempts::default();
                    self.metrics.set_up(Part::Input, true);
                    slog::info!(self.log, "the input is there"; "position_s" => self.seconds(begin));
                }
                let Some(source) = &mut self.source else { return Ok(()) };
                let at = source.base.unwrap_or_default() + source.frames;
                source.frames += (sound.len() / self.spec.bytes_per_frame()) as u64;
                source.heard_at = now;
                self.metrics
                    .frames
                    .with_label_values(&["received"])
                    .inc_by((sound.len() / self.spec.bytes_per_frame()) as u64);
                self.pace.arrived(at + (sound.len() / self.spec.bytes_per_frame()) as u64, now);
                let new = tokio::task::block_in_place(|| self.programme.push(at, &sound))?;
                self.order(new, now);
            }
            InputEvent::Picture(unit, tables) => {
                // Pictures may come before the first sound does: they wait for it to know where they belong.
                let base = source.base.unwrap_or_else(|| self.programme.end());
                source.heard_at = now;
                let ticks = self.ticks(base) + unit.decoded_at;
                self.has_pictures = true;
                self.pictures.push(ticks, unit, tables);
            }
            InputEvent::Ended(outcome) => self.end_input(outcome, now)?,
        }
        Ok(())
    }

    fn end_input(&mut self, outcome: anyhow::Result<()>, now: Instant) -> anyhow::Result<()> {
        let had_sound = self.source.take().is_some_and(|source| source.base.is_some());
        let new = self.programme.flush();
        self.order(new.into_iter().collect(), now);
        if had_sound {
            self.source_lost_at = now;
        }
        if !self.settings.source.is_live() {
            self.metrics.set_up(Part::Input, false);
            self.is_over = true;
            return outcome.with_context(|| self.settings.source.to_string());
        }
        self.metrics.lose(Part::Input);
        let why = outcome.as_ref().err().map_or_else(|| "it ended".to_owned(), |error| format!("{error:#}"));
        self.source_attempts.failed(now);
        if now.duration_since(self.source_lost_at) < self.settings.patience {
            slog::warn!(self.log, "the input is away"; "error" => why);
            return Ok(());
        }
        self.is_over = true;
        if self.programme.end() == 0 {
            return outcome
                .and(Err(anyhow::anyhow!("no sound came")))
                .with_context(|| self.settings.source.to_string());
        }
        slog::info!(self.log, "the input stays away: the programme is over"; "error" => why);
        Ok(())
    }

    fn order(&mut self, new: Vec<NewPiece>, now: Instant) {
        for NewPiece { number, frames, audio } in new {
            let due_at = self.pace.due_at(frames.start, now);
            let deadline = due_at.checked_sub(MARGIN).unwrap_or(due_at);
            let length_ms = self.seconds(frames.end - frames.start) * 1_000.0;
            if length_ms < SHORTEST_MS || deadline <= now {
                continue;
            }
            slog::debug!(self.log, "a fragment"; "piece" => number, "start_s" => self.seconds(frames.start), "ms" => length_ms);
            self.underway.insert(number, Underway { due_at, failed: false });
            let start_ms = self.seconds(frames.start) * 1_000.0;
            self.stream.order(Order { piece: number, start_ms, audio, deadline: Some(deadline) });
        }
    }

    fn take_news(&mut self, news: News) -> anyhow::Result<()> {
        match news {
            News::Online { resumed, .. } => {
                self.metrics.set_up(Part::Service, true);
                slog::info!(self.log, "the service is there"; "resumed" => resumed);
            }
            News::Offline { why } => {
                self.metrics.lose(Part::Service);
                slog::warn!(self.log, "the service is away"; "error" => why);
            }
            News::Decided(decision, answer) => self.take_decision(&decision, answer),
            News::Standing(standing) => self.take_standing(&standing),
            News::Ended(outcome) => return outcome,
        }
        Ok(())
    }

    fn take_decision(&mut self, decision: &Decision, answer: Option<Answer>) {
        if let Some(took) = decision.answered_after {
            self.metrics.answered.observe(took.as_secs_f64());
            if self.answers_ms.len() < ANSWERS {
                self.answers_ms.push(took.as_secs_f64() * 1_000.0);
            }
        }
        let Some(underway) = self.underway.get_mut(&decision.piece) else { return };
        match (&decision.fate, answer.and_then(|answer| answer.dub)) {
            (Fate::Dubbed, Some(dub)) => {
                let slack = underway.due_at.saturating_duration_since(Instant::now());
                self.metrics.slack.observe(slack.as_secs_f64());
                self.programme.dub(decision.piece, dub);
            }
            (Fate::Failed(failure), _) => {
                underway.failed = true;
                slog::warn!(self.log, "a fragment failed"; "piece" => decision.piece, "attempts" => decision.attempts,
                    "error.code" => failure.code.as_str(), "error.stage" => failure.stage.map(Stage::as_str),
                    "error" => &failure.message);
            }
            (Fate::Late | Fate::Dubbed, _) => {}
        }
    }

    fn take_standing(&mut self, standing: &Standing) {
        self.metrics.stand(standing);
        for (stage, state) in &standing.breakers {
            let before = self.breakers.insert(*stage, *state).unwrap_or(BreakerState::Closed);
            if before == *state {
                continue;
            }
            if *state == BreakerState::Open {
                self.report.breakers_opened += 1;
            }
            slog::warn!(self.log, "a breaker changed"; "stage" => stage.as_str(), "state" => state.as_str());
        }
    }

    fn lose_output(&mut self, error: &anyhow::Error) -> anyhow::Result<()> {
        let now = Instant::now();
        let began_at = self.target.take().map(|target| target.began_at);
        if began_at.is_some_and(|began_at| now.duration_since(began_at) > LONGEST_PAUSE * 2) {
            self.target_attempts = Attempts::default();
        }
        self.target_attempts.failed(now);
        self.metrics.lose(Part::Output);
        let target = &self.settings.output.target;
        if !target.is_live() {
            // A file that cannot be written to will not be there the next time either.
            anyhow::bail!("{target}: {error:#}");
        }
        slog::warn!(self.log, "the output is away"; "error" => format!("{error:#}"));
        Ok(())
    }

    fn tick(&mut self) -> anyhow::Result<bool> {
        let now = Instant::now();
        self.pace.keep(now);
        self.begin_input(now)?;
        let due = self.pace.due(now);
        let Ok(due) = u64::try_from(due) else { return Ok(self.is_over && self.programme.end() == 0) };
        if !self.is_over {
            let new = self.programme.fill(due);
            self.order(new, now);
        }
        let position = self.programme.position();
        let sound = tokio::task::block_in_place(|| self.programme.take(due))?;
        self.account();
        if !sound.is_empty() {
            self.put_out(position, sound, now)?;
        }
        Ok(self.is_over && self.programme.position() >= self.programme.end())
    }

    /// Begins the input where there is none, or where it does nothing.
    fn begin_input(&mut self, now: Instant) -> anyhow::Result<()> {
        if self.is_over {
            return Ok(());
        }
        if self.source.as_ref().is_some_and(|source| now.duration_since(source.heard_at) > self.settings.stall) {
            let stall = self.settings.stall.as_secs();
            self.end_input(Err(anyhow::anyhow!("nothing came for {stall} s")), now)?;
        }
        if self.source.is_none() && !self.is_over && self.source_attempts.may_begin(now) {
            let input = Input::start(&self.settings.source, self.spec)?;
            self.source = Some(Source { input, base: None, frames: 0, heard_at: now });
        }
        Ok(())
    }

    /// Puts out sound that begins with this frame, and the pictures that go with it.
    fn put_out(&mut self, position: u64, sound: Vec<u8>, now: Instant) -> anyhow::Result<()> {
        let frames = (sound.len() / self.spec.bytes_per_frame()) as u64;
        let until = self.ticks(position + frames) + PICTURES_LEAD;
        if self.target.is_none() && self.target_attempts.may_begin(now) {
            self.begin_output(position, now)?;
        }
        let Some(target) = &mut self.target else {
            self.pictures.begin_at(self.ticks(position));
            self.report.dropped_ms += self.seconds(frames) * 1_000.0;
            self.metrics.frames.with_label_values(&["dropped"]).inc_by(frames);
            return Ok(());
        };
        if target.output.has_pictures() {
            let packets = self.pictures.take_until(until, target.offset);
            if !packets.is_empty() {
                target.output.pictures(packets);
            }
        }
        target.output.sound(sound.into());
        let stalled = self.settings.stall.as_secs_f64() * f64::from(self.spec.sample_rate_hz);
        if target.output.queued() / self.spec.bytes_per_frame() > stalled as usize {
            let error = anyhow::anyhow!("it took nothing for {} s", self.settings.stall.as_secs());
            self.lose_output(&error)?;
        }
        Ok(())
    }

    fn begin_output(&mut self, position: u64, now: Instant) -> anyhow::Result<()> {
        let began = Output::start(&self.settings.output, self.has_pictures);
        let output = began.with_context(|| self.settings.output.target.to_string())?;
        // Both begin at this time of the output.
        let headroom = output::HEADROOM_S * CLOCK_HZ;
        self.pictures.begin_at(self.ticks(position) - headroom);
        self.metrics.set_up(Part::Output, true);
        slog::info!(self.log, "the output begins"; "position_s" => self.seconds(position), "pictures" => self.has_pictures);
        self.target = Some(Target { output, offset: headroom - self.ticks(position), began_at: now });
        Ok(())
    }

    /// Counts what was heard of the pieces whose time has come.
    fn account(&mut self) {
        for (number, presented, frames) in self.programme.take_presented() {
            let underway = self.underway.remove(&number);
            let ms = self.seconds(frames) * 1_000.0;
            self.report.output_ms += ms;
            let (what, outcome) = match (presented, underway) {
                (Presented::Gap, _) => ("gap", None),
                (Presented::Dub, _) => ("dubbed", Some("dubbed")),
                (Presented::Original, Some(underway)) if underway.failed => ("original", Some("failed")),
                (Presented::Original, Some(_)) => ("original", Some("unanswered")),
                (Presented::Original, None) => ("original", Some("late")),
            };
            match what {
                "gap" => self.report.gap_ms += ms,
                "dubbed" => self.report.dubbed_ms += ms,
                _ => self.report.original_ms += ms,
            }
            match outcome {
                Some("dubbed") => self.report.dubbed += 1,
                Some("failed") => self.report.failed += 1,
                Some("unanswered") => self.report.unanswered += 1,
                Some(_) => self.report.late += 1,
                None => {}
            }
            if outcome == Some("unanswered") {
                self.stream.abandon(number);
            }
            self.metrics.frames.with_label_values(&[what]).inc_by(frames);
            if let Some(outcome) = outcome {
                self.metrics.fragments.with_label_values(&[outcome]).inc();
            }
            slog::debug!(self.log, "put out"; "piece" => number, "what" => what, "ms" => ms);
        }
    }

    /// Ends what is open, and tells what was done.
    async fn close(mut self) -> anyhow::Result<()> {
        self.source = None;
        let written = match self.target.take() {
            Some(target) => {
                let written = target.output.finish().await;
                written.with_context(|| self.settings.output.target.to_string())
            }
            None => Ok(()),
        };
        self.report.pictures_dropped = self.pictures.dropped();
        self.report.retries = self.metrics.retries();
        self.report.answered_ms_median = median(self.answers_ms.iter().copied());
        self.report.input_lost = self.metrics.times_lost(Part::Input);
        self.report.service_lost = self.metrics.times_lost(Part::Service);
        self.report.output_lost = self.metrics.times_lost(Part::Output);
        println!("{}", self.report.text());
        if let Some(path) = &self.settings.report {
            let text = serde_json::to_string_pretty(&self.report)?;
            std::fs::write(path, text).with_context(|| path.display().to_string())?;
        }
        written
    }

    fn seconds(&self, frames: u64) -> f64 {
        frames as f64 / f64::from(self.spec.sample_rate_hz)
    }

    /// A frame in ticks of the pictures' clock, exactly as far as these are fine.
    fn ticks(&self, frame: u64) -> i64 {
        (i128::from(frame) * i128::from(CLOCK_HZ) / i128::from(self.spec.sample_rate_hz)) as i64
    }
}

/// What the input tells next; nothing while there is none.
async fn next(source: &mut Option<Source>) -> InputEvent {
    match source {
        Some(source) => source.input.next().await,
        None => std::future::pending().await,
    }
}

/// Why the output ended; nothing while there is none.
async fn ended(target: &mut Option<Target>) -> anyhow::Error {
    match target {
        Some(target) => target.output.ended().await,
        None => std::future::pending().await,
    }
}
