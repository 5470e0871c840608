//! Whisper's normaliser for languages other than English, and the removal of symbols that both share.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Lower case, no bracketed asides, no marks, symbols or punctuation (Radford et al., *Robust Speech Recognition
/// via Large-Scale Weak Supervision*, appendix C, for text that is not English).
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicNormalizer {
    split_letters: bool,
}

impl BasicNormalizer {
    /// For languages that put spaces between words.
    pub fn words() -> Self {
        Self { split_letters: false }
    }

    /// For languages that do not: each letter counts as a word, and the word error rate becomes one of characters.
    pub fn letters() -> Self {
        Self { split_letters: true }
    }

    /// The text to be split at spaces and compared; spaces at its ends are kept as the original does.
    pub fn normalize(&self, text: &str) -> String {
        let without_asides = remove_asides(&one_kind_of_space(text).to_lowercase());
        let clean = remove_symbols(&without_asides).to_lowercase();
        if self.split_letters {
            let letters: Vec<&str> = clean.graphemes(true).collect();
            return squeeze_spaces(&letters.join(" "));
        }
        squeeze_spaces(&clean)
    }
}

/// Turns the four ASCII separators (U+001C to U+001F) into spaces: the original's language counts them as
/// white space, Unicode and this one's do not.
pub(super) fn one_kind_of_space(text: &str) -> String {
    text.replace(['\u{1c}', '\u{1d}', '\u{1e}', '\u{1f}'], " ")
}

/// Drops `[…]`, `<…>` and `(…)`, where transcripts put what is not speech.
pub(super) fn remove_asides(text: &str) -> String {
    static BRACKETS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[<\[][^>\]]*[>\]]"));
    static PARENTHESES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\([^)]+?\)"));
    PARENTHESES.replace_all(&BRACKETS.replace_all(text, ""), "").into_owned()
}

/// A space for every mark, symbol and punctuation character; accented letters stay whole.
fn remove_symbols(text: &str) -> String {
    text.nfkc().map(|character| if is_mark_or_symbol(character) { ' ' } else { character }).collect()
}

/// A space for every symbol and punctuation character that is not in `keep`, and no diacritics: accents go, and
/// letters that do not come apart into base and accent are spelled as in ASCII.
pub(super) fn remove_symbols_and_diacritics(text: &str, keep: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.nfkd() {
        if keep.contains(character) {
            plain.push(character);
        } else if let Some(spelling) = ascii_spelling(character) {
            plain.push_str(spelling);
        } else if is_nonspacing_mark(character) {
            continue;
        } else if is_mark_or_symbol(character) {
            plain.push(' ');
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Every run of white space becomes one space.
pub(super) fn squeeze_spaces(text: &str) -> String {
    static SPACES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+"));
    SPACES.replace_all(text, " ").into_owned()
}

fn ascii_spelling(character: char) -> Option<&'static str> {
    Some(match character {
        'œ' => "oe",
        'Œ' => "OE",
        'ø' => "o",
        'Ø' => "O",
        'æ' => "ae",
        'Æ' => "AE",
        'ß' => "ss",
        'ẞ' => "SS",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' | 'Þ' => "th",
        'ł' => "l",
        'Ł' => "L",
        _ => return None,
    })
}

fn is_nonspacing_mark(character: char) -> bool {
    static MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"\p{Mn}"));
    !character.is_ascii() && MARK.is_match(character.encode_utf8(&mut [0; 4]))
}

fn is_mark_or_symbol(character: char) -> bool {
    static SYMBOL: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{M}\p{S}\p{P}]"));
    if character.is_ascii() {
        return character.is_ascii_punctuation();
    }
    SYMBOL.is_match(character.encode_utf8(&mut [0; 4]))
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant of this file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_accents_and_drops_punctuation() {
        assert_eq!(BasicNormalizer::words().normalize("¿Qué tal, señor?"), " qué tal señor ");
    }

    #[test]
    fn asides_are_not_speech() {
        assert_eq!(BasicNormalizer::words().normalize("hola [risas] mundo (bis)"), "hola mundo ");
    }

    #[test]
    fn letters_count_as_words_where_there_are_no_spaces() {
        assert_eq!(BasicNormalizer::letters().normalize("今日は。"), "今 日 は ");
    }

    #[test]
    fn diacritics_go_only_where_asked() {
        assert_eq!(remove_symbols_and_diacritics("crème brûlée, Þór & Łódź: 5%", "%"), "creme brulee  thor   Lodz  5%");
    }
}
