//! The three fakes. They cost next to nothing, so that what is measured over them is the service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sts::config::Config;
use sts::service::{Capabilities, Engines, StageFactory, Translators};
use sts_actors::job::{
    AsrInput, AsrOutput, Dub, SpeechWindow, TranslationInput, TranslationOutput, TtsInput, TtsOutput, WhenTooLong,
};
use sts_actors::stage::{EngineFactory, EngineSource, Fallback, StageEngine, StageFailure};
use sts_models::{
    DeviceFault, EngineError, EngineInfo, RecognizeRequest, Recognizer, Speech, SynthesizeRequest, Synthesizer,
    Transcript, TranslateRequest, Translation, Translator,
};
use sts_protocol::{AudioSpec, ErrorCode, Stage};

use crate::faults::{Device, Faults};
use crate::instruction::Instruction;

/// Fakes for every stage. Translators on the network that the settings name are the shipped ones, over what answers at
/// their URLs; `embedded` among them stands for the fake.
///
/// # Errors
/// Why a translator cannot be used.
pub fn fake(config: &Config) -> Result<Engines, String> {
    let capabilities = Capabilities::default();
    capabilities.learn_recognizer(&Repertoire);
    capabilities.learn_translator(&Repertoire);
    capabilities.learn_synthesizer(&Repertoire);
    let failover = config.gpu_failover;
    let translators = Translators::new(config, Arc::new(|_| Ok(Box::new(Repertoire))))?;
    let translation = if translators.needs_network() {
        translators.factory(config.clone(), capabilities.clone()).into()
    } else {
        source(Faults::of(Stage::Translation, config), failover, || Box::new(FakeTranslator))
    };
    let max_batch = translators.batch_limits([1, 8, 1]);
    Ok(Engines {
        asr: source(Faults::of(Stage::Asr, config), failover, || Box::new(FakeRecognizer)),
        translation,
        translators,
        tts: source(Faults::of(Stage::Tts, config), failover, || Box::new(FakeSynthesizer { tone: None })),
        max_batch,
        capabilities,
        weights: Arc::new(other_weights),
        gpus: Arc::new(crate::gpus::open),
    })
}

/// An engine, the device that it is on and what befalls it.
struct Befallen<I, O> {
    engine: Box<dyn StageEngine<I, O>>,
    device: Device,
    faults: Arc<Faults>,
}

impl<I: 'static, O: 'static> Befallen<I, O> {
    fn factory(faults: &Arc<Faults>, device: Device, build: fn() -> Box<dyn StageEngine<I, O>>) -> EngineFactory<I, O> {
        let faults = Arc::clone(faults);
        Arc::new(move || {
            faults.build(device)?;
            Ok(Box::new(Self { engine: build(), device, faults: Arc::clone(&faults) }))
        })
    }
}

fn source<I: 'static, O: 'static>(
    faults: Faults,
    failover: bool,
    build: fn() -> Box<dyn StageEngine<I, O>>,
) -> EngineSource<I, O> {
    let (has_gpu, faults) = (faults.has_gpu(), Arc::new(faults));
    let device = if has_gpu { Device::Gpu } else { Device::Unnamed };
    let fallback = (has_gpu && failover).then(|| Fallback {
        factory: Befallen::factory(&faults, Device::Cpu, build),
        max_batch: 1,
        is_device_fault: |error| DeviceFault::of(error).is_some(),
    });
    EngineSource { factory: Befallen::factory(&faults, device, build), fallback }
}

impl<I, O> StageEngine<I, O> for Befallen<I, O> {
    fn name(&self) -> String {
        match self.device {
            Device::Unnamed => self.engine.name(),
            Device::Gpu => format!("{} (cuda:0)", self.engine.name()),
            Device::Cpu => format!("{} (cpu)", self.engine.name()),
        }
    }

