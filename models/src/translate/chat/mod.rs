//! Any chat model behind an endpoint like OpenAI's: `POST {url}/chat/completions`, as llama.cpp, vLLM, Ollama and many
//! providers have it.
//!
//! A transcript is what strangers say. It travels as data between marks that nobody can guess, and what comes back is
//! checked for being a translation and nothing else; at worst a hostile sentence spoils its own translation.
//!
//! | file | concept |
//! | --- | --- |
//! | `prompt.rs` | what the model is asked |
//! | `reply.rs` | the translation in what it answers |

mod prompt;
mod reply;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::json;

use super::batch::{Accepted, accept};
use super::language_names::language_name;
use super::remote::{Budget, Call, CallFailure, Connections, Secret};
use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};
use prompt::Prompt;

/// The name in translations, logs and metrics.
pub const NAME: &str = "chat";

/// Most texts of a batch that are asked for at the same time.
const MAX_CALLS_AT_ONCE: usize = 8;
/// How long asking whether anybody is there may take.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// What an operator may choose about a chat model.
#[derive(Clone, Debug)]
pub struct ChatOptions {
    /// Where the API is, up to and with its version, as `http://127.0.0.1:11434/v1`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// The key, where one is wanted.
    pub key: Secret,
    /// The time for a batch, repetitions included.
    pub budget: Duration,
}

/// A chat model. One is shared by all translators of the process.
pub struct Chat {
    connections: Arc<Connections>,
    authorization: Option<HeaderValue>,
    options: ChatOptions,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

impl Chat {
    /// Prepares the model for use; nothing is sent yet.
    ///
    /// # Errors
    /// The key cannot be one; a sentence without it.
    pub fn new(connections: Arc<Connections>, options: ChatOptions) -> Result<Arc<Self>, String> {
        let header = (!options.key.is_empty()).then(|| options.key.header("Bearer")).transpose();
        let authorization = header.map_err(|_| "has characters that no key has")?;
        Ok(Arc::new(Self { connections, authorization, options }))
    }

    /// Asks whether anybody is there: for the list of models, which some endpoints do not have. Waits on this thread.
    ///
    /// # Errors
    /// [`EngineError::Unauthorized`] when the key is refused; others when there is no answer.
    pub fn check(&self) -> Result<(), EngineError> {
        let call = self.call(Method::GET, "/models", None);
        let client = self.connections.client();
        let asked =
            self.connections.wait_for(call.send::<serde_json::Value>(client, Budget::starting_now(CHECK_LIMIT)));
        match asked {
            Ok(_) => Ok(()),
            Err(failure) if failure.status().is_some_and(|status| [400, 404, 405, 501].contains(&status)) => Ok(()),
            Err(failure) => Err(failure.into_engine_error("chat")),
        }
    }

    fn call(&self, method: Method, path: &str, body: Option<serde_json::Value>) -> Call {
        let url = format!("{}{path}", self.options.url.trim_end_matches('/'));
        Call { method, url, authorization: self.authorization.clone(), body }
    }

    async fn translate(&self, text: &str, request: &TranslateRequest, budget: Budget) -> Result<String, EngineError> {
        let prompt = Prompt::new(text, request, fastrand::u64(..));
        let body = json!({
            "model": self.options.model,
            "temperature": 0,
            // A translation is about as long as its text; what goes on for longer is none.
            "max_tokens": 64 + text.len(),
            "messages": [
                {"role": "system", "content": prompt.instructions},
                {"role": "user", "content": prompt.data},
            ],
        });
        let call = self.call(Method::POST, "/chat/completions", Some(body));
        let failed = |failure: CallFailure| match failure.status() {
            // Some providers answer so when an account has no money left (OpenAI, "Error codes").
            Some(402) => EngineError::QuotaExceeded(format!("chat: {failure}")),
            Some(429) if failure.to_string().contains("quota") => {
                EngineError::QuotaExceeded(format!("chat: {failure}"))
            }
            _ => failure.into_engine_error("chat"),
        };
        let completion: Completion = call.send(self.connections.client(), budget).await.map_err(failed)?;
        let content = completion.choices.into_iter().next().and_then(|choice| choice.message.content);
        reply::translation(&content.unwrap_or_default(), text, &prompt.mark)
            .map_err(|why| EngineError::Unavailable(format!("chat: {why}")))
    }
}

/// Translates by a chat model.
pub struct ChatTranslator(pub Arc<Chat>);

impl Translator for ChatTranslator {
    fn info(&self) -> EngineInfo {
        let name = format!("{NAME} {}", self.0.options.model);
        EngineInfo { name, device: "network".to_owned(), precision: "unknown".to_owned() }
    }

    /// What a model cannot do it does badly, rather than saying so; which languages it is good at is the operator's to
    /// know.
    fn supports(&self, source: &str, target: &str) -> bool {
        source == target || language_name(source).is_some() && language_name(target).is_some()
    }

    fn can_shorten(&self, source: &str, target: &str, _: &str) -> bool {
        source != target
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let chat = &self.0;
        let budget = Budget::for_batch(chat.options.budget, batch);
        let translated = |request| async move {
            match accept(request) {
                Accepted::Answered(answer) => answer,
                Accepted::Translate(_, text) => {
                    let text = chat.translate(&text, request, budget).await?;
                    Ok(Translation { text, engine: NAME.to_owned() })
                }
            }
        };
        chat.connections.wait_for(stream::iter(batch).map(translated).buffered(MAX_CALLS_AT_ONCE).collect())
    }
}
