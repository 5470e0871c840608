//! The translators that the settings name, as one: built on each worker's thread, over connections, breakers and
//! accounts that all workers share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sts_actors::events::{EventSender, LifecycleEvent};
use sts_actors::job::{TranslationInput, TranslationOutput};
use sts_actors::stage::EngineFactory;
use sts_models::translate::breaker::{BreakerOptions, BreakerState};
use sts_models::translate::cache::{CachedTranslator, TranslationCache};
use sts_models::translate::chat::{self, Chat, ChatOptions, ChatTranslator};
use sts_models::translate::deepl::{self, DeepL, DeepLOptions, DeepLTranslator, Usage};
use sts_models::translate::fallback::{BreakerListener, FallbackTranslator, Guard, GuardObservation, Link};
use sts_models::translate::libretranslate::{self, LibreTranslate, LibreTranslateOptions, LibreTranslator};
use sts_models::translate::remote::Connections;
use sts_models::{EngineError, TranslateRequest, Translation, Translator};

use super::capabilities::Capabilities;
use super::engines::TranslationEngine;
use super::factories::marian_translator;
use crate::config::{ChatChoice, Config, DeepLChoice, LOCAL_TRANSLATORS, LibreTranslateChoice, TranslatorChoice};

/// How long a worker waits for texts of other streams once it has one: little beside the call that it saves.
const LINGER: Duration = Duration::from_millis(5);
/// As many texts as one request to DeepL may carry.
const MAX_BATCH: usize = 50;
/// The part of the stage's limit that translators have together; the rest is for the way to them and back, so that
/// their own error is told rather than the stage's.
const STAGE_SHARE: f64 = 0.9;
/// What of that is kept for a translator in the process, where one comes after those on the network.
const EMBEDDED_SHARE: f64 = 0.25;

/// The translators that the settings name. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Translators(Arc<Shared>);

/// Builds the translator in the process, on the thread that will use it.
pub type EmbeddedBuilder = Arc<dyn Fn(&Config) -> Result<Box<dyn Translator>, EngineError> + Send + Sync>;

struct Shared {
    choice: TranslatorChoice,
    embedded: EmbeddedBuilder,
    remotes: Vec<Remote>,
    cache: Arc<TranslationCache>,
    events: Arc<OnceLock<EventSender>>,
}

/// A translator on the network.
struct Remote {
    service: RemoteService,
    guard: Arc<Guard>,
}

enum RemoteService {
    DeepL(Arc<DeepL>),
    Chat(Arc<Chat>),
    LibreTranslate(Arc<LibreTranslate>),
}

impl RemoteService {
    fn name(&self) -> &'static str {
        match self {
            Self::DeepL(_) => deepl::NAME,
            Self::Chat(_) => chat::NAME,
            Self::LibreTranslate(_) => libretranslate::NAME,
        }
    }

    fn translator(&self) -> Box<dyn Translator> {
        match self {
            Self::DeepL(account) => Box::new(DeepLTranslator(Arc::clone(account))),
            Self::Chat(model) => Box::new(ChatTranslator(Arc::clone(model))),
            Self::LibreTranslate(server) => {
                // One that cannot be asked yet is taken to have every language; the next worker asks again.
                let _ = server.check();
                Box::new(LibreTranslator(Arc::clone(server)))
            }
        }
    }
}

impl Translators {
    /// Prepares connections and accounts, and asks each account whether its key is good.
    ///
    /// # Errors
    /// A key that is refused, by its setting's name. A service that cannot be asked now may be there later, and is no
    /// error.
    pub fn new(config: &Config, embedded: EmbeddedBuilder) -> Result<Self, String> {
        let choice = config.translators.clone();
        let events = Arc::<OnceLock<EventSender>>::default();
        let services = if choice.needs_network() { services(config, &events)? } else { Vec::new() };
        let guarded = |service: RemoteService| {
            let guard = Guard::new(service.name(), BreakerOptions::default(), breaker_listener(&events));
            Remote { service, guard }
        };
        let remotes = services.into_iter().map(guarded).collect();
        let cache = TranslationCache::new(choice.cache_bytes);
        Ok(Self(Arc::new(Shared { choice, embedded, remotes, cache, events })))
    }

