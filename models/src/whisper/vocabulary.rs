//! Whisper's tokens: text, the special ones by their names in `tokenizer.json`, and those never to be said.

use std::path::Path;

use serde_json::Value;
use tokenizers::Tokenizer;

use crate::engine::EngineError;

/// Milliseconds between two timestamp tokens.
pub const TIMESTAMP_STEP_MS: f64 = 20.0;

/// The tokenizer and the numbers of the tokens that steer the decoder.
pub struct Vocabulary {
    tokenizer: Tokenizer,
    /// Ends a text; every number below is text.
    pub end_of_text: i64,
    /// Begins the instructions to the decoder.
    pub start_of_transcript: i64,
    /// Begins the text that was said before.
    pub start_of_previous: i64,
    /// Predicted in place of a language when nobody speaks.
    pub no_speech: i64,
    /// Asks for a text without timestamps.
    pub no_timestamps: i64,
    /// Stands for 0 s; the numbers that follow count on in steps of [`TIMESTAMP_STEP_MS`].
    pub first_timestamp: i64,
    /// Asks for a transcript in the language spoken; none in models that know English alone.
    transcribe: Option<i64>,
    /// Language code and token, in the order of their numbers; none in models that know English alone.
    languages: Vec<(String, i64)>,
    /// Tokens that are never chosen.
    pub suppressed: Vec<i64>,
    /// Tokens that are not chosen first.
    pub suppressed_first: Vec<i64>,
}

impl Vocabulary {
    /// Reads `tokenizer.json`, and the suppression lists from `generation_config.json` (transformers) or
    /// `config.json` (CTranslate2, or older transformers).
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when a file or a token that Whisper cannot do without is missing.
    pub fn load(dir: &Path) -> Result<Self, EngineError> {
        let path = dir.join("tokenizer.json");
        let unavailable = |why: String| EngineError::Unavailable(format!("{}: {why}", path.display()));
        let mut tokenizer = Tokenizer::from_file(&path).map_err(|error| unavailable(error.to_string()))?;
        // A prompt is text from outside: what looks like a special token in it is read as plain characters.
        tokenizer.set_encode_special_tokens(true);
        let find = |name: &str| tokenizer.token_to_id(name).map(i64::from);
        let need = |name: &str| find(name).ok_or_else(|| unavailable(format!("there is no token {name}")));
        let no_timestamps = need("<|notimestamps|>")?;
        let start_of_transcript = need("<|startoftranscript|>")?;
        let transcribe = need("<|transcribe|>")?;
        let translate = need("<|translate|>")?;
        let languages = language_tokens(&tokenizer, start_of_transcript + 1..translate.min(transcribe));
        let (suppressed, suppressed_first) = suppression_lists(dir)?;
        let mut vocabulary = Self {
            end_of_text: need("<|endoftext|>")?,
            start_of_transcript,
            start_of_previous: need("<|startofprev|>")?,
            no_speech: find("<|nospeech|>").or(find("<|nocaptions|>")).unwrap_or(no_timestamps - 1),
            no_timestamps,
            first_timestamp: no_timestamps + 1,
            transcribe: Some(transcribe),
            languages,
            suppressed,
            suppressed_first,
            tokenizer,
        };
        // Instructions to the decoder are no text, whatever the lists say.
        vocabulary.suppressed.extend(vocabulary.end_of_text + 1..=vocabulary.no_timestamps);
        vocabulary.suppressed.sort_unstable();
        vocabulary.suppressed.dedup();
        Ok(vocabulary)
    }

    /// Forgets the languages: a model whose vocabulary has no room for them knows English alone.
    pub fn restrict_to_english(&mut self) {
        self.languages.clear();
        self.transcribe = None;
    }

    /// Whether the model was trained on many languages.
    pub fn is_multilingual(&self) -> bool {
        !self.languages.is_empty()
    }

    /// The token of a language, by its ISO 639-1 code.
    pub fn language(&self, code: &str) -> Option<i64> {
        // Whisper names two languages by codes that ISO has since replaced or refined.
        let name = match code {
            "jv" => "jw",
            "nb" => "no",
            other => other,
        };
        self.languages.iter().find(|(language, _)| language == name).map(|&(_, token)| token)
    }

    /// Whether the model knows the language, by its ISO 639-1 code.
    pub fn knows(&self, code: &str) -> bool {
        if self.is_multilingual() { self.language(code).is_some() } else { code == "en" }
    }

    /// Tokens of all languages, in rising order.
    pub fn language_tokens(&self) -> Vec<i64> {
        self.languages.iter().map(|&(_, token)| token).collect()
    }

    /// The instructions that stand before a transcript in the language of this token.
    pub fn instructions(&self, language: Option<i64>, timestamps: bool) -> Vec<i64> {
        let mut tokens = vec![self.start_of_transcript];
        tokens.extend(language);
        tokens.extend(self.transcribe);
        if !timestamps {
            tokens.push(self.no_timestamps);
        }
        tokens
    }

    /// Text to tokens; never yields a special token or a timestamp.
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] when the tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>, EngineError> {
        let encoding = self
            .tokenizer
            .encode(text, false)
            .map_err(|error| EngineError::InvalidInput(format!("text for the prompt: {error}")))?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).filter(|&id| id < self.end_of_text).collect())
    }

    /// Tokens to text; special tokens and timestamps are left out.
    ///
    /// # Errors
    /// [`EngineError::Poisoned`] when the tokenizer cannot read its own tokens.
    pub fn decode(&self, tokens: &[i64]) -> Result<String, EngineError> {
        let ids: Vec<u32> = tokens
            .iter()
            .filter(|&&token| token < self.end_of_text)
            .filter_map(|&token| u32::try_from(token).ok())
            .collect();
        self.tokenizer.decode(&ids, true).map_err(|error| EngineError::Poisoned(format!("detokenizing: {error}")))
    }
}

/// The tokens `<|xx|>` and `<|xxx|>` whose numbers lie in `range`, where Whisper keeps its languages.
fn language_tokens(tokenizer: &Tokenizer, range: std::ops::Range<i64>) -> Vec<(String, i64)> {
    let mut languages: Vec<(String, i64)> = range
        .filter_map(|token| {
            let name = tokenizer.id_to_token(u32::try_from(token).ok()?)?;
            let code = name.strip_prefix("<|")?.strip_suffix("|>")?;
            (code.len() <= 3 && code.bytes().all(|byte| byte.is_ascii_lowercase())).then(|| (code.to_owned(), token))
        })
        .collect();
    languages.sort_by_key(|&(_, token)| token);
    languages
}

/// What is never said, and what is not said first.
fn suppression_lists(dir: &Path) -> Result<(Vec<i64>, Vec<i64>), EngineError> {
    for (file, always, first) in [
        ("generation_config.json", "suppress_tokens", "begin_suppress_tokens"),
        ("config.json", "suppress_ids", "suppress_ids_begin"),
        ("config.json", "suppress_tokens", "begin_suppress_tokens"),
    ] {
        let path = dir.join(file);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let config: Value = serde_json::from_str(&text)
            .map_err(|error| EngineError::Unavailable(format!("{}: {error}", path.display())))?;
        let list = |key: &str| -> Option<Vec<i64>> {
            Some(config.get(key)?.as_array()?.iter().filter_map(Value::as_i64).filter(|&token| token >= 0).collect())
        };
        if let (Some(always), Some(first)) = (list(always), list(first)) {
            return Ok((always, first));
        }
    }
    Err(EngineError::Unavailable(format!(
        "neither generation_config.json nor config.json in {} lists the tokens to suppress",
        dir.display()
    )))
}
