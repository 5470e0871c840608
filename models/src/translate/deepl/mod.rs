//! DeepL's API (v2 for texts and usage, v3 for glossaries; developers.deepl.com).
//!
//! Texts of different streams that are in one batch and have languages and options in common travel in one request;
//! the requests of a batch travel at the same time.
//!
//! | file | concept |
//! | --- | --- |
//! | `wire.rs` | what the API takes and gives |
//! | `languages.rs` | its codes and variants |
//! | `batch.rs` | which texts go into one request |
//! | `glossaries.rs` | glossaries made from a programme's names |

mod batch;
mod glossaries;
mod languages;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::batch::{Accepted, accept};
use super::remote::{Budget, Call, CallFailure, Connections, Secret};
use super::route::Pair;
use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};
use batch::{Group, Item};
use glossaries::{Glossaries, Terms};
use wire::{Dictionary, GlossaryAnswer, GlossaryBody, GlossaryList, TranslateAnswer, TranslateBody, UsageAnswer};

pub use languages::TargetVariants;

/// The name in translations, logs and metrics.
pub const NAME: &str = "deepl";

const FREE_URL: &str = "https://api-free.deepl.com";
const PRO_URL: &str = "https://api.deepl.com";
/// The part of a fragment's time that making a glossary may take.
const GLOSSARY_SHARE: f64 = 0.3;
/// How much of what was said before is sent along, characters.
const MAX_CONTEXT_CHARS: usize = 1_000;
/// How long anything but a translation may take.
const ASIDE_LIMIT: Duration = Duration::from_secs(5);
/// How old the usage that is known may grow while texts are translated.
const USAGE_AGE: Duration = Duration::from_secs(60);

/// How people are addressed in the translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Formality {
    /// As DeepL sees fit.
    #[default]
    Default,
    /// Formally; languages that DeepL cannot do so in are refused.
    More,
    /// Informally; languages that DeepL cannot do so in are refused.
    Less,
    /// Formally where it can.
    PreferMore,
    /// Informally where it can.
    PreferLess,
}

impl Formality {
    /// Every value.
    pub const ALL: [Self; 5] = [Self::Default, Self::More, Self::Less, Self::PreferMore, Self::PreferLess];

    /// The name in settings and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::More => "more",
            Self::Less => "less",
            Self::PreferMore => "prefer_more",
            Self::PreferLess => "prefer_less",
        }
    }
}

/// What an operator may choose about DeepL.
#[derive(Clone, Debug)]
pub struct DeepLOptions {
    /// The account's key; one that ends in `:fx` is for the free API.
    pub key: Secret,
    /// Where the API is, if not where the key says: a proxy, or a test's double.
    pub url: Option<String>,
    /// Variants of target languages.
    pub variants: TargetVariants,
    /// How people are addressed.
    pub formality: Formality,
    /// Glossaries of the account by source and target language; they go before those made from hints.
    pub glossaries: HashMap<(String, String), String>,
    /// Whether glossaries are made from the names among a stream's hints.
    pub glossaries_from_hints: bool,
    /// Whether what was said before is sent along.
    pub sends_context: bool,
}

/// What the account's billing period has cost so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Characters translated.
    pub used: u64,
    /// Characters that may be.
    pub limit: u64,
}

/// Hears the usage when it was asked for.
pub type UsageListener = Arc<dyn Fn(Usage) + Send + Sync>;

/// An account at DeepL. One is shared by all translators of the process, and with it connections and glossaries.
pub struct DeepL {
    connections: Arc<Connections>,
    authorization: HeaderValue,
    url: String,
    options: DeepLOptions,
    budget: Duration,
    glossaries: Glossaries,
    usage_heard_by: UsageListener,
    usage: Mutex<KnownUsage>,
}

#[derive(Default)]
struct KnownUsage {
    asked_at: Option<Instant>,
    last: Option<Usage>,
}

impl DeepL {
    /// Prepares the account for use; nothing is sent yet. `budget` is the time for a batch, repetitions included.
    ///
    /// # Errors
    /// The key cannot be one; a sentence without it.
    pub fn new(
        connections: Arc<Connections>,
        options: DeepLOptions,
        budget: Duration,
        usage_heard_by: UsageListener,
    ) -> Result<Arc<Self>, String> {
        let authorization = options.key.header("DeepL-Auth-Key").map_err(|_| "has characters that no key has")?;
        let by_key = if options.key.ends_with(":fx") { FREE_URL } else { PRO_URL };
        let url = options.url.as_deref().unwrap_or(by_key).trim_end_matches('/').to_owned();
        let (glossaries, usage) = (Glossaries::default(), Mutex::default());
        Ok(Arc::new(Self { connections, authorization, url, options, budget, glossaries, usage_heard_by, usage }))
    }

    /// Asks for the usage, and so whether the key is good. Waits on this thread.
    ///
    /// # Errors
    /// [`EngineError::Unauthorized`] when the key is refused; others when DeepL cannot be asked.
    pub fn check(&self) -> Result<Usage, EngineError> {
        self.connections.wait_for(self.ask_usage())
    }

