//! What a stream may ask for: learnt from the engines once they are loaded.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use sts_models::{Recognizer, Synthesizer, Translator};
use sts_protocol::{ErrorCode, Refusal, StreamInit, VoiceProfile, VoiceProfiles};

/// Languages that engines are asked about (ISO 639-1).
const LANGUAGES: [&str; 42] = [
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id",
    "is", "it", "ja", "ko", "lt", "lv", "ms", "nb", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th",
    "tr", "uk", "vi", "zh",
];

/// Languages, pairs and voices of the engines that are loaded.
#[derive(Clone, Default)]
pub struct Capabilities(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    sources: BTreeSet<&'static str>,
    pairs: BTreeSet<(&'static str, &'static str)>,
    voices: BTreeSet<String>,
}

impl Capabilities {
    /// Notes which languages are recognised.
    pub fn learn_recognizer(&self, recognizer: &dyn Recognizer) {
        let sources = LANGUAGES.into_iter().filter(|language| recognizer.supports(language)).collect();
        self.0.write().unwrap_or_else(PoisonError::into_inner).sources = sources;
    }

    /// Notes which pairs are translated.
    pub fn learn_translator(&self, translator: &dyn Translator) {
        let pairs = LANGUAGES
            .into_iter()
            .flat_map(|source| LANGUAGES.into_iter().map(move |target| (source, target)))
            .filter(|(source, target)| translator.supports(source, target))
            .collect();
        self.0.write().unwrap_or_else(PoisonError::into_inner).pairs = pairs;
    }

    /// Notes which voices there are.
    pub fn learn_synthesizer(&self, synthesizer: &dyn Synthesizer) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).voices = synthesizer.voices().into_iter().collect();
    }

    /// Checks a stream's wish, and gives the voice that will dub it.
    ///
    /// # Errors
    /// `UNSUPPORTED_LANGUAGE` or `INVALID_VOICE_PROFILE`; the message names what would do.
    pub fn check(&self, init: &StreamInit, voices: &VoiceProfiles) -> Result<Arc<VoiceProfile>, Refusal> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (source, target) = (init.source_language.as_str(), init.target_language.as_str());
        let unsupported = |message: String| Err(Refusal::new(ErrorCode::UnsupportedLanguage, message));
        if !known.sources.contains(source) {
            let sources: Vec<_> = known.sources.iter().copied().collect();
            return unsupported(format!(
                "`source_language` '{source}' is not recognised; these are: {}",
                sources.join(", ")
            ));
        }
        if !known.pairs.contains(&(source, target)) {
            let targets: Vec<_> = known.pairs.iter().filter(|pair| pair.0 == source).map(|pair| pair.1).collect();
            let offered = if targets.is_empty() { "none".to_owned() } else { targets.join(", ") };
            return unsupported(format!(
                "`target_language` '{target}' is not offered from '{source}'; these are: {offered}"
            ));
        }
        let profile = voices.select(&init.voice_profile, target)?;
        if !known.voices.contains(&profile.voice) {
            let message = format!(
                "`voice_profile` '{}' names the voice {}, which the engine lacks",
                init.voice_profile, profile.voice
            );
            return Err(Refusal::new(ErrorCode::InvalidVoiceProfile, message));
        }
        Ok(Arc::new(profile.clone()))
    }
}
