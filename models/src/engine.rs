//! What every engine takes and gives, and how it fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::device_fault::DeviceFault;

/// The sample rate that recognisers and voice activity detection take, in Hz.
pub const RECOGNIZER_RATE_HZ: u32 = 16_000;

/// Which engine answers, for logs, `stream:ready` and reports.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EngineInfo {
    /// Family and size, as `whisper-base`.
    pub name: String,
    /// `cpu` or `cuda:0`; `process` for an engine that lives in another process, `network` for one on another machine.
    pub device: String,
    /// Number format of the weights in use, as `bf16`, `f32`, `int8`.
    pub precision: String,
}

/// Why an engine could not answer one request.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum EngineError {
    /// The request can never succeed: empty, malformed, or outside what the engine takes.
    #[error("invalid input: {0}")]
    InvalidInput(String),
    /// The language, the pair or the voice is not served by this engine.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The speech cannot be made to fit its slot: it would exceed it by this fraction at the fastest allowed rate.
    #[error("speech exceeds its slot by {:.0} % at the fastest allowed rate", overrun * 100.0)]
    DoesNotFit {
        /// `spoken / slot − 1` at the fastest allowed rate.
        overrun: f64,
    },
    /// The words would last longer than they should, and were not spoken: see [`WhenTooLong::Ask`].
    #[error("the words would last {predicted_ms:.0} ms by themselves; {wanted_ms:.0} ms would do")]
    TooLong {
        /// How long they would last at the engine's own rate, ms.
        predicted_ms: f64,
        /// How long they may last at that rate, ms.
        wanted_ms: f64,
    },
    /// The device ran out of memory; a smaller batch may do.
    #[error("out of device memory: {0}")]
    OutOfMemory(String),
    /// A dependency (a process, an API) did not answer as it should; trying again may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A dependency did not answer in the time that the stage has.
    #[error("no answer in time: {0}")]
    TimedOut(String),
    /// An API takes no more requests for now.
    #[error("rate limit exceeded: {message}")]
    RateLimited {
        /// What it said.
        message: String,
        /// How long it asks to be left alone, where it says so.
        retry_after: Option<Duration>,
    },
    /// An API's account is used up.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// An API refuses the key.
    #[error("the key is refused: {0}")]
    Unauthorized(String),
    /// The engine's own state can no longer be trusted: it must be built anew.
    #[error("engine failed: {0}")]
    Poisoned(String),
}

impl EngineError {
    /// Whether the worker must throw its engine away.
    pub fn poisons(&self) -> bool {
        matches!(self, Self::Poisoned(_))
    }

    /// Turns a libtorch failure into the right kind, by its text: see [`DeviceFault`].
    pub fn from_torch(error: &tch::TchError) -> Self {
        let message = error.to_string();
        let first_line = message.lines().next().unwrap_or_default().to_owned();
        match DeviceFault::of(&message) {
            Some(DeviceFault::OutOfMemory) => Self::OutOfMemory(first_line),
            Some(DeviceFault::Broken) | None => Self::Poisoned(first_line),
        }
    }
}

impl From<tch::TchError> for EngineError {
    fn from(error: tch::TchError) -> Self {
        Self::from_torch(&error)
    }
}

/// A stretch of speech inside a fragment, in milliseconds from the fragment's start.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct SpeechSpan {
    /// Onset, ms.
    pub start_ms: f64,
    /// End, ms; not before the onset.
    pub end_ms: f64,
}

/// One fragment to recognise.
#[derive(Clone, Debug)]
pub struct RecognizeRequest {
    /// Mono samples at [`RECOGNIZER_RATE_HZ`], −1 to 1.
    pub samples: Arc<[f32]>,
    /// ISO 639-1 code of the spoken language.
    pub language: String,
    /// Text said just before, as context; may be empty.
    pub previous_text: String,
    /// Names and terms that are likely to be said.
    pub hints: Vec<String>,
}

/// A piece of a transcript with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// When it was said.
    pub span: SpeechSpan,
    /// What was said.
    pub text: String,
}

/// What was said in a fragment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The whole text, trimmed; empty when nothing was said.
    pub text: String,
    /// Pieces with times, when the engine was asked for timestamps.
    pub segments: Vec<Segment>,
    /// Where speech was found, in order; empty when the fragment holds none.
    pub speech: Vec<SpeechSpan>,
    /// Mean log-probability of the chosen tokens; 0 when nothing was decoded.
    pub average_log_probability: f32,
    /// Probability that the fragment holds no speech, by the recogniser itself.
    pub no_speech_probability: f32,
    /// Length of the text over its deflated length; high values betray loops.
    pub compression_ratio: f32,
    /// Sampling temperature that gave this text; 0 is greedy or beam.
    pub temperature: f32,
}

