//! LibreTranslate's API: `POST /translate` with several texts, `GET /languages`. It is open source, and can be run on a
//! machine of one's own.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::batch::{Accepted, accept};
use super::language_names::language_name;
use super::remote::{Budget, Call, CallFailure, Connections, Secret};
use super::route::Pair;
use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};

/// The name in translations, logs and metrics.
pub const NAME: &str = "libretranslate";

/// How long asking for the languages may take.
const LANGUAGES_LIMIT: Duration = Duration::from_secs(5);
/// Most texts in one request: a server may have a limit, and says so with 400.
const MAX_TEXTS: usize = 25;

/// What an operator may choose about LibreTranslate.
#[derive(Clone, Debug)]
pub struct LibreTranslateOptions {
    /// Where it is, as `http://127.0.0.1:5000`.
    pub url: String,
    /// The key, where one is wanted.
    pub key: Secret,
    /// The time for a batch, repetitions included.
    pub budget: Duration,
}

/// A server. One is shared by all translators of the process.
pub struct LibreTranslate {
    connections: Arc<Connections>,
    options: LibreTranslateOptions,
    /// Targets by source, once the server has told.
    languages: OnceLock<HashMap<String, HashSet<String>>>,
}

#[derive(Deserialize)]
struct Language {
    code: String,
    #[serde(default)]
    targets: HashSet<String>,
}

#[derive(Deserialize)]
struct Translated {
    #[serde(rename = "translatedText")]
    texts: Vec<String>,
}

impl LibreTranslate {
    /// Prepares the server for use; nothing is sent yet.
    pub fn new(connections: Arc<Connections>, options: LibreTranslateOptions) -> Arc<Self> {
        Arc::new(Self { connections, options, languages: OnceLock::new() })
    }

    /// Asks which languages it has. Until it has told, it is taken to have all. Waits on this thread.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.languages.get().is_some() {
            return Ok(());
        }
        let call = self.call(Method::GET, "/languages", None);
        let languages = self.connections.wait_for(async {
            call.send::<Vec<Language>>(self.connections.client(), Budget::starting_now(LANGUAGES_LIMIT)).await
        });
        let languages = languages.map_err(into_engine_error)?;
        // Another thread may have been quicker; it got the same.
        let _ = self.languages.set(languages.into_iter().map(|language| (language.code, language.targets)).collect());
        Ok(())
    }

    fn call(&self, method: Method, path: &str, body: Option<serde_json::Value>) -> Call {
        let url = format!("{}{path}", self.options.url.trim_end_matches('/'));
        Call { method, url, authorization: None, body }
    }

    /// The code that the server has for a language: newer ones tell two scripts of Chinese apart.
    fn code(&self, language: &str) -> String {
        let has = |code: &str| self.languages.get().is_some_and(|languages| languages.contains_key(code));
        if language == "zh" && !has("zh") && has("zh-Hans") { "zh-Hans".to_owned() } else { language.to_owned() }
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        match self.languages.get() {
            Some(languages) => languages.get(&self.code(source)).is_some_and(|to| to.contains(&self.code(target))),
            None => language_name(source).is_some() && language_name(target).is_some(),
        }
    }

    /// Translates texts of one pair by one request; where it is refused for what is in it, by two with half each.
    async fn translate_texts(&self, pair: &Pair, texts: &[&str], budget: Budget) -> Vec<Result<String, EngineError>> {
        let failure = match self.request(pair, texts, budget).await {
            Ok(translations) => return translations.into_iter().map(Ok).collect(),
            Err(failure) => failure,
        };
        if texts.len() > 1 && matches!(failure.status(), Some(400 | 413)) {
            let (first, second) = texts.split_at(texts.len() / 2);
            let halves = [first, second].map(|half| Box::pin(self.translate_texts(pair, half, budget)));
            return join_all(halves).await.into_iter().flatten().collect();
        }
        let error = into_engine_error(failure);
        texts.iter().map(|_| Err(error.clone())).collect()
    }

    async fn request(&self, pair: &Pair, texts: &[&str], budget: Budget) -> Result<Vec<String>, CallFailure> {
        let (source, target) = (self.code(&pair.source), self.code(&pair.target));
        let mut body = json!({"q": texts, "source": source, "target": target, "format": "text"});
        if !self.options.key.is_empty() {
            body["api_key"] = json!(self.options.key.reveal());
        }
        let call = self.call(Method::POST, "/translate", Some(body));
        let answer: Translated = call.send(self.connections.client(), budget).await?;
        let (asked, given) = (texts.len(), answer.texts.len());
        if given != asked {
            return Err(CallFailure::Unreadable(format!("{given} translations of {asked} texts")));
        }
        Ok(answer.texts)
    }
}

fn into_engine_error(failure: CallFailure) -> EngineError {
    match &failure {
        CallFailure::Status { status: 400, message, .. } if message.contains("not supported") => {
            EngineError::Unsupported(format!("LibreTranslate: {message}"))
        }
        _ => failure.into_engine_error("LibreTranslate"),
    }
}

/// Translates by a LibreTranslate server.
pub struct LibreTranslator(pub Arc<LibreTranslate>);

impl Translator for LibreTranslator {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: NAME.to_owned(), device: "network".to_owned(), precision: "unknown".to_owned() }
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        source == target || self.0.supports(source, target)
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let server = &self.0;
        let budget = Budget::for_batch(server.options.budget, batch);
        let mut answers: Vec<Option<Result<Translation, EngineError>>> = vec![None; batch.len()];
        let mut groups: Vec<(Pair, Vec<(usize, String)>)> = Vec::new();
        for (index, request) in batch.iter().enumerate() {
            match accept(request) {
                Accepted::Answered(answer) => answers[index] = Some(answer),
                Accepted::Translate(pair, text) => {
                    let group = groups.iter_mut().find(|(known, group)| *known == pair && group.len() < MAX_TEXTS);
                    match group {
                        Some((_, members)) => members.push((index, text)),
                        None => groups.push((pair, vec![(index, text)])),
                    }
                }
            }
        }
        let work = join_all(groups.iter().map(|(pair, members)| async move {
            let texts: Vec<&str> = members.iter().map(|(_, text)| text.as_str()).collect();
            server.translate_texts(pair, &texts, budget).await
        }));
        for ((_, members), texts) in groups.iter().zip(server.connections.wait_for(work)) {
            for ((index, _), text) in members.iter().zip(texts) {
                answers[*index] = Some(text.map(|text| Translation { text, engine: NAME.to_owned() }));
            }
        }
        let unanswered = || Err(EngineError::Poisoned("a request was left without an answer".to_owned()));
        answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }
}
