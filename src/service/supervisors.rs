//! The supervisors of the three stages, and what new engines are built from.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use actix::{Actor, Context, Handler};
use sts_actors::events::LifecycleEvent;
use sts_actors::job::{AsrInput, AsrOutput, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use sts_actors::registry::{ActorKind, Listing, Mailbox, Observed, Registration, Registry};
use sts_actors::stage::{EngineSource, StageSupervisor};
use sts_actors::takes_letters;
use sts_protocol::Stage;
use tokio::sync::Notify;

/// One supervisor a stage.
#[derive(Clone)]
pub struct Supervisors {
    /// Recognition.
    pub asr: Mailbox<StageSupervisor<AsrInput, AsrOutput>>,
    /// Translation.
    pub translation: Mailbox<StageSupervisor<TranslationInput, TranslationOutput>>,
    /// Synthesis.
    pub tts: Mailbox<StageSupervisor<TtsInput, TtsOutput>>,
}

/// Builds one stage's engines.
pub enum StageFactory {
    /// Recognition.
    Asr(EngineSource<AsrInput, AsrOutput>),
    /// Translation.
    Translation(EngineSource<TranslationInput, TranslationOutput>),
    /// Synthesis.
    Tts(EngineSource<TtsInput, TtsOutput>),
}

/// Gives what builds a stage's engines from the weights in a directory; the error is a sentence.
pub type WeightsChoice = Arc<dyn Fn(Stage, PathBuf) -> Result<StageFactory, String> + Send + Sync>;

/// Bursts of events wait here.
const MAILBOX: usize = 1_024;

/// Has the service drain, and be started anew by whoever runs it, once it can no longer be mended from inside: when a
/// stage is hopeless, or the actor is lost that only a new process brings back.
pub struct LastResort {
    /// Told then.
    pub drain: Arc<Notify>,
    /// Says afterwards that this was why.
    pub hopeless: Arc<OnceLock<String>>,
}

/// Listens for it.
pub(super) struct LastResortActor {
    last_resort: LastResort,
    _registration: Registration,
}

impl LastResort {
    pub(super) fn start_in(self, registry: &Registry) -> Mailbox<LastResortActor> {
        let listing = Listing::new("last-resort", ActorKind::Subscriber, MAILBOX);
        registry.start(listing, |registration| LastResortActor { last_resort: self, _registration: registration })
    }
}

impl Actor for LastResortActor {
    type Context = Context<Self>;
}

impl Observed for LastResortActor {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({"hopeless": self.last_resort.hopeless.get()})
    }
}

takes_letters!(LastResortActor);

impl Handler<LifecycleEvent> for LastResortActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        if let Some(reason) = hopelessness(&event) {
            // The first reason is the one that matters.
            let _ = self.last_resort.hopeless.set(reason);
            self.last_resort.drain.notify_one();
        }
    }
}

/// Why nothing but a new process helps after this event.
fn hopelessness(event: &LifecycleEvent) -> Option<String> {
    match event {
        LifecycleEvent::StageHopeless { stage, threads } => {
            Some(format!("too many threads of the {} stage are stuck: {threads}", stage.as_str()))
        }
        // Without these no stream is opened and no worker replaced; without the others the service goes on.
        LifecycleEvent::ActorLost { actor, kind: ActorKind::Gateway | ActorKind::Supervisor, error } => {
            Some(format!("the actor {actor} is lost: {error}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_what_cannot_be_mended_ends_the_service() {
        let lost = |actor: &str, kind| {
            let (actor, error) = (actor.to_owned(), "it panicked".to_owned());
            hopelessness(&LifecycleEvent::ActorLost { actor, kind, error })
        };
        assert_eq!(lost("gateway", ActorKind::Gateway).as_deref(), Some("the actor gateway is lost: it panicked"));
        assert!(lost("tts-supervisor", ActorKind::Supervisor).is_some());
        assert_eq!(lost("stream:s", ActorKind::Stream), None);
        assert_eq!(lost("metrics", ActorKind::Subscriber), None);
    }

    #[test]
    fn it_is_told_once_and_kept() {
        actix::System::new().block_on(async {
            let last_resort = LastResort { drain: Arc::default(), hopeless: Arc::default() };
            let (drain, hopeless) = (Arc::clone(&last_resort.drain), Arc::clone(&last_resort.hopeless));
            let actor = last_resort.start_in(&Registry::default());
            let lost = |actor: &str| LifecycleEvent::ActorLost {
                actor: actor.to_owned(),
                kind: ActorKind::Gateway,
                error: "it panicked".to_owned(),
            };
            actor.do_send(lost("first"));
            actor.send(lost("second")).await.expect("it is there");
            drain.notified().await;
            assert_eq!(hopeless.get().map(String::as_str), Some("the actor first is lost: it panicked"));
        });
    }
}
