//! Which engine stands behind each stage, and how it is built on its worker's thread.

use std::sync::Arc;

use sts_actors::gpu::GpuOpener;
use sts_actors::job::{AsrInput, AsrOutput, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use sts_actors::stage::EngineFactory;
use sts_models::gated::VadGated;
use sts_models::kokoro::{KokoroOptions, KokoroSynthesizer};
use sts_models::translate::{EmbeddedTranslator, EmbeddedTranslatorOptions};
use sts_models::vad::{Vad, VadOptions};
use sts_models::whisper::{WhisperOptions, WhisperRecognizer};
use sts_models::{Device, EngineError};
use sts_protocol::Stage;

use super::capabilities::Capabilities;
use super::engines::{AsrEngine, TranslationEngine, TtsEngine};
use super::nvml;
use super::supervisors::{StageFactory, WeightsChoice};
use crate::config::Config;

/// Length of the fragments that the engines are warmed up for, s.
const USUAL_FRAGMENT_SECONDS: f64 = 6.0;

/// How each stage builds its engines, and how many jobs these take at once.
#[derive(Clone)]
pub struct Engines {
    /// Recognition.
    pub asr: EngineFactory<AsrInput, AsrOutput>,
    /// Translation.
    pub translation: EngineFactory<TranslationInput, TranslationOutput>,
    /// Synthesis.
    pub tts: EngineFactory<TtsInput, TtsOutput>,
    /// Most jobs in a batch: recognition, translation, synthesis.
    pub max_batch: [usize; 3],
    /// What the engines that were built can do.
    pub capabilities: Capabilities,
    /// What builds engines from other weights.
    pub weights: WeightsChoice,
    /// Who reads the GPUs.
    pub gpus: GpuOpener,
}

impl Engines {
    /// The real ones: Whisper behind Silero VAD, the embedded translator, Kokoro.
    ///
    /// # Errors
    /// Why the device that was asked for cannot be had.
    pub fn real(config: &Config) -> Result<Self, String> {
        let device = Device::resolve(config.device)?;
        let capabilities = Capabilities::default();
        let (chosen, learnt) = (config.clone(), capabilities.clone());
        let weights: WeightsChoice = Arc::new(move |stage, path| {
            if !path.is_dir() {
                return Err(format!("`path` {} is no directory", path.display()));
            }
            let mut config = chosen.clone();
            Ok(match stage {
                Stage::Asr => {
                    config.asr_model = path;
                    StageFactory::Asr(recognizers(config, device, learnt.clone()))
                }
                Stage::Translation => {
                    config.models_dir = path;
                    StageFactory::Translation(translators(config, learnt.clone()))
                }
                Stage::Tts => {
                    config.tts_model = path;
                    StageFactory::Tts(synthesizers(config, device, learnt.clone()))
                }
            })
        });
        Ok(Self {
            asr: recognizers(config.clone(), device, capabilities.clone()),
            translation: translators(config.clone(), capabilities.clone()),
            tts: synthesizers(config.clone(), device, capabilities.clone()),
            max_batch: batch_limits(device),
            capabilities,
            weights,
            gpus: Arc::new(nvml::open),
        })
    }
}

fn recognizers(config: Config, device: Device, known: Capabilities) -> EngineFactory<AsrInput, AsrOutput> {
    Arc::new(move || {
        let recognizer = recognizer(&config, device).map_err(|error| error.to_string())?;
        known.learn_recognizer(&recognizer);
        Ok(Box::new(AsrEngine(Box::new(recognizer))))
    })
}

fn translators(config: Config, known: Capabilities) -> EngineFactory<TranslationInput, TranslationOutput> {
    Arc::new(move || {
        let translator = translator(&config).map_err(|error| error.to_string())?;
        known.learn_translator(&translator);
        Ok(Box::new(TranslationEngine(Box::new(translator))))
    })
}

fn synthesizers(config: Config, device: Device, known: Capabilities) -> EngineFactory<TtsInput, TtsOutput> {
    Arc::new(move || {
        let synthesizer = synthesizer(&config, device).map_err(|error| error.to_string())?;
        known.learn_synthesizer(&synthesizer);
        Ok(Box::new(TtsEngine(Box::new(synthesizer))))
    })
}

/// On a CPU a batch gains nothing and makes its first fragment wait for its last; a GPU lives by them.
fn batch_limits(device: Device) -> [usize; 3] {
    if matches!(device.torch, tch::Device::Cuda(_)) { [32, 32, 32] } else { [1, 8, 1] }
}

/// Whisper, with a voice activity detector before it; warm.
///
/// # Errors
/// Weights that are missing or broken.
pub fn recognizer(config: &Config, device: Device) -> Result<VadGated<WhisperRecognizer>, EngineError> {
    let mut whisper = WhisperRecognizer::load(&config.asr_model, device, WhisperOptions::default())?;
    whisper.warm_up(1, USUAL_FRAGMENT_SECONDS)?;
    let vad = Vad::load(&config.models_dir.join("silero-vad"))?;
    Ok(VadGated::new(vad, VadOptions::default(), whisper))
}

/// The embedded translator, warm for the pairs that the settings name.
///
/// # Errors
/// Weights or packages that are missing or broken, and pairs that it does not know.
pub fn translator(config: &Config) -> Result<EmbeddedTranslator, EngineError> {
    let options = EmbeddedTranslatorOptions {
        allow_download: config.translator_downloads,
        ..EmbeddedTranslatorOptions::default()
    };
    let mut translator = EmbeddedTranslator::load(&config.models_dir, options)?;
    let pairs: Vec<(&str, &str)> =
        config.translator_pairs.iter().map(|(source, target)| (source.as_str(), target.as_str())).collect();
    translator.warm_up(&pairs)?;
    Ok(translator)
}

/// Kokoro, warm.
///
/// # Errors
/// Weights that are missing or broken.
pub fn synthesizer(config: &Config, device: Device) -> Result<KokoroSynthesizer, EngineError> {
    let mut kokoro = KokoroSynthesizer::load(&config.tts_model, device, KokoroOptions::for_device(device))?;
    kokoro.warm_up()?;
    Ok(kokoro)
}
