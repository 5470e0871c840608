//! The models' three traits as the stages' one: audio is unpacked and resampled here, on the worker's own thread,
//! and an engine's errors become the contract's codes.

use sts_actors::job::{
    self, AsrInput, AsrOutput, Dub, SpeechWindow, TranslationInput, TranslationOutput, TtsInput, TtsOutput,
};
use sts_actors::stage::{StageEngine, StageFailure};
use sts_models::engine::RECOGNIZER_RATE_HZ;
use sts_models::resample::resample;
use sts_models::text::terms::Term;
use sts_models::{
    EngineError, EngineInfo, RecognizeRequest, Recognizer, Shorter, Speech, SpeechSlot, SynthesizeRequest, Synthesizer,
    TranslateRequest, Translator, WhenTooLong,
};
use sts_protocol::ErrorCode;

/// The one place where engine errors become wire codes.
fn failure(error: EngineError) -> StageFailure {
    let code = match &error {
        EngineError::InvalidInput(_) => ErrorCode::InvalidFragment,
        EngineError::Unsupported(_) => ErrorCode::UnsupportedLanguage,
        EngineError::DoesNotFit { .. } | EngineError::TooLong { .. } => ErrorCode::DurationMismatchExceeded,
        EngineError::OutOfMemory(_) => ErrorCode::GpuOutOfMemory,
        EngineError::TimedOut(_) => ErrorCode::Timeout,
        EngineError::RateLimited { .. } => ErrorCode::RateLimitExceeded,
        EngineError::QuotaExceeded(_) => ErrorCode::QuotaExceeded,
        EngineError::Unavailable(_) | EngineError::Unauthorized(_) | EngineError::Poisoned(_) => {
            ErrorCode::StageUnavailable
        }
    };
    StageFailure { code, poisons: error.poisons(), message: error.to_string() }
}

fn full_name(info: &EngineInfo) -> String {
    format!("{} ({}, {})", info.name, info.device, info.precision)
}

/// Recognition.
pub struct AsrEngine(pub Box<dyn Recognizer>);

impl StageEngine<AsrInput, AsrOutput> for AsrEngine {
    fn name(&self) -> String {
        full_name(&self.0.info())
    }

    fn process(&mut self, batch: &[AsrInput]) -> Vec<Result<AsrOutput, StageFailure>> {
        let requests: Vec<RecognizeRequest> = batch.iter().map(recognize_request).collect();
        let answers = self.0.recognize(&requests);
        answers.into_iter().map(|answer| answer.map(asr_output).map_err(failure)).collect()
    }
}

fn recognize_request(input: &AsrInput) -> RecognizeRequest {
    let samples = input.spec.decode_mono(&input.pcm);
    RecognizeRequest {
        samples: resample(&samples, input.spec.sample_rate_hz, RECOGNIZER_RATE_HZ).into(),
        language: input.language.to_string(),
        previous_text: String::new(),
        hints: input.hints.iter().map(|hint| Term::spoken(hint).to_owned()).collect(),
    }
}

fn asr_output(transcript: sts_models::Transcript) -> AsrOutput {
    let window = match (transcript.speech.first(), transcript.speech.last()) {
        (Some(first), Some(last)) => Some(SpeechWindow { start_ms: first.start_ms, end_ms: last.end_ms }),
        _ => None,
    };
    AsrOutput { text: transcript.text, window }
}

/// Translation.
pub struct TranslationEngine(pub Box<dyn Translator>);

impl StageEngine<TranslationInput, TranslationOutput> for TranslationEngine {
    fn name(&self) -> String {
        full_name(&self.0.info())
    }

