//! Sentences: where one ends, and what its beginning and its end must look like.

use fxtranslate::segment::{IcuSegmenter, Segmenter};

/// Words before a full stop that does not end a sentence, lower case.
const ABBREVIATIONS: [&str; 38] = [
    "mr", "mrs", "ms", "dr", "dra", "prof", "st", "sr", "sra", "srta", "srs", "sres", "sras", "ud", "uds", "vd", "vds",
    "d", "dña", "jr", "gen", "gral", "col", "capt", "lt", "sgt", "rev", "hon", "gov", "sen", "rep", "no", "vs", "fig",
    "approx", "pág", "núm", "art",
];

/// Splits a text into sentences by UAX #29, and joins again what was split after an abbreviation or an initial.
pub fn split(language: &str, text: &str) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for span in IcuSegmenter::new().sentences(text) {
        let piece = span.of(text);
        match sentences.last_mut() {
            Some(last) if ends_in_abbreviation(last, language) => {
                last.push(' ');
                last.push_str(piece);
            }
            _ => sentences.push(piece.to_owned()),
        }
    }
    sentences
}

/// Longer runs of characters are no words of any language here, and no engine is asked to translate them.
const MAX_WORD_CHARS: usize = 60;

/// Whether a word of the text is too long to be one.
pub fn has_overlong_word(text: &str) -> bool {
    text.split(' ').any(|word| word.chars().count() > MAX_WORD_CHARS)
}

/// What stands between two sentences.
pub fn separator(language: &str) -> &'static str {
    match language {
        "zh" | "ja" => "",
        _ => " ",
    }
}

/// Whether the full stop at the end of `text` belongs to an abbreviation or an initial.
pub fn ends_in_abbreviation(text: &str, language: &str) -> bool {
    let Some(before) = text.trim_end().strip_suffix('.') else { return false };
    let word = before.rsplit(|c: char| c.is_whitespace() || "(\"'“«¿¡".contains(c)).next().unwrap_or_default();
    let mut letters = word.chars();
    let initial = matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase());
    // "No." ends a sentence far more often than it numbers something; so does the pronoun "I".
    let sentence_end = word == "I" || word.eq_ignore_ascii_case("no") || (language == "en" && word == "d");
    !sentence_end && (initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str()))
}

/// Gives the translation the closing mark of its source when it has lost its own.
pub fn close_like(source: &str, translation: String) -> String {
    let closers = ['"', '\'', '”', '’', '»', ')', ']'];
    let is_mark = |c: &char| matches!(c, '.' | '?' | '!' | '…' | ':' | ';' | ',');
    let last_mark = |text: &str| text.trim_end_matches(closers).chars().next_back().filter(is_mark);
    let spoken = translation.chars().any(char::is_alphanumeric);
    match (last_mark(source), last_mark(&translation)) {
        (Some(mark), None) if spoken => format!("{translation}{mark}"),
        _ => translation,
    }
}

/// Begins the translation with a capital where its source does.
pub fn capitalise_like(source: &str, translation: &str) -> String {
    let first_letter = |text: &str| text.char_indices().find(|(_, c)| c.is_alphanumeric());
    let source_starts_upper = first_letter(source).is_some_and(|(_, c)| c.is_uppercase());
    match first_letter(translation) {
        Some((at, c)) if source_starts_upper && c.is_lowercase() => {
            let capital: String = c.to_uppercase().collect();
            format!("{}{capital}{}", &translation[..at], &translation[at + c.len_utf8()..])
        }
        _ => translation.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abbreviation_does_not_end_a_sentence() {
        let text = "Mr. Smith met J. Doe at St. Mary's. Did he? No. It cost 3.50 dollars.";
        let expected = ["Mr. Smith met J. Doe at St. Mary's.", "Did he?", "No.", "It cost 3.50 dollars."];
        assert_eq!(split("en", text), expected);
    }

    #[test]
    fn a_lost_full_stop_and_a_lost_capital_come_back() {
        assert_eq!(close_like("He left.", "Se fue".to_owned()), "Se fue.");
        assert_eq!(close_like("He left.", "Se fue.".to_owned()), "Se fue.");
        assert_eq!(close_like("He said \"no.\"", "Dijo «no»".to_owned()), "Dijo «no».");
        assert_eq!(capitalise_like("He left", "¿se fue"), "¿Se fue");
        assert_eq!(capitalise_like("he left", "se fue"), "se fue");
    }
}
