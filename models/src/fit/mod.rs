//! Isochrony: how fast to speak, and when to begin, so that a dub lasts as long as what it replaces.
//!
//! The voice predicts how long each token would last by itself. Before anything is spoken, [`plan()`] decides how
//! many frames each token gets; once it has been spoken, [`place`] puts what is heard where the plan wants it.

pub mod placing;
pub mod rounding;

pub use placing::{Placed, place};
pub use rounding::apportion;

use std::ops::Range;

use crate::engine::{EngineError, SpeechSlot};

/// The longest slot that is planned for; a request for more is a mistake, and its silence alone would fill memory.
const LONGEST_SLOT_MS: f64 = 600_000.0;

/// How long the tokens of an utterance last by themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Rhythm {
    /// Frames of each token, not rounded.
    pub durations: Vec<f64>,
    /// The tokens from the first that is heard to the last; what stands around it is silence.
    pub heard: Range<usize>,
}

impl Rhythm {
    /// Frames of what is heard.
    pub fn natural(&self) -> f64 {
        self.durations[self.heard.clone()].iter().sum()
    }
}

/// The grid that speech is made on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Sample rate, Hz.
    pub rate_hz: u32,
    /// Samples in one frame.
    pub frame: usize,
}

impl Grid {
    /// Samples in a time, rounded.
    pub fn samples(&self, ms: f64) -> usize {
        (ms * f64::from(self.rate_hz) / 1000.0).round().max(0.0) as usize
    }

    /// Milliseconds that a number of samples lasts.
    pub fn ms(&self, samples: f64) -> f64 {
        samples * 1000.0 / f64::from(self.rate_hz)
    }
}

/// What was decided for one utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Frames of each token, at least one.
    pub frames: Vec<usize>,
    /// When the first heard token begins, in samples from the slot's start.
    pub onset: usize,
    /// Samples of the whole slot.
    pub samples: usize,
    /// Speaking rate, as a multiple of the natural one.
    pub speed_ratio: f64,
    /// By what fraction the words would exceed the slot at the fastest allowed rate; 0 when they fit.
    pub overrun: f64,
}

/// Decides how fast an utterance is spoken and when it begins.
///
/// In this order, the first that the fastest allowed rate permits: within the time in which the speaker spoke;
/// from there on into what follows it; from earlier on, up to the slot's end; over the whole slot and faster than
/// allowed, if the excess is at most `max_overrun`. Words that would be slower than the slowest allowed rate in
/// the speaker's time are spoken at that rate, and silence follows.
///
/// # Errors
/// [`EngineError::DoesNotFit`] when not even the last will do; [`EngineError::InvalidInput`] when the bounds, the
/// slot or the rhythm make no sense.
pub fn plan(
    rhythm: &Rhythm,
    slot: &SpeechSlot,
    (slowest, fastest): (f64, f64),
    max_overrun: f64,
    grid: Grid,
) -> Result<Plan, EngineError> {
    check(rhythm, slot, (slowest, fastest))?;
    let samples = grid.samples(slot.duration_ms);
    let in_frames = |ms: f64| ms * f64::from(grid.rate_hz) / 1000.0 / grid.frame as f64;
    let whole = samples as f64 / grid.frame as f64;
    let start = in_frames(slot.speech_start_ms).clamp(0.0, whole);
    let end = in_frames(slot.speech_end_ms).clamp(start, whole);

    let natural = rhythm.natural();
    let shortest = natural / fastest;
    let overrun = (shortest / whole - 1.0).max(0.0);
    if overrun > max_overrun.max(0.0) {
        return Err(EngineError::DoesNotFit { overrun });
    }
    let wanted = (end - start).clamp(shortest, natural / slowest).min(whole);
    let tokens = rhythm.heard.len();
    // Whole frames: down where that keeps to the rate's bound, and never past the slot's end.
    let room = whole.floor() as usize;
    let words = (wanted.round() as usize).max(shortest.ceil() as usize).max(tokens).min(room);
    if words < tokens {
        return Err(EngineError::DoesNotFit { overrun: tokens as f64 / whole - 1.0 });
    }
    let latest = samples - words * grid.frame;
    let onset = grid.samples(slot.speech_start_ms.max(0.0)).min(latest);
    Ok(Plan { frames: frames(rhythm, words), onset, samples, speed_ratio: natural / words as f64, overrun })
}

/// How long words may last at the natural rate, ms, without being too long for the slot: neither past its end at the
/// fastest allowed rate, nor spoken faster than `hurry` in the time in which the speaker spoke.
pub fn comfortable_ms(slot: &SpeechSlot, fastest: f64, hurry: f64) -> f64 {
    let spoken = (slot.speech_end_ms.min(slot.duration_ms) - slot.speech_start_ms.max(0.0)).max(0.0);
    let in_the_speakers_time = if hurry.is_finite() { spoken * hurry } else { f64::INFINITY };
    in_the_speakers_time.min(slot.duration_ms * fastest)
}

/// The plan for an utterance that has all the time it wants.
pub fn unhurried(rhythm: &Rhythm, grid: Grid) -> Plan {
    let words = (rhythm.natural().round() as usize).max(rhythm.heard.len());
    let frames = frames(rhythm, words);
    let before: usize = frames[..rhythm.heard.start].iter().sum();
    let samples = frames.iter().sum::<usize>() * grid.frame;
    Plan { frames, onset: before * grid.frame, samples, speed_ratio: 1.0, overrun: 0.0 }
}

/// Refuses slots that make no sense, or that are longer than ten minutes.
///
/// # Errors
/// [`EngineError::InvalidInput`].
pub fn check_slot(slot: &SpeechSlot) -> Result<(), EngineError> {
    let times = [slot.duration_ms, slot.speech_start_ms, slot.speech_end_ms];
    let sensible = times.iter().all(|time| time.is_finite()) && is_positive(slot.duration_ms);
    if sensible && slot.duration_ms <= LONGEST_SLOT_MS {
        return Ok(());
    }
    Err(EngineError::InvalidInput(format!("a slot of {} ms, or with times that are not numbers", slot.duration_ms)))
}

fn check(rhythm: &Rhythm, slot: &SpeechSlot, (slowest, fastest): (f64, f64)) -> Result<(), EngineError> {
    let invalid = |what: &str| Err(EngineError::InvalidInput(what.to_owned()));
    if !(is_positive(slowest) && slowest <= fastest && fastest.is_finite()) {
        return invalid("speed bounds that are not a range of positive numbers");
    }
    check_slot(slot)?;
    if rhythm.heard.is_empty() || rhythm.heard.end > rhythm.durations.len() || !is_positive(rhythm.natural()) {
        return invalid("an utterance in which nothing is heard");
    }
    Ok(())
}

/// False for what is not a number, too.
fn is_positive(value: f64) -> bool {
    value > 0.0
}

/// `words` frames for what is heard; what stands around it keeps its own length.
///
/// The lead-in must not be used to shift the words: measured on Kokoro, whose lead-in is of 9 frames, the first 7
/// frames are silent whatever they are said to be, so that a shorter lead-in swallows the beginning of the first
/// word, and a longer one is filled with a sound of its own, as is a longer end.
fn frames(rhythm: &Rhythm, words: usize) -> Vec<usize> {
    let alone = |duration: &f64| (duration.round() as usize).max(1);
    let Range { start, end } = rhythm.heard;
    let before = rhythm.durations[..start].iter().map(alone);
    let heard = apportion(&rhythm.durations[start..end], words);
    let after = rhythm.durations[end..].iter().map(alone);
    before.chain(heard).chain(after).collect()
}

#[cfg(test)]
mod tests;
