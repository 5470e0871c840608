//! `fragment:data`, `fragment:ack` and `fragment:processed`.

use bytes::Bytes;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::audio::{AudioFormat, AudioPayload, AudioSpec};
use crate::error::{ErrorCode, Refusal, Stage};
use crate::payload::Payload;
use crate::rules::{
    Channels, Checked, Count, Duration, Elapsed, FragmentRate, Id, Optional, Plain, SequenceNumber, SequenceNumbers,
};
use crate::trace::TraceContext;

pub use crate::rules::MAX_SEQUENCE_NUMBER;

/// The `fragment:data` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FragmentData {
    /// The worker's name for it, unique in the stream.
    #[serde(with = "Checked::<Id>")]
    pub fragment_id: String,
    /// The stream that it belongs to.
    #[serde(with = "Checked::<Id>")]
    pub stream_id: String,
    /// Its place in the stream.
    #[serde(with = "Checked::<SequenceNumber>")]
    pub sequence_number: u64,
    /// Presentation time in the source, ms.
    pub timestamp: f64,
    /// Interleaved samples; a whole number of frames, at least one.
    pub audio: AudioPayload,
    /// Frames a second, Hz; the stream's.
    #[serde(with = "Checked::<FragmentRate>")]
    pub sample_rate: u32,
    /// 1 or 2; the stream's.
    #[serde(with = "Checked::<Channels>")]
    pub channels: u16,
    /// Sample format; the stream's.
    pub format: AudioFormat,
    /// How long the audio lasts, ms; right to within 50 ms or 2 %, whichever is larger.
    #[serde(with = "Checked::<Duration>")]
    pub duration_ms: f64,
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
    /// From the optional field `traceparent`, which is no part of the contract: one that is not valid is ignored.
    pub trace: Option<TraceContext>,
}

