//! The message decoder: a text frame and its attachments, through socketioxide's own parser and through plain JSON,
//! to `stream:init` and `fragment:data`.

use bytes::Bytes;
use serde_json::Value as Json;
use socketioxide_core::packet::PacketData;
use socketioxide_core::parser::{Parse, ParseConfig, ParseError, ParserState};
use socketioxide_core::{Str, Value};
use socketioxide_parser_common::CommonParser;
use sts_protocol::fragment::MAX_SEQUENCE_NUMBER;
use sts_protocol::stream::{MAX_CHUNK_DURATION_MS, SAMPLE_RATES_HZ};
use sts_protocol::{ErrorCode, Fragment, Payload, Refusal, StreamInit};

use crate::refusal;

/// Between the frames of an input, as Engine.IO has it between the packets of a polling body. It cannot stand
/// unescaped in JSON, so it costs the text frame nothing.
const SEPARATOR: u8 = 0x1e;
/// Most bytes of audio here; small, so that the fuzzer finds the limit.
const MAX_BYTES: usize = 4_096;
const MAX_ATTACHMENTS: usize = 4;

/// The first record is a text frame, the others its attachments.
pub fn check(input: &[u8]) {
    let mut frames = input.split(|&byte| byte == SEPARATOR);
    let Some(text) = frames.next().and_then(|text| std::str::from_utf8(text).ok()) else { return };
    check_json(text);
    if let Some(data) = parse(text, frames) {
        check_event(data, text);
    }
}

/// A payload may also come straight from JSON.
fn check_json(text: &str) {
    if let Ok(payload) = serde_json::from_str::<Payload>(text) {
        let _ = read_both(&payload);
    }
}

/// What the parser makes of the frames; the data of a complete event, if they are one.
fn parse<'a>(text: &str, attachments: impl Iterator<Item = &'a [u8]>) -> Option<Value> {
    let config = ParseConfig {
        max_incoming_binaries: MAX_ATTACHMENTS,
        max_incoming_binary_buf_size: 2 * MAX_BYTES,
        ..ParseConfig::default()
    };
    let state = ParserState::default();
    let mut parsed = CommonParser.decode_str(&config, &state, Str::copy_from_slice(text));
    for attachment in attachments {
        if !matches!(parsed, Err(ParseError::NeedsMoreBinaryData)) {
            break;
        }
        parsed = CommonParser.decode_bin(&config, &state, Bytes::copy_from_slice(attachment));
    }
    match parsed.ok()?.inner {
        PacketData::Event(data, _) | PacketData::BinaryEvent(data, _) => Some(data),
        PacketData::Connect(auth) => {
            let _ = CommonParser.decode_default::<Json>(auth.as_ref());
            None
        }
        _ => None,
    }
}

fn check_event(mut data: Value, text: &str) {
    if CommonParser.read_event(&data).is_err() {
        return;
    }
    let json = data.as_str().and_then(|data| serde_json::from_str::<Vec<Json>>(data).ok());
    let payload = CommonParser.decode_value::<Payload>(&mut data, true);
    match payload {
        Ok(payload) => {
            let read = read_both(&payload);
            // Without attachments there are two ways to the same payload, and both must come to the same end.
            if let Some(json) = json.filter(|_| !text.contains("_placeholder")) {
                let again = Payload::from(json.into_iter().nth(1).unwrap_or_default());
                assert_eq!(read_both(&again), read, "plain JSON and the parser disagree on {text}");
            }
        }
        // The parser's own refusal; the gateway bounds what it tells of it.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Reads a payload as either event, and checks what comes of it.
fn read_both(payload: &Payload) -> (Result<StreamInit, Refusal>, Result<Fragment, Refusal>) {
    let init = StreamInit::read(payload.clone());
    check_init(&init);
    let fragment = Fragment::read(payload.clone(), MAX_BYTES);
    check_fragment(&fragment, MAX_BYTES);
    (init, fragment)
}

/// What must hold of a `stream:init` that was read, or was not.
pub fn check_init(read: &Result<StreamInit, Refusal>) {
    match read {
        Err(refused) => refusal::check(refused, &[ErrorCode::InvalidConfig]),
        Ok(init) => {
            assert!(init.chunk_duration_ms > 0.0 && init.chunk_duration_ms <= MAX_CHUNK_DURATION_MS);
            assert!(SAMPLE_RATES_HZ.contains(&init.sample_rate_hz) && matches!(init.channels, 1 | 2));
            assert!(init.source_language.len() == 2 && init.target_language.len() == 2);
            assert!(init.first_sequence_number.is_none_or(|number| number <= MAX_SEQUENCE_NUMBER));
            assert!(init.domain_hints.iter().all(|hint| hint.chars().count() <= 100));
            let again = serde_json::to_value(init).expect("what was read can be written");
            assert_eq!(StreamInit::read(again.into()).as_ref(), Ok(init), "writing and reading changes it");
        }
    }
}

/// What must hold of a `fragment:data` that was read, or was not.
pub fn check_fragment(read: &Result<Fragment, Refusal>, max_bytes: usize) {
    match read {
        Err(refused) => refusal::check(refused, &[ErrorCode::InvalidFragment, ErrorCode::FragmentTooLarge]),
        Ok(fragment) => {
            let spec = fragment.spec;
            assert!(matches!(spec.channels, 1 | 2) && spec.sample_rate_hz > 0);
            assert!(!fragment.pcm.is_empty() && fragment.pcm.len() <= max_bytes);
            assert_eq!(fragment.frames() * spec.bytes_per_frame(), fragment.pcm.len(), "half a frame");
            assert!(fragment.timestamp_ms.is_finite() && fragment.duration_ms() > 0.0);
            assert!(fragment.sequence_number <= MAX_SEQUENCE_NUMBER);
            for id in [&fragment.fragment_id, &fragment.stream_id] {
                assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
