//! Which translators are asked, and what each needs to know.

use std::collections::HashMap;
use std::path::PathBuf;

use sts_models::translate::deepl::{DeepLOptions, Formality, TargetVariants};
use sts_models::translate::fallback::Preferences;
use sts_models::translate::marian::Precision;
use sts_models::translate::remote::Secret;

use super::reader::Reader;

/// Every translator that can be chosen, by its name in the settings.
pub const TRANSLATORS: [&str; 5] = ["embedded", "marian", "deepl", "chat", "libretranslate"];

/// Those of them that work in this process.
pub const LOCAL_TRANSLATORS: [&str; 2] = ["embedded", "marian"];

/// Which translators are asked, and what each needs to know.
#[derive(Clone, Debug)]
pub struct TranslatorChoice {
    /// The lists.
    pub preferences: Preferences,
    /// Bytes of texts that are remembered with their translations, where some list names a translator on the network.
    pub cache_bytes: usize,
    /// The folder of marian's model; `None`: it runs Firefox's models.
    pub marian_model: Option<PathBuf>,
    /// The number format of marian's matrices.
    pub marian_precision: Precision,
    /// DeepL's settings, when some list names it.
    pub deepl: Option<DeepLOptions>,
    /// The chat model's, when some list names it.
    pub chat: Option<ChatChoice>,
    /// LibreTranslate's, when some list names it.
    pub libretranslate: Option<LibreTranslateChoice>,
}

/// A chat model's settings.
#[derive(Clone, Debug)]
pub struct ChatChoice {
    /// Where its API is.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// The key, where one is wanted.
    pub key: Secret,
}

/// LibreTranslate's settings.
#[derive(Clone, Debug)]
pub struct LibreTranslateChoice {
    /// Where it is.
    pub url: String,
    /// The key, where one is wanted.
    pub key: Secret,
}

impl TranslatorChoice {
    /// How many translators are on the network.
    pub fn on_network(&self) -> usize {
        [self.deepl.is_some(), self.chat.is_some(), self.libretranslate.is_some()]
            .iter()
            .filter(|named| **named)
            .count()
    }

    /// Whether any translator is on the network.
    pub fn needs_network(&self) -> bool {
        self.on_network() > 0
    }
}

/// Reads `en-es`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.trim().split_once('-') {
        Some((source, target)) if source.len() == 2 && target.len() == 2 => Ok((source.to_owned(), target.to_owned())),
        _ => Err(format!("'{}' is no pair like en-es", text.trim())),
    }
}

impl Reader {
    pub(super) fn translators(&mut self) -> TranslatorChoice {
        let preferences = self.preferences();
        let named = preferences.all();
        let is_named = |name: &str| named.iter().any(|known| known == name);
        let deepl = is_named("deepl").then(|| self.deepl());
        let chat = is_named("chat").then(|| self.chat());
        let libretranslate = is_named("libretranslate").then(|| self.libretranslate());
        let marian_model = is_named("marian").then(|| self.marian_model()).flatten();
        let marian_precision = self.parse("marian_precision");
        if marian_model.is_some() && marian_precision == Precision::Int8 {
            self.problem("marian_precision", "int8 is for Firefox's models, and MARIAN_MODEL_PATH names another");
        }
        TranslatorChoice {
            preferences,
            cache_bytes: self.parse("translation_cache_bytes"),
            marian_model,
            marian_precision,
            deepl,
            chat,
            libretranslate,
        }
    }

    fn marian_model(&mut self) -> Option<PathBuf> {
        let path = Some(self.text("marian_model_path")).filter(|path| !path.is_empty()).map(PathBuf::from)?;
        if !path.join("config.json").is_file() {
            let problem = format!("{} has no config.json, as OPUS-MT's folders do", path.display());
            self.problem("marian_model_path", problem);
        }
        Some(path)
    }

    fn chat(&mut self) -> ChatChoice {
        let model = self.text("chat_model").to_owned();
        if model.is_empty() {
            self.problem("chat_model", "is needed when chat is a translator");
        }
        let url = self.needed_url("chat_url", "chat", "http://127.0.0.1:11434/v1");
        ChatChoice { url, model, key: self.secret("chat_api_key", "chat_api_key_file") }
    }

    fn libretranslate(&mut self) -> LibreTranslateChoice {
        let url = self.needed_url("libretranslate_url", "libretranslate", "http://127.0.0.1:5000");
        LibreTranslateChoice { url, key: self.secret("libretranslate_api_key", "libretranslate_api_key_file") }
    }

