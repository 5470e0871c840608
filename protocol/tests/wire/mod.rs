//! An event as the service's own Socket.IO library reads it off the wire.
#![allow(dead_code, reason = "each test binary uses its own part")]

use bytes::Bytes;
use serde_json::{Value, json};
use socketioxide_core::Str;
use socketioxide_core::packet::PacketData;
use socketioxide_core::parser::{Parse as _, ParseConfig, ParseError, ParserState};
use socketioxide_parser_common::CommonParser;
use sts_protocol::{ErrorCode, Payload, Refusal};

/// An event with one argument and its attachments, through the parser.
pub fn payload(event: &str, argument: &Value, attachments: &[Vec<u8>]) -> Result<Payload, Refusal> {
    let kind = if attachments.is_empty() { "2".to_owned() } else { format!("5{}-", attachments.len()) };
    frames(&format!("{kind}{}", json!([event, argument])), attachments)
}

/// A text frame and what follows it, through the parser.
pub fn frames(text: &str, attachments: &[Vec<u8>]) -> Result<Payload, Refusal> {
    let (config, state) = (ParseConfig::default(), ParserState::default());
    let mut parsed = CommonParser.decode_str(&config, &state, Str::copy_from_slice(text));
    for attachment in attachments {
        assert!(matches!(parsed, Err(ParseError::NeedsMoreBinaryData)), "it does not wait for attachments");
        parsed = CommonParser.decode_bin(&config, &state, Bytes::copy_from_slice(attachment));
    }
    let mut data = match parsed.expect("a packet").inner {
        PacketData::Event(data, _) | PacketData::BinaryEvent(data, _) => data,
        other => panic!("not an event: {other:?}"),
    };
    let read = CommonParser.decode_value::<Payload>(&mut data, true);
    read.map_err(|error| Refusal::new(ErrorCode::Internal, format!("the event cannot be read: {error}")))
}
