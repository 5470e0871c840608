//! Where the programme goes: an output while there is one, nothing while there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use slog::Logger;

use super::attempts::Attempts;
use super::metrics::{Metrics, Part};
use super::output::{self, Output, OutputSettings};
use super::pictures::Pictures;
use super::transport_stream::{CLOCK_HZ, Unit};

/// How much earlier than sound pictures are put out, in ticks: a reader looks at some before it begins.
const PICTURES_LEAD: i64 = CLOCK_HZ * 3 / 2;

/// Bytes of sound that are taken before anything is written: pipes and buffers hold less.
const TAKEN_AT_ONCE: usize = 256 << 10;

/// An output, and what its times are moved by.
struct Target {
    output: Output,
    offset: i64,
    began_at: Instant,
    /// Bytes of sound that it was given.
    given: usize,
    /// Whether it writes.
    is_up: bool,
}

/// Where the programme goes.
pub(super) struct Outlet {
    settings: OutputSettings,
    /// How long an output may do nothing.
    stall: Duration,
    target: Option<Target>,
    attempts: Attempts,
    pictures: Pictures,
    has_pictures: bool,
    /// Frames that no output was there for.
    dropped: u64,
    metrics: Arc<Metrics>,
    log: Logger,
}

impl Outlet {
    /// One without an output yet: that begins with the first sound.
    pub(super) fn new(settings: OutputSettings, stall: Duration, metrics: Arc<Metrics>, log: Logger) -> Self {
        Self {
            settings,
            stall,
            target: None,
            attempts: Attempts::default(),
            pictures: Pictures::default(),
            has_pictures: false,
            dropped: 0,
            metrics,
            log,
        }
    }

    /// A frame in ticks of the pictures' clock, exactly as far as these are fine.
    pub(super) fn ticks(&self, frame: u64) -> i64 {
        (i128::from(frame) * i128::from(CLOCK_HZ) / i128::from(self.settings.spec.sample_rate_hz)) as i64
    }

    /// Frames that no output was there for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Pictures that nobody saw.
    pub(super) fn pictures_dropped(&self) -> u64 {
        self.pictures.dropped()
    }

    /// A picture of a source whose first frame is `base`.
    pub(super) fn picture(&mut self, base: u64, unit: Unit, tables: Vec<u8>) {
        let ticks = self.ticks(base) + unit.decoded_at;
        self.has_pictures = true;
        self.pictures.push(ticks, unit, tables);
    }

    /// Puts out sound that begins with this frame, and the pictures that go with it.
    ///
    /// # Errors
    /// The target cannot be written at all.
    pub(super) fn put_out(&mut self, position: u64, sound: Vec<u8>, now: Instant) -> anyhow::Result<()> {
        let spec = self.settings.spec;
        let frames = (sound.len() / spec.bytes_per_frame()) as u64;
        let (from, until) = (self.ticks(position), self.ticks(position + frames));
        if self.target.is_none() && self.attempts.may_begin(now) {
            self.begin(position, now)?;
        }
        let Some(target) = &mut self.target else {
            self.pictures.begin_at(from);
            self.count_dropped(frames);
            return Ok(());
        };
        if target.output.has_pictures() {
            let packets = self.pictures.take_until(until + PICTURES_LEAD, until, target.offset);
            if !packets.is_empty() {
                target.output.pictures(packets);
            }
        }
        target.given += sound.len();
        target.output.sound(sound.into());
        if !target.is_up && target.given - target.output.queued() > TAKEN_AT_ONCE {
            target.is_up = true;
            self.metrics.set_up(Part::Output, true);
        }
        let stalled = self.stall.as_secs_f64() * f64::from(spec.sample_rate_hz);
        if target.output.queued() / spec.bytes_per_frame() > stalled as usize {
            let error = anyhow::anyhow!("it took nothing for {} s", self.stall.as_secs());
            self.lose(&error, now)?;
        }
        Ok(())
    }

    fn count_dropped(&mut self, frames: u64) {
        self.dropped += frames;
        self.metrics.frames.with_label_values(&["dropped"]).inc_by(frames);
    }

    fn begin(&mut self, position: u64, now: Instant) -> anyhow::Result<()> {
        let began = Output::start(&self.settings, self.has_pictures);
        let output = began.with_context(|| self.settings.target.to_string())?;
        // Both begin at this time of the output.
        let headroom = output::HEADROOM_S * CLOCK_HZ;
        let ticks = self.ticks(position);
        self.pictures.begin_at(ticks - headroom);
        let position_s = position as f64 / f64::from(self.settings.spec.sample_rate_hz);
        slog::info!(self.log, "the output begins"; "position_s" => position_s, "pictures" => self.has_pictures);
        self.target = Some(Target { output, offset: headroom - ticks, began_at: now, given: 0, is_up: false });
        Ok(())
    }

    /// Why the output ended; nothing while there is none.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match &mut self.target {
            Some(target) => target.output.ended().await,
            None => std::future::pending().await,
        }
    }

    /// The output is lost: another is begun after a pause.
    ///
    /// # Errors
    /// It is a file: one that cannot be written to will not be there the next time either.
    pub(super) fn lose(&mut self, error: &anyhow::Error, now: Instant) -> anyhow::Result<()> {
        let target = self.target.take();
        let untaken = target.as_ref().map_or(0, |target| target.output.queued());
        self.count_dropped((untaken / self.settings.spec.bytes_per_frame()) as u64);
        self.attempts.failed(target.map_or(Duration::ZERO, |target| now.duration_since(target.began_at)), now);
        self.metrics.lose(Part::Output);
        let target = &self.settings.target;
        if !target.is_live() {
            anyhow::bail!("{target}: {error:#}");
        }
        slog::warn!(self.log, "the output is away"; "error" => format!("{error:#}"));
        Ok(())
    }

    /// Nothing more will come: waits until everything is written.
    ///
    /// # Errors
    /// It could not be.
    pub(super) async fn finish(&mut self) -> anyhow::Result<()> {
        let Some(target) = self.target.take() else { return Ok(()) };
        target.output.finish().await.with_context(|| self.settings.target.to_string())
    }
}
