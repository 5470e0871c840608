//! `fragment:data`, `fragment:ack` and `fragment:processed`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::audio::{AudioFormat, AudioPayload, AudioSpec};
use crate::error::{ErrorCode, Refusal, Stage};
use crate::payload::{Payload, check_id};

/// The largest sequence number that every JSON implementation can carry.
pub const MAX_SEQUENCE_NUMBER: u64 = (1 << 53) - 1;

/// The fields of `fragment:data` beside the audio.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Header {
    fragment_id: String,
    stream_id: String,
    sequence_number: u64,
    timestamp: f64,
    sample_rate: u32,
    channels: u16,
    format: AudioFormat,
    duration_ms: f64,
}

/// A fragment as it came in, valid in itself and in agreement with its stream's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    /// The worker's name for it.
    pub fragment_id: String,
    /// The stream that it says it belongs to.
    pub stream_id: String,
    /// Its place in the stream.
    pub sequence_number: u64,
    /// Presentation time in the source, ms.
    pub timestamp_ms: f64,
    /// Rate, channels and format of `pcm`.
    pub spec: AudioSpec,
    /// Interleaved samples; a whole number of frames, at least one.
    pub pcm: Bytes,
}

impl Fragment {
    /// Reads `fragment:data` and checks all that can be checked without knowing the stream.
    ///
    /// # Errors
    /// `INVALID_FRAGMENT` or `FRAGMENT_TOO_LARGE`, with a message that names the field.
    pub fn read(mut payload: Payload, max_bytes: usize) -> Result<Self, Refusal> {
        let fragment_id = payload.text("fragment_id").map(str::to_owned);
        let named = |refusal: Refusal| match &fragment_id {
            Some(id) => refusal.about(id.chars().take(128).collect::<String>()),
            None => refusal,
        };
        let audio = payload
            .take_attachment("audio")
            .map(AudioPayload::Binary)
            .or_else(|| payload.take_text("audio").map(AudioPayload::Base64));
        let audio_has_wrong_type = audio.is_none() && payload.has("audio");
        let header: Header = payload.decode(ErrorCode::InvalidFragment).map_err(named)?;
        let invalid = |message: String| named(Refusal::new(ErrorCode::InvalidFragment, message));
        let audio = audio.ok_or_else(|| {
            invalid(if audio_has_wrong_type {
                "`audio` must be base64 text or a binary attachment".to_owned()
            } else {
                "missing field `audio`".to_owned()
            })
        })?;
        header.check().map_err(named)?;
        let spec = AudioSpec { sample_rate_hz: header.sample_rate, channels: header.channels, format: header.format };
        let pcm = audio.decode(max_bytes).map_err(named)?;
        check_length(&spec, pcm.len(), header.duration_ms).map_err(invalid)?;
        Ok(Self {
            fragment_id: header.fragment_id,
            stream_id: header.stream_id,
            sequence_number: header.sequence_number,
            timestamp_ms: header.timestamp,
            spec,
            pcm,
        })
    }

    /// Checks that the audio is what `stream:init` announced.
    ///
    /// # Errors
    /// `INVALID_FRAGMENT`, with a message that names the field that differs.
    pub fn check_agrees(&self, announced: &AudioSpec) -> Result<(), Refusal> {
        let differs = |field: &str, here: String, there: String| {
            let message = format!("`{field}` is {here}, stream:init announced {there}");
            Err(Refusal::new(ErrorCode::InvalidFragment, message).about(&self.fragment_id))
        };
        if self.spec.sample_rate_hz != announced.sample_rate_hz {
            return differs("sample_rate", self.spec.sample_rate_hz.to_string(), announced.sample_rate_hz.to_string());
        }
        if self.spec.channels != announced.channels {
            return differs("channels", self.spec.channels.to_string(), announced.channels.to_string());
        }
        if self.spec.format != announced.format {
            return differs("format", format!("{:?}", self.spec.format), format!("{:?}", announced.format));
        }
        Ok(())
    }

    /// Frames of audio: samples of one channel.
    pub fn frames(&self) -> usize {
        self.pcm.len() / self.spec.bytes_per_frame()
    }

    /// How long the audio really lasts, ms.
    pub fn duration_ms(&self) -> f64 {
        self.spec.duration_ms(self.frames())
    }
}

impl Header {
    fn check(&self) -> Result<(), Refusal> {
        let invalid = |message: String| Err(Refusal::new(ErrorCode::InvalidFragment, message));
        check_id("fragment_id", &self.fragment_id, ErrorCode::InvalidFragment)?;
        check_id("stream_id", &self.stream_id, ErrorCode::InvalidFragment)?;
        if self.sequence_number > MAX_SEQUENCE_NUMBER {
            return invalid(format!("`sequence_number` must be at most {MAX_SEQUENCE_NUMBER}"));
        }
        if !self.timestamp.is_finite() {
            return invalid("`timestamp` must be a finite number of milliseconds".to_owned());
        }
        if self.sample_rate == 0 {
            return invalid("`sample_rate` must be above 0".to_owned());
        }
        if !matches!(self.channels, 1 | 2) {
            return invalid(format!("`channels` must be 1 or 2, not {}", self.channels));
        }
        if !self.duration_ms.is_finite() || self.duration_ms <= 0.0 {
            return invalid("`duration_ms` must be above 0".to_owned());
        }
        Ok(())
    }
}

