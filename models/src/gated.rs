//! A recogniser that is only asked about fragments in which somebody speaks.

use crate::engine::{EngineError, EngineInfo, RecognizeRequest, Recognizer, SpeechSpan, Transcript};
use crate::vad::{Vad, VadOptions};

/// When a text is taken for an invention of the recogniser over noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HallucinationGuard {
    /// The recogniser's own probability of no speech must exceed this,
    pub no_speech_probability: f32,
    /// and the mean log-probability of its text must be below this.
    pub average_log_probability: f32,
}

impl Default for HallucinationGuard {
    fn default() -> Self {
        Self { no_speech_probability: 0.6, average_log_probability: -1.0 }
    }
}

/// Voice activity detection before a recogniser: fragments without speech cost it nothing and come back empty,
/// the others with [`Transcript::speech`] filled in.
pub struct VadGated<R> {
    vad: Vad,
    options: VadOptions,
    guard: HallucinationGuard,
    recognizer: R,
}

impl<R: Recognizer> VadGated<R> {
    /// Puts the detector in front of the recogniser.
    pub fn new(vad: Vad, options: VadOptions, recognizer: R) -> Self {
        Self { vad, options, guard: HallucinationGuard::default(), recognizer }
    }

    /// Uses other bounds for what is taken for an invention.
    pub fn with_guard(mut self, guard: HallucinationGuard) -> Self {
        self.guard = guard;
        self
    }

    /// The recogniser behind the gate.
    pub fn recognizer_mut(&mut self) -> &mut R {
        &mut self.recognizer
    }

    fn is_invented(&self, transcript: &Transcript) -> bool {
        transcript.no_speech_probability > self.guard.no_speech_probability
            && transcript.average_log_probability < self.guard.average_log_probability
    }

    /// Completes the recogniser's answer, or empties it where nothing was said after all.
    fn complete(&self, transcript: Transcript, speech: Vec<SpeechSpan>) -> Transcript {
        if transcript.text.is_empty() || self.is_invented(&transcript) {
            let no_speech_probability = transcript.no_speech_probability;
            return Transcript { no_speech_probability, ..Transcript::default() };
        }
        Transcript { speech, ..transcript }
    }
}

impl<R: Recognizer> Recognizer for VadGated<R> {
    fn info(&self) -> EngineInfo {
        self.recognizer.info()
    }

    fn supports(&self, language: &str) -> bool {
        self.recognizer.supports(language)
    }

    fn recognize(&mut self, batch: &[RecognizeRequest]) -> Vec<Result<Transcript, EngineError>> {
        let found: Vec<Result<Vec<SpeechSpan>, EngineError>> =
            batch.iter().map(|request| self.vad.speech_spans(&request.samples, &self.options)).collect();
        let speaks = |spans: &Result<Vec<SpeechSpan>, EngineError>| spans.as_ref().is_ok_and(|spans| !spans.is_empty());
        let spoken: Vec<RecognizeRequest> =
            batch.iter().zip(&found).filter(|(_, spans)| speaks(spans)).map(|(request, _)| request.clone()).collect();
        let mut texts = if spoken.is_empty() { Vec::new() } else { self.recognizer.recognize(&spoken) }.into_iter();
        let mut answer = |spans: Result<Vec<SpeechSpan>, EngineError>| {
            let spans = spans?;
            if spans.is_empty() {
                return Ok(Transcript { no_speech_probability: 1.0, ..Transcript::default() });
            }
            let missing = || EngineError::Poisoned("the recogniser answered fewer requests than it got".to_owned());
            let transcript = texts.next().ok_or_else(missing)??;
            Ok(self.complete(transcript, spans))
        };
        found.into_iter().map(&mut answer).collect()
    }
}
