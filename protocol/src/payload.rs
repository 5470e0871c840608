//! An event's argument as it comes off the socket: an object of JSON values, and binary attachments among them.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use crate::error::{ErrorCode, Refusal};
use crate::rules::Id;

pub use crate::stream::Pause;

/// Most values in one event, those inside of others included: far above what the contract needs. An empty list is two
/// bytes on the wire and thirty-two in memory, so the length of the text is no bound.
pub const MAX_VALUES: usize = 4_096;
/// Deepest that values may stand in one another.
pub const MAX_DEPTH: usize = 32;
/// Longest part of a refusal that quotes the sender, bytes.
const MAX_QUOTE_BYTES: usize = 300;

/// An event's first argument, before it is known to be the right one.
///
/// Binary attachments are taken at the top level of the object, which is where the contract has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload {
    fields: BTreeMap<String, Field>,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Shape {
    Object,
    /// `null`: no argument, as some clients write it.
    Absent,
    #[default]
    Other,
}

impl Payload {
    /// Whether there is no argument.
    pub fn is_absent(&self) -> bool {
        self.shape == Shape::Absent
    }

    /// A text field, for messages that turn out to be malformed elsewhere.
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.fields.get(field) {
            Some(Field::Json(Value::String(text))) => Some(text),
            _ => None,
        }
    }

    /// Reads the fields as a `T`.
    ///
    /// # Errors
    /// `code`, with a message that names the field that is missing or wrong.
    pub fn decode<T: DeserializeOwned>(self, code: ErrorCode) -> Result<T, Refusal> {
        if self.shape != Shape::Object {
            return Err(Refusal::new(code, "the event needs one argument, an object"));
        }
        let fields = MapDeserializer::<_, serde_json::Error>::new(self.fields.into_iter());
        serde_path_to_error::deserialize(fields).map_err(|error| {
            let path = error.path().to_string();
            let reason = error.into_inner().to_string();
            let reason = cut(&reason, MAX_QUOTE_BYTES);
            let message = if path == "." { reason.to_owned() } else { format!("`{path}`: {reason}") };
            Refusal::new(code, message)
        })
    }
}

/// The beginning of a text, whole characters.
fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(fields) => Self {
                fields: fields.into_iter().map(|(name, value)| (name, Field::Json(value))).collect(),
                shape: Shape::Object,
            },
            Value::Null => Self { shape: Shape::Absent, ..Self::default() },
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
        let mut payload = Payload { shape: Shape::Object, ..Payload::default() };
        let mut budget = MAX_VALUES;
        while let Some(name) = map.next_key::<String>()? {
            let field = map.next_value_seed(FieldSeed { budget: &mut budget, depth: 1 })?;
            payload.fields.insert(name, field);
        }
        Ok(payload)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Payload, A::Error> {
        while sequence.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(Payload::default())
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
        Ok(Payload { shape: Shape::Absent, ..Payload::default() })
    }
}

/// One field's value: JSON, or an attachment where the JSON had a placeholder.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Json(Value),
    Binary(Bytes),
}

/// Reads a field within what is left of the event's budget.
struct FieldSeed<'a> {
    budget: &'a mut usize,
    depth: usize,
}

impl FieldSeed<'_> {
    fn inner(&mut self) -> FieldSeed<'_> {
        FieldSeed { budget: self.budget, depth: self.depth + 1 }
    }

    fn descend<E: de::Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH { Ok(()) } else { Err(E::custom(format!("values stand deeper than {MAX_DEPTH}"))) }
    }
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        *self.budget = self
            .budget
            .checked_sub(1)
            .ok_or_else(|| de::Error::custom(format!("an event has at most {MAX_VALUES} values")))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
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

    fn visit_byte_buf<E>(self, value: Vec<u8>) -> Result<Field, E> {
        Ok(Field::Binary(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Json(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<Field, A::Error> {
        self.descend()?;
        let mut values = Vec::new();
        while let Some(field) = sequence.next_element_seed(self.inner())? {
            values.push(nested(field)?);
        }
        Ok(Field::Json(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Field, A::Error> {
        self.descend()?;
        let mut values = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let field = map.next_value_seed(self.inner())?;
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

impl<'de> IntoDeserializer<'de, serde_json::Error> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A field on its way into the type that it is for.
impl<'de> Deserializer<'de> for Field {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            // What is inside is read in the same way.
            Self::Json(Value::Array(items)) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Field::Json)))
            }
            Self::Json(Value::Object(fields)) => visitor
                .visit_map(MapDeserializer::new(fields.into_iter().map(|(name, value)| (name, Self::Json(value))))),
            Self::Json(value) => value.deserialize_any(visitor),
            Self::Binary(bytes) => visitor.visit_byte_buf(bytes.into()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Self::Json(Value::Null) => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    // An attachment is no text, though its bytes may be letters.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Self::Json(value) => value.deserialize_string(visitor),
            Self::Binary(_) => Err(de::Error::invalid_type(de::Unexpected::Other("a binary attachment"), &visitor)),
        }
    }

    // Named values are text. Serde would take an object with the name as its key, too.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self {
            Self::Json(value @ Value::String(_)) => value.deserialize_enum(name, variants, visitor),
            Self::Json(_) => Err(de::Error::custom(format!("must be text, one of {}", variants.join(", ")))),
            Self::Binary(_) => Err(de::Error::invalid_type(de::Unexpected::Other("a binary attachment"), &"text")),
        }
    }

    // Nor is a list of its values an object.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self {
            Self::Json(Value::Array(_)) => Err(de::Error::invalid_type(de::Unexpected::Seq, &"an object")),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// Checks bounded text made of visible ASCII, as ids are.
///
/// # Errors
/// `code`, with a message that names `field`.
pub fn check_id(field: &str, value: &str, code: ErrorCode) -> Result<(), Refusal> {
    if Id::accepts(value) { Ok(()) } else { Err(Refusal::new(code, format!("`{field}` {}", Id::complaint()))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, serde::Deserialize)]
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
    fn types_of_all_kinds_are_read() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Wrapped(u32);
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Kinds {
            wrapped: Wrapped,
            list: Vec<u8>,
            nothing: Option<String>,
            something: Option<String>,
        }
        let payload = Payload::from(json!({"wrapped": 7, "list": [1, 2], "nothing": null, "something": "x"}));
        let kinds: Kinds = payload.decode(ErrorCode::InvalidConfig).expect("valid");
        let expected = Kinds { wrapped: Wrapped(7), list: vec![1, 2], nothing: None, something: Some("x".to_owned()) };
        assert_eq!(kinds, expected);
    }

    #[test]
    fn quotes_are_bounded() {
        let message = refusal(json!({"number": "ü".repeat(10_000)}));
        assert!(message.starts_with("`number`") && message.len() < 400, "{} bytes", message.len());
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
