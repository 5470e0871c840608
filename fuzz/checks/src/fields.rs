//! `stream:init` and `fragment:data` field by field: each value is good, absent or arbitrary, and an oracle that was
//! written from the contract, not from the code, says which events must be taken.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use serde_json::{Map, Number, Value, json};
use sts_protocol::{AudioEncoding, AudioPayload, Fragment, Payload, StreamInit};

use crate::message::{check_fragment, check_init};

const MAX_BYTES: usize = 4_096;
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Events field by field.
#[derive(Arbitrary, Debug)]
pub enum Event {
    /// `fragment:data`.
    Fragment(FragmentCase),
    /// `stream:init`.
    Init(InitCase),
}

/// A field of a message.
#[derive(Arbitrary, Debug)]
pub enum Field<T> {
    /// A value of the right type.
    Typed(T),
    /// One that is surely valid.
    Good,
    /// No such field.
    Absent,
    /// Anything.
    Any(Junk),
}

/// Any JSON, of bounded depth.
#[derive(Arbitrary, Debug)]
pub enum Junk {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// A number that may be no number in JSON.
    Float(f64),
    /// Text, repeated.
    Text(String, u8),
    /// A list.
    List(Vec<i8>),
    /// An object.
    Object(String, u32),
    /// A list in a list in a list…
    Deep(u8),
}

impl Junk {
    fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Integer(value) => json!(value),
            Self::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            Self::Text(text, times) => Value::String(text.repeat(usize::from(*times) + 1)),
            Self::List(values) => json!(values),
            Self::Object(name, value) => Value::Object(Map::from_iter([(name.clone(), json!(value))])),
            Self::Deep(depth) => (0..*depth).fold(Value::Null, |inner, _| Value::Array(vec![inner])),
        }
    }
}

/// A `fragment:data` in pieces.
#[derive(Arbitrary, Debug)]
pub struct FragmentCase {
    fragment_id: Field<String>,
    stream_id: Field<String>,
    sequence_number: Field<u64>,
    timestamp: Field<f64>,
    audio: Field<Vec<u8>>,
    sample_rate: Field<u32>,
    channels: Field<u16>,
    float_format: Field<bool>,
    duration_ms: Field<f64>,
    /// Frames of audio where it is good.
    frames: u8,
    /// How far `duration_ms` is off where it is good, in hundredths of what is tolerated.
    off: u8,
}

/// A `stream:init` in pieces.
#[derive(Arbitrary, Debug)]
pub struct InitCase {
    source_language: Field<String>,
    target_language: Field<String>,
    voice_profile: Field<String>,
    chunk_duration_ms: Field<f64>,
    sample_rate_hz: Field<u32>,
    channels: Field<u16>,
    float_format: Field<bool>,
    domain_hints: Field<Vec<String>>,
    first_sequence_number: Field<u64>,
    session_id: Field<String>,
    binary: Field<bool>,
}

/// The message as it is built, and whether the contract has it taken; `None` when the oracle does not know, which it
/// does not for a value of any type.
struct Built {
    fields: Map<String, Value>,
    valid: Option<bool>,
}

impl Built {
    fn new() -> Self {
        Self { fields: Map::new(), valid: Some(true) }
    }

    /// Puts a field in, and returns the typed value that is there, if one is.
    fn put<T: Clone>(
        &mut self,
        name: &str,
        field: &Field<T>,
        good: T,
        write: impl Fn(&T) -> Value,
        valid: impl Fn(&T) -> bool,
        required: bool,
    ) -> Option<T> {
        let value = match field {
            Field::Typed(value) => value.clone(),
            Field::Good => good,
            Field::Absent => {
                self.note(Some(!required));
                return None;
            }
            Field::Any(junk) => {
                self.fields.insert(name.to_owned(), junk.json());
                self.note(None);
                return None;
            }
        };
        self.fields.insert(name.to_owned(), write(&value));
        self.note(Some(valid(&value)));
        Some(value)
    }

    /// One wrong field makes the message wrong, whatever is not known of others.
    fn note(&mut self, field: Option<bool>) {
        self.valid = match (self.valid, field) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
    }
}

fn text(value: &String) -> Value {
    json!(value)
}

fn float(value: &f64) -> Value {
    // What is no number cannot be written as one: it becomes null, which is wrong for every number.
    Number::from_f64(*value).map_or(Value::Null, Value::Number)
}

fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

