//! The real service over honest fake engines: sockets, actors, stages and supervision are the shipped ones; only
//! what a model would do is made up, and it misbehaves on demand.
//!
//! The first two 16-bit samples of a fragment are an instruction: what to do, and a number.
//!
//! | first sample | the fake recogniser |
//! | --- | --- |
//! | 0 | hears nothing |
//! | 1 | hears "words N", after N ms |
//! | 2 | panics |
//! | 3 | fails on this fragment, and stays sound |
//! | 4 | panics the first time it meets this N, and then hears "words N" |
//! | 5 | hears "words N" once the file named by FAKE_GATE exists |
//!
//! The fake translator says the words in capitals; the fake synthesiser gives a tone of exactly the right length.

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sts::config::{Config, Problems, SettingFlags};
use sts::service::{Capabilities, Engines};
use sts_actors::job::{AsrInput, AsrOutput, SpeechWindow, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use sts_actors::stage::{StageEngine, StageFailure};
use sts_models::{
    EngineError, EngineInfo, RecognizeRequest, Recognizer, Speech, SynthesizeRequest, Synthesizer, Transcript,
    TranslateRequest, Translation, Translator,
};
use sts_protocol::ErrorCode;

fn main() -> ExitCode {
    let environment = |name: &str| std::env::var(name).ok();
    let config = match Config::load(&SettingFlags::default(), environment, None) {
        Ok(config) => config,
        Err(Problems(problems)) => {
            eprintln!("{}", problems.join("\n"));
            return ExitCode::from(2);
        }
    };
    let (log, _guard) = sts::logging::start(&config.log_level).expect("the level was checked");
    let (listening, address) = tokio::sync::oneshot::channel::<sts::service::Listening>();
    std::thread::spawn(move || {
        if let Ok(address) = address.blocking_recv() {
            println!("listening on {}\noperators on {}", address.workers, address.operators);
        }
    });
    match sts::service::serve(config, fake_engines(), log, listening, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn fake_engines() -> Engines {
    let capabilities = Capabilities::default();
    capabilities.learn_recognizer(&Repertoire);
    capabilities.learn_translator(&Repertoire);
    capabilities.learn_synthesizer(&Repertoire);
    let met = Arc::new(Mutex::new(HashSet::new()));
    Engines {
        asr: Arc::new(move || Ok(Box::new(FakeRecognizer { met: Arc::clone(&met) }))),
        translation: Arc::new(|| Ok(Box::new(FakeTranslator))),
        tts: Arc::new(|| Ok(Box::new(FakeSynthesizer))),
        max_batch: [1, 8, 1],
        capabilities,
    }
}

struct FakeRecognizer {
    met: Arc<Mutex<HashSet<i16>>>,
}

impl FakeRecognizer {
    fn hear(&self, input: &AsrInput) -> Result<AsrOutput, StageFailure> {
        let sample = |index: usize| {
            input.pcm.get(index * 2..index * 2 + 2).map_or(0, |raw| i16::from_le_bytes([raw[0], raw[1]]))
        };
        let (instruction, number) = (sample(0), sample(1));
        let words = Ok(AsrOutput {
            text: format!("words {number}"),
            window: Some(SpeechWindow { start_ms: 100.0, end_ms: 500.0 }),
        });
        match instruction {
            1 => {
                std::thread::sleep(Duration::from_millis(number.unsigned_abs().into()));
                words
            }
            2 => panic!("told to panic"),
            3 => Err(StageFailure::new(ErrorCode::Internal, "told to fail")),
            4 => {
                let first_time = self.met.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(number);
                assert!(!first_time, "told to panic once");
                words
            }
            5 => {
                let gate = std::env::var_os("FAKE_GATE").expect("FAKE_GATE names a file");
                while !std::path::Path::new(&gate).exists() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                words
            }
            _ => Ok(AsrOutput { text: String::new(), window: None }),
        }
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

struct FakeTranslator;

impl StageEngine<TranslationInput, TranslationOutput> for FakeTranslator {
    fn name(&self) -> String {
        "fake-translator".to_owned()
    }

    fn process(&mut self, batch: &[TranslationInput]) -> Vec<Result<TranslationOutput, StageFailure>> {
        batch.iter().map(|input| Ok(TranslationOutput { text: input.text.to_uppercase() })).collect()
    }
}

struct FakeSynthesizer;

impl StageEngine<TtsInput, TtsOutput> for FakeSynthesizer {
    fn name(&self) -> String {
        "fake-synthesizer".to_owned()
    }

    fn process(&mut self, batch: &[TtsInput]) -> Vec<Result<TtsOutput, StageFailure>> {
        let tone = |input: &TtsInput| {
            let rate = input.spec.sample_rate_hz as f32;
            let sample = |index: usize| 0.25 * (std::f32::consts::TAU * 440.0 * index as f32 / rate).sin();
            let samples: Vec<f32> = (0..input.frames).map(sample).collect();
            Ok(TtsOutput { pcm: input.spec.encode_mono(&samples).into(), speed_ratio: 1.0, overrun: 0.0 })
        };
        batch.iter().map(tone).collect()
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
        (source, target) == ("en", "es")
    }

    fn translate(&mut self, _: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        Vec::new()
    }
}

impl Synthesizer for Repertoire {
    fn info(&self) -> EngineInfo {
        Recognizer::info(self)
    }

    fn voices(&self) -> Vec<String> {
        vec!["em_alex".into(), "ef_dora".into()]
    }

    fn synthesize(&mut self, _: &[SynthesizeRequest]) -> Vec<Result<Speech, EngineError>> {
        Vec::new()
    }
}
