//! Which engine stands behind each stage, and how it is built on its worker's thread.

use std::sync::Arc;

use sts_actors::gpu::GpuOpener;
use sts_actors::job::{AsrInput, AsrOutput, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use sts_actors::stage::{EngineFactory, EngineSource, Fallback};
use sts_models::gated::VadGated;
use sts_models::kokoro::{KokoroOptions, KokoroSynthesizer};
use sts_models::translate::marian::OpusTranslator;
use sts_models::translate::{EmbeddedTranslator, EmbeddedTranslatorOptions};
use sts_models::vad::{Vad, VadOptions};
use sts_models::whisper::{WhisperOptions, WhisperRecognizer};
use sts_models::{Device, DeviceChoice, DeviceFault, EngineError, TranslateRequest, Translator};
use sts_protocol::Stage;

use super::capabilities::Capabilities;
use super::engines::{AsrEngine, TtsEngine};
use super::nvml;
use super::supervisors::{StageFactory, WeightsChoice};
use super::translators::Translators;
use crate::config::Config;

/// Length of the fragments that the engines are warmed up for, s.
const USUAL_FRAGMENT_SECONDS: f64 = 6.0;

/// How each stage builds its engines, and how many jobs these take at once.
#[derive(Clone)]
pub struct Engines {
    /// Recognition.
    pub asr: EngineSource<AsrInput, AsrOutput>,
    /// Translation.
    pub translation: EngineSource<TranslationInput, TranslationOutput>,
    /// Synthesis.
    pub tts: EngineSource<TtsInput, TtsOutput>,
    /// The translators that `translation` builds from.
    pub translators: Translators,
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
    /// Why the device that was asked for cannot be had; with `GPU_FAILOVER` the stages find that out by themselves.
    /// A translator that cannot be used. Each names its setting.
    pub fn real(config: &Config) -> Result<Self, String> {
        let placement = Placement::choose(config).map_err(|error| format!("DEVICE: {error}"))?;
        let translators = translators(config)?;
        let capabilities = Capabilities::default();
        let (chosen, learnt, shared) = (config.clone(), capabilities.clone(), translators.clone());
        let weights: WeightsChoice = Arc::new(move |stage, path| {
            if !path.is_dir() {
                return Err(format!("`path` {} is no directory", path.display()));
            }
            let mut config = chosen.clone();
            Ok(match stage {
                Stage::Asr => {
                    config.asr_model = path;
                    StageFactory::Asr(recognizers(&config, placement, &learnt))
                }
                Stage::Translation => {
                    config.models_dir = path;
                    StageFactory::Translation(translation(&shared, &config, placement, &learnt))
                }
                Stage::Tts => {
                    config.tts_model = path;
                    StageFactory::Tts(synthesizers(&config, placement, &learnt))
                }
            })
        });
        Ok(Self {
            asr: recognizers(config, placement, &capabilities),
            translation: translation(&translators, config, placement, &capabilities),
            tts: synthesizers(config, placement, &capabilities),
            max_batch: translators.batch_limits(batch_limits(placement.chosen)),
            translators,
            capabilities,
            weights,
            gpus: Arc::new(nvml::open),
        })
    }
}

/// Where engines are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Placement {
    /// Never `Auto`: an engine that is built anew is to find the device of the one before it, or none.
    chosen: DeviceChoice,
    /// Whether the CPU is to do when that one stays away.
    cpu_is_left: bool,
}

impl Placement {
    fn choose(config: &Config) -> Result<Self, String> {
        let chosen = match Device::resolve(config.device).map(|device| device.torch) {
            Ok(tch::Device::Cuda(index)) => DeviceChoice::Cuda(index),
            Ok(_) => DeviceChoice::Cpu,
            Err(_) if config.gpu_failover => config.device,
            Err(reason) => return Err(reason),
        };
        Ok(Self { chosen, cpu_is_left: config.gpu_failover && chosen != DeviceChoice::Cpu })
    }

