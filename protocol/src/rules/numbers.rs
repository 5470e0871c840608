//! Rules for numbers: places, counts, rates, times.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::Rule;

/// Longest fragment that a stream may announce, ms.
pub const MAX_CHUNK_DURATION_MS: f64 = 30_000.0;
/// Sample rates that are taken, Hz.
pub const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Numbers of channels that are taken.
pub const CHANNELS: [u16; 2] = [1, 2];
/// The largest sequence number: the largest whole number that every JSON implementation can carry.
pub const MAX_SEQUENCE_NUMBER: u64 = (1 << 53) - 1;

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

/// Counts by two names, as stage and code.
pub struct Breakdown;

impl Rule for Breakdown {
    type Raw = BTreeMap<String, BTreeMap<String, Whole>>;
    type Value = BTreeMap<String, BTreeMap<String, u64>>;

    fn check(raw: Self::Raw) -> Result<Self::Value, String> {
        let counts =
            |inner: BTreeMap<String, Whole>| inner.into_iter().map(|(name, Whole(count))| (name, count)).collect();
        Ok(raw.into_iter().map(|(name, inner)| (name, counts(inner))).collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let counts = json_schema!({"type": "object", "additionalProperties": Count::<u64>::schema(generator)});
        json_schema!({"type": "object", "additionalProperties": counts})
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
    use crate::rules::Checked;
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
