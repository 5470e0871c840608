//! Numbers in figures, and whether a translation has those of its source.

use std::ops::Range;

/// A number in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Where it stands.
    pub place: Range<usize>,
    /// Its figures without what separates them: 1,234.50 and 1.234,5 are both `12345`, which is enough to compare them.
    pub figures: String,
}

/// What may stand between the figures of one number.
fn is_separator(letter: char) -> bool {
    matches!(letter, '.' | ',' | '\'' | '’' | '\u{a0}' | '\u{202f}')
}

/// The numbers of a text, from left to right.
pub fn numbers(text: &str) -> Vec<Number> {
    let mut found: Vec<Number> = Vec::new();
    let mut open: Option<Range<usize>> = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        let next_is_figure = || text[at..].chars().nth(1).is_some_and(|next| next.is_ascii_digit());
        let goes_on = letter.is_ascii_digit() || open.is_some() && is_separator(letter) && next_is_figure();
        if goes_on {
            let end = at + letter.len_utf8();
            open = Some(open.map_or(at..end, |place| place.start..end));
        } else if let Some(place) = open.take() {
            let figures = figures(&text[place.clone()]);
            found.push(Number { place, figures });
        }
    }
    found
}

/// The figures that count: separators, zeros in front, and zeros behind a point do not.
fn figures(number: &str) -> String {
    let last = number.char_indices().rev().find(|(_, letter)| is_separator(*letter));
    // Three figures behind it are as likely thousands as thousandths, and then their zeros count.
    let is_point = last.is_some_and(|(at, mark)| number[at + mark.len_utf8()..].len() != 3);
    let counted = if is_point { number.trim_end_matches('0') } else { number };
    let plain: String = counted.chars().filter(char::is_ascii_digit).collect();
    let plain = plain.trim_start_matches('0');
    if plain.is_empty() { "0".to_owned() } else { plain.to_owned() }
}

/// The numbers of the source that a translation lacks, and those that it has besides.
pub fn differences(source: &str, translation: &str) -> (Vec<Number>, Vec<Number>) {
    let mut more = numbers(translation);
    let mut missing = Vec::new();
    for number in numbers(source) {
        match more.iter().position(|other| other.figures == number.figures) {
            Some(index) => drop(more.remove(index)),
            None => missing.push(number),
        }
    }
    (missing, more)
}

/// Words that change a number's figures without changing what it says: a scale, a half of the day, a century.
const SCALES: [&str; 22] = [
    "hundred", "thousand", "million", "billion", "trillion", "mil", "millón", "millones", "billones", "milhão",
    "milhões", "bilhão", "bilhões", "cien", "cientos", "dozen", "docena", "am", "pm", "a.m", "p.m", "century",
];

/// The translation with the source's number where exactly one was turned into another of as many figures; as it is, where
/// anything else explains the difference.
pub fn mended(source: &str, translation: &str) -> Option<String> {
    let (missing, more) = differences(source, translation);
    let ([lost], [wrong]) = (missing.as_slice(), more.as_slice()) else { return None };
    let is_alike = lost.figures.len() == wrong.figures.len() && lost.figures.len() > 1;
    if !is_alike || has_scale(source) || has_scale(translation) {
        return None;
    }
    let number = &source[lost.place.clone()];
    Some(format!("{}{number}{}", &translation[..wrong.place.start], &translation[wrong.place.end..]))
}

fn has_scale(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphabetic() && c != '.').map(|word| word.trim_matches('.').to_lowercase());
    words.into_iter().any(|word| SCALES.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<String> {
        numbers(text).into_iter().map(|number| number.figures).collect()
    }

    #[test]
    fn separators_and_idle_zeros_do_not_count() {
        assert_eq!(found("From 1,234.50 to 1.234,5, in 2026."), ["12345", "12345", "2026"]);
        assert_eq!(found("10 000, 10,000 and 10\u{a0}000"), ["10", "0", "10000", "10000"]);
        assert_eq!(found("at 07:30, 3.0 %, B12 … 0"), ["7", "30", "3", "12", "0"]);
    }

    #[test]
    fn a_translation_lacks_what_it_has_not() {
        let figures = |numbers: Vec<Number>| numbers.into_iter().map(|number| number.figures).collect::<Vec<_>>();
        let (missing, more) = differences("In 2013, 3.5 % of 1,200.", "En 2031, el 3,5 % de 1.200.");
        assert_eq!((figures(missing), figures(more)), (vec!["2013".to_owned()], vec!["2031".to_owned()]));
    }

    #[test]
    fn one_that_was_turned_into_another_is_mended() {
        assert_eq!(mended("It was in 2013.", "Fue en 2031.").as_deref(), Some("Fue en 2013."));
        for (source, translation) in [
            ("It was in 2013.", "Fue en 2013."),
            ("It was in 2013.", "Fue hace poco."),
            ("It cost 15 billion.", "Costó 15.000 millones."),
            ("It is 11 p.m.", "Son las 23."),
            ("It was in the 1990s.", "Fue en los 90."),
            ("In 2013 and 2014.", "En 2031 y 2041."),
            ("Room 7.", "Sala 8."),
        ] {
            assert_eq!(mended(source, translation), None, "{source}");
        }
    }

    proptest! {
        #[test]
        fn what_is_mended_has_every_number(source in "[a-c ]{0,5}[0-9]{1,4}[a-c ,.]{0,5}[0-9]{0,3}", other in "[a-c ]{0,5}[0-9]{1,4}[a-c ,.]{0,5}[0-9]{0,3}") {
            if let Some(mended) = mended(&source, &other) {
                prop_assert!(differences(&source, &mended).0.is_empty(), "{mended}");
            }
        }

        #[test]
        fn numbers_are_found_where_they_stand(text in "[0-9a ,.'’é]{0,30}") {
            let figures: String = numbers(&text).iter().flat_map(|number| text[number.place.clone()].chars()).filter(char::is_ascii_digit).collect();
            let all: String = text.chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(figures, all);
        }
    }
}
