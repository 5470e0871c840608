//! Roman numerals: of centuries, rulers, popes and parts.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Grammar;

/// A word, a numeral, and the word after it.
static NUMERAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<before>[\p{L}.]+ )?\b(?P<roman>[IVXLC]+)(?P<end>er|re|e|ème|º|ª)?\b(?P<after> [\p{L}]+)?")
        .expect("the pattern is a constant")
});

/// Reads numerals after `siglo` and its like, after names, and before `siècle` and its like. A numeral of one
/// letter is only read where the word beside it says so, as it may be an initial, or the English pronoun.
pub fn numerals(text: &str, grammar: &dyn Grammar) -> String {
    NUMERAL
        .replace_all(text, |found: &Captures<'_>| read(found, grammar).unwrap_or_else(|| found[0].to_owned()))
        .into_owned()
}

fn read(found: &Captures<'_>, grammar: &dyn Grammar) -> Option<String> {
    let group = |name: &str| found.name(name).map_or("", |group| group.as_str());
    let (before, roman, after) = (group("before"), group("roman"), group("after"));
    let value = value(roman)?;
    let words = grammar.words();
    let (word_before, word_after) = (before.trim_end(), after.trim_start().to_lowercase());
    if let Some((_, gender)) = words.after_roman.iter().find(|(word, _)| *word == word_after) {
        return Some(format!("{before}{}{after}", grammar.ordinal(value, *gender)));
    }
    let announced = words.before_roman.contains(&word_before.to_lowercase().as_str());
    let named = roman.len() > 1 && is_name(word_before);
    (announced || named).then(|| format!("{before}{}{after}", grammar.regnal(value, word_before)))
}

/// A capitalised word that goes on in small letters.
fn is_name(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase) && word.chars().count() > 2 && letters.all(char::is_lowercase)
}

/// The value of a well-formed numeral under 90; larger ones do not come up, and `CD`, `DL` or `MI` do.
fn value(roman: &str) -> Option<u64> {
    const ONES: [&str; 10] = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    const TENS: [&str; 9] = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX"];
    (1..90)
        .find(|&value: &usize| format!("{}{}", TENS[value / 10], ONES[value % 10]) == roman)
        .map(|value| value as u64)
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn only_well_formed_numerals_have_a_value() {
        for (roman, expected) in [("I", Some(1)), ("XIV", Some(14)), ("XLIX", Some(49)), ("IIX", None), ("C", None)] {
            assert_eq!(value(roman), expected, "{roman}");
        }
    }
}