    fn process(&mut self, batch: &[I]) -> Vec<Result<O, StageFailure>> {
        if let Err(failure) = self.faults.strike_batch(self.device) {
            return batch.iter().map(|_| Err(failure.clone())).collect();
        }
        let strikes: Vec<_> = batch.iter().map(|_| self.faults.strike()).collect();
        let results = self.engine.process(batch);
        results.into_iter().zip(strikes).map(|(result, strike)| strike.and(result)).collect()
    }
}

/// The fakes have no weights: a directory stands for some that are sound, unless it is called `broken`.
fn other_weights(stage: Stage, path: PathBuf) -> Result<StageFactory, String> {
    if !path.is_dir() {
        return Err(format!("`path` {} is no directory", path.display()));
    }
    let broken = path.ends_with("broken");
    Ok(match stage {
        Stage::Asr => StageFactory::Asr(weighed(broken, || Box::new(FakeRecognizer))),
        Stage::Translation => StageFactory::Translation(weighed(broken, || Box::new(FakeTranslator))),
        Stage::Tts => StageFactory::Tts(weighed(broken, || Box::new(FakeSynthesizer { tone: None }))),
    })
}

fn weighed<I: 'static, O: 'static>(broken: bool, build: fn() -> Box<dyn StageEngine<I, O>>) -> EngineSource<I, O> {
    let factory: EngineFactory<I, O> =
        Arc::new(move || if broken { Err("told to be broken".to_owned()) } else { Ok(build()) });
    factory.into()
}

struct FakeRecognizer;

impl FakeRecognizer {
    fn hear(&self, input: &AsrInput) -> Result<AsrOutput, StageFailure> {
        let instruction = Instruction::of_audio(&input.pcm);
        let number = instruction.number;
        match instruction.order {
            1 => std::thread::sleep(Duration::from_millis(number.unsigned_abs().into())),
            2 => panic!("told to panic"),
            3 => return Err(StageFailure::new(ErrorCode::Internal, "told to fail")),
            4 => instruction.panic_once(Stage::Asr),
            5 => wait_for_gate(number),
            10..=43 => instruction.misbehave(Stage::Asr)?,
            _ => return Ok(AsrOutput { text: String::new(), window: None }),
        }
        let window = Some(SpeechWindow { start_ms: 100.0, end_ms: 500.0 });
        Ok(AsrOutput { text: instruction.text(), window })
    }
}

