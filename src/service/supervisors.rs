//! The supervisors of the three stages, and what new engines are built from.

use std::path::PathBuf;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler};
use sts_actors::events::LifecycleEvent;
use sts_actors::job::{AsrInput, AsrOutput, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use sts_actors::stage::{EngineSource, StageSupervisor};
use sts_protocol::Stage;
use tokio::sync::Notify;

/// One supervisor a stage.
#[derive(Clone)]
pub struct Supervisors {
    /// Recognition.
    pub asr: Addr<StageSupervisor<AsrInput, AsrOutput>>,
    /// Translation.
    pub translation: Addr<StageSupervisor<TranslationInput, TranslationOutput>>,
    /// Synthesis.
    pub tts: Addr<StageSupervisor<TtsInput, TtsOutput>>,
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

/// Has the service drain once a stage is hopeless.
pub struct LastResort {
    /// Told then.
    pub drain: Arc<Notify>,
    /// Says afterwards that this was why.
    pub hopeless: Arc<std::sync::atomic::AtomicBool>,
}

impl Actor for LastResort {
    type Context = Context<Self>;
}

impl Handler<LifecycleEvent> for LastResort {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        if let LifecycleEvent::StageHopeless { .. } = event {
            self.hopeless.store(true, std::sync::atomic::Ordering::Release);
            self.drain.notify_one();
        }
    }
}
