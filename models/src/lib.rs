//! Engines for live dubbing, behind three traits: [`Recognizer`], [`Translator`] and [`Synthesizer`].
//!
//! Each call takes a batch. An engine is built on the thread that will use it and stays there: nothing here
//! is shared between threads, and nothing here knows of streams, sockets or actors.

pub mod convert;
pub mod device;
pub mod device_fault;
pub mod engine;
pub mod fit;
pub mod g2p;
pub mod gated;
pub mod kokoro;
pub mod manifest;
pub mod resample;
pub mod spoken;
pub mod store;
pub mod text;
pub mod translate;
pub mod vad;
pub mod whisper;

pub use device::{Device, DeviceChoice};
pub use device_fault::DeviceFault;
pub use engine::{
    EngineError, EngineInfo, RecognizeRequest, Recognizer, Segment, Shorter, Speech, SpeechSlot, SpeechSpan,
    SynthesizeRequest, Synthesizer, Transcript, TranslateRequest, Translation, Translator, WhenTooLong,
};
pub use manifest::Manifest;
pub use store::Store;
pub use translate::{EmbeddedTranslator, EmbeddedTranslatorOptions};
