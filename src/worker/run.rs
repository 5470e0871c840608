//! The worker itself: what happens when any part of the way does something.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use slog::Logger;
use sts_protocol::AudioSpec;
use tokio::signal::unix::{SignalKind, signal};

use super::attempts::Attempts;
use super::input::{Input, InputEvent};
use super::ledger::Ledger;
use super::location::Location;
use super::metrics::{Metrics, Part};
use super::outlet::Outlet;
use super::output::OutputSettings;
use super::pace::Pace;
use super::programme::{NewPiece, Programme};
use crate::client::{CourierOptions, Fate, News, Order, Stream, StreamRequest};

/// How often sound is put out.
const TICK: Duration = Duration::from_millis(20);
/// What a dub must be there before its time, so that it can be mixed.
const MARGIN: Duration = Duration::from_millis(100);
/// Shorter pieces, as the last may be, are not worth dubbing, ms.
const SHORTEST_MS: f64 = 100.0;
/// How long the service may take to part.
const GOOD_BYE: Duration = Duration::from_secs(3);

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

/// An input, and where in the programme it begins.
struct Source {
    input: Input,
    /// The frame that its first sound is; nothing before that came.
    base: Option<u64>,
    /// Frames that came.
    frames: u64,
    began_at: Instant,
    heard_at: Instant,
}

pub(super) struct Worker {
    settings: Settings,
    spec: AudioSpec,
    programme: Programme,
    pace: Pace,
    stream: Stream,
    source: Option<Source>,
    attempts: Attempts,
    /// When the input was lost.
    lost_at: Instant,
    /// Nothing more will come in.
    is_over: bool,
    outlet: Outlet,
    ledger: Ledger,
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
    ) -> Self {
        let (spec, now) = (request.spec, Instant::now());
        Self {
            spec,
            programme,
            pace: Pace::new(spec.sample_rate_hz, settings.latency, now),
            stream: Stream::open_later(request, settings.courier),
            source: None,
            attempts: Attempts::default(),
            lost_at: now,
            is_over: false,
            outlet: Outlet::new(settings.output.clone(), settings.stall, Arc::clone(&metrics), log.clone()),
            ledger: Ledger::new(spec.sample_rate_hz, Arc::clone(&metrics), log.clone()),
            settings,
            metrics,
            log,
        }
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
                error = self.outlet.ended() => Event::OutputEnded(error),
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
            Event::OutputEnded(error) => self.outlet.lose(&error, Instant::now())?,
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
                let base = *source.base.get_or_insert_with(|| {
                    let live = if self.programme.end() == 0 { 0 } else { self.pace.live(now) };
                    let base = live.max(self.programme.end());
                    self.metrics.set_up(Part::Input, true);
                    let position_s = base as f64 / f64::from(self.spec.sample_rate_hz);
                    slog::info!(self.log, "the input is there"; "position_s" => position_s);
                    base
                });
                let frames = (sound.len() / self.spec.bytes_per_frame()) as u64;
                let at = base + source.frames;
                source.frames += frames;
                source.heard_at = now;
                self.metrics.frames.with_label_values(&["received"]).inc_by(frames);
                self.pace.arrived(at + frames, now);
                let new = tokio::task::block_in_place(|| self.programme.push(at, &sound))?;
                self.order(new, now);
            }
            InputEvent::Picture(unit, tables) => {
                // Pictures may come before the first sound does, which begins where the programme ends by now.
                let base = source.base.unwrap_or_else(|| self.programme.end());
                source.heard_at = now;
                self.outlet.picture(base, unit, tables);
            }
            InputEvent::Ended(outcome) => self.end_input(outcome, now)?,
        }
        Ok(())
    }

    fn end_input(&mut self, outcome: anyhow::Result<()>, now: Instant) -> anyhow::Result<()> {
        let lasted = match self.source.take() {
            Some(source) if source.base.is_some() => {
                self.lost_at = now;
                now.duration_since(source.began_at)
            }
            _ => Duration::ZERO,
        };
        let new = self.programme.flush();
        self.order(new.into_iter().collect(), now);
        let is_the_end = outcome.is_ok() && self.settings.source.has_an_end();
        if is_the_end || !self.settings.source.is_live() {
            self.metrics.set_up(Part::Input, false);
            self.is_over = true;
            return outcome.with_context(|| self.settings.source.to_string());
        }
        self.metrics.lose(Part::Input);
        self.attempts.failed(lasted, now);
        let why = outcome.as_ref().err().map_or_else(|| "it ended".to_owned(), |error| format!("{error:#}"));
        if now.duration_since(self.lost_at) < self.settings.patience {
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
            let (start_ms, length_ms) = (self.ms(frames.start), self.ms(frames.end - frames.start));
            if length_ms < SHORTEST_MS || deadline <= now {
                continue;
            }
            slog::debug!(self.log, "a fragment"; "piece" => number, "start_ms" => start_ms, "ms" => length_ms);
            self.ledger.ordered(number, due_at);
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
            News::Decided(decision, answer) => {
                self.ledger.decided(&decision);
                if let (Fate::Dubbed, Some(dub)) = (&decision.fate, answer.and_then(|answer| answer.dub)) {
                    self.programme.dub(decision.piece, dub);
                }
            }
            News::Standing(standing) => self.ledger.stands(&standing),
            News::Ended(outcome) => return outcome,
        }
        Ok(())
    }

    fn tick(&mut self) -> anyhow::Result<bool> {
        let now = Instant::now();
        self.pace.keep(now);
        self.begin_input(now)?;
        let Ok(due) = u64::try_from(self.pace.due(now)) else { return Ok(self.is_over && self.programme.end() == 0) };
        if !self.is_over {
            let new = self.programme.fill(due);
            self.order(new, now);
        }
        let position = self.programme.position();
        let sound = tokio::task::block_in_place(|| self.programme.take(due))?;
        for (piece, presented, frames) in self.programme.take_presented() {
            if self.ledger.presented(piece, presented, frames) {
                self.stream.abandon(piece);
            }
        }
        if !sound.is_empty() {
            self.outlet.put_out(position, sound, now)?;
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
        if self.source.is_none() && !self.is_over && self.attempts.may_begin(now) {
            let input = Input::start(&self.settings.source, self.spec)?;
            self.source = Some(Source { input, base: None, frames: 0, began_at: now, heard_at: now });
        }
        Ok(())
    }

    /// Ends what is open, and tells what was done.
    async fn close(mut self) -> anyhow::Result<()> {
        self.source = None;
        let written = self.outlet.finish().await;
        self.stream.end();
        // What is in flight is of no more use, but the good-bye spares the service waiting for this worker.
        self.ledger.underway().for_each(|piece| self.stream.abandon(piece));
        let good_bye = async { while !matches!(self.stream.news().await, News::Ended(_)) {} };
        // Whoever does not answer it has lost nothing.
        let _ = tokio::time::timeout(GOOD_BYE, good_bye).await;
        let report = self.ledger.close(self.outlet.dropped(), self.outlet.pictures_dropped());
        println!("{}", report.text());
        if let Some(path) = &self.settings.report {
            std::fs::write(path, serde_json::to_string_pretty(&report)?).with_context(|| path.display().to_string())?;
        }
        written
    }

    fn ms(&self, frames: u64) -> f64 {
        frames as f64 * 1_000.0 / f64::from(self.spec.sample_rate_hz)
    }
}

/// What the input tells next; nothing while there is none.
async fn next(source: &mut Option<Source>) -> InputEvent {
    match source {
        Some(source) => source.input.next().await,
        None => std::future::pending().await,
    }
}