    /// Tells these subscribers what happens to the translators, beginning with how they are.
    pub fn report_to(&self, events: EventSender) {
        let listener = breaker_listener(&self.0.events);
        if self.0.events.set(events).is_err() {
            return;
        }
        for Remote { service, guard } in &self.0.remotes {
            let GuardObservation { engine, breaker, .. } = guard.observe();
            listener(&engine, breaker, "the service starts");
            if let RemoteService::DeepL(account) = service {
                // It was asked for at the start, before anybody listened.
                account.tell_usage();
            }
        }
    }

    /// How the engines on the network are.
    pub fn observe(&self) -> Vec<GuardObservation> {
        self.0.remotes.iter().map(|remote| remote.guard.observe()).collect()
    }

    /// Whether some translator is on the network.
    pub fn needs_network(&self) -> bool {
        self.0.choice.needs_network()
    }

    /// How long a worker waits for a batch to fill.
    pub fn linger(&self) -> Duration {
        if self.needs_network() { LINGER } else { Duration::ZERO }
    }

    /// Most jobs in a batch of each stage, if they would be these without translators on the network.
    pub fn batch_limits(&self, [asr, translation, tts]: [usize; 3]) -> [usize; 3] {
        [asr, if self.needs_network() { MAX_BATCH } else { translation }, tts]
    }

    /// Builds translators on their workers' threads.
    pub fn factory(&self, config: Config, known: Capabilities) -> EngineFactory<TranslationInput, TranslationOutput> {
        let translators = self.clone();
        Arc::new(move || {
            let translator = translators.build(&config).map_err(|error| error.to_string())?;
            known.learn_translator(translator.as_ref());
            Ok(Box::new(TranslationEngine(translator)))
        })
    }

    /// A translator for one thread.
    ///
    /// # Errors
    /// Weights of the embedded one that are missing or broken, and pairs that it does not know.
    pub fn build(&self, config: &Config) -> Result<Box<dyn Translator>, EngineError> {
        let preferences = self.0.choice.preferences.clone();
        if let ([only], false) = (preferences.all().as_slice(), self.needs_network()) {
            return self.local(only, config);
        }
        let links = preferences.all().into_iter().map(|name| self.link(name, config)).collect::<Result<_, _>>()?;
        let limit = network_limit(config.timeouts[1], &self.0.choice);
        let chosen = Box::new(FallbackTranslator::new(links, preferences, limit));
        let preferences = self.0.choice.preferences.clone();
        // A fall-back's work is not to outlive the need for it.
        let is_by_the_first = move |request: &TranslateRequest, translation: &Translation| {
            let list = preferences.of(&request.source_language, &request.target_language);
            list.first().is_some_and(|first| *first == translation.engine)
        };
        Ok(Box::new(CachedTranslator::new(chosen, Arc::clone(&self.0.cache), Box::new(is_by_the_first))))
    }

    fn link(&self, name: String, config: &Config) -> Result<Link, EngineError> {
        let remote = self.0.remotes.iter().find(|remote| remote.service.name() == name);
        let (translator, guard) = match remote {
            Some(Remote { service, guard }) => (service.translator(), Some(Arc::clone(guard))),
            None => (self.local(&name, config)?, None),
        };
        Ok(Link { name, translator, guard })
    }

    /// A translator that works in this process.
    fn local(&self, name: &str, config: &Config) -> Result<Box<dyn Translator>, EngineError> {
        if name == "marian" { marian_translator(config) } else { (self.0.embedded)(config) }
    }

    /// Puts away what was made in accounts. Waits for it on this thread.
    pub fn close(&self) {
        for Remote { service, .. } in &self.0.remotes {
            if let RemoteService::DeepL(account) = service {
                account.close();
            }
        }
    }
}

