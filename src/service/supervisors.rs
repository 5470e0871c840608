//! The supervisors of the three stages, and what new engines are built from.

use std::path::PathBuf;
use std::sync::Arc;

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

/// Has the service drain once a stage is hopeless.
pub struct LastResort {
    /// Told then.
    pub drain: Arc<Notify>,
    /// Says afterwards that this was why.
    pub hopeless: Arc<std::sync::atomic::AtomicBool>,
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
        serde_json::json!({"hopeless": self.last_resort.hopeless.load(std::sync::atomic::Ordering::Acquire)})
    }
}

takes_letters!(LastResortActor);

impl Handler<LifecycleEvent> for LastResortActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        if let LifecycleEvent::StageHopeless { .. } = event {
            self.last_resort.hopeless.store(true, std::sync::atomic::Ordering::Release);
            self.last_resort.drain.notify_one();
        }
    }
}
