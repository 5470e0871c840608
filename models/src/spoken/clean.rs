//! Keeps what can be said, and drops what cannot.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// `<i>`, `</font>` and the like; not `3 < 5 > 2`.
static MARKUP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"</?[A-Za-z][^<>]{0,80}>").expect("the pattern is a constant"));

/// Marks that are kept beside letters and digits when all has been read out.
const PUNCTUATION: &str = ".,;:!?¡¿…—-'\"“”«»()";

/// Composed letters, plain spaces and apostrophes; no markup, no control or invisible characters.
pub fn visible(text: &str) -> String {
    let composed: String = text.nfc().collect();
    let plain = MARKUP.replace_all(&composed, " ");
    let mut visible = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter {
            '\n' | '\r' if visible.trim_end().ends_with(char::is_alphanumeric) => {
                visible.truncate(visible.trim_end().len());
                visible.push_str(". ");
            }
            '’' | '‘' | '`' | '´' => visible.push('\''),
            '„' | '‟' => visible.push('"'),
            '−' => visible.push('-'),
            letter if letter.is_whitespace() => visible.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}' => {}
            letter if letter.is_control() => {}
            letter => visible.push(letter),
        }
    }
    visible
}

/// Letters, digits and punctuation alone, in which words are one space apart.
///
/// Translators mark words that they do not know with `*`, `@` or `#`; subtitles carry notes and brackets. None of
/// it is to reach the voice, the word behind it is.
pub fn speakable(text: &str) -> String {
    let mut speakable = String::with_capacity(text.len());
    for letter in text.chars() {
        let kept = match letter {
            '–' | '―' => '—',
            letter if letter.is_alphanumeric() || is_combining(letter) || PUNCTUATION.contains(letter) => letter,
            _ => ' ',
        };
        match kept {
            ' ' if speakable.is_empty() || speakable.ends_with(' ') => {}
            // A space before a mark that closes comes from something that was dropped.
            ',' | '.' | ';' if speakable.ends_with(' ') && letter_before_space(&speakable) => {
                speakable.truncate(speakable.trim_end().len());
                speakable.push(kept);
            }
            kept => speakable.push(kept),
        }
    }
    speakable.truncate(speakable.trim_end().len());
    speakable
}

fn letter_before_space(text: &str) -> bool {
    text.trim_end().ends_with(char::is_alphanumeric)
}

fn is_combining(letter: char) -> bool {
    ('\u{0300}'..='\u{036f}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_the_invisible_vanish() {
        assert_eq!(visible("<i>Hola</i>,\u{200b} se\u{00ad}ñor\u{0007}"), " Hola , señor");
        assert_eq!(visible("3 < 5 > 2"), "3 < 5 > 2");
        assert_eq!(visible("man\u{0303}ana"), "mañana");
    }

    #[test]
    fn a_line_is_a_sentence() {
        assert_eq!(visible("Título\nTexto.\nOtro"), "Título. Texto. Otro");
    }

    #[test]
    fn marks_of_translators_and_subtitles_vanish() {
        assert_eq!(
            speakable("El *skyline de @Tokio #es [música] ♪ bonito , ¿no?"),
            "El skyline de Tokio es música bonito, ¿no?"
        );
        assert_eq!(speakable("  ~ * ~ "), "");
        assert_eq!(speakable("a – b_c|d\\e{f}"), "a — b c d e f");
        assert_eq!(speakable("😀 ok 👍🏽"), "ok");
    }
}
