//! `stream:init`, `stream:pause`, `stream:resume`, `stream:end`; `stream:ready` and `stream:complete`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::audio::{AudioEncoding, AudioFormat, AudioSpec};
use crate::error::{ErrorCode, Refusal};
use crate::payload::Payload;
use crate::rules::{
    Breakdown, Channels, Checked, ChunkDuration, Count, Elapsed, Hints, Id, Language, Nullable, Optional, OrDefault,
    Plain, Reason, SampleRate, SequenceNumber,
};

pub use crate::rules::{MAX_CHUNK_DURATION_MS, SAMPLE_RATES_HZ};

/// The `stream:init` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamInit {
    /// ISO 639-1 code of what is spoken.
    #[serde(with = "Checked::<Language>")]
    pub source_language: String,
    /// ISO 639-1 code of the dub.
    #[serde(with = "Checked::<Language>")]
    pub target_language: String,
    /// A name in voices.json.
    pub voice_profile: String,
    /// Usual length of a fragment, ms.
    #[serde(with = "Checked::<ChunkDuration>")]
    pub chunk_duration_ms: f64,
    /// Frames a second, Hz, both ways.
    #[serde(with = "Checked::<SampleRate>")]
    pub sample_rate_hz: u32,
    /// 1 or 2, both ways.
    #[serde(with = "Checked::<Channels>")]
    pub channels: u16,
    /// Sample format, both ways.
    pub format: AudioFormat,
    /// Names and terms of the programme.
    #[serde(default, with = "OrDefault::<Hints>", skip_serializing_if = "Vec::is_empty")]
    pub domain_hints: Vec<String>,
    /// Where the stream starts; else 0 or 1, whichever comes first.
    #[serde(default, with = "Nullable::<SequenceNumber>", skip_serializing_if = "Option::is_none")]
    pub first_sequence_number: Option<u64>,
    /// Set to go on with a stream whose connection broke.
    #[serde(default, with = "Nullable::<Plain<Resume>>", skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// How audio travels, both ways.
    #[serde(default, with = "OrDefault::<Plain<AudioEncoding>>")]
    pub audio_encoding: AudioEncoding,
}

/// `stream:init`'s wish to go on with an earlier session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resume {
    /// The session, from its `stream:ready`.
    #[serde(with = "Checked::<Id>")]
    pub session_id: String,
    /// The last result that arrived; nothing when none did.
    #[serde(default, with = "Nullable::<SequenceNumber>")]
    pub last_sequence_received: Option<u64>,
}

impl StreamInit {
    /// Reads and checks `stream:init`, but for what only the engines know: languages and voices.
    ///
    /// # Errors
    /// `INVALID_CONFIG`, with a message that names the field.
    pub fn read(payload: Payload) -> Result<Self, Refusal> {
        payload.decode(ErrorCode::InvalidConfig)
    }

    /// Rate, channels and format, both ways.
    pub fn spec(&self) -> AudioSpec {
        AudioSpec { sample_rate_hz: self.sample_rate_hz, channels: self.channels, format: self.format }
    }
}

/// The argument of the `stream:pause` event, which may also come without one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StreamPause", extend("type" = ["object", "null"]))]
pub struct Pause {
    /// Why, for the log.
    #[serde(default, with = "Nullable::<Reason>", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Pause {
    /// Reads `stream:pause`; `None` stands for no argument at all.
    ///
    /// # Errors
    /// `INVALID_CONFIG`, with a message that names `reason`.
    pub fn read(payload: Option<Payload>) -> Result<Self, Refusal> {
        match payload {
            Some(payload) if !payload.is_absent() => payload.decode(ErrorCode::InvalidConfig),
            _ => Ok(Self::default()),
        }
    }
}

/// The `stream:resume` event says all by its name. An argument is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamResume;

/// The `stream:end` event says all by its name. An argument is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd;

macro_rules! schema_of_no_argument {
    ($($event:ident: $description:literal),*) => {$(
        impl JsonSchema for $event {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($event).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"description": $description})
            }
        }
    )*};
}

schema_of_no_argument! {
    StreamResume: "The `stream:resume` event says all by its name. An argument is not read.",
    StreamEnd: "The `stream:end` event says all by its name. An argument is not read."
}

/// The engine behind each stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineNames {
    /// Recogniser.
    pub asr: String,
    /// Translator.
    pub translation: String,
    /// Synthesiser.
    pub tts: String,
}

