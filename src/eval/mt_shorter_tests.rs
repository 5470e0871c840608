//! Shorter translations by a script, and a voice that takes 100 ms for each letter.

use sts_models::{EngineInfo, Speech};

use super::super::fake_engines::Hummer;
use super::*;

/// Makes of `LETTERS LEAST` as many letters as are wished for, but no fewer than the least; of `same` and `fails` what
/// they say.
struct Stretchable;

impl Translator for Stretchable {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: "stretchable".to_owned(), device: "none".to_owned(), precision: "none".to_owned() }
    }

    fn supports(&self, _: &str, _: &str) -> bool {
        true
    }

    fn can_shorten(&self, _: &str, _: &str, engine: &str) -> bool {
        engine == "stretchable"
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        batch.iter().map(stretch).collect()
    }
}

fn stretch(request: &TranslateRequest) -> Result<Translation, EngineError> {
    let shorter = request.shorter.as_ref().expect("only shorter ones are asked for here");
    let length = shorter.than.chars().count();
    let least: usize = match request.text.parse() {
        Ok(least) => least,
        Err(_) if request.text == "same" => length,
        Err(_) => return Err(EngineError::Unavailable("told to fail".to_owned())),
    };
    let letters = (length * shorter.percent as usize / 100).max(least);
    Ok(Translation { text: "x".repeat(letters), engine: "stretchable".to_owned() })
}

fn first(least: &str, letters: usize, engine: &str) -> (TranslateRequest, Translation) {
    let request = TranslateRequest {
        text: least.to_owned(),
        source_language: "en".to_owned(),
        target_language: "es".to_owned(),
        ..TranslateRequest::default()
    };
    (request, Translation { text: "x".repeat(letters), engine: engine.to_owned() })
}

fn args(voice: &str) -> ShorterArgs {
    ShorterArgs { shorter: vec![10, 30], voice: voice.to_owned() }
}

/// A voice that knows no sound, and the lengths alone.
struct Silent;

impl Synthesizer for Silent {
    fn info(&self) -> EngineInfo {
        Hummer.info()
    }

    fn voices(&self) -> Vec<String> {
        Hummer.voices()
    }

    fn synthesize(&mut self, batch: &[SynthesizeRequest]) -> Vec<Result<Speech, EngineError>> {
        let predict = |request: &SynthesizeRequest| {
            assert_eq!(request.when_too_long, WhenTooLong::Ask, "no sound is asked for");
            let predicted_ms = request.text.chars().count() as f64 * Hummer::MS_A_LETTER;
            match request.text.is_empty() {
                true => Err(EngineError::InvalidInput("no words".to_owned())),
                false => Err(EngineError::TooLong { predicted_ms, wanted_ms: 1.0 }),
            }
        };
        batch.iter().map(predict).collect()
    }
}

#[test]
fn shorter_ones_are_counted_and_of_these_those_that_fit() {
    let firsts = [
        first("50", 100, "stretchable"),
        first("80", 100, "stretchable"),
        first("same", 100, "stretchable"),
        first("fails", 100, "stretchable"),
        first("50", 100, "another"),
        // The voice has no length for it.
        first("50", 0, "stretchable"),
    ];
    let rows = measure(&args("low"), &mut Stretchable, &mut Silent, &firsts).expect("the voice is there");
    let counts: Vec<_> = rows.iter().map(|row| (row.percent, row.sentences, row.found, row.fits)).collect();
    assert_eq!(counts, [(10, 5, 2, 2), (30, 5, 2, 1)]);
    assert!((rows[0].mean_gain_percent - 10.0).abs() < 1e-9 && (rows[1].mean_gain_percent - 25.0).abs() < 1e-9);
}

#[test]
fn a_voice_that_is_not_there_is_refused() {
    let refused = measure(&args("shrill"), &mut Stretchable, &mut Silent, &[]).expect_err("there is none");
    assert!(refused.to_string().contains("no voice 'shrill'; there are low, high"), "{refused}");
}