fn is_language(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn format_name(float_format: &bool) -> Value {
    json!(if *float_format { "pcm_f32le" } else { "pcm_s16le" })
}

/// Reads one event of the two, and compares with the oracle.
pub fn check(input: &[u8]) {
    match Event::arbitrary(&mut Unstructured::new(input)) {
        Ok(Event::Fragment(case)) => check_fragment_case(&case),
        Ok(Event::Init(case)) => check_init_case(&case),
        Err(_) => {}
    }
}

fn check_fragment_case(case: &FragmentCase) {
    let mut built = Built::new();
    built.put("fragment_id", &case.fragment_id, "f".to_owned(), text, |id| is_id(id), true);
    built.put("stream_id", &case.stream_id, "s".to_owned(), text, |id| is_id(id), true);
    let in_range = |number: &u64| *number <= MAX_SAFE_INTEGER;
    built.put("sequence_number", &case.sequence_number, 0, |number| json!(number), in_range, true);
    built.put("timestamp", &case.timestamp, 0.0, float, |time| time.is_finite(), true);
    let rate = built.put("sample_rate", &case.sample_rate, 8_000, |rate| json!(rate), |&rate| rate > 0, true);
    let channels = built.put("channels", &case.channels, 1, |count| json!(count), |count| [1, 2].contains(count), true);
    let float_format = built.put("format", &case.float_format, false, format_name, |_| true, true);
    let (rate, channels) = (rate.filter(|&rate| rate > 0), channels.filter(|count| [1, 2].contains(count)));
    let frame = channels.zip(float_format).map(|(count, float)| usize::from(count) * if float { 4 } else { 2 });
    let good_audio = vec![0; usize::from(case.frames) * frame.unwrap_or(2)];
    let encode = |pcm: &Vec<u8>| json!(AudioPayload::encode(Bytes::from(pcm.clone()), AudioEncoding::Base64));
    let whole = |pcm: &Vec<u8>| {
        !pcm.is_empty() && pcm.len() <= MAX_BYTES && frame.is_none_or(|frame| pcm.len().is_multiple_of(frame))
    };
    let pcm = built.put("audio", &case.audio, good_audio, encode, whole, true);
    let lasts_ms = match (pcm, frame, rate) {
        (Some(pcm), Some(frame), Some(rate)) => Some((pcm.len() / frame) as f64 * 1000.0 / f64::from(rate)),
        _ => None,
    };
    let good_ms = lasts_ms.unwrap_or(100.0) + 50.0 * f64::from(case.off.min(99)) / 100.0;
    let agrees = |announced: &f64| {
        let tolerated_ms = f64::max(50.0, announced * 0.02);
        *announced > 0.0
            && announced.is_finite()
            && lasts_ms.is_none_or(|lasts_ms| (lasts_ms - announced).abs() <= tolerated_ms)
    };
    built.put("duration_ms", &case.duration_ms, good_ms, float, agrees, true);
    let read = Fragment::read(Payload::from(Value::Object(built.fields.clone())), MAX_BYTES);
    check_fragment(&read, MAX_BYTES);
    if let Some(valid) = built.valid {
        assert_eq!(read.is_ok(), valid, "{:?} for {}", read, Value::Object(built.fields));
    }
}

fn check_init_case(case: &InitCase) {
    let mut built = Built::new();
    built.put("source_language", &case.source_language, "en".to_owned(), text, |code| is_language(code), true);
    built.put("target_language", &case.target_language, "es".to_owned(), text, |code| is_language(code), true);
    // Whether there is such a voice is not for the decoder to know.
    let voice = built.put("voice_profile", &case.voice_profile, "v".to_owned(), text, |_| true, true);
    if voice.is_some_and(|voice| !is_id(&voice)) {
        built.note(None);
    }
    let in_range = |ms: &f64| *ms > 0.0 && *ms <= 30_000.0;
    built.put("chunk_duration_ms", &case.chunk_duration_ms, 6_000.0, float, in_range, true);
    let rates = |rate: &u32| (8_000..=192_000).contains(rate);
    built.put("sample_rate_hz", &case.sample_rate_hz, 16_000, |rate| json!(rate), rates, true);
    built.put("channels", &case.channels, 1, |count| json!(count), |count| [1, 2].contains(count), true);
    built.put("format", &case.float_format, false, format_name, |_| true, true);
    let bounded = |hints: &Vec<String>| hints.len() <= 200 && hints.iter().all(|hint| hint.chars().count() <= 100);
    built.put("domain_hints", &case.domain_hints, Vec::new(), |hints| json!(hints), bounded, false);
    let safe = |number: &u64| *number <= MAX_SAFE_INTEGER;
    built.put("first_sequence_number", &case.first_sequence_number, 0, |number| json!(number), safe, false);
    let resume = |id: &String| json!({"session_id": id});
    built.put("resume", &case.session_id, "session".to_owned(), resume, |id| is_id(id), false);
    let encoding = |binary: &bool| json!(if *binary { "binary" } else { "base64" });
    built.put("audio_encoding", &case.binary, false, encoding, |_| true, false);
    let read = StreamInit::read(Payload::from(Value::Object(built.fields.clone())));
    check_init(&read);
    if let Some(valid) = built.valid {
        assert_eq!(read.is_ok(), valid, "{:?} for {}", read, Value::Object(built.fields));
    }
}