fn check_length(spec: &AudioSpec, bytes: usize, announced_ms: f64) -> Result<(), String> {
    let bytes_per_frame = spec.bytes_per_frame();
    if bytes == 0 {
        return Err("`audio` is empty".to_owned());
    }
    if !bytes.is_multiple_of(bytes_per_frame) {
        return Err(format!("`audio` is {bytes} bytes, not a whole number of {bytes_per_frame}-byte frames"));
    }
    let actual_ms = spec.duration_ms(bytes / bytes_per_frame);
    let tolerance_ms = (announced_ms * 0.02).max(50.0);
    if (actual_ms - announced_ms).abs() > tolerance_ms {
        return Err(format!("`duration_ms` is {announced_ms}, `audio` lasts {actual_ms:.1} ms"));
    }
    Ok(())
}

/// The `fragment:ack` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FragmentAck {
    /// The fragment.
    pub fragment_id: String,
    /// Always `queued`.
    pub status: QueuedStatus,
    /// The service's clock, ms since 1970-01-01T00:00:00Z.
    pub timestamp: u64,
}

/// The only status that an acknowledgement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueuedStatus {
    /// Accepted; exactly one `fragment:processed` will follow.
    Queued,
}

/// How a fragment fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FragmentStatus {
    /// Dubbed, and within the bound for a success.
    Success,
    /// Dubbed, but outside the bound for a success.
    Partial,
    /// Not dubbed; `error` says why.
    Failed,
}

impl FragmentStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// How the dub's length compares with the original's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Length of the original, ms.
    pub original_duration_ms: f64,
    /// Length of the dub, ms.
    pub dubbed_duration_ms: f64,
    /// Difference in percent of the original. For a `partial` whose words were pressed into their time faster than
    /// the voice's bound: by how much they would have exceeded it at that bound.
    pub duration_variance_percent: f64,
    /// Speaking rate as a multiple of the voice's own; over 1 is faster.
    pub speed_ratio: f64,
}

/// Milliseconds of work in each stage that ran; time spent waiting in its queue apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTimings {
    /// Recognition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asr_ms: Option<f64>,
    /// Translation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translation_ms: Option<f64>,
    /// Synthesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tts_ms: Option<f64>,
    /// Waiting in front of recognition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asr_queue_ms: Option<f64>,
    /// Waiting in front of translation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translation_queue_ms: Option<f64>,
    /// Waiting in front of synthesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tts_queue_ms: Option<f64>,
}

impl StageTimings {
    /// Notes what a stage took.
    pub fn record(&mut self, stage: Stage, queue_ms: f64, work_ms: f64) {
        let (queue, work) = match stage {
            Stage::Asr => (&mut self.asr_queue_ms, &mut self.asr_ms),
            Stage::Translation => (&mut self.translation_queue_ms, &mut self.translation_ms),
            Stage::Tts => (&mut self.tts_queue_ms, &mut self.tts_ms),
        };
        *queue = Some(queue_ms);
        *work = Some(work_ms);
    }

    /// Work in a stage, when it ran.
    pub fn work_ms(&self, stage: Stage) -> Option<f64> {
        match stage {
            Stage::Asr => self.asr_ms,
            Stage::Translation => self.translation_ms,
            Stage::Tts => self.tts_ms,
        }
    }
}

/// One product of a stage, with what it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Its id.
    pub asset_id: String,
    /// What it was made from: a fragment or another asset.
    pub parent_asset_ids: Vec<String>,
    /// How long making it took, ms.
    pub latency_ms: f64,
}

/// The lineage of a result: fragment → transcript → translation → audio.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assets {
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Asset>,
    /// The same in the target language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translation: Option<Asset>,
    /// The same spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Asset>,
}

impl Assets {
    /// The lineage of a fragment whose stages took these times.
    pub fn of(fragment_id: &str, timings: &StageTimings) -> Self {
        let asset = |name: &str, parent: String, latency: Option<f64>| {
            latency.map(|latency_ms| Asset {
                asset_id: format!("{fragment_id}/{name}"),
                parent_asset_ids: vec![parent],
                latency_ms,
            })
        };
        Self {
            transcript: asset("transcript", fragment_id.to_owned(), timings.asr_ms),
            translation: asset("translation", format!("{fragment_id}/transcript"), timings.translation_ms),
            audio: asset("audio", format!("{fragment_id}/translation"), timings.tts_ms),
        }
    }
}

