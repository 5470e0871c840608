//! Voice profiles: names that workers use, and the engines' voices behind them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, Refusal};

/// One entry of voices.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoiceProfile {
    /// ISO 639-1 code of what it speaks.
    pub language: String,
    /// The engine that has it, as `kokoro`.
    pub engine: String,
    /// Its name within the engine, as `em_alex`.
    pub voice: String,
    /// For people who choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// For people who choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Slowest and fastest speaking rate, as multiples of the voice's own.
    #[serde(default)]
    pub speed_ratio: SpeedBounds,
    /// Added loudness, dB.
    #[serde(default)]
    pub gain_db: f32,
}

/// Slowest and fastest speaking rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeedBounds {
    /// Slowest.
    pub min: f64,
    /// Fastest.
    pub max: f64,
}

impl Default for SpeedBounds {
    fn default() -> Self {
        Self { min: 0.7, max: 1.5 }
    }
}

/// The profiles of voices.json, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoiceProfiles(BTreeMap<String, VoiceProfile>);

impl VoiceProfiles {
    /// Reads voices.json.
    ///
    /// # Errors
    /// A sentence that names the profile and the field.
    pub fn parse(json: &str) -> Result<Self, String> {
        let deserializer = &mut serde_json::Deserializer::from_str(json);
        let profiles: Self = serde_path_to_error::deserialize(deserializer).map_err(|error| error.to_string())?;
        if profiles.0.is_empty() {
            return Err("no voice profile in it".to_owned());
        }
        for (name, profile) in &profiles.0 {
            let SpeedBounds { min, max } = profile.speed_ratio;
            if !(min > 0.0 && min <= 1.0 && max >= 1.0 && max.is_finite()) {
                return Err(format!("`{name}.speed_ratio`: min must be in (0, 1], max at least 1"));
            }
            if !(-40.0..=20.0).contains(&profile.gain_db) {
                return Err(format!("`{name}.gain_db` must be −40 to 20"));
            }
        }
        Ok(profiles)
    }

    /// The profile of this name, if it speaks the language.
    ///
    /// # Errors
    /// `INVALID_VOICE_PROFILE`; the message lists the profiles that would do.
    pub fn select(&self, name: &str, language: &str) -> Result<&VoiceProfile, Refusal> {
        let problem = match self.0.get(name) {
            Some(profile) if profile.language == language => return Ok(profile),
            Some(profile) => format!("speaks '{}', not '{language}'", profile.language),
            None => "is not known".to_owned(),
        };
        let candidates: Vec<&str> = self.for_language(language).map(|(name, _)| name).collect();
        let shown: String = name.chars().take(64).collect();
        let message = format!("`voice_profile` '{shown}' {problem}; these would do: {}", candidates.join(", "));
        Err(Refusal::new(ErrorCode::InvalidVoiceProfile, message))
    }

    /// The profiles that speak a language, by name.
    pub fn for_language<'a>(&'a self, language: &'a str) -> impl Iterator<Item = (&'a str, &'a VoiceProfile)> {
        self.iter().filter(move |(_, profile)| profile.language == language)
    }

    /// Every profile, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &VoiceProfile)> {
        self.0.iter().map(|(name, profile)| (name.as_str(), profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"spanish_male_1": {"language": "es", "engine": "kokoro", "voice": "em_alex"},
        "french_female_1": {"language": "fr", "engine": "kokoro", "voice": "ff_siwis", "gain_db": 1.5}}"#;

    #[test]
    fn selection_lists_what_would_do() {
        let profiles = VoiceProfiles::parse(TWO).expect("valid");
        assert_eq!(profiles.select("spanish_male_1", "es").expect("it is Spanish").voice, "em_alex");
        for wrong in ["french_female_1", "nobody"] {
            let refusal = profiles.select(wrong, "es").expect_err("not Spanish");
            assert_eq!(refusal.code, ErrorCode::InvalidVoiceProfile);
            assert!(refusal.message.contains("spanish_male_1"));
        }
    }

    #[test]
    fn wrong_files_are_explained() {
        assert!(VoiceProfiles::parse("{}").is_err());
        assert!(VoiceProfiles::parse(r#"{"a": {"language": "es"}}"#).expect_err("incomplete").contains("a"));
        let bounds = TWO.replace(r#""em_alex""#, r#""em_alex", "speed_ratio": {"min": 2, "max": 3}"#);
        assert!(VoiceProfiles::parse(&bounds).expect_err("too fast").contains("spanish_male_1.speed_ratio"));
        let gain = TWO.replace(r#""gain_db": 1.5"#, r#""gain_db": 40"#);
        assert!(VoiceProfiles::parse(&gain).expect_err("too loud").contains("french_female_1.gain_db"));
    }
}
