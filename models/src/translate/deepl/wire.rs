//! What DeepL's API takes and gives: `/v2/translate`, `/v2/usage` and `/v3/glossaries`.

use serde::{Deserialize, Serialize};

/// Most texts in one request.
pub const MAX_TEXTS: usize = 50;
/// Largest request body, bytes.
pub const MAX_REQUEST_BYTES: usize = 128 * 1024;

/// `POST /v2/translate`.
#[derive(Clone, Debug, Serialize)]
pub struct TranslateBody<'a> {
    /// The texts.
    pub text: &'a [&'a str],
    /// Without a variant.
    pub source_lang: &'a str,
    /// With one, where there are some.
    pub target_lang: &'a str,
    /// What was said before; influences the translation, is not translated, and costs nothing.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub context: &'a str,
    /// How to address people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formality: Option<&'static str>,
    /// Terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glossary_id: Option<&'a str>,
}

/// Its answer.
#[derive(Clone, Debug, Deserialize)]
pub struct TranslateAnswer {
    /// One a text, in order.
    pub translations: Vec<TranslatedText>,
}

/// A translation.
#[derive(Clone, Debug, Deserialize)]
pub struct TranslatedText {
    /// In the target language.
    pub text: String,
}

/// `GET /v2/usage`: what the billing period has cost so far. Further fields come with some plans.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct UsageAnswer {
    /// Characters translated.
    pub character_count: u64,
    /// Characters that may be.
    pub character_limit: u64,
}

/// `POST /v3/glossaries`.
#[derive(Clone, Debug, Serialize)]
pub struct GlossaryBody<'a> {
    /// A name for people who look at the account.
    pub name: &'a str,
    /// One a direction.
    pub dictionaries: [Dictionary<'a>; 1],
}

/// The terms of one direction.
#[derive(Clone, Debug, Serialize)]
pub struct Dictionary<'a> {
    /// Without a variant.
    pub source_lang: &'a str,
    /// Without a variant.
    pub target_lang: &'a str,
    /// A line a term: source, tab, target.
    pub entries: &'a str,
    /// `tsv`.
    pub entries_format: &'static str,
}

/// Its answer.
#[derive(Clone, Debug, Deserialize)]
pub struct GlossaryAnswer {
    /// Names it in requests.
    pub glossary_id: String,
}

/// `GET /v3/glossaries`.
#[derive(Clone, Debug, Deserialize)]
pub struct GlossaryList {
    /// All of the account.
    pub glossaries: Vec<ListedGlossary>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct ListedGlossary {
    /// Names it in requests.
    pub glossary_id: String,
    /// What whoever made it called it.
    #[serde(default)]
    pub name: String,
    /// As `2021-08-03T14:16:18.329Z`.
    #[serde(default)]
    pub creation_time: String,
}