/// The services that the settings name, over one pool of connections.
fn services(config: &Config, events: &Arc<OnceLock<EventSender>>) -> Result<Vec<RemoteService>, String> {
    let choice = &config.translators;
    let connections = Arc::new(Connections::new()?);
    let budget = budget(config.timeouts[1], choice);
    let mut services = Vec::new();
    if let Some(chosen) = &choice.deepl {
        let heard_by = Arc::clone(events);
        let usage_heard_by = Arc::new(move |usage: Usage| {
            let (engine, used, limit) = (deepl::NAME.into(), usage.used, usage.limit);
            publish(&heard_by, LifecycleEvent::TranslatorUsed { engine, used, limit });
        });
        let account = DeepL::new(Arc::clone(&connections), deepl_options(chosen, budget), usage_heard_by)
            .map_err(|problem| format!("DEEPL_API_KEY: {problem}"))?;
        if let Err(error @ EngineError::Unauthorized(_)) = account.check() {
            return Err(format!("DEEPL_API_KEY: {error}"));
        }
        services.push(RemoteService::DeepL(account));
    }
    if let Some(ChatChoice { url, model, key }) = choice.chat.clone() {
        let model = Chat::new(Arc::clone(&connections), ChatOptions { url, model, key, budget })
            .map_err(|problem| format!("CHAT_API_KEY: {problem}"))?;
        services.push(RemoteService::Chat(model));
    }
    if let Some(LibreTranslateChoice { url, key }) = choice.libretranslate.clone() {
        let options = LibreTranslateOptions { url, key, budget };
        services.push(RemoteService::LibreTranslate(LibreTranslate::new(Arc::clone(&connections), options)));
    }
    Ok(services)
}

fn publish(events: &OnceLock<EventSender>, event: LifecycleEvent) {
    if let Some(events) = events.get() {
        events.publish(event);
    }
}

fn breaker_listener(events: &Arc<OnceLock<EventSender>>) -> BreakerListener {
    let events = Arc::clone(events);
    Arc::new(move |engine: &str, state: BreakerState, reason: &str| {
        let (engine, reason) = (engine.into(), reason.to_owned());
        let level = match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        publish(&events, LifecycleEvent::BreakerChanged { engine, state: state.as_str(), level, reason });
    })
}

/// The time that translators on the network have together for a batch.
fn network_limit(stage_limit: Duration, choice: &TranslatorChoice) -> Duration {
    let whole = stage_limit.mul_f64(STAGE_SHARE);
    let has_local = choice.preferences.all().iter().any(|name| LOCAL_TRANSLATORS.contains(&name.as_str()));
    if has_local { whole.mul_f64(1.0 - EMBEDDED_SHARE) } else { whole }
}

/// The time that each of them has: one may be asked after another has failed.
fn budget(stage_limit: Duration, choice: &TranslatorChoice) -> Duration {
    network_limit(stage_limit, choice).div_f64(choice.on_network().max(1) as f64)
}

fn deepl_options(choice: &DeepLChoice, budget: Duration) -> DeepLOptions {
    DeepLOptions {
        key: choice.key.clone(),
        url: choice.url.clone(),
        variants: choice.variants.clone(),
        formality: choice.formality,
        glossaries: choice.glossaries.clone(),
        glossaries_from_hints: choice.glossaries_from_hints,
        sends_context: choice.sends_context,
        budget,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingFlags;

    #[test]
    fn translators_that_may_follow_each_other_share_the_stages_time() {
        let budget_of = |translators: &str| {
            let environment = |name: &str| match name {
                "TRANSLATOR" => Some(translators.to_owned()),
                "DEEPL_API_KEY" | "CHAT_MODEL" => Some("some".to_owned()),
                "CHAT_URL" => Some("http://127.0.0.1:1".to_owned()),
                _ => None,
            };
            let config = Config::load(&SettingFlags::default(), environment, None).expect("valid");
            budget(Duration::from_secs(10), &config.translators).as_millis()
        };
        assert_eq!(["deepl", "deepl,embedded", "deepl,chat,embedded"].map(budget_of), [9_000, 6_750, 3_375]);
    }
}
