//! Syllables of a text, roughly: enough to say how much shorter another should be.

use unicode_normalization::UnicodeNormalization;

/// Vowels of the Latin and the Cyrillic script, without their marks.
const VOWELS: &str = "aeiouyæœøıаеёиоуыэюяієї";

/// Syllables that a digit is read as, on average.
const OF_A_DIGIT: usize = 2;

/// About how many syllables a text has: runs of vowels in alphabets, characters in scripts whose characters are
/// syllables.
pub fn count(text: &str) -> usize {
    let mut syllables = 0;
    let mut after_vowel = false;
    for letter in text.nfc() {
        let is_stressed_i = "íúÍÚ".contains(letter);
        let plain = std::iter::once(letter).nfd().next().unwrap_or(letter);
        let is_vowel = plain.to_lowercase().any(|lower| VOWELS.contains(lower));
        syllables += match letter {
            _ if letter.is_numeric() => OF_A_DIGIT,
            // A stressed i or u makes no diphthong with its neighbour: dí-a, ba-úl.
            _ if is_vowel && (!after_vowel || is_stressed_i) => 1,
            _ if is_syllable(letter) => 1,
            _ => 0,
        };
        after_vowel = is_vowel && !is_stressed_i;
    }
    syllables
}

/// Kana, ideographs and Hangul.
fn is_syllable(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_syllables_that_they_are_said_to_have() {
        for (text, syllables) in [
            ("", 0),
            ("pan", 1),
            ("buenos días", 4),
            ("baúl", 2),
            ("Sevilla, Córdoba y Cádiz", 9),
            ("obrigado", 4),
            ("人工知能", 4),
            ("안녕", 2),
            ("2026", 8),
            ("…", 0),
        ] {
            assert_eq!(count(text), syllables, "{text}");
        }
    }
}
