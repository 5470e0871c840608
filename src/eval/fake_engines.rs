//! Fake engines for the harness's own tests: they answer from a script and compute nothing.

use std::collections::{HashMap, VecDeque};

use sts_models::{
    EngineError, EngineInfo, RecognizeRequest, Recognizer, Speech, SynthesizeRequest, Synthesizer, Transcript,
    TranslateRequest, Translation, Translator,
};

fn info(name: &str) -> EngineInfo {
    EngineInfo { name: name.to_owned(), device: "none".to_owned(), precision: "none".to_owned() }
}

/// A recogniser that answers with the next line of its script whatever it hears, and remembers what it was asked.
#[derive(Default)]
pub struct ScriptedRecognizer {
    pub script: VecDeque<Result<&'static str, EngineError>>,
    pub heard: Vec<RecognizeRequest>,
}

impl ScriptedRecognizer {
    pub fn new(script: impl IntoIterator<Item = Result<&'static str, EngineError>>) -> Self {
        Self { script: script.into_iter().collect(), heard: Vec::new() }
    }
}

impl Recognizer for ScriptedRecognizer {
    fn info(&self) -> EngineInfo {
        info("scripted recogniser")
    }

    fn supports(&self, language: &str) -> bool {
        language != "xx"
    }

    fn recognize(&mut self, batch: &[RecognizeRequest]) -> Vec<Result<Transcript, EngineError>> {
        self.heard.extend_from_slice(batch);
        let texts = batch.iter().map_while(|_| self.script.pop_front());
        texts.map(|text| text.map(|text| Transcript { text: text.to_owned(), ..Transcript::default() })).collect()
    }
}

/// A translator that looks whole sentences up.
pub struct PhraseBook(pub HashMap<&'static str, &'static str>);

impl Translator for PhraseBook {
    fn info(&self) -> EngineInfo {
        info("phrase book")
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        (source, target) == ("en", "es")
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let look_up = |request: &TranslateRequest| {
            let unknown = || EngineError::InvalidInput(format!("no entry for {:?}", request.text));
            let text = (*self.0.get(request.text.as_str()).ok_or_else(unknown)?).to_owned();
            Ok(Translation { text, engine: "phrase book".to_owned() })
        };
        batch.iter().map(look_up).collect()
    }
}

/// A synthesiser that hums: 100 ms of a constant for each letter, as much faster as the slot wants, within bounds.
pub struct Hummer;

impl Hummer {
    pub const RATE_HZ: u32 = 24_000;
    pub const MS_A_LETTER: f64 = 100.0;
}

impl Synthesizer for Hummer {
    fn info(&self) -> EngineInfo {
        info("hummer")
    }

    fn voices(&self) -> Vec<String> {
        vec!["low".to_owned(), "high".to_owned()]
    }

    fn synthesize(&mut self, batch: &[SynthesizeRequest]) -> Vec<Result<Speech, EngineError>> {
        batch.iter().map(hum).collect()
    }
}

fn hum(request: &SynthesizeRequest) -> Result<Speech, EngineError> {
    let own_ms = request.text.chars().count() as f64 * Hummer::MS_A_LETTER;
    let duration_ms = request.slot.map_or(own_ms, |slot| slot.duration_ms);
    let (slowest, fastest) = request.speed_bounds;
    let overrun = (own_ms / fastest / duration_ms - 1.0).max(0.0);
    if overrun > request.max_overrun {
        return Err(EngineError::DoesNotFit { overrun });
    }
    let speed_ratio = (own_ms / duration_ms).max(slowest);
    let samples = (duration_ms * f64::from(Hummer::RATE_HZ) / 1000.0).round() as usize;
    Ok(Speech {
        samples: vec![0.1; samples],
        sample_rate_hz: Hummer::RATE_HZ,
        speed_ratio,
        spoken_ms: own_ms / speed_ratio,
        overrun,
        is_hurried: false,
        spoke_other: false,
    })
}
