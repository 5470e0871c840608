//! An event's argument as it comes off the socket: an object of JSON values, and binary attachments among them.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{ErrorCode, Refusal};

/// An event's first argument, before it is known to be the right one.
///
/// Binary attachments are taken at the top level of the object, which is where the contract has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload {
    fields: Map<String, Value>,
    attachments: Vec<(String, Bytes)>,
    is_object: bool,
}

impl Payload {
    /// Takes the binary attachment of this field out, if it is one.
    pub fn take_attachment(&mut self, field: &str) -> Option<Bytes> {
        let index = self.attachments.iter().position(|(name, _)| name == field)?;
        Some(self.attachments.swap_remove(index).1)
    }

    /// Takes the text of this field out, if it is text.
    pub fn take_text(&mut self, field: &str) -> Option<String> {
        match self.fields.remove(field) {
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.fields.insert(field.to_owned(), other);
                None
            }
            None => None,
        }
    }

    /// Whether the field came, as JSON or as an attachment.
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field) || self.attachments.iter().any(|(name, _)| name == field)
    }

    /// A text field, for messages that turn out to be malformed elsewhere.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    /// Reads the JSON fields as a `T`.
    ///
    /// # Errors
    /// `code`, with a message that names the field that is missing or of the wrong type.
    pub fn decode<T: DeserializeOwned>(self, code: ErrorCode) -> Result<T, Refusal> {
        if !self.is_object {
            return Err(Refusal::new(code, "the event needs one argument, an object"));
        }
        if let Some((field, _)) = self.attachments.first() {
            return Err(Refusal::new(code, format!("`{field}` must not be a binary attachment")));
        }
        serde_path_to_error::deserialize(Value::Object(self.fields)).map_err(|error| {
            let path = error.path().to_string();
            let reason = error.into_inner().to_string();
            let message = if path == "." { reason } else { format!("`{path}`: {reason}") };
            Refusal::new(code, message)
        })
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(fields) => Self { fields, attachments: Vec::new(), is_object: true },
            _ => Self::default(),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PayloadVisitor)
    }
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an event's argument")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
        let mut payload = Payload { is_object: true, ..Payload::default() };
        while let Some((name, value)) = map.next_entry::<String, Field>()? {
            match value {
                Field::Json(value) => drop(payload.fields.insert(name, value)),
                Field::Binary(bytes) => payload.attachments.push((name, bytes)),
            }
        }
        Ok(payload)
    }

    // An event may come with several arguments; the contract's have one, the first.
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Payload, A::Error> {
        let first = sequence.next_element::<Self::Value>()?;
        while sequence.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(first.unwrap_or_default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Payload, E> {
        Ok(Payload::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Payload, E> {
        Ok(Payload::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Payload, E> {
        Ok(Payload::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Payload, E> {
        Ok(Payload::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Payload, E> {
        Ok(Payload::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Payload, E> {
        Ok(Payload::default())
    }

    fn visit_unit<E>(self) -> Result<Payload, E> {
        Ok(Payload::default())
    }
}

/// One field's value: JSON, or an attachment where the JSON had a placeholder.
enum Field {
    Json(Value),
    Binary(Bytes),
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON value or a binary attachment")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field, E> {
        Ok(Field::Json(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Field, E> {
        Ok(Field::Json(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Field, E> {
        Ok(Field::Json(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Field, E> {
        Ok(Field::Json(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Field, E> {
        Ok(Field::Json(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Field, E> {
        Ok(Field::Json(value.into()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Field, E> {
        Ok(Field::Binary(Bytes::copy_from_slice(value)))
    }

    fn visit_byte_buf<E>(self, value: Vec<u8>) -> Result<Field, E> {
        Ok(Field::Binary(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Json(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Field, A::Error> {
        let mut values = Vec::new();
        while let Some(field) = sequence.next_element::<Field>()? {
            values.push(nested(field)?);
        }
        Ok(Field::Json(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        let mut values = Map::new();
        while let Some((name, field)) = map.next_entry::<String, Field>()? {
            values.insert(name, nested(field)?);
        }
        Ok(Field::Json(Value::Object(values)))
    }
}

fn nested<E: de::Error>(field: Field) -> Result<Value, E> {
    match field {
        Field::Json(value) => Ok(value),
        Field::Binary(_) => Err(E::custom("a binary attachment is only taken at the top level")),
    }
}

/// A field that is either absent or must be bounded text made of visible ASCII, as ids are.
///
/// # Errors
/// `code`, with a message that names `field`.
pub fn check_id(field: &str, value: &str, code: ErrorCode) -> Result<(), Refusal> {
    const MAX_ID_BYTES: usize = 128;
    let visible = value.bytes().all(|byte| byte.is_ascii_graphic());
    if value.is_empty() || value.len() > MAX_ID_BYTES || !visible {
        let message = format!("`{field}` must be 1 to {MAX_ID_BYTES} visible ASCII characters without spaces");
        return Err(Refusal::new(code, message));
    }
    Ok(())
}

/// `{reason}` of `stream:pause`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why, for the log.
    #[serde(default)]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[allow(dead_code)]
        number: u32,
    }

    fn refusal(value: Value) -> String {
        let payload: Payload = serde_json::from_value(value).expect("any JSON is a payload");
        payload.decode::<Sample>(ErrorCode::InvalidConfig).expect_err("not a sample").message
    }

    #[test]
    fn refusals_name_the_field() {
        assert!(refusal(json!({})).contains("`number`"));
        assert!(refusal(json!({"number": "seven"})).starts_with("`number`"));
        assert!(refusal(json!({"number": -1})).starts_with("`number`"));
        for not_an_object in [json!(null), json!(7), json!("x"), json!([]), json!(true), json!(1.5)] {
            assert!(refusal(not_an_object).contains("object"));
        }
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let payload = Payload::from(json!({"number": 7, "later": {"deep": [1]}}));
        assert_eq!(payload.decode::<Sample>(ErrorCode::InvalidConfig).expect("valid").number, 7);
    }

    #[test]
    fn ids_are_bounded() {
        let code = ErrorCode::InvalidFragment;
        assert!(check_id("fragment_id", "f-1", code).is_ok());
        for bad in ["", "a b", "ü", "a\n", &"x".repeat(129)] {
            let refusal = check_id("fragment_id", bad, code).expect_err("not an id");
            assert!(refusal.message.contains("`fragment_id`"));
        }
    }
}
