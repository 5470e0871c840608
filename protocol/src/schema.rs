//! The JSON Schemas of all messages, from the types that read and write them.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::event::EVENTS;

/// A JSON Schema document: the messages of one kind, each by its type's name under `$defs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its name, which is its file's in `schemas/` but for the ending.
    pub name: &'static str,
    /// Draft 2020-12. Refers to nothing outside of itself.
    pub schema: Value,
}

const DOCUMENTS: [(&str, &str); 4] = [
    ("stream", "Messages about a whole stream: opening, pausing, ending, and the answers."),
    ("fragment", "Messages about one fragment: audio, its acknowledgement, its dub."),
    ("backpressure", "The message that reports a stream's level of load."),
    ("error", "The message that reports what was refused or went wrong."),
];

/// Every schema document.
pub fn documents() -> Vec<Document> {
    DOCUMENTS
        .into_iter()
        .map(|(name, description)| {
            let mut generator = SchemaSettings::draft2020_12().into_generator();
            for event in EVENTS.iter().filter(|event| event.document == name) {
                (event.schema)(&mut generator);
            }
            Document { name, schema: document(name, description, &mut generator) }
        })
        .collect()
}

fn document(name: &str, description: &str, generator: &mut SchemaGenerator) -> Value {
    let mut definitions = generator.take_definitions(true);
    for definition in definitions.values_mut() {
        if let Ok(schema) = definition.try_into() {
            RecursiveTransform(without_width).transform(schema);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:sts:protocol:{name}"),
        "title": name,
        "description": description,
        "$defs": definitions,
    })
}

/// Takes out what Rust's numbers are called, as `uint64`: it is no format of JSON Schema's.
fn without_width(schema: &mut Schema) {
    schema.remove("format");
}
