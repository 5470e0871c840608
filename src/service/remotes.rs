//! The translators on the network that the settings name, and the time that each has.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sts_actors::events::{EventSender, LifecycleEvent};
use sts_models::translate::chat::{self, Chat, ChatOptions, ChatTranslator};
use sts_models::translate::deepl::{self, DeepL, DeepLTranslator, Usage};
use sts_models::translate::libretranslate::{self, LibreTranslate, LibreTranslateOptions, LibreTranslator};
use sts_models::translate::remote::Connections;
use sts_models::{EngineError, Translator};

use crate::config::{ChatChoice, Config, LOCAL_TRANSLATORS, LibreTranslateChoice, TranslatorChoice};

/// The part of the stage's limit that translators have together; the rest is for the way to them and back, so that
/// their own error is told rather than the stage's.
const STAGE_SHARE: f64 = 0.9;
/// What of that is kept for a translator in the process, where one comes after those on the network.
const EMBEDDED_SHARE: f64 = 0.25;

/// A translator on the network.
pub(super) enum RemoteService {
    /// An account at DeepL.
    DeepL(Arc<DeepL>),
    /// A chat model.
    Chat(Arc<Chat>),
    /// A server of LibreTranslate.
    LibreTranslate(Arc<LibreTranslate>),
}

impl RemoteService {
    /// Its name in settings and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::DeepL(_) => deepl::NAME,
            Self::Chat(_) => chat::NAME,
            Self::LibreTranslate(_) => libretranslate::NAME,
        }
    }

    /// A translator for one thread.
    pub(super) fn translator(&self) -> Box<dyn Translator> {
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
    /// Asks whether it is there and would serve; gives what it says of itself. Waits on this thread.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn ask(&self) -> Result<String, EngineError> {
        match self {
            Self::DeepL(account) => {
                let Usage { used, limit } = account.check()?;
                if used >= limit {
                    return Err(EngineError::QuotaExceeded(format!("all of {limit} characters are used")));
                }
                Ok(format!("{used} of {limit} characters used"))
            }
            Self::Chat(model) => model.check().map(|()| "it answers".to_owned()),
            Self::LibreTranslate(server) => server.check().map(|()| "it answers".to_owned()),
        }
    }
}

/// The services that the settings name, over one pool of connections. None is asked anything yet.
///
/// # Errors
/// A key that can be none, by its setting's name.
pub(super) fn services(config: &Config, events: &Arc<OnceLock<EventSender>>) -> Result<Vec<RemoteService>, String> {
    let choice = &config.translators;
    if !choice.needs_network() {
        return Ok(Vec::new());
    }
    let connections = Arc::new(Connections::new()?);
    let budget = budget(config.timeouts[1], choice);
    let mut services = Vec::new();
    if let Some(chosen) = &choice.deepl {
        let heard_by = Arc::clone(events);
        let usage_heard_by = Arc::new(move |usage: Usage| {
            let (engine, used, limit) = (deepl::NAME.into(), usage.used, usage.limit);
            publish(&heard_by, LifecycleEvent::TranslatorUsed { engine, used, limit });
        });
        let account = DeepL::new(Arc::clone(&connections), chosen.clone(), budget, usage_heard_by)
            .map_err(|problem| format!("DEEPL_API_KEY: {problem}"))?;
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

/// Tells an event to whoever listens by now.
pub(super) fn publish(events: &OnceLock<EventSender>, event: LifecycleEvent) {
    if let Some(events) = events.get() {
        events.publish(event);
    }
}

/// The time that translators on the network have together for a batch.
pub(super) fn network_limit(stage_limit: Duration, choice: &TranslatorChoice) -> Duration {
    let whole = stage_limit.mul_f64(STAGE_SHARE);
    let has_local = choice.preferences.all().iter().any(|name| LOCAL_TRANSLATORS.contains(&name.as_str()));
    if has_local { whole.mul_f64(1.0 - EMBEDDED_SHARE) } else { whole }
}

/// The time that each of them has: one may be asked after another has failed.
fn budget(stage_limit: Duration, choice: &TranslatorChoice) -> Duration {
    network_limit(stage_limit, choice).div_f64(choice.on_network().max(1) as f64)
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
