//! The samples in `samples/`: for each event a file of JSON lines. Its README says how they are written.

use base64::Engine as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sts_protocol::event::Event;

/// The samples of one event.
pub struct Samples {
    /// Relative to the root of the repository.
    pub path: String,
    /// Largest fragment, bytes decoded, that the verdicts suppose.
    pub max_fragment_bytes: usize,
    /// One for each line but the first.
    pub samples: Vec<Sample>,
}

/// An argument of an event, and what must become of it.
pub struct Sample {
    /// What is special about it.
    pub name: String,
    /// The line of the file, from 1.
    pub line: usize,
    /// The argument, with placeholders for attachments as Socket.IO writes them.
    pub argument: Value,
    /// The attachments, in order.
    pub attachments: Vec<Vec<u8>>,
    /// Why it is refused, if it is.
    pub refused: Option<Refused>,
    /// Whether the schema accepts it; differs from the decoder's verdict where a schema cannot tell.
    pub schema_accepts: bool,
}

/// What a refusal says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Its code; none where the service is the sender.
    pub code: Option<String>,
    /// The field that it names, as `resume.session_id` or `domain_hints[1]`; empty for the argument as a whole.
    pub field: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    event: String,
    base: Value,
    #[serde(default)]
    others: Map<String, Value>,
    #[serde(default)]
    max_fragment_bytes: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    from: Option<String>,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    argument: Option<Value>,
    #[serde(default)]
    attachments: Vec<String>,
    refused: Option<Refused>,
    schema: Option<String>,
    because: Option<String>,
}

/// Reads `null` as a value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The file of an event's samples, relative to the root of the repository.
pub fn path(event: &Event) -> String {
    format!("protocol/samples/{}.jsonl", event.name.replace(':', "_"))
}

/// The samples of an event.
pub fn load(event: &Event) -> Samples {
    let path = path(event);
    let text = super::read(&path);
    let mut lines = text.lines();
    let header: Header =
        serde_json::from_str(lines.next().unwrap_or_default()).unwrap_or_else(|error| panic!("{path}:1: {error}"));
    assert_eq!(header.event, event.name, "{path}");
    let samples = lines
        .enumerate()
        .map(|(index, line)| {
            let place = format!("{path}:{}", index + 2);
            let line: Line = serde_json::from_str(line).unwrap_or_else(|error| panic!("{place}: {error}"));
            sample(line, index + 2, &header, &place)
        })
        .collect();
    Samples { path, max_fragment_bytes: header.max_fragment_bytes, samples }
}

fn sample(line: Line, number: usize, header: &Header, place: &str) -> Sample {
    let base = match &line.from {
        Some(name) => header.others.get(name).unwrap_or_else(|| panic!("{place}: no base {name}")),
        None => &header.base,
    };
    let mut argument = line.argument.unwrap_or_else(|| base.clone());
    for (pointer, value) in line.set {
        set(&mut argument, &pointer, value).unwrap_or_else(|| panic!("{place}: nothing can be set at {pointer}"));
    }
    for pointer in line.remove {
        remove(&mut argument, &pointer).unwrap_or_else(|| panic!("{place}: nothing can be removed at {pointer}"));
    }
    let attachments = line.attachments.iter().map(|text| {
        base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_else(|error| panic!("{place}: {error}"))
    });
    if let Some(verdict) = &line.schema {
        assert!(verdict == "accepts" && line.because.is_some() && line.refused.is_some(), "{place}: schema");
    }
    Sample {
        attachments: attachments.collect(),
        schema_accepts: line.refused.is_none() || line.schema.is_some(),
        name: line.name,
        line: number,
        argument,
        refused: line.refused,
    }
}

fn set(argument: &mut Value, pointer: &str, value: Value) -> Option<()> {
    let (parent, name) = pointer.rsplit_once('/')?;
    match argument.pointer_mut(parent)? {
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(items) => *items.get_mut(name.parse::<usize>().ok()?)? = value,
        _ => return None,
    }
    Some(())
}

fn remove(argument: &mut Value, pointer: &str) -> Option<()> {
    let (parent, name) = pointer.rsplit_once('/')?;
    argument.pointer_mut(parent)?.as_object_mut()?.remove(name).map(drop)
}