/// The `stream:ready` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamReady {
    /// Names this session in a later `resume`.
    #[serde(with = "Checked::<Id>")]
    pub session_id: String,
    /// The stream.
    #[serde(with = "Checked::<Id>")]
    pub stream_id: String,
    /// The worker, as it named itself or was named.
    #[serde(with = "Checked::<Id>")]
    pub worker_id: String,
    /// Fragments that may be in flight without slowing down.
    #[serde(with = "Checked::<Count<usize>>")]
    pub max_inflight: usize,
    /// What the service does.
    pub capabilities: Vec<String>,
    /// Which engine does it.
    pub engines: EngineNames,
    /// Sample formats that are taken.
    pub formats: Vec<AudioFormat>,
    /// Whether an earlier session goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
    /// After a resume: the first number that has not been accepted.
    #[serde(default, with = "Optional::<SequenceNumber>", skip_serializing_if = "Option::is_none")]
    pub next_sequence_number: Option<u64>,
}

impl StreamReady {
    /// What every stream can do.
    pub fn capabilities() -> Vec<String> {
        ["asr", "translation", "tts", "duration_matching"].map(str::to_owned).into()
    }
}

/// The `stream:complete` event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamComplete {
    /// Fragments answered.
    #[serde(with = "Checked::<Count<u64>>")]
    pub total_fragments: u64,
    /// Of these, successes.
    #[serde(with = "Checked::<Count<u64>>")]
    pub success_count: u64,
    /// Of these, partial.
    #[serde(with = "Checked::<Count<u64>>")]
    pub partial_count: u64,
    /// Of these, failed.
    #[serde(with = "Checked::<Count<u64>>")]
    pub failed_count: u64,
    /// Mean of their `processing_time_ms`; 0 without fragments.
    #[serde(with = "Checked::<Elapsed>")]
    pub avg_processing_time_ms: f64,
    /// Failures by stage and code.
    #[serde(default, with = "Checked::<Breakdown>", skip_serializing_if = "BTreeMap::is_empty")]
    pub error_breakdown: BTreeMap<String, BTreeMap<String, u64>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sample() -> Value {
        json!({"source_language": "en", "target_language": "es", "voice_profile": "spanish_male_1",
            "chunk_duration_ms": 6000, "sample_rate_hz": 16000, "channels": 1, "format": "pcm_s16le"})
    }

    #[test]
    fn required_fields_are_named() {
        for field in sample().as_object().expect("an object").keys() {
            let mut without = sample();
            without.as_object_mut().expect("an object").remove(field);
            let refusal = StreamInit::read(without.into()).expect_err("incomplete");
            assert_eq!(refusal.code, ErrorCode::InvalidConfig);
            assert!(refusal.message.contains(&format!("`{field}`")), "{}", refusal.message);
        }
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let init = StreamInit::read(sample().into()).expect("valid");
        assert_eq!(init.audio_encoding, AudioEncoding::Base64);
        assert_eq!((init.first_sequence_number, init.resume), (None, None));
    }

    #[test]
    fn null_stands_for_no_value() {
        let mut nulls = sample();
        for field in ["domain_hints", "first_sequence_number", "resume", "audio_encoding"] {
            nulls[field] = Value::Null;
        }
        assert_eq!(StreamInit::read(nulls.into()), StreamInit::read(sample().into()));
    }

    #[test]
    fn a_pause_needs_no_argument() {
        for absent in [None, Some(json!(null).into()), Some(json!({}).into())] {
            assert_eq!(Pause::read(absent), Ok(Pause::default()));
        }
        let with_reason = Pause::read(Some(json!({"reason": "advertisement"}).into()));
        assert_eq!(with_reason.expect("valid").reason.as_deref(), Some("advertisement"));
        assert!(Pause::read(Some(json!("advertisement").into())).is_err());
    }

    #[test]
    fn wrong_values_are_named() {
        let wrong = [
            ("source_language", json!("english")),
            ("target_language", json!("ES")),
            ("chunk_duration_ms", json!(0)),
            ("sample_rate_hz", json!(4000)),
            ("channels", json!(0)),
            ("format", json!("opus")),
            ("domain_hints", json!("Gutenberg")),
            ("domain_hints", json!(vec!["x"; 201])),
            ("first_sequence_number", json!(-1)),
            ("audio_encoding", json!("hex")),
            ("resume", json!({"session_id": ""})),
            ("resume", json!({})),
        ];
        for (field, value) in wrong {
            let mut sample = sample();
            sample[field] = value.clone();
            let refusal = StreamInit::read(sample.into()).expect_err("wrong");
            assert!(refusal.message.contains(field), "{field} = {value}: {}", refusal.message);
        }
    }
}