    /// What `build` makes, on either device.
    fn source<I, O>(self, stage: Stage, build: impl Fn(DeviceChoice) -> EngineFactory<I, O>) -> EngineSource<I, O> {
        let index = Stage::ALL.iter().position(|&known| known == stage).unwrap_or_default();
        let fallback = self.cpu_is_left.then(|| Fallback {
            factory: build(DeviceChoice::Cpu),
            max_batch: batch_limits(DeviceChoice::Cpu)[index],
            is_device_fault: |error| DeviceFault::of(error).is_some(),
        });
        EngineSource { factory: build(self.chosen), fallback }
    }
}

fn recognizers(config: &Config, placement: Placement, known: &Capabilities) -> EngineSource<AsrInput, AsrOutput> {
    placement.source(Stage::Asr, |choice| {
        let (config, known) = (config.clone(), known.clone());
        Arc::new(move || {
            let recognizer = recognizer(&config, Device::resolve(choice)?).map_err(|error| error.to_string())?;
            known.learn_recognizer(&recognizer);
            Ok(Box::new(AsrEngine(Box::new(recognizer))))
        })
    })
}

fn synthesizers(config: &Config, placement: Placement, known: &Capabilities) -> EngineSource<TtsInput, TtsOutput> {
    placement.source(Stage::Tts, |choice| {
        let (config, known) = (config.clone(), known.clone());
        Arc::new(move || {
            let synthesizer = synthesizer(&config, Device::resolve(choice)?).map_err(|error| error.to_string())?;
            known.learn_synthesizer(&synthesizer);
            Ok(Box::new(TtsEngine(Box::new(synthesizer))))
        })
    })
}

/// Translators, of which only those in libtorch depend on where they are built.
fn translation(
    translators: &Translators,
    config: &Config,
    placement: Placement,
    known: &Capabilities,
) -> EngineSource<TranslationInput, TranslationOutput> {
    let build = |device| translators.factory(Config { device, ..config.clone() }, known.clone());
    if !translators.use_the_device() {
        return build(config.device).into();
    }
    let mut source = placement.source(Stage::Translation, build);
    if let Some(fallback) = &mut source.fallback {
        [_, fallback.max_batch, _] = translators.batch_limits(batch_limits(DeviceChoice::Cpu));
    }
    source
}

