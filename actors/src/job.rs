//! What goes into each stage and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;
use sts_protocol::{AudioSpec, VoiceProfile};

/// When the speaker spoke within a fragment, ms from its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechWindow {
    /// Onset.
    pub start_ms: f64,
    /// End.
    pub end_ms: f64,
}

/// A fragment to recognise.
#[derive(Clone, Debug)]
pub struct AsrInput {
    /// Interleaved samples as the worker sent them.
    pub pcm: Bytes,
    /// Their rate, channels and format.
    pub spec: AudioSpec,
    /// ISO 639-1 code of what is spoken.
    pub language: Arc<str>,
    /// Names and terms of the programme.
    pub hints: Arc<[String]>,
}

/// What was said.
#[derive(Clone, Debug, PartialEq)]
pub struct AsrOutput {
    /// The words; empty when nobody spoke.
    pub text: String,
    /// When they were said; `None` when nobody spoke.
    pub window: Option<SpeechWindow>,
}

/// A transcript to translate.
#[derive(Clone, Debug)]
pub struct TranslationInput {
    /// The words.
    pub text: String,
    /// ISO 639-1 code of the words.
    pub source_language: Arc<str>,
    /// ISO 639-1 code wanted.
    pub target_language: Arc<str>,
    /// Names and terms of the programme.
    pub hints: Arc<[String]>,
    /// What was said in the fragments just before, as far as it is known yet; may be empty.
    pub context: String,
    /// When the words were said.
    pub window: SpeechWindow,
    /// A translation of them that proved too long: another is wanted that is shorter.
    pub shorter: Option<Shorter>,
}

/// A translation that proved too long to be spoken in its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shorter {
    /// The translation.
    pub than: String,
    /// The engine, or chain of engines, that made it.
    pub by: String,
    /// Percent of its length that would do.
    pub percent: u32,
}

/// A translation.
#[derive(Clone, Debug, PartialEq)]
pub struct TranslationOutput {
    /// The words in the target language.
    pub text: String,
    /// The engine, or chain of engines, that made it.
    pub engine: String,
    /// Whether the engine can be asked for a shorter one.
    pub can_be_shorter: bool,
}

/// What becomes of words that would have to be spoken too fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenTooLong {
    /// They are spoken all the same.
    Speak,
    /// Nothing is spoken: the answer is [`TtsOutput::TooLong`].
    Ask,
    /// These other words are spoken, where they are shorter.
    Rather(String),
}

/// A translation to speak.
#[derive(Clone, Debug)]
pub struct TtsInput {
    /// The words.
    pub text: String,
    /// ISO 639-1 code of the words.
    pub language: Arc<str>,
    /// Who speaks, and within which bounds of rate.
    pub voice: Arc<VoiceProfile>,
    /// Rate, channels and format wanted.
    pub spec: AudioSpec,
    /// Frames of the original, and so of the dub.
    pub frames: usize,
    /// When the speaker spoke.
    pub window: SpeechWindow,
    /// Largest overrun at the fastest rate that is still pressed into the slot, as a fraction.
    pub max_overrun: f64,
    /// The rate past which words are too long, as a multiple of the voice's own; infinite for none.
    pub hurry: f64,
    /// What becomes of such words.
    pub when_too_long: WhenTooLong,
}

/// The synthesiser's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum TtsOutput {
    /// The words, spoken.
    Dub(Dub),
    /// They were not spoken, since they are too long and the synthesiser was told to ask.
    TooLong {
        /// How long they would last at the voice's own rate, ms.
        predicted_ms: f64,
        /// How long they may last at that rate, ms.
        wanted_ms: f64,
    },
}

/// A dub.
#[derive(Clone, Debug, PartialEq)]
pub struct Dub {
    /// Interleaved samples in the stream's rate, channels and format.
    pub pcm: Bytes,
    /// Speaking rate as a multiple of the voice's own.
    pub speed_ratio: f64,
    /// By what fraction of the slot the words would have exceeded it at the fastest rate; 0 when they fit.
    pub overrun: f64,
    /// Whether the words were too long, and spoken all the same.
    pub is_hurried: bool,
    /// Whether the words of [`WhenTooLong::Rather`] were spoken.
    pub spoke_other: bool,
}

impl Dub {
    /// Words that fit, at the voice's own rate.
    pub fn at_ease(pcm: Bytes) -> Self {
        Self { pcm, speed_ratio: 1.0, overrun: 0.0, is_hurried: false, spoke_other: false }
    }
}
