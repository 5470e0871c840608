//! What a field may hold: the check of each kind of field beside the schema that says the same, from one constant.
//!
//! A field names its rule once, as in `#[serde(with = "Checked::<Id>")]`. Serde reads the field by it, and schemars
//! takes the schema from it, so that the two cannot differ.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Longest id, bytes.
pub const MAX_ID_BYTES: usize = 128;
/// Longest fragment that a stream may announce, ms.
pub const MAX_CHUNK_DURATION_MS: f64 = 30_000.0;
/// Sample rates that are taken, Hz.
pub const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Numbers of channels that are taken.
pub const CHANNELS: [u16; 2] = [1, 2];
/// The largest sequence number: the largest whole number that every JSON implementation can carry.
pub const MAX_SEQUENCE_NUMBER: u64 = (1 << 53) - 1;
/// Most domain hints of one stream.
pub const MAX_HINTS: usize = 200;
/// Longest domain hint, characters.
pub const MAX_HINT_CHARS: usize = 100;
/// Longest reason for a pause, characters.
pub const MAX_REASON_CHARS: usize = 200;

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

/// An id: visible ASCII, bounded.
pub struct Id;

impl Id {
    /// Whether the text is an id.
    pub(crate) fn accepts(text: &str) -> bool {
        (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// What is wrong with a text that is none.
    pub(crate) fn complaint() -> String {
        format!("must be 1 to {MAX_ID_BYTES} visible ASCII characters without spaces")
    }
}

impl Rule for Id {
    type Raw = String;
    type Value = String;

    fn check(raw: String) -> Result<String, String> {
        if Self::accepts(&raw) { Ok(raw) } else { Err(Self::complaint()) }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "pattern": "^[!-~]*$"})
    }
}

/// A language by its ISO 639-1 code.
pub struct Language;

impl Rule for Language {
    type Raw = String;
    type Value = String;

    fn check(raw: String) -> Result<String, String> {
        let well_formed = raw.len() == 2 && raw.bytes().all(|byte| byte.is_ascii_lowercase());
        if well_formed { Ok(raw) } else { Err("must be a two-letter ISO 639-1 code in lower case".to_owned()) }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[a-z]{2}$"})
    }
}

/// A place in a stream.
pub struct SequenceNumber;

impl Rule for SequenceNumber {
    type Raw = Whole;
    type Value = u64;

    fn check(Whole(number): Whole) -> Result<u64, String> {
        if number <= MAX_SEQUENCE_NUMBER { Ok(number) } else { Err(format!("must be at most {MAX_SEQUENCE_NUMBER}")) }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": MAX_SEQUENCE_NUMBER})
    }
}

/// Places in a stream.
pub struct SequenceNumbers;

impl Rule for SequenceNumbers {
    type Raw = Vec<Place>;
    type Value = Vec<u64>;

    fn check(raw: Vec<Place>) -> Result<Vec<u64>, String> {
        Ok(raw.into_iter().map(|Place(number)| number).collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "array", "items": SequenceNumber::schema(generator)})
    }
}

/// One of [`SequenceNumbers`]; a type of its own, so that a complaint names its index.
#[derive(Deserialize)]
#[serde(try_from = "Whole")]
pub struct Place(u64);

impl TryFrom<Whole> for Place {
    type Error = String;

    fn try_from(number: Whole) -> Result<Self, String> {
        SequenceNumber::check(number).map(Self)
    }
}

/// How many of something.
pub struct Count<T>(PhantomData<T>);

impl<T: TryFrom<u64> + Serialize> Rule for Count<T> {
    type Raw = Whole;
    type Value = T;

    fn check(Whole(number): Whole) -> Result<T, String> {
        T::try_from(number).map_err(|_| "is too large".to_owned())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0})
    }
}

/// Frames a second, Hz.
pub struct SampleRate;

impl Rule for SampleRate {
    type Raw = Whole;
    type Value = u32;

    fn check(Whole(rate): Whole) -> Result<u32, String> {
        let (lowest, highest) = (SAMPLE_RATES_HZ.start(), SAMPLE_RATES_HZ.end());
        u32::try_from(rate)
            .ok()
            .filter(|rate| SAMPLE_RATES_HZ.contains(rate))
            .ok_or_else(|| format!("must be {lowest} to {highest}, not {rate}"))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": SAMPLE_RATES_HZ.start(), "maximum": SAMPLE_RATES_HZ.end()})
    }
}

/// Frames a second of one fragment, Hz; that it is its stream's is seen later.
pub struct FragmentRate;

impl Rule for FragmentRate {
    type Raw = Whole;
    type Value = u32;