    fn needed_url(&mut self, key: &'static str, translator: &str, example: &str) -> String {
        let url = self.url(key);
        if url.is_none() {
            self.problem(key, format!("is needed when {translator} is a translator, as {example}"));
        }
        url.unwrap_or_default()
    }

    fn preferences(&mut self) -> Preferences {
        let text = self.text("translator").to_owned();
        let usual = self.translator_list("translator", &text);
        let mut by_pair = HashMap::new();
        let lists = self.text("translator_for").to_owned();
        for entry in lists.split(';').filter(|entry| !entry.trim().is_empty()) {
            let Some((name, list)) = entry.split_once('=') else {
                self.problem("translator_for", format!("'{}' is nothing like en-es=deepl,embedded", entry.trim()));
                continue;
            };
            let list = self.translator_list("translator_for", list);
            match pair(name) {
                Ok(pair) if by_pair.contains_key(&pair) => {
                    self.problem("translator_for", format!("{} is there twice", name.trim()));
                }
                Ok(pair) => drop(by_pair.insert(pair, list)),
                Err(message) => self.problem("translator_for", message),
            }
        }
        Preferences { usual, by_pair }
    }

    fn translator_list(&mut self, key: &'static str, list: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in list.split(',').map(str::trim) {
            if !TRANSLATORS.contains(&name) {
                self.problem(key, format!("'{name}' is not one of: {}", TRANSLATORS.join(", ")));
            } else if names.iter().any(|known| known == name) {
                self.problem(key, format!("'{name}' is there twice"));
            } else {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn deepl(&mut self) -> DeepLOptions {
        let key = self.secret("deepl_api_key", "deepl_api_key_file");
        if key.is_empty() {
            self.problem(
                "deepl_api_key",
                "is needed when deepl is a translator; or DEEPL_API_KEY_FILE names a file with it",
            );
        } else if key.header("DeepL-Auth-Key").is_err() {
            self.problem("deepl_api_key", "has characters that no key has");
        }
        let formality = self.text("deepl_formality").to_owned();
        let formality = Formality::ALL.into_iter().find(|known| known.as_str() == formality).unwrap_or_else(|| {
            let known = Formality::ALL.map(Formality::as_str).join(", ");
            self.problem("deepl_formality", format!("'{formality}' is not one of: {known}"));
            Formality::Default
        });
        let variants = self.text("deepl_target_variants").to_owned();
        let variants = TargetVariants::parse(&variants).unwrap_or_else(|message| {
            self.problem("deepl_target_variants", message);
            TargetVariants::default()
        });
        DeepLOptions {
            key,
            url: self.url("deepl_url"),
            variants,
            formality,
            glossaries: self.glossaries(),
            glossaries_from_hints: self.parse("deepl_glossaries_from_hints"),
            sends_context: self.parse("deepl_context"),
        }
    }

    fn glossaries(&mut self) -> HashMap<(String, String), String> {
        let text = self.text("deepl_glossaries").to_owned();
        let mut glossaries = HashMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.split_once('=').map(|(name, id)| (pair(name), id.trim())) {
                Some((Ok(pair), id)) if !id.is_empty() => drop(glossaries.insert(pair, id.to_owned())),
                _ => self.problem("deepl_glossaries", format!("'{entry}' is nothing like en-es=ID")),
            }
        }
        glossaries
    }

    /// A key, from the setting itself or from the file that another names.
    fn secret(&mut self, key: &'static str, file_key: &'static str) -> Secret {
        let (listed, path) = (Secret::new(self.text(key)), self.text(file_key).to_owned());
        if path.is_empty() || !listed.is_empty() {
            return listed;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => self.problem(file_key, format!("{path} is empty")),
            Ok(text) => return Secret::new(&text),
            Err(error) => self.problem(file_key, format!("{path}: {error}")),
        }
        // Named above; a second complaint would be about the same.
        Secret::new("unread")
    }

    /// An address of a service, if one is set.
    fn url(&mut self, key: &'static str) -> Option<String> {
        let text = self.text(key).trim_end_matches('/').to_owned();
        if text.is_empty() {
            return None;
        }
        let parsed = text.parse::<axum::http::Uri>();
        if !parsed.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()) {
            self.problem(key, format!("'{text}' is no URL like https://api.example"));
        }
        Some(text)
    }
}