/// On a CPU a batch gains nothing and makes its first fragment wait for its last; a GPU lives by them.
fn batch_limits(device: DeviceChoice) -> [usize; 3] {
    if device == DeviceChoice::Cpu { [1, 8, 1] } else { [32, 32, 32] }
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

/// The translators that the settings name.
///
/// # Errors
/// One that cannot be used, by its setting's name.
pub fn translators(config: &Config) -> Result<Translators, String> {
    Translators::new(config, Arc::new(|config| Ok(Box::new(embedded_translator(config, None)?))))
}

/// The embedded translator, warm for the pairs that the settings name. With a device, libtorch runs Firefox's models
/// there.
///
/// # Errors
/// Weights or packages that are missing or broken, and pairs that it does not know.
fn embedded_translator(config: &Config, device: Option<Device>) -> Result<EmbeddedTranslator, EngineError> {
    let options = EmbeddedTranslatorOptions {
        allow_download: config.translator_downloads,
        device,
        ..EmbeddedTranslatorOptions::default()
    };
    let mut translator = EmbeddedTranslator::load(&config.models_dir, options)?;
    let pairs: Vec<(&str, &str)> =
        config.translator_pairs.iter().map(|(source, target)| (source.as_str(), target.as_str())).collect();
    translator.warm_up(&pairs)?;
    Ok(translator)
}

/// Marian in libtorch: the model of the folder that the settings name, or Firefox's models. Warm for the pairs that
/// the settings name and it has.
///
/// # Errors
/// Weights that are missing or broken, a device that is not there, and a number format that it does not have.
pub fn marian_translator(config: &Config) -> Result<Box<dyn Translator>, EngineError> {
    let device = Device::resolve(config.device).map_err(EngineError::Unavailable)?;
    let device = config.translators.marian_precision.on(device);
    let device = device.map_err(|why| EngineError::Unavailable(format!("MARIAN_PRECISION: {why}")))?;
    let Some(folder) = &config.translators.marian_model else {
        return Ok(Box::new(embedded_translator(config, Some(device))?));
    };
    let mut translator = OpusTranslator::load(folder, device)?;
    for (source, target) in &config.translator_pairs {
        if translator.supports(source, target) {
            let request = TranslateRequest {
                text: "1, 2, 3.".to_owned(),
                source_language: source.clone(),
                target_language: target.clone(),
                ..TranslateRequest::default()
            };
            translator.translate(&[request]).into_iter().collect::<Result<Vec<_>, _>>()?;
        }
    }
    Ok(Box::new(translator))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingFlags;

    fn placement(device: &str, failover: &str) -> Result<Placement, String> {
        let environment = |name: &str| match name {
            "DEVICE" => Some(device.to_owned()),
            "GPU_FAILOVER" => Some(failover.to_owned()),
            _ => None,
        };
        Placement::choose(&Config::load(&SettingFlags::default(), environment, None).expect("valid"))
    }

    #[test]
    fn the_cpu_is_left_for_a_gpu_alone_and_only_when_told() {
        let cpu = Placement { chosen: DeviceChoice::Cpu, cpu_is_left: false };
        assert_eq!(placement("cpu", "true"), Ok(cpu));
        let missing = DeviceChoice::Cuda(999);
        assert_eq!(placement("cuda:999", "true"), Ok(Placement { chosen: missing, cpu_is_left: true }));
        let reason = placement("cuda:999", "false").expect_err("no machine has so many");
        assert_eq!(DeviceFault::of(&reason), Some(sts_models::DeviceFault::Broken), "{reason}");
    }

    #[test]
    fn the_cpu_has_its_own_batch_limits() {
        let build = |choice| -> EngineFactory<(), ()> { Arc::new(move || Err(format!("{choice:?}"))) };
        let gpu = Placement { chosen: DeviceChoice::Cuda(0), cpu_is_left: true };
        let source = gpu.source(Stage::Tts, build);
        let fallback = source.fallback.expect("the CPU is left");
        assert_eq!(fallback.max_batch, 1);
        assert_eq!((source.factory)().err(), Some("Cuda(0)".to_owned()));
        assert_eq!((fallback.factory)().err(), Some("Cpu".to_owned()));
        assert!((fallback.is_device_fault)("CUDA error: unspecified launch failure"));
        assert!(!(fallback.is_device_fault)("index out of bounds"));
        assert!(Placement { cpu_is_left: false, ..gpu }.source(Stage::Asr, build).fallback.is_none());
    }

    /// The source of translators with these settings, on a GPU that no machine has.
    fn translation_on_a_missing_gpu(settings: &[(&str, &str)]) -> EngineSource<TranslationInput, TranslationOutput> {
        let missing = [("DEVICE", "cuda:999"), ("GPU_FAILOVER", "true")];
        let environment = |name: &str| {
            let set = settings.iter().chain(&missing).find(|(known, _)| *known == name);
            set.map(|(_, value)| (*value).to_owned())
        };
        let config = Config::load(&SettingFlags::default(), environment, None).expect("valid");
        let placement = Placement::choose(&config).expect("the CPU is left");
        translation(&translators(&config).expect("they need nothing"), &config, placement, &Capabilities::default())
    }

    #[test]
    fn marian_goes_over_to_the_cpu_as_the_other_engines_do() {
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tests/golden/marian");
        let settings = [("TRANSLATOR", "marian"), ("MARIAN_MODEL_PATH", model), ("TRANSLATOR_PAIRS", "en-es")];
        let source = translation_on_a_missing_gpu(&settings);
        let fallback = source.fallback.expect("the CPU is left");
        let lost = (source.factory)().err().expect("no machine has so many");
        assert!((fallback.is_device_fault)(&lost), "{lost}");
        assert_eq!(fallback.max_batch, batch_limits(DeviceChoice::Cpu)[1]);
        let engine = (fallback.factory)().expect("the model is in the repository");
        assert_eq!(engine.name(), "marian marian (cpu, f32)");
    }

    #[test]
    fn translators_that_need_no_gpu_stay_when_it_does_not() {
        assert!(translation_on_a_missing_gpu(&[("TRANSLATOR", "embedded")]).fallback.is_none());
    }
}
