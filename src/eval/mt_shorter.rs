//! How often a translator has a shorter translation, and how often that one fits: by what the voice predicts, as in the
//! service, and against times that are so much shorter than the first translation.

use anyhow::ensure;
use serde::Serialize;
use sts_models::{
    EngineError, Shorter, SpeechSlot, SynthesizeRequest, Synthesizer, TranslateRequest, Translation, Translator,
    WhenTooLong,
};

use super::report;

/// What is to be asked for.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ShorterArgs {
    /// Also ask for translations that last so many percent less than the first, and count those that do
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=50))]
    pub shorter: Vec<u32>,
    /// The voice that predicts how long they last, as em_alex; default: the first of voices.json that speaks the language
    #[arg(long, value_name = "NAME", default_value = "")]
    pub voice: String,
}

/// Figures for one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MtShorter {
    /// By how many percent it is shorter than the first translation.
    pub percent: u32,
    /// Sentences whose first translation the voice has a length for.
    pub sentences: usize,
    /// Of these, those with a second translation that lasts less than the first.
    pub found: usize,
    /// Of these, those with a second one that lasts no longer than was asked for.
    pub fits: usize,
    /// By how many percent the second ones last less, on average over those that do.
    pub mean_gain_percent: f64,
}

/// Asks for shorter translations of these requests, whose first translations are known, and has the voice predict both.
///
/// # Errors
/// When there is no such voice. A text that an engine fails on is left out or counts as none.
pub fn measure(
    args: &ShorterArgs,
    translator: &mut dyn Translator,
    synthesizer: &mut dyn Synthesizer,
    firsts: &[(TranslateRequest, Translation)],
) -> anyhow::Result<Vec<MtShorter>> {
    let voices = synthesizer.voices();
    ensure!(voices.contains(&args.voice), "no voice '{}'; there are {}", args.voice, voices.join(", "));
    let mut predicted_ms = |language: &str, text: &str| predict_ms(synthesizer, language, &args.voice, text);
    let mut rows: Vec<MtShorter> =
        args.shorter.iter().map(|&percent| MtShorter { percent, ..MtShorter::default() }).collect();
    let bar = report::progress(firsts.len(), "sentences made shorter");
    for (request, first) in firsts {
        bar.inc(1);
        let target = &request.target_language;
        let Ok(first_ms) = predicted_ms(target, &first.text) else { continue };
        let can_shorten = translator.can_shorten(&request.source_language, target, &first.engine);
        for row in &mut rows {
            row.sentences += 1;
            if !can_shorten {
                continue;
            }
            let wanted = Shorter { than: first.text.clone(), by: first.engine.clone(), percent: 100 - row.percent };
            let answer = translator.translate(&[TranslateRequest { shorter: Some(wanted), ..request.clone() }]).pop();
            let Some(Ok(second)) = answer else { continue };
            let Ok(second_ms) = predicted_ms(target, &second.text) else { continue };
            if second_ms < first_ms {
                row.found += 1;
                row.mean_gain_percent += 100.0 * (1.0 - second_ms / first_ms);
            }
            row.fits += usize::from(second_ms <= first_ms * f64::from(100 - row.percent) / 100.0);
        }
    }
    bar.finish_and_clear();
    for row in &mut rows {
        row.mean_gain_percent /= row.found.max(1) as f64;
    }
    Ok(rows)
}

/// How long the voice would take at its own rate, ms; no sound is computed.
fn predict_ms(synthesizer: &mut dyn Synthesizer, language: &str, voice: &str, text: &str) -> Result<f64, EngineError> {
    // So little time that any words are too long for it.
    let slot = SpeechSlot { duration_ms: 1.0, speech_start_ms: 0.0, speech_end_ms: 1.0 };
    let request = SynthesizeRequest {
        text: text.to_owned(),
        language: language.to_owned(),
        voice: voice.to_owned(),
        slot: Some(slot),
        speed_bounds: (1.0, 1.0),
        max_overrun: f64::INFINITY,
        hurry: 1.0,
        when_too_long: WhenTooLong::Ask,
    };
    match synthesizer.synthesize(&[request]).pop() {
        Some(Err(EngineError::TooLong { predicted_ms, .. })) => Ok(predicted_ms),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Err(EngineError::InvalidInput("there is nothing to speak".to_owned())),
    }
}

#[cfg(test)]
#[path = "mt_shorter_tests.rs"]
mod tests;
