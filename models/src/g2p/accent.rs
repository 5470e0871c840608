//! Which variety of a language is spoken.

/// A variety of a language that both eSpeak NG and Kokoro speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accent {
    /// English of the United States.
    AmericanEnglish,
    /// English of Britain.
    BritishEnglish,
    /// Spanish of Spain.
    Spanish,
    /// French of France.
    French,
    /// Italian.
    Italian,
    /// Portuguese of Brazil.
    BrazilianPortuguese,
}

impl Accent {
    /// The accent for a text in a language (ISO 639-1), read by a voice: English is British when the voice is,
    /// which Kokoro's names tell by their first letter. Nothing when the language is not spoken here.
    pub fn of(language: &str, voice: &str) -> Option<Self> {
        match language {
            "en" if voice.starts_with('b') => Some(Self::BritishEnglish),
            "en" => Some(Self::AmericanEnglish),
            "es" => Some(Self::Spanish),
            "fr" => Some(Self::French),
            "it" => Some(Self::Italian),
            "pt" => Some(Self::BrazilianPortuguese),
            _ => None,
        }
    }

    /// Name of the voice of eSpeak NG whose rules apply: its `en` is British, its `fr` of France.
    pub fn espeak_voice(self) -> &'static str {
        match self {
            Self::AmericanEnglish => "en-us",
            Self::BritishEnglish => "en",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::Italian => "it",
            Self::BrazilianPortuguese => "pt-br",
        }
    }
}