impl Fragment {
    /// Reads `fragment:data` and checks all that can be checked without knowing the stream.
    ///
    /// # Errors
    /// `INVALID_FRAGMENT` or `FRAGMENT_TOO_LARGE`, with a message that names the field.
    pub fn read(payload: Payload, max_bytes: usize) -> Result<Self, Refusal> {
        let fragment_id = payload.text("fragment_id").map(|id| id.chars().take(128).collect::<String>());
        let named = |refusal: Refusal| match &fragment_id {
            Some(id) => refusal.about(id),
            None => refusal,
        };
        let trace = payload.text("traceparent").and_then(TraceContext::parse);
        let data: FragmentData = payload.decode(ErrorCode::InvalidFragment).map_err(named)?;
        let spec = AudioSpec { sample_rate_hz: data.sample_rate, channels: data.channels, format: data.format };
        let pcm = data.audio.decode(max_bytes).map_err(named)?;
        check_length(&spec, pcm.len(), data.duration_ms)
            .map_err(|message| named(Refusal::new(ErrorCode::InvalidFragment, message)))?;
        Ok(Self {
            fragment_id: data.fragment_id,
            stream_id: data.stream_id,
            sequence_number: data.sequence_number,
            timestamp_ms: data.timestamp,
            spec,
            pcm,
            trace,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FragmentAck {
    /// The fragment.
    #[serde(with = "Checked::<Id>")]
    pub fragment_id: String,
    /// Always `queued`.
    pub status: QueuedStatus,
    /// The service's clock, ms since 1970-01-01T00:00:00Z.
    #[serde(with = "Checked::<Count<u64>>")]
    pub timestamp: u64,
}

/// The only status that an acknowledgement has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueuedStatus {
    /// Accepted; exactly one `fragment:processed` will follow.
    Queued,
}

/// How a fragment fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// Length of the original, ms.
    #[serde(with = "Checked::<Elapsed>")]
    pub original_duration_ms: f64,
    /// Length of the dub, ms.
    #[serde(with = "Checked::<Elapsed>")]
    pub dubbed_duration_ms: f64,
    /// Difference in percent of the original. For a `partial` whose words were pressed into their time faster than
    /// the voice's bound: by how much they would have exceeded it at that bound.
    pub duration_variance_percent: f64,
    /// Speaking rate as a multiple of the voice's own; over 1 is faster.
    #[serde(with = "Checked::<Elapsed>")]
    pub speed_ratio: f64,
}

/// Milliseconds of work in each stage that ran; time spent waiting in its queue apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageTimings {
    /// Recognition.
    #[serde(default, with = "Optional::<Elapsed>", skip_serializing_if = "Option::is_none")]
    pub asr_ms: Option<f64>,
    /// Translation.
    #[serde(default, with = "Optional::<Elapsed>", skip_serializing_if = "Option::is_none")]
    pub translation_ms: Option<f64>,
    /// Synthesis.
    #[serde(default, with = "Optional::<Elapsed>", skip_serializing_if = "Option::is_none")]
    pub tts_ms: Option<f64>,
    /// Waiting in front of recognition.
    #[serde(default, with = "Optional::<Elapsed>", skip_serializing_if = "Option::is_none")]
    pub asr_queue_ms: Option<f64>,
    /// Waiting in front of translation.
    #[serde(default, with = "Optional::<Elapsed>", skip_serializing_if = "Option::is_none")]
    pub translation_queue_ms: Option<f64>,
    /// Waiting in front of synthesis.
    #[serde(default, with = "Optional::<Elapsed>", skip_serializing_if = "Option::is_none")]
    pub tts_queue_ms: Option<f64>,
}

impl StageTimings {
    /// Notes what a stage took; a stage that did a fragment twice took both times together.
    pub fn record(&mut self, stage: Stage, queue_ms: f64, work_ms: f64) {
        let (queue, work) = match stage {
            Stage::Asr => (&mut self.asr_queue_ms, &mut self.asr_ms),
            Stage::Translation => (&mut self.translation_queue_ms, &mut self.translation_ms),
            Stage::Tts => (&mut self.tts_queue_ms, &mut self.tts_ms),
        };
        *queue = Some(queue.unwrap_or_default() + queue_ms);
        *work = Some(work.unwrap_or_default() + work_ms);
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Asset {
    /// Its id.
    pub asset_id: String,
    /// What it was made from: a fragment or another asset.
    pub parent_asset_ids: Vec<String>,
    /// How long making it took, ms.
    #[serde(with = "Checked::<Elapsed>")]
    pub latency_ms: f64,
    /// The engine that made it, where a stage has several.
    #[serde(default, with = "Optional::<Plain<String>>", skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

/// The lineage of a result: fragment → transcript → translation → audio.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assets {
    /// What was said.
    #[serde(default, with = "Optional::<Plain<Asset>>", skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Asset>,
    /// The same in the target language.
    #[serde(default, with = "Optional::<Plain<Asset>>", skip_serializing_if = "Option::is_none")]
    pub translation: Option<Asset>,
    /// The same spoken.
    #[serde(default, with = "Optional::<Plain<Asset>>", skip_serializing_if = "Option::is_none")]
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
                engine: None,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = by_status)]
pub struct FragmentProcessed {
    /// The fragment.
    #[serde(with = "Checked::<Id>")]
    pub fragment_id: String,
    /// Its stream.
    #[serde(with = "Checked::<Id>")]
    pub stream_id: String,
    /// Its place in the stream; these leave in order.
    #[serde(with = "Checked::<SequenceNumber>")]
    pub sequence_number: u64,
    /// How it fared.
    pub status: FragmentStatus,
    /// The dub, in the stream's rate, channels and format.
    #[serde(default, with = "Optional::<Plain<AudioPayload>>", skip_serializing_if = "Option::is_none")]
    pub dubbed_audio: Option<AudioPayload>,
    /// What was said.
    #[serde(default, with = "Optional::<Plain<String>>", skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// The same in the target language.
    #[serde(default, with = "Optional::<Plain<String>>", skip_serializing_if = "Option::is_none")]
    pub translated_text: Option<String>,
    /// Durations and rate.
    #[serde(default, with = "Optional::<Plain<Metadata>>", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// From acceptance to emission, ms.
    #[serde(with = "Checked::<Elapsed>")]
    pub processing_time_ms: f64,
    /// Time in each stage that ran.
    pub stage_timings: StageTimings,
    /// Lineage.
    #[serde(default, with = "Optional::<Plain<Assets>>", skip_serializing_if = "Option::is_none")]
    pub assets: Option<Assets>,
    /// Why it failed.
    #[serde(default, with = "Optional::<Plain<FragmentError>>", skip_serializing_if = "Option::is_none")]
    pub error: Option<FragmentError>,
    /// Sequence numbers given up just before this one.
    #[serde(default, with = "Checked::<SequenceNumbers>", skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<u64>,
}

/// Fields of `fragment:processed` that a dub has, and a failure has not but for the texts.
const OF_A_DUB: [&str; 4] = ["dubbed_audio", "metadata", "transcript", "translated_text"];

impl FragmentProcessed {
    /// Checks that the fields are those of the status: a dub where there is one, and else an error.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn check(&self) -> Result<(), String> {
        let present = [
            self.dubbed_audio.is_some(),
            self.metadata.is_some(),
            self.transcript.is_some(),
            self.translated_text.is_some(),
        ];
        let dubbed = self.status != FragmentStatus::Failed;
        for (field, present) in OF_A_DUB.into_iter().zip(present) {
            if dubbed && !present {
                return Err(format!("`{field}` is missing from a fragment that was dubbed"));
            }
            if !dubbed && present && NEVER_OF_A_FAILURE.contains(&field) {
                return Err(format!("`{field}` is not for a fragment that failed"));
            }
        }
        if self.error.is_some() == dubbed {
            return Err("`error` is for a fragment that failed, and only for one".to_owned());
        }
        match self.dubbed_audio.clone().map(|audio| audio.decode(usize::MAX)) {
            Some(Ok(pcm)) if pcm.is_empty() => Err("`dubbed_audio` is empty".to_owned()),
            Some(Err(refusal)) => Err(refusal.message.replace("`audio`", "`dubbed_audio`")),
            _ => Ok(()),
        }
    }
}

const NEVER_OF_A_FAILURE: [&str; 2] = ["dubbed_audio", "metadata"];

/// What [`FragmentProcessed::check`] demands, in the schema.
fn by_status(schema: &mut Schema) {
    let forbidden: Map<String, Value> =
        NEVER_OF_A_FAILURE.iter().map(|&field| (field.to_owned(), json!(false))).collect();
    schema.insert("if".to_owned(), json!({"properties": {"status": {"const": FragmentStatus::Failed}}}));
    schema.insert("then".to_owned(), json!({"required": ["error"], "properties": forbidden}));
    schema.insert("else".to_owned(), json!({"required": OF_A_DUB, "properties": {"error": false}}));
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_trace_is_taken_over_and_one_that_is_not_valid_is_ignored() {
        let trace = |value: Value| Fragment::read(with("traceparent", value).into(), 1 << 20).expect("valid").trace;
        let trace_id =
            trace(json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")).map(|trace| trace.trace_id);
        assert_eq!(trace_id, Some(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c));
        assert_eq!((trace(json!("nonsense")), trace(json!(7)), trace(json!({"deep": []}))), (None, None, None));
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
        let announced = AudioSpec { channels: 2, ..fragment.spec };
        assert!(fragment.check_agrees(&announced).expect_err("differs").message.contains("`channels`"));
        let announced = AudioSpec { format: AudioFormat::PcmF32le, ..fragment.spec };
        assert!(fragment.check_agrees(&announced).expect_err("differs").message.contains("`format`"));
        assert!(fragment.check_agrees(&fragment.spec).is_ok());
    }

    #[test]
    fn long_fragments_may_be_off_by_two_percent() {
        let spec = AudioSpec { sample_rate_hz: 8_000, channels: 1, format: AudioFormat::PcmS16le };
        assert_eq!(check_length(&spec, 2 * 8 * 9_800, 10_000.0), Ok(()));
        assert!(check_length(&spec, 2 * 8 * 9_799, 10_000.0).expect_err("too short").contains("`duration_ms`"));
    }

    #[test]
    fn timings_are_noted_by_stage() {
        let mut timings = StageTimings::default();
        for (stage, ms) in Stage::ALL.into_iter().zip([1.0, 2.0, 3.0]) {
            assert_eq!(timings.work_ms(stage), None);
            timings.record(stage, ms * 10.0, ms);
            assert_eq!(timings.work_ms(stage), Some(ms));
        }
        assert_eq!((timings.asr_queue_ms, timings.tts_queue_ms), (Some(10.0), Some(30.0)));
    }

    #[test]
    fn names_of_states_are_the_serialised_ones() {
        for status in [FragmentStatus::Success, FragmentStatus::Partial, FragmentStatus::Failed] {
            assert_eq!(json!(status), status.as_str());
        }
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
