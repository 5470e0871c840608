//! Whisper's normaliser for English transcripts: contractions, spellings and numbers brought to one form, so that
//! the word error rate counts misrecognised words and not house styles.
//!
//! Gives the same text as the published one (Radford et al., *Robust Speech Recognition via Large-Scale Weak
//! Supervision*, appendix C). Known differences: digits other than ASCII's are left alone, numbers from 2¹²⁸ on are
//! not multiplied out, and an accent typed as a character of its own does not end a word.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use regex::Regex;

use super::basic_normalizer::{one_kind_of_space, remove_asides, remove_symbols_and_diacritics, squeeze_spaces};
use super::english_numbers::standardize_numbers;

/// Where the model store keeps the table of spellings, below its root.
pub const SPELLINGS_FILE: &str = "english-normalizer/english.json";

/// British spellings and their American equivalents, lower case.
#[derive(Clone, Debug, Default)]
pub struct SpellingTable(HashMap<String, String>);

impl SpellingTable {
    /// Reads a JSON object of British word → American word, as the store's [`SPELLINGS_FILE`].
    ///
    /// # Errors
    /// When the file cannot be read or is not such an object.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the table of English spellings {} cannot be read", path.display()))?;
        let table = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a JSON object of word to word", path.display()))?;
        Ok(Self(table))
    }

    fn standardize(&self, text: &str) -> String {
        let words = text.split_whitespace().map(|word| self.0.get(word).map_or(word, String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// The normaliser; building one compiles its patterns, so keep it.
pub struct EnglishNormalizer {
    spellings: SpellingTable,
    before_symbols: Vec<(Regex, &'static str)>,
    after_numbers: Vec<(Regex, &'static str)>,
}

impl EnglishNormalizer {
    /// With this table of spellings; an empty one leaves British spellings as they are.
    pub fn new(spellings: SpellingTable) -> Self {
        let whole_words = WHOLE_WORDS.iter().map(|(word, full)| (pattern(&format!(r"\b{word}\b")), *full));
        let endings = WORD_ENDINGS.iter().map(|(ending, full)| (pattern(&format!(r"{ending}\b")), *full));
        let mut before_symbols = vec![(pattern(r"\b(?:hmm|mm|mhm|mmm|uh|um)\b"), ""), (pattern(r"\s+'"), "'")];
        before_symbols.extend(whole_words);
        before_symbols.extend(endings);
        before_symbols.push((pattern(r"(\d),(\d)"), "${1}${2}"));
        before_symbols.push((pattern(r"\.([^0-9]|$)"), " ${1}"));
        let after_numbers = vec![(pattern(r"[.$¢€£]([^0-9])"), " ${1}"), (pattern(r"([^0-9])%"), "${1} ")];
        Self { spellings, before_symbols, after_numbers }
    }

    /// The text to be split at spaces and compared; a space at its end is kept as the original does.
    pub fn normalize(&self, text: &str) -> String {
        let lower = remove_asides(&one_kind_of_space(text).to_lowercase());
        let expanded = apply(&self.before_symbols, lower);
        let plain = remove_symbols_and_diacritics(&expanded, ".%$¢€£");
        let spelled = self.spellings.standardize(&standardize_numbers(&plain));
        squeeze_spaces(&apply(&self.after_numbers, spelled))
    }
}

fn apply(rules: &[(Regex, &'static str)], text: String) -> String {
    rules.iter().fold(text, |text, (pattern, replacement)| match pattern.replace_all(&text, *replacement) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(changed) => changed,
    })
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is built from constants of this file")
}

/// Contractions and titles that are replaced as whole words, in this order.
const WHOLE_WORDS: [(&str, &str); 39] = [
    ("won't", "will not"),
    ("can't", "can not"),
    ("let's", "let us"),
    ("ain't", "aint"),
    ("y'all", "you all"),
    ("wanna", "want to"),
    ("kinda", "kind of"),
    ("sorta", "sort of"),
    ("dunno", "do not know"),
    ("gotta", "got to"),
    ("gonna", "going to"),
    ("i'ma", "i am going to"),
    ("imma", "i am going to"),
    ("woulda", "would have"),
    ("coulda", "could have"),
    ("shoulda", "should have"),
    ("cause", "because"),
    ("ma'am", "madam"),
    ("mr", "mister "),
    ("mrs", "missus "),
    ("st", "saint "),
    ("dr", "doctor "),
    ("prof", "professor "),
    ("capt", "captain "),
    ("gov", "governor "),
    ("ald", "alderman "),
    ("gen", "general "),
    ("sen", "senator "),
    ("rep", "representative "),
    ("pres", "president "),
    ("rev", "reverend "),
    ("hon", "honorable "),
    ("asst", "assistant "),
    ("assoc", "associate "),
    ("lt", "lieutenant "),
    ("col", "colonel "),
    ("jr", "junior "),
    ("sr", "senior "),
    ("esq", "esquire "),
];

/// Contractions at the end of a word, in this order: the perfect tenses come before the ambiguous `'s` and `'d`.
const WORD_ENDINGS: [(&str, &str); 14] = [
    ("'d been", " had been"),
    ("'s been", " has been"),
    ("'d gone", " had gone"),
    ("'s gone", " has gone"),
    ("'d done", " had done"),
    ("'s got", " has got"),
    ("n't", " not"),
    ("'re", " are"),
    ("'s", " is"),
    ("'d", " would"),
    ("'ll", " will"),
    ("'t", " not"),
    ("'ve", " have"),
    ("'m", " am"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_contractions_and_titles() {
        let normalizer = EnglishNormalizer::new(SpellingTable::default());
        assert_eq!(
            normalizer.normalize("Mr. Smith won't say he's gone, um, yet."),
            "mister smith will not say he has gone yet"
        );
    }

    #[test]
    fn applies_the_spellings_that_it_was_given() {
        let table = SpellingTable(HashMap::from([("colour".to_owned(), "color".to_owned())]));
        assert_eq!(EnglishNormalizer::new(table).normalize("The Colour!"), "the color");
    }

    #[test]
    fn a_table_that_is_not_there_is_an_error_that_names_it() {
        let error = SpellingTable::read(Path::new("/nowhere/english.json")).expect_err("there is no such file");
        assert!(error.to_string().contains("/nowhere/english.json"), "{error}");
    }
}