    /// Tells the usage once more, if it is known: for listeners that were not there when it was asked for.
    pub fn tell_usage(&self) {
        let last = self.usage().last;
        if let Some(usage) = last {
            (self.usage_heard_by)(usage);
        }
    }

    fn usage(&self) -> MutexGuard<'_, KnownUsage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes the glossaries that were made; as far as that is possible within a few seconds. Waits on this thread.
    pub fn close(&self) {
        let ids = self.glossaries.take_all();
        self.connections.wait_for(join_all(ids.iter().map(|id| self.delete_glossary(id))));
    }

    /// Deletes glossaries that were made from hints a day ago or more, by a process that did not live to delete them.
    /// Does not wait until that is done. Another that still uses such a one makes it anew.
    pub fn delete_leftovers(self: &Arc<Self>) {
        if !self.options.glossaries_from_hints {
            return;
        }
        let account = Arc::clone(self);
        self.connections.spawn(async move {
            let call = account.call(Method::GET, "/v3/glossaries", None);
            let list = call.send::<GlossaryList>(account.connections.client(), Budget::starting_now(ASIDE_LIMIT)).await;
            // They cost nothing but their place; the next start looks again.
            let Ok(GlossaryList { glossaries }) = list else { return };
            let now = SystemTime::now();
            let left =
                glossaries.iter().filter(|listed| glossaries::is_leftover(&listed.name, &listed.creation_time, now));
            join_all(left.map(|listed| account.delete_glossary(&listed.glossary_id))).await;
        });
    }

    fn call(&self, method: Method, path: &str, body: Option<Value>) -> Call {
        Call { method, url: format!("{}{path}", self.url), authorization: Some(self.authorization.clone()), body }
    }

    async fn ask_usage(&self) -> Result<Usage, EngineError> {
        self.usage().asked_at = Some(Instant::now());
        let call = self.call(Method::GET, "/v2/usage", None);
        let answer = call.send::<UsageAnswer>(self.connections.client(), Budget::starting_now(ASIDE_LIMIT)).await;
        let answer = answer.map_err(into_engine_error)?;
        let usage = Usage { used: answer.character_count, limit: answer.character_limit };
        self.usage().last = Some(usage);
        (self.usage_heard_by)(usage);
        Ok(usage)
    }

    /// Has the usage asked for once it is old.
    fn refresh_usage(self: &Arc<Self>) {
        let asked_at = self.usage().asked_at;
        if asked_at.is_some_and(|asked_at| asked_at.elapsed() < USAGE_AGE) {
            return;
        }
        let account = Arc::clone(self);
        self.connections.spawn(async move {
            // The next translation tells of whatever is wrong.
            let _ = account.ask_usage().await;
        });
    }

    /// The glossary for these texts: the account's own, or one made from the hints. `None` where there is nothing to
    /// put into one, and where it cannot be made: a translation without is better than none.
    async fn glossary(self: &Arc<Self>, pair: &Pair, hints: &[String], budget: Budget) -> Option<String> {
        let own = self.options.glossaries.get(&(pair.source.clone(), pair.target.clone()));
        if own.is_some() || !self.options.glossaries_from_hints {
            return own.cloned();
        }
        let terms = Terms::new(pair, hints)?;
        let place = self.glossaries.place(&terms);
        for id in place.evicted {
            let account = Arc::clone(self);
            self.connections.spawn(async move { account.delete_glossary(&id).await });
        }
        let made = place.slot.get_or_try_init(|| async {
            match self.make_glossary(&terms, budget.share(GLOSSARY_SHARE)).await {
                Ok(id) => Ok(Some(id)),
                Err(failure) if failure.may_pass() => Err(failure),
                // It will not do for the next fragment either: such a pair, or no room in the account.
                Err(_) => Ok(None),
            }
        });
        made.await.ok().cloned().flatten()
    }

    async fn make_glossary(&self, terms: &Terms, budget: Budget) -> Result<String, CallFailure> {
        let (source, target) = (languages::source(&terms.pair().source), languages::source(&terms.pair().target));
        let name = glossaries::name(&source, &target);
        let entries = terms.entries();
        let dictionary =
            Dictionary { source_lang: &source, target_lang: &target, entries: &entries, entries_format: "tsv" };
        let body = json!(GlossaryBody { name: &name, dictionaries: [dictionary] });
        let call = self.call(Method::POST, "/v3/glossaries", Some(body));
        Ok(call.send::<GlossaryAnswer>(self.connections.client(), budget).await?.glossary_id)
    }

    async fn delete_glossary(&self, id: &str) {
        let call = self.call(Method::DELETE, &format!("/v3/glossaries/{id}"), None);
        // One that stays is one of a thousand that the account may have.
        let _ = call.send::<Value>(self.connections.client(), Budget::starting_now(ASIDE_LIMIT)).await;
    }