    fn check(Whole(rate): Whole) -> Result<u32, String> {
        let above_zero = u32::try_from(rate).ok().filter(|&rate| rate > 0);
        above_zero.ok_or_else(|| format!("must be above 0 and at most {}", u32::MAX))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": u32::MAX})
    }
}

/// Channels, interleaved.
pub struct Channels;

impl Rule for Channels {
    type Raw = Whole;
    type Value = u16;

    fn check(Whole(number): Whole) -> Result<u16, String> {
        u16::try_from(number).ok().filter(|channels| CHANNELS.contains(channels)).ok_or_else(|| {
            format!("must be {}, not {number}", CHANNELS.map(|channels| channels.to_string()).join(" or "))
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "enum": CHANNELS})
    }
}

/// Usual length of a fragment, ms.
pub struct ChunkDuration;

impl Rule for ChunkDuration {
    type Raw = f64;
    type Value = f64;

    fn check(raw: f64) -> Result<f64, String> {
        let good = raw > 0.0 && raw <= MAX_CHUNK_DURATION_MS;
        if good { Ok(raw) } else { Err(format!("must be above 0 and at most {MAX_CHUNK_DURATION_MS}")) }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_CHUNK_DURATION_MS as u64})
    }
}

/// A length in time, ms.
pub struct Duration;

impl Rule for Duration {
    type Raw = f64;
    type Value = f64;

    fn check(raw: f64) -> Result<f64, String> {
        if raw.is_finite() && raw > 0.0 { Ok(raw) } else { Err("must be above 0".to_owned()) }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0})
    }
}

/// Time that something took, ms.
pub struct Elapsed;

impl Rule for Elapsed {
    type Raw = f64;
    type Value = f64;

    fn check(raw: f64) -> Result<f64, String> {
        if raw.is_finite() && raw >= 0.0 { Ok(raw) } else { Err("must not be below 0".to_owned()) }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0})
    }
}

/// Names and terms of a programme.
pub struct Hints;

impl Rule for Hints {
    type Raw = Vec<Hint>;
    type Value = Vec<String>;

    fn check(raw: Vec<Hint>) -> Result<Vec<String>, String> {
        if raw.len() > MAX_HINTS {
            return Err(format!("has {} entries, the limit is {MAX_HINTS}", raw.len()));
        }
        Ok(raw.into_iter().map(|Hint(text)| text).collect())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        let hint = json_schema!({"type": "string", "maxLength": MAX_HINT_CHARS});
        json_schema!({"type": "array", "maxItems": MAX_HINTS, "items": hint})
    }
}

/// One of [`Hints`]; a type of its own, so that a complaint names its index.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct Hint(String);

impl TryFrom<String> for Hint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        at_most(MAX_HINT_CHARS, text).map(Self)
    }
}

/// Why something was done, for the log.
pub struct Reason;

impl Rule for Reason {
    type Raw = String;
    type Value = String;

    fn check(raw: String) -> Result<String, String> {
        at_most(MAX_REASON_CHARS, raw)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": MAX_REASON_CHARS})
    }
}

fn at_most(max_chars: usize, text: String) -> Result<String, String> {
    if text.chars().count() <= max_chars { Ok(text) } else { Err(format!("is longer than {max_chars} characters")) }
}

/// A whole number from 0 up. JSON has one kind of number: `3.0` is whole, and some languages write it so.
pub struct Whole(u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("a whole number from 0 up")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Whole, E> {
        Ok(Whole(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Whole, E> {
        u64::try_from(value).map(Whole).map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Whole, E> {
        if value >= 0.0 && value.fract() == 0.0 {
            // Saturates, far above all that any rule lets pass but a count's.
            Ok(Whole(value as u64))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(value), &self))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read<R: Rule>(value: Value) -> Result<R::Value, String> {
        Checked::<R>::deserialize(value).map_err(|error| error.to_string())
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_fraction_of_zero() {
        assert_eq!(read::<SequenceNumber>(json!(3.0)), Ok(3));
        assert_eq!(read::<SequenceNumber>(json!(-0.0)), Ok(0));
        for wrong in [json!(3.5), json!(-1), json!(-1.0), json!("3"), json!(null), json!(1e300)] {
            assert!(read::<SequenceNumber>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_end_where_their_type_does() {
        assert_eq!(read::<Count<u16>>(json!(65_535)), Ok(65_535));
        assert_eq!(read::<Count<u16>>(json!(65_536)), Err("is too large".to_owned()));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for wrong in [f64::NAN, f64::INFINITY] {
            assert!(Duration::check(wrong).is_err() && Elapsed::check(wrong).is_err());
            assert!(ChunkDuration::check(wrong).is_err());
        }
    }
}
