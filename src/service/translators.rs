//! The translators that the settings name, as one: built on each worker's thread, over connections, breakers and
//! accounts that all workers share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{IntCounterVec, Opts};
use sts_actors::events::{EventSender, LifecycleEvent};
use sts_actors::job::{TranslationInput, TranslationOutput};
use sts_actors::stage::EngineFactory;
use sts_models::translate::breaker::{BreakerOptions, BreakerState};
use sts_models::translate::cache::{CachedTranslator, TranslationCache};
use sts_models::translate::faithful::FaithfulTranslator;
use sts_models::translate::fallback::{BreakerListener, FallbackTranslator, Guard, GuardObservation, Link};
use sts_models::translate::libretranslate;
use sts_models::{EngineError, TranslateRequest, Translation, Translator};

use super::capabilities::Capabilities;
use super::engines::TranslationEngine;
use super::factories::marian_translator;
use super::remotes::{RemoteService, network_limit, publish, services};
use crate::config::{Config, LOCAL_TRANSLATORS, TranslatorChoice};

/// How long a worker waits for texts of other streams once it has one: little beside the call that it saves.
const LINGER: Duration = Duration::from_millis(5);
/// As many texts as one request to DeepL may carry.
const MAX_BATCH: usize = 50;

/// The translators that the settings name. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Translators(Arc<Shared>);

/// A translator on the network by its name, and what it says of itself or why it would not serve.
pub type Asked = (&'static str, Result<String, EngineError>);

/// Builds the translator in the process, on the thread that will use it.
pub type EmbeddedBuilder = Arc<dyn Fn(&Config) -> Result<Box<dyn Translator>, EngineError> + Send + Sync>;

struct Shared {
    choice: TranslatorChoice,
    embedded: EmbeddedBuilder,
    remotes: Vec<RemoteService>,
    /// The breaker before each translator, in the order of the lists.
    guards: Vec<(String, Arc<Guard>)>,
    cache: Arc<TranslationCache>,
    cache_requests: IntCounterVec,
    events: Arc<OnceLock<EventSender>>,
}

fn cache_requests() -> Result<IntCounterVec, prometheus::Error> {
    let help = "Translations that were looked for among those that are remembered.";
    IntCounterVec::new(Opts::new("sts_translation_cache_requests_total", help), &["result"])
}

fn result(is_hit: bool) -> &'static str {
    if is_hit { "hit" } else { "miss" }
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
        let remotes = services(config, &events)?;
        for service in &remotes {
            let RemoteService::DeepL(account) = service else { continue };
            if let Err(error @ EngineError::Unauthorized(_)) = account.check() {
                return Err(format!("DEEPL_API_KEY: {error}"));
            }
            account.delete_leftovers();
        }
        let guarded = |name: String| {
            let guard = Guard::new(&name, BreakerOptions::default(), breaker_listener(&events));
            (name, guard)
        };
        let guards = choice.preferences.all().into_iter().map(guarded).collect();
        let cache_requests = cache_requests().map_err(|error| error.to_string())?;
        let results = [true, false].map(|is_hit| cache_requests.with_label_values(&[result(is_hit)]));
        let cache =
            TranslationCache::new(choice.cache_bytes, Box::new(move |is_hit| results[usize::from(!is_hit)].inc()));
        Ok(Self(Arc::new(Shared { choice, embedded, remotes, guards, cache, cache_requests, events })))
    }

    /// What is counted of the translations that are remembered.
    pub fn series(&self) -> IntCounterVec {
        self.0.cache_requests.clone()
    }

    /// Asks each of the settings' translators on the network whether it would serve. Waits for them on this thread.
    ///
    /// # Errors
    /// A key that can be none, by its setting's name.
    pub fn ask_each(config: &Config) -> Result<Vec<Asked>, String> {
        let services = services(config, &Arc::default())?;
        Ok(services.iter().map(|service| (service.name(), service.ask())).collect())
    }

    /// Tells these subscribers what happens to the translators, beginning with how they are.
    pub fn report_to(&self, events: EventSender) {
        let listener = breaker_listener(&self.0.events);
        if self.0.events.set(events).is_err() {
            return;
        }
        for (_, guard) in &self.0.guards {
            let GuardObservation { engine, breaker, .. } = guard.observe();
            listener(&engine, breaker, "the service starts");
        }
        for service in &self.0.remotes {
            if let RemoteService::DeepL(account) = service {
                // It was asked for at the start, before anybody listened.
                account.tell_usage();
            }
        }
    }

    /// How the engines are.
    pub fn observe(&self) -> Vec<GuardObservation> {
        self.0.guards.iter().map(|(_, guard)| guard.observe()).collect()
    }

    /// Whether some translator is on the network.
    pub fn needs_network(&self) -> bool {
        self.0.choice.needs_network()
    }

    /// Whether some translator works where `DEVICE` says.
    pub fn use_the_device(&self) -> bool {
        self.0.guards.iter().any(|(name, _)| name == "marian")
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
        let links = self.0.guards.iter().map(|(name, guard)| self.link(name, guard, config));
        let links = links.collect::<Result<_, _>>()?;
        let limit = network_limit(config.timeouts[1], &self.0.choice);
        let chosen = Box::new(FallbackTranslator::new(links, preferences, limit));
        if !self.needs_network() {
            return Ok(chosen);
        }
        let preferences = self.0.choice.preferences.clone();
        // A fall-back's work is not to outlive the need for it.
        let is_by_the_first = move |request: &TranslateRequest, translation: &Translation| {
            let list = preferences.of(&request.source_language, &request.target_language);
            list.first().is_some_and(|first| *first == translation.engine)
        };
        Ok(Box::new(CachedTranslator::new(chosen, Arc::clone(&self.0.cache), Box::new(is_by_the_first))))
    }

    fn link(&self, name: &str, guard: &Arc<Guard>, config: &Config) -> Result<Link, EngineError> {
        let is_local = LOCAL_TRANSLATORS.contains(&name);
        let translator = match self.0.remotes.iter().find(|service| service.name() == name) {
            Some(service) => service.translator(),
            None => self.local(name, config)?,
        };
        // The others have glossaries of their own, or are told the terms.
        let enforces_terms = is_local || name == libretranslate::NAME;
        let translator = Box::new(FaithfulTranslator::new(translator, enforces_terms));
        Ok(Link { name: name.to_owned(), translator, guard: Arc::clone(guard), is_local })
    }

    /// A translator that works in this process.
    fn local(&self, name: &str, config: &Config) -> Result<Box<dyn Translator>, EngineError> {
        if name == "marian" { marian_translator(config) } else { (self.0.embedded)(config) }
    }

    /// Puts away what was made in accounts. Waits for it on this thread.
    pub fn close(&self) {
        for service in &self.0.remotes {
            if let RemoteService::DeepL(account) = service {
                account.close();
            }
        }
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
