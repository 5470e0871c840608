//! Rules for text: ids, languages, hints, reasons.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Rule;

/// Longest id, bytes.
pub const MAX_ID_BYTES: usize = 128;
/// Most domain hints of one stream.
pub const MAX_HINTS: usize = 200;
/// Longest domain hint, characters.
pub const MAX_HINT_CHARS: usize = 100;
/// Longest reason for a pause, characters.
pub const MAX_REASON_CHARS: usize = 200;

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
