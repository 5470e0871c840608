//! DeepL's codes for languages (developers.deepl.com, "Supported languages"). Sources have no variants; targets have
//! where DeepL tells them apart.

use std::collections::BTreeMap;

/// Languages that DeepL translates from and into, ISO 639-1.
const LANGUAGES: [&str; 36] = [
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hu", "id", "it", "ja", "ko", "lt", "lv",
    "nb", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "uk", "vi", "zh", "ca", "hr",
];

/// The variants that are meant when nobody says otherwise. For English and Portuguese the plain code is deprecated.
const DEFAULT_VARIANTS: [(&str, &str); 3] = [("en", "EN-US"), ("pt", "PT-BR"), ("zh", "ZH-HANS")];

/// Which variant of a target language is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetVariants(BTreeMap<String, String>);

impl Default for TargetVariants {
    fn default() -> Self {
        Self(DEFAULT_VARIANTS.map(|(language, variant)| (language.to_owned(), variant.to_owned())).into())
    }
}

impl TargetVariants {
    /// Reads a list as `EN-GB,PT-PT`; languages that it does not name keep their default.
    ///
    /// # Errors
    /// A sentence that names what is no variant.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut variants = Self::default();
        for variant in list.split(',').map(str::trim).filter(|variant| !variant.is_empty()) {
            let language = variant.split('-').next().unwrap_or_default().to_ascii_lowercase();
            let is_variant = variant.len() > 3 && variant.contains('-');
            if !is_variant || !LANGUAGES.contains(&language.as_str()) {
                return Err(format!("'{variant}' is no variant like EN-GB"));
            }
            variants.0.insert(language, variant.to_ascii_uppercase());
        }
        Ok(variants)
    }

    /// The code to ask for.
    pub fn target(&self, language: &str) -> String {
        self.0.get(language).cloned().unwrap_or_else(|| source(language))
    }
}

/// The code of a language without its variants.
pub fn source(language: &str) -> String {
    // Norwegian as such is Bokmål there.
    if language == "no" { "NB".to_owned() } else { language.to_ascii_uppercase() }
}

/// Whether DeepL has the language.
pub fn is_known(language: &str) -> bool {
    LANGUAGES.contains(&language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_variants_and_sources_have_none() {
        let variants = TargetVariants::default();
        let targets = ["en", "pt", "zh", "es", "no"].map(|language| variants.target(language));
        assert_eq!(targets, ["EN-US", "PT-BR", "ZH-HANS", "ES", "NB"]);
        assert_eq!(["en", "pt", "no"].map(source), ["EN", "PT", "NB"]);
    }

    #[test]
    fn variants_can_be_chosen() {
        let variants = TargetVariants::parse("en-gb, ES-419").expect("both are variants");
        assert_eq!(["en", "es", "pt"].map(|language| variants.target(language)), ["EN-GB", "ES-419", "PT-BR"]);
        for wrong in ["EN", "xx-YY", "english"] {
            assert!(TargetVariants::parse(wrong).is_err_and(|message| message.contains(wrong)), "{wrong}");
        }
    }
}