    async fn translate_group(self: &Arc<Self>, group: &Group, budget: Budget) -> Vec<Result<String, EngineError>> {
        let glossary = self.glossary(&group.pair, &group.hints, budget).await;
        let texts: Vec<&str> = group.texts.iter().map(String::as_str).collect();
        self.translate_texts(group, &texts, glossary.as_deref(), budget).await
    }

    /// Translates texts by one request; where it is refused for what is in it, by two with half of them each, so that
    /// in the end one text alone pays for itself.
    async fn translate_texts(
        &self,
        group: &Group,
        texts: &[&str],
        glossary: Option<&str>,
        budget: Budget,
    ) -> Vec<Result<String, EngineError>> {
        let failure = match self.request(group, texts, glossary, budget).await {
            Ok(translations) => return translations.into_iter().map(Ok).collect(),
            Err(failure) => failure,
        };
        if let (Some(id), true) = (glossary, blames_glossary(&failure)) {
            self.glossaries.forget(id);
            return Box::pin(self.translate_texts(group, texts, None, budget)).await;
        }
        if texts.len() > 1 && matches!(failure.status(), Some(400 | 413 | 414)) {
            let (first, second) = texts.split_at(texts.len() / 2);
            let halves = [first, second].map(|half| Box::pin(self.translate_texts(group, half, glossary, budget)));
            return join_all(halves).await.into_iter().flatten().collect();
        }
        let error = into_engine_error(failure);
        texts.iter().map(|_| Err(error.clone())).collect()
    }

    async fn request(
        &self,
        group: &Group,
        texts: &[&str],
        glossary: Option<&str>,
        budget: Budget,
    ) -> Result<Vec<String>, CallFailure> {
        let source = languages::source(&group.pair.source);
        let target = self.options.variants.target(&group.pair.target);
        let body = TranslateBody {
            text: texts,
            source_lang: &source,
            target_lang: &target,
            context: &group.context,
            formality: Some(self.options.formality)
                .filter(|chosen| *chosen != Formality::Default)
                .map(Formality::as_str),
            glossary_id: glossary,
        };
        let call = self.call(Method::POST, "/v2/translate", Some(json!(body)));
        let answer: TranslateAnswer = call.send(self.connections.client(), budget).await?;
        let (asked, given) = (texts.len(), answer.translations.len());
        if given != asked {
            return Err(CallFailure::Unreadable(format!("{given} translations of {asked} texts")));
        }
        Ok(answer.translations.into_iter().map(|translation| translation.text).collect())
    }
}

/// Whether it is the glossary that the other side does not take: deleted by someone, or for another pair.
fn blames_glossary(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::Status { status: 400 | 404, message, .. } => message.to_lowercase().contains("glossar"),
        _ => false,
    }
}

/// What DeepL's statuses mean (developers.deepl.com, "Error handling").
fn into_engine_error(failure: CallFailure) -> EngineError {
    match &failure {
        CallFailure::Status { status: 456, message, .. } => EngineError::QuotaExceeded(format!("DeepL: {message}")),
        CallFailure::Status { status: 400, message, .. }
            if message.contains("target_lang") || message.contains("source_lang") =>
        {
            EngineError::Unsupported(format!("DeepL: {message}"))
        }
        _ => failure.into_engine_error("DeepL"),
    }
}

/// Translates by an account at DeepL.
pub struct DeepLTranslator(pub Arc<DeepL>);

impl Translator for DeepLTranslator {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: NAME.to_owned(), device: "network".to_owned(), precision: "unknown".to_owned() }
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        source == target || languages::is_known(source) && languages::is_known(target)
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let account = &self.0;
        let budget = Budget::for_batch(account.budget, batch);
        let mut answers: Vec<Option<Result<Translation, EngineError>>> = vec![None; batch.len()];
        let mut items = Vec::new();
        for (index, request) in batch.iter().enumerate() {
            match accept(request) {
                Accepted::Answered(answer) => answers[index] = Some(answer),
                Accepted::Translate(pair, text) => items.push(account.item(index, pair, text, request)),
            }
        }
        let groups = batch::group(items);
        let work = join_all(groups.iter().map(|group| account.translate_group(group, budget)));
        for (group, texts) in groups.iter().zip(account.connections.wait_for(work)) {
            for (index, text) in group.indices.iter().zip(texts) {
                answers[*index] = Some(text.map(|text| Translation { text, engine: NAME.to_owned() }));
            }
        }
        account.refresh_usage();
        let unanswered = || Err(EngineError::Poisoned("a request was left without an answer".to_owned()));
        answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }
}

impl DeepL {
    fn item(&self, index: usize, pair: Pair, text: String, request: &TranslateRequest) -> Item {
        let context = if self.options.sends_context { last_chars(&request.context) } else { String::new() };
        Item { index, text, pair, context, hints: request.hints.clone() }
    }
}

/// The end of a text.
fn last_chars(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(MAX_CONTEXT_CHARS);
    text.chars().skip(skipped).collect()
}