fn wait_for_gate(number: i16) {
    let gate = std::env::var("FAKE_GATE").expect("FAKE_GATE names a file");
    let gate = std::path::PathBuf::from(format!("{gate}-{number}"));
    while !gate.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl StageEngine<AsrInput, AsrOutput> for FakeRecognizer {
    fn name(&self) -> String {
        "fake-recognizer".to_owned()
    }

    fn process(&mut self, batch: &[AsrInput]) -> Vec<Result<AsrOutput, StageFailure>> {
        batch.iter().map(|input| self.hear(input)).collect()
    }
}

/// Says the words in capitals, and with [`AGAIN`] where it says them for the second time.
struct FakeTranslator;

/// What the fake translator says at the end of words that are to be shorter.
const AGAIN: &str = "AGAIN";

impl StageEngine<TranslationInput, TranslationOutput> for FakeTranslator {
    fn name(&self) -> String {
        "fake-translator".to_owned()
    }

    fn process(&mut self, batch: &[TranslationInput]) -> Vec<Result<TranslationOutput, StageFailure>> {
        let translate = |input: &TranslationInput| {
            let instruction = Instruction::of_text(&input.text);
            instruction.misbehave(Stage::Translation)?;
            instruction.fit_into_memory(batch.len())?;
            let mut text = input.text.to_uppercase();
            if input.shorter.is_some() {
                instruction.shorten()?;
                text = format!("{text} {AGAIN}");
            }
            Ok(TranslationOutput { text, engine: "fake".to_owned(), can_be_shorter: true })
        };
        batch.iter().map(translate).collect()
    }
}

/// Gives a tone of 440 Hz, of exactly the right length unless it is told otherwise.
struct FakeSynthesizer {
    /// The longest tone so far: shorter ones are its beginning.
    tone: Option<(AudioSpec, Bytes)>,
}

impl FakeSynthesizer {
    fn tone(&mut self, spec: AudioSpec, frames: usize) -> Bytes {
        let bytes = frames * spec.bytes_per_frame();
        match &self.tone {
            Some((known, tone)) if *known == spec && tone.len() >= bytes => tone.slice(..bytes),
            _ => {
                let rate = spec.sample_rate_hz as f32;
                let sample = |index: usize| 0.25 * (std::f32::consts::TAU * 440.0 * index as f32 / rate).sin();
                let samples: Vec<f32> = (0..frames).map(sample).collect();
                let tone = Bytes::from(spec.encode_mono(&samples));
                self.tone = Some((spec, tone.clone()));
                tone
            }
        }
    }

    fn speak(&mut self, input: &TtsInput) -> Result<TtsOutput, StageFailure> {
        let instruction = Instruction::of_text(&input.text);
        instruction.misbehave(Stage::Tts)?;
        let excess = excess(&input.text);
        let spoke_other = match &input.when_too_long {
            WhenTooLong::Ask if excess > 0.0 => {
                let wanted_ms = input.window.end_ms - input.window.start_ms;
                return Ok(TtsOutput::TooLong { predicted_ms: wanted_ms * (1.0 + excess), wanted_ms });
            }
            WhenTooLong::Rather(other) => excess > 0.0 && self::excess(other) < excess,
            WhenTooLong::Ask | WhenTooLong::Speak => false,
        };
        let frames = (input.frames as f64 * (1.0 + instruction.stretch())).round() as usize;
        let pcm = self.tone(input.spec, frames);
        let (is_hurried, overrun) = (excess > 0.0, instruction.overrun());
        Ok(TtsOutput::Dub(Dub { overrun, is_hurried, spoke_other, ..Dub::at_ease(pcm) }))
    }
}

/// By what fraction words last too long.
fn excess(text: &str) -> f64 {
    // A chat model's double puts what it says the second time into brackets of its own.
    let is_second = text.ends_with(AGAIN) || text.ends_with("(shorter)");
    Instruction::of_text(text).excess(is_second)
}

impl StageEngine<TtsInput, TtsOutput> for FakeSynthesizer {
    fn name(&self) -> String {
        "fake-synthesizer".to_owned()
    }

    fn process(&mut self, batch: &[TtsInput]) -> Vec<Result<TtsOutput, StageFailure>> {
        batch.iter().map(|input| self.speak(input)).collect()
    }
}

/// What the fakes say that they can do: English to Spanish, by two voices.
struct Repertoire;

impl Recognizer for Repertoire {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: "fake".into(), device: "cpu".into(), precision: "none".into() }
    }

    fn supports(&self, language: &str) -> bool {
        language == "en"
    }

    fn recognize(&mut self, _: &[RecognizeRequest]) -> Vec<Result<Transcript, EngineError>> {
        Vec::new()
    }
}

impl Translator for Repertoire {
    fn info(&self) -> EngineInfo {
        Recognizer::info(self)
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        source == "en" && ["es", "pt"].contains(&target)
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let translate = |request: &TranslateRequest| {
            let told = Instruction::of_text(&request.text).misbehave(Stage::Translation);
            told.map_err(|failure| EngineError::Unavailable(failure.message))?;
            Ok(Translation { text: request.text.to_uppercase(), engine: "fake".into() })
        };
        batch.iter().map(translate).collect()
    }
}

impl Synthesizer for Repertoire {
    fn info(&self) -> EngineInfo {
        Recognizer::info(self)
    }

    fn voices(&self) -> Vec<String> {
        ["em_alex", "ef_dora", "pm_alex", "pf_dora"].map(String::from).into()
    }

    fn synthesize(&mut self, _: &[SynthesizeRequest]) -> Vec<Result<Speech, EngineError>> {
        Vec::new()
    }
}
