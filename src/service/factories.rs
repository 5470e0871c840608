//! Which engine stands behind each stage, and how it is built on its worker's thread.

use std::sync::Arc;

use sts_actors::job::{AsrInput, AsrOutput, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use sts_actors::stage::EngineFactory;
use sts_models::gated::VadGated;
use sts_models::kokoro::{KokoroOptions, KokoroSynthesizer};
use sts_models::translate::{EmbeddedTranslator, EmbeddedTranslatorOptions};
use sts_models::vad::{Vad, VadOptions};
use sts_models::whisper::{WhisperOptions, WhisperRecognizer};
use sts_models::{Device, EngineError};

use super::capabilities::Capabilities;
use super::engines::{AsrEngine, TranslationEngine, TtsEngine};
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
}

impl Engines {
    /// The real ones: Whisper behind Silero VAD, the embedded translator, Kokoro.
    ///
    /// # Errors
    /// Why the device that was asked for cannot be had.
    pub fn real(config: &Config) -> Result<Self, String> {
        let device = Device::resolve(config.device)?;
        let capabilities = Capabilities::default();
        let (asr, translation, tts) = (config.clone(), config.clone(), config.clone());
        let (hears, translates, speaks) = (capabilities.clone(), capabilities.clone(), capabilities.clone());
        Ok(Self {
            asr: Arc::new(move || {
                let recognizer = recognizer(&asr, device).map_err(|error| error.to_string())?;
                hears.learn_recognizer(&recognizer);
                Ok(Box::new(AsrEngine(Box::new(recognizer))))
            }),
            translation: Arc::new(move || {
                let translator = translator(&translation).map_err(|error| error.to_string())?;
                translates.learn_translator(&translator);
                Ok(Box::new(TranslationEngine(Box::new(translator))))
            }),
            tts: Arc::new(move || {
                let synthesizer = synthesizer(&tts, device).map_err(|error| error.to_string())?;
                speaks.learn_synthesizer(&synthesizer);
                Ok(Box::new(TtsEngine(Box::new(synthesizer))))
            }),
            max_batch: batch_limits(device),
            capabilities,
        })
    }
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
