//! The models' three traits as the stages' one: audio is unpacked and resampled here, on the worker's own thread,
//! and an engine's errors become the contract's codes.

use sts_actors::job::{AsrInput, AsrOutput, SpeechWindow, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use sts_actors::stage::{StageEngine, StageFailure};
use sts_models::engine::RECOGNIZER_RATE_HZ;
use sts_models::resample::resample;
use sts_models::{
    EngineError, EngineInfo, RecognizeRequest, Recognizer, Speech, SpeechSlot, SynthesizeRequest, Synthesizer,
    TranslateRequest, Translation, Translator,
};
use sts_protocol::ErrorCode;

/// The one place where engine errors become wire codes.
fn failure(error: EngineError) -> StageFailure {
    let code = match &error {
        EngineError::InvalidInput(_) => ErrorCode::InvalidFragment,
        EngineError::Unsupported(_) => ErrorCode::UnsupportedLanguage,
        EngineError::DoesNotFit { .. } => ErrorCode::DurationMismatchExceeded,
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
        hints: input.hints.to_vec(),
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
                deadline: None,
            })
            .collect();
        let answers = self.0.translate(&requests);
        answers.into_iter().map(|answer| answer.map(translation_output).map_err(failure)).collect()
    }
}

fn translation_output(translation: Translation) -> TranslationOutput {
    TranslationOutput { text: translation.text, engine: translation.engine }
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
        outputs.map(|(answer, input)| answer.map(|speech| tts_output(speech, input)).map_err(failure)).collect()
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
    }
}

/// The engine's samples in the stream's own shape, exactly as many frames as the original has.
fn tts_output(speech: Speech, input: &TtsInput) -> TtsOutput {
    let mut samples = resample(&speech.samples, speech.sample_rate_hz, input.spec.sample_rate_hz);
    // Resampling rounds to whole samples: at most one is added or dropped here.
    samples.resize(input.frames, 0.0);
    let gain = 10_f32.powf(input.voice.gain_db / 20.0);
    if input.voice.gain_db != 0.0 {
        samples.iter_mut().for_each(|sample| *sample *= gain);
    }
    TtsOutput { pcm: input.spec.encode_mono(&samples).into(), speed_ratio: speech.speed_ratio, overrun: speech.overrun }
}