/// Speech to text.
pub trait Recognizer {
    /// Which engine this is.
    fn info(&self) -> EngineInfo;
    /// Whether it knows the language (ISO 639-1).
    fn supports(&self, language: &str) -> bool;
    /// Recognises a batch; the answer has one entry a request, in the same order.
    fn recognize(&mut self, batch: &[RecognizeRequest]) -> Vec<Result<Transcript, EngineError>>;
}

/// One text to translate.
#[derive(Clone, Debug, Default)]
pub struct TranslateRequest {
    /// Text in the source language, one or more sentences.
    pub text: String,
    /// ISO 639-1 code of the text.
    pub source_language: String,
    /// ISO 639-1 code wanted.
    pub target_language: String,
    /// Text said just before in the source language; may be empty.
    pub context: String,
    /// Names and terms of the programme.
    pub hints: Vec<String>,
    /// As many syllables as can be said in the time there is, where that is known; a wish, not a bound.
    pub syllables: Option<usize>,
    /// A translation of this text that proved too long: another is wanted that is shorter.
    pub shorter: Option<Shorter>,
    /// When the answer is of no use any more; without one, the engine's own limit counts.
    pub deadline: Option<Instant>,
}

/// A translation that proved too long to be spoken in its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shorter {
    /// The translation.
    pub than: String,
    /// [`Translation::engine`] of it.
    pub by: String,
    /// Percent of its length that would do.
    pub percent: u32,
}

/// A translated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// Text in the target language.
    pub text: String,
    /// The engine, or chain of engines, that made it, as `fxtranslate en-pt + apertium pt-es`.
    pub engine: String,
}

/// Text to text.
pub trait Translator {
    /// Which engine this is.
    fn info(&self) -> EngineInfo;
    /// Whether it translates this pair (ISO 639-1 codes).
    fn supports(&self, source: &str, target: &str) -> bool;
    /// Whether [`TranslateRequest::shorter`] may bring something else than a translation of this pair by `engine`.
    fn can_shorten(&self, _source: &str, _target: &str, _engine: &str) -> bool {
        false
    }
    /// Translates a batch; the answer has one entry a request, in the same order.
    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>>;
}

/// The time that a dub has: the fragment, and where in it the speaker spoke.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechSlot {
    /// Length of the fragment, ms.
    pub duration_ms: f64,
    /// When the speaker began, ms from the fragment's start.
    pub speech_start_ms: f64,
    /// When the speaker ended, ms from the fragment's start.
    pub speech_end_ms: f64,
}

/// What becomes of words that are too long: those that would exceed their slot at the fastest allowed rate, and those
/// that would be spoken faster than [`SynthesizeRequest::hurry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenTooLong {
    /// They are spoken all the same.
    Speak,
    /// Nothing is spoken; the answer is [`EngineError::TooLong`], before any sound is computed.
    Ask,
    /// These other words are spoken, where they are shorter.
    Rather(String),
}

/// One text to speak.
#[derive(Clone, Debug)]
pub struct SynthesizeRequest {
    /// What to say.
    pub text: String,
    /// ISO 639-1 code of the text.
    pub language: String,
    /// Name of the voice within the engine, as `em_alex`.
    pub voice: String,
    /// The time it has; without one the engine speaks at its own rate.
    pub slot: Option<SpeechSlot>,
    /// Slowest and fastest speaking rate allowed, as a multiple of the engine's own.
    pub speed_bounds: (f64, f64),
    /// Largest overrun at the fastest allowed rate that may be forced into the slot, as a fraction;
    /// past it the answer is [`EngineError::DoesNotFit`].
    pub max_overrun: f64,
    /// The rate past which words are too long for their slot; infinite for none.
    pub hurry: f64,
    /// What becomes of such words.
    pub when_too_long: WhenTooLong,
}

/// Spoken text.
#[derive(Clone, Debug, PartialEq)]
pub struct Speech {
    /// Mono samples, −1 to 1. With a slot: exactly `round(duration_ms · rate / 1000)` of them, silence included.
    pub samples: Vec<f32>,
    /// Sample rate of `samples`, Hz.
    pub sample_rate_hz: u32,
    /// Speaking rate used, as a multiple of the engine's own; over 1 is faster.
    pub speed_ratio: f64,
    /// How long the words themselves last in `samples`, ms, without the silence around them.
    pub spoken_ms: f64,
    /// By what fraction the words would have exceeded the slot at the fastest allowed rate; 0 when they fit.
    pub overrun: f64,
    /// Whether the words were too long, and spoken all the same.
    pub is_hurried: bool,
    /// Whether the words of [`WhenTooLong::Rather`] were spoken.
    pub spoke_other: bool,
}

/// Text to speech.
pub trait Synthesizer {
    /// Which engine this is.
    fn info(&self) -> EngineInfo;
    /// Names of the voices it has.
    fn voices(&self) -> Vec<String>;
    /// Speaks a batch; the answer has one entry a request, in the same order.
    fn synthesize(&mut self, batch: &[SynthesizeRequest]) -> Vec<Result<Speech, EngineError>>;
}