/// Why a fragment failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FragmentError {
    /// Where.
    pub stage: Stage,
    /// What.
    pub code: ErrorCode,
    /// A sentence for a person.
    pub message: String,
    /// Whether sending the fragment again may succeed.
    pub retryable: bool,
}

/// The `fragment:processed` event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FragmentProcessed {
    /// The fragment.
    pub fragment_id: String,
    /// Its stream.
    pub stream_id: String,
    /// Its place in the stream; these leave in order.
    pub sequence_number: u64,
    /// How it fared.
    pub status: FragmentStatus,
    /// The dub, in the stream's rate, channels and format.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "bare")]
    pub dubbed_audio: Option<AudioPayload>,
    /// What was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// The same in the target language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated_text: Option<String>,
    /// Durations and rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// From acceptance to emission, ms.
    pub processing_time_ms: f64,
    /// Time in each stage that ran.
    pub stage_timings: StageTimings,
    /// Lineage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assets: Option<Assets>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<FragmentError>,
    /// Sequence numbers given up just before this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<u64>,
}

/// Serialises what is there without the serialiser's notion of an option: socketioxide's passes the content of one on
/// to plain JSON, where bytes become a list of numbers and not an attachment.
fn bare<S: serde::Serializer>(audio: &Option<AudioPayload>, serializer: S) -> Result<S::Ok, S::Error> {
    match audio {
        Some(audio) => audio.serialize(serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sample() -> Value {
        let audio = AudioPayload::encode(Bytes::from(vec![0; 32_000]), crate::AudioEncoding::Base64);
        json!({"fragment_id": "f", "stream_id": "s", "sequence_number": 0, "timestamp": 0, "audio": audio,
            "sample_rate": 16000, "channels": 1, "format": "pcm_s16le", "duration_ms": 1000})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut sample = sample();
        sample[field] = value;
        sample
    }

    #[test]
    fn a_good_fragment_is_read() {
        let fragment = Fragment::read(sample().into(), 1 << 20).expect("valid");
        assert_eq!((fragment.frames(), fragment.duration_ms()), (16_000, 1000.0));
    }

    #[test]
    fn every_field_is_required_and_named() {
        for field in sample().as_object().expect("an object").keys() {
            let mut without = sample();
            without.as_object_mut().expect("an object").remove(field);
            let refusal = Fragment::read(without.into(), 1 << 20).expect_err("incomplete");
            assert_eq!(refusal.code, ErrorCode::InvalidFragment);
            assert!(refusal.message.contains(&format!("`{field}`")), "{field}: {}", refusal.message);
        }
    }

    #[test]
    fn every_wrong_value_is_named() {
        let wrong = [
            ("fragment_id", json!(7)),
            ("fragment_id", json!("")),
            ("stream_id", json!("a b")),
            ("sequence_number", json!(-1)),
            ("sequence_number", json!(1.5)),
            ("sequence_number", json!(1_u64 << 53)),
            ("timestamp", json!("now")),
            ("audio", json!(7)),
            ("audio", json!("***")),
            ("audio", json!("")),
            ("audio", json!("AAA=")),
            ("sample_rate", json!(0)),
            ("channels", json!(3)),
            ("format", json!("mp3")),
            ("duration_ms", json!(0)),
            ("duration_ms", json!(1051)),
        ];
        for (field, value) in wrong {
            let refusal = Fragment::read(with(field, value.clone()).into(), 1 << 20).expect_err("wrong");
            assert_eq!(refusal.code, ErrorCode::InvalidFragment, "{field} = {value}");
            assert!(refusal.message.contains(&format!("`{field}`")), "{field} = {value}: {}", refusal.message);
        }
    }

    #[test]
    fn durations_may_differ_by_fifty_milliseconds() {
        assert!(Fragment::read(with("duration_ms", json!(1050)).into(), 1 << 20).is_ok());
        assert!(Fragment::read(with("duration_ms", json!(950)).into(), 1 << 20).is_ok());
        assert!(Fragment::read(with("duration_ms", json!(949)).into(), 1 << 20).is_err());
    }

    #[test]
    fn disagreement_with_the_stream_is_named() {
        let fragment = Fragment::read(sample().into(), 1 << 20).expect("valid");
        let announced = AudioSpec { sample_rate_hz: 48_000, ..fragment.spec };
        assert!(fragment.check_agrees(&announced).expect_err("differs").message.contains("`sample_rate`"));
        assert!(fragment.check_agrees(&fragment.spec).is_ok());
    }

    #[test]
    fn lineage_goes_from_fragment_to_audio() {
        let mut timings = StageTimings::default();
        timings.record(Stage::Asr, 0.0, 5.0);
        let assets = Assets::of("f", &timings);
        assert_eq!(assets.transcript.expect("recognised").parent_asset_ids, ["f"]);
        assert!(assets.translation.is_none() && assets.audio.is_none());
    }
}
