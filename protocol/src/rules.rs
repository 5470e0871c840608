//! What a field may hold: the check of each kind of field beside the schema that says the same, from one constant.
//!
//! A field names its rule once, as in `#[serde(with = "Checked::<Id>")]`. Serde reads the field by it, and schemars
//! takes the schema from it, so that the two cannot differ.

mod numbers;
mod texts;

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

pub use numbers::{
    Breakdown, Channels, ChunkDuration, Count, Duration, Elapsed, FragmentRate, MAX_CHUNK_DURATION_MS,
    MAX_SEQUENCE_NUMBER, SAMPLE_RATES_HZ, SampleRate, SequenceNumber, SequenceNumbers,
};
pub use texts::{Hints, Id, Language, Reason};

/// What a field may hold.
pub trait Rule {
    /// What is read from the wire.
    type Raw: DeserializeOwned;
    /// What the field holds.
    type Value: Serialize;

    /// Turns what was read into what the field holds.
    ///
    /// # Errors
    /// A sentence without a subject, as "must be above 0".
    fn check(raw: Self::Raw) -> Result<Self::Value, String>;

    /// The schema of what `check` lets pass.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A field that must be there, and keep its rule.
pub struct Checked<R>(PhantomData<R>);

impl<R: Rule> Checked<R> {
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<R::Value, D::Error> {
        R::check(R::Raw::deserialize(deserializer)?).map_err(de::Error::custom)
    }

    pub(crate) fn serialize<S: Serializer>(value: &R::Value, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }
}

/// A field that may be absent. `null` is no value: it is what nobody sends.
pub struct Optional<R>(PhantomData<R>);

impl<R: Rule> Optional<R> {
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<R::Value>, D::Error> {
        Checked::<R>::deserialize(deserializer).map(Some)
    }

    /// Serialises what is there without the serialiser's notion of an option: socketioxide's passes the content of
    /// one on to plain JSON, where bytes become a list of numbers and not an attachment.
    pub(crate) fn serialize<S: Serializer>(value: &Option<R::Value>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(serializer),
            None => serializer.serialize_none(),
        }
    }
}

/// A worker's field that may be absent, or `null`, which is the same: many languages have no other way to leave out.
pub struct Nullable<R>(PhantomData<R>);

impl<R: Rule> Nullable<R> {
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<R::Value>, D::Error> {
        Option::<R::Raw>::deserialize(deserializer)?.map(R::check).transpose().map_err(de::Error::custom)
    }

    pub(crate) fn serialize<S: Serializer>(value: &Option<R::Value>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }
}

/// Like [`Nullable`], for a field that has a default.
pub struct OrDefault<R>(PhantomData<R>);

impl<R: Rule<Value: Default>> OrDefault<R> {
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<R::Value, D::Error> {
        Nullable::<R>::deserialize(deserializer).map(Option::unwrap_or_default)
    }

    pub(crate) fn serialize<S: Serializer>(value: &R::Value, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }
}

macro_rules! schema_of_rule {
    ($($field:ident => $schema:expr;)*) => {$(
        impl<R: Rule> JsonSchema for $field<R> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                concat!("a field that is ", stringify!($field)).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let schema = R::schema(generator);
                $schema(schema)
            }
        }
    )*};
}

schema_of_rule! {
    Checked => std::convert::identity;
    Optional => std::convert::identity;
    Nullable => or_null;
    OrDefault => or_null;
}

fn or_null(mut schema: Schema) -> Schema {
    match schema.get("type").cloned() {
        Some(kind) if schema.get("enum").is_none() => {
            schema.insert("type".to_owned(), serde_json::json!([kind, "null"]));
            schema
        }
        _ => json_schema!({"anyOf": [schema, {"type": "null"}]}),
    }
}

/// Whatever the type takes.
pub struct Plain<T>(PhantomData<T>);

impl<T: DeserializeOwned + Serialize + JsonSchema> Rule for Plain<T> {
    type Raw = T;
    type Value = T;

    fn check(raw: T) -> Result<T, String> {
        Ok(raw)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}
