//! Chooses the normaliser for a language.

use super::basic_normalizer::BasicNormalizer;
use super::english_normalizer::{EnglishNormalizer, SpellingTable};

/// Languages written without spaces, where the error rate is counted in letters, as Whisper's authors do.
const WITHOUT_SPACES: [&str; 6] = ["zh", "yue", "ja", "th", "lo", "my"];

/// The normalisers of every language, built once.
pub struct TextNormalizers {
    english: EnglishNormalizer,
}

impl TextNormalizers {
    /// With the table of British spellings for English.
    pub fn new(spellings: SpellingTable) -> Self {
        Self { english: EnglishNormalizer::new(spellings) }
    }

    /// The text as it is compared, for a text in `language` (ISO 639-1).
    pub fn normalize(&self, language: &str, text: &str) -> String {
        match language {
            "en" => self.english.normalize(text),
            _ if WITHOUT_SPACES.contains(&language) => BasicNormalizer::letters().normalize(text),
            _ => BasicNormalizer::words().normalize(text),
        }
    }

    /// Which normaliser [`Self::normalize`] uses, for reports.
    pub fn name(language: &str) -> &'static str {
        match language {
            "en" => "whisper-english",
            _ if WITHOUT_SPACES.contains(&language) => "whisper-basic, letters",
            _ => "whisper-basic",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_english_gets_the_english_rules() {
        let normalizers = TextNormalizers::new(SpellingTable::default());
        assert_eq!(normalizers.normalize("en", "twenty-one"), "21");
        assert_eq!(normalizers.normalize("es", "veintiún, um"), "veintiún um");
        assert_eq!(normalizers.normalize("ja", "雨"), "雨");
        assert_eq!(TextNormalizers::name("es"), "whisper-basic");
    }
}
