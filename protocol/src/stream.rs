//! `stream:init`, `stream:ready` and `stream:complete`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audio::{AudioEncoding, AudioFormat, AudioSpec};
use crate::error::{ErrorCode, Refusal};
use crate::fragment::MAX_SEQUENCE_NUMBER;
use crate::payload::{Payload, check_id};

/// Longest fragment that a stream may announce, ms.
pub const MAX_CHUNK_DURATION_MS: f64 = 30_000.0;
/// Sample rates that are taken, Hz.
pub const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;
const MAX_HINTS: usize = 200;
const MAX_HINT_CHARS: usize = 100;

/// The `stream:init` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamInit {
    /// ISO 639-1 code of what is spoken.
    pub source_language: String,
    /// ISO 639-1 code of the dub.
    pub target_language: String,
    /// A name in voices.json.
    pub voice_profile: String,
    /// Usual length of a fragment, ms.
    pub chunk_duration_ms: f64,
    /// Frames a second, Hz, both ways.
    pub sample_rate_hz: u32,
    /// 1 or 2, both ways.
    pub channels: u16,
    /// Sample format, both ways.
    pub format: AudioFormat,
    /// Names and terms of the programme.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_hints: Vec<String>,
    /// Where the stream starts; else 0 or 1, whichever comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sequence_number: Option<u64>,
    /// Set to go on with a stream whose connection broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// How audio travels, both ways.
    #[serde(default)]
    pub audio_encoding: AudioEncoding,
}

/// `stream:init`'s wish to go on with an earlier session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The session, from its `stream:ready`.
    pub session_id: String,
    /// The last result that arrived; nothing when none did.
    #[serde(default)]
    pub last_sequence_received: Option<u64>,
}

impl StreamInit {
    /// Reads and checks `stream:init`, but for what only the engines know: languages and voices.
    ///
    /// # Errors
    /// `INVALID_CONFIG`, with a message that names the field.
    pub fn read(payload: Payload) -> Result<Self, Refusal> {
        let init: Self = payload.decode(ErrorCode::InvalidConfig)?;
        init.check().map_err(|message| Refusal::new(ErrorCode::InvalidConfig, message))?;
        if let Some(resume) = &init.resume {
            check_id("resume.session_id", &resume.session_id, ErrorCode::InvalidConfig)?;
        }
        Ok(init)
    }

    fn check(&self) -> Result<(), String> {
        check_language("source_language", &self.source_language)?;
        check_language("target_language", &self.target_language)?;
        if !(self.chunk_duration_ms > 0.0 && self.chunk_duration_ms <= MAX_CHUNK_DURATION_MS) {
            return Err(format!("`chunk_duration_ms` must be above 0 and at most {MAX_CHUNK_DURATION_MS}"));
        }
        if !SAMPLE_RATES_HZ.contains(&self.sample_rate_hz) {
            let (lowest, highest) = (SAMPLE_RATES_HZ.start(), SAMPLE_RATES_HZ.end());
            return Err(format!("`sample_rate_hz` must be {lowest} to {highest}, not {}", self.sample_rate_hz));
        }
        if !matches!(self.channels, 1 | 2) {
            return Err(format!("`channels` must be 1 or 2, not {}", self.channels));
        }
        if self.first_sequence_number.is_some_and(|number| number > MAX_SEQUENCE_NUMBER) {
            return Err(format!("`first_sequence_number` must be at most {MAX_SEQUENCE_NUMBER}"));
        }
        if self.domain_hints.len() > MAX_HINTS {
            return Err(format!("`domain_hints` has {} entries, the limit is {MAX_HINTS}", self.domain_hints.len()));
        }
        if let Some(index) = self.domain_hints.iter().position(|hint| hint.chars().count() > MAX_HINT_CHARS) {
            return Err(format!("`domain_hints[{index}]` is longer than {MAX_HINT_CHARS} characters"));
        }
        Ok(())
    }

    /// Rate, channels and format, both ways.
    pub fn spec(&self) -> AudioSpec {
        AudioSpec { sample_rate_hz: self.sample_rate_hz, channels: self.channels, format: self.format }
    }
}

fn check_language(field: &str, code: &str) -> Result<(), String> {
    let well_formed = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase());
    if well_formed { Ok(()) } else { Err(format!("`{field}` must be a two-letter ISO 639-1 code in lower case")) }
}

/// The engine behind each stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineNames {
    /// Recogniser.
    pub asr: String,
    /// Translator.
    pub translation: String,
    /// Synthesiser.
    pub tts: String,
}

/// The `stream:ready` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamReady {
    /// Names this session in a later `resume`.
    pub session_id: String,
    /// The stream.
    pub stream_id: String,
    /// The worker, as it named itself or was named.
    pub worker_id: String,
    /// Fragments that may be in flight without slowing down.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_sequence_number: Option<u64>,
}

impl StreamReady {
    /// What every stream can do.
    pub fn capabilities() -> Vec<String> {
        ["asr", "translation", "tts", "duration_matching"].map(str::to_owned).into()
    }
}

/// The `stream:complete` event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamComplete {
    /// Fragments answered.
    pub total_fragments: u64,
    /// Of these, successes.
    pub success_count: u64,
    /// Of these, partial.
    pub partial_count: u64,
    /// Of these, failed.
    pub failed_count: u64,
    /// Mean of their `processing_time_ms`; 0 without fragments.
    pub avg_processing_time_ms: f64,
    /// Failures by stage and code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
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