    fn process(&mut self, batch: &[TranslationInput]) -> Vec<Result<TranslationOutput, StageFailure>> {
        let requests: Vec<TranslateRequest> = batch
            .iter()
            .map(|input| TranslateRequest {
                text: input.text.clone(),
                source_language: input.source_language.to_string(),
                target_language: input.target_language.to_string(),
                context: input.context.clone(),
                hints: input.hints.to_vec(),
                syllables: Some(syllables(input.window.end_ms - input.window.start_ms)),
                shorter: input.shorter.as_ref().map(shorter),
                deadline: None,
            })
            .collect();
        let answers = self.0.translate(&requests).into_iter().zip(batch);
        let output = |(answer, input): (Result<sts_models::Translation, EngineError>, &TranslationInput)| {
            let sts_models::Translation { text, engine } = answer.map_err(failure)?;
            let can_be_shorter = self.0.can_shorten(&input.source_language, &input.target_language, &engine);
            Ok(TranslationOutput { text, engine, can_be_shorter })
        };
        answers.map(output).collect()
    }
}

fn shorter(wanted: &job::Shorter) -> Shorter {
    Shorter { than: wanted.than.clone(), by: wanted.by.clone(), percent: wanted.percent }
}

/// How many syllables fit into so much speech: languages are spoken at 5 to 8 a second (Coupé et al. 2019,
/// doi:10.1126/sciadv.aaw2594), and a dub may be a little quicker than talk.
fn syllables(speech_ms: f64) -> usize {
    const A_SECOND: f64 = 7.0;
    (speech_ms.max(0.0) / 1000.0 * A_SECOND).ceil() as usize
}

/// Synthesis.
pub struct TtsEngine(pub Box<dyn Synthesizer>);

impl StageEngine<TtsInput, TtsOutput> for TtsEngine {
    fn name(&self) -> String {
        full_name(&self.0.info())
    }

    fn process(&mut self, batch: &[TtsInput]) -> Vec<Result<TtsOutput, StageFailure>> {
        let requests: Vec<SynthesizeRequest> = batch.iter().map(synthesize_request).collect();
        let answers = self.0.synthesize(&requests);
        let outputs = answers.into_iter().zip(batch);
        let output = |(answer, input): (Result<Speech, EngineError>, &TtsInput)| match answer {
            Ok(speech) => Ok(TtsOutput::Dub(dub(speech, input))),
            Err(EngineError::TooLong { predicted_ms, wanted_ms }) => Ok(TtsOutput::TooLong { predicted_ms, wanted_ms }),
            Err(error) => Err(failure(error)),
        };
        outputs.map(output).collect()
    }
}

fn synthesize_request(input: &TtsInput) -> SynthesizeRequest {
    SynthesizeRequest {
        text: input.text.clone(),
        language: input.language.to_string(),
        voice: input.voice.voice.clone(),
        slot: Some(SpeechSlot {
            duration_ms: input.spec.duration_ms(input.frames),
            speech_start_ms: input.window.start_ms,
            speech_end_ms: input.window.end_ms,
        }),
        speed_bounds: (input.voice.speed_ratio.min, input.voice.speed_ratio.max),
        max_overrun: input.max_overrun,
        hurry: input.hurry,
        when_too_long: match &input.when_too_long {
            job::WhenTooLong::Speak => WhenTooLong::Speak,
            job::WhenTooLong::Ask => WhenTooLong::Ask,
            job::WhenTooLong::Rather(other) => WhenTooLong::Rather(other.clone()),
        },
    }
}

/// The engine's samples in the stream's own shape, exactly as many frames as the original has.
fn dub(speech: Speech, input: &TtsInput) -> Dub {
    let mut samples = resample(&speech.samples, speech.sample_rate_hz, input.spec.sample_rate_hz);
    // Resampling rounds to whole samples: at most one is added or dropped here.
    samples.resize(input.frames, 0.0);
    let gain = 10_f32.powf(input.voice.gain_db / 20.0);
    if input.voice.gain_db != 0.0 {
        samples.iter_mut().for_each(|sample| *sample *= gain);
    }
    let Speech { speed_ratio, overrun, is_hurried, spoke_other, .. } = speech;
    Dub { pcm: input.spec.encode_mono(&samples).into(), speed_ratio, overrun, is_hurried, spoke_other }
}
