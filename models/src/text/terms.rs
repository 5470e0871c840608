//! Names and terms among a programme's hints, and where a text has them.

use std::ops::Range;

/// A name, which stays as it is, or a term with its translation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// As it is said.
    pub source: String,
    /// As it is to be translated; the same for a name.
    pub target: String,
}

impl Term {
    /// Reads a hint: `source=target` is a term; one with a capital or a digit is a name. Any other is a word for the
    /// recogniser, and has a translation of its own.
    pub fn of_hint(hint: &str) -> Option<Self> {
        let single_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let term = match hint.split_once('=') {
            Some((source, target)) => Self { source: single_line(source), target: single_line(target) },
            None => Self { source: single_line(hint), target: single_line(hint) },
        };
        let is_empty = term.source.is_empty() || term.target.is_empty();
        let has_controls = hint.chars().any(|c| c.is_control() && !c.is_whitespace());
        let stands_for_itself = term.source.chars().any(|c| c.is_uppercase() || c.is_ascii_digit());
        (!is_empty && !has_controls && (stands_for_itself || !term.is_name())).then_some(term)
    }

    /// What of a hint is said: a recogniser has no use for the translation.
    pub fn spoken(hint: &str) -> &str {
        match hint.split_once('=') {
            Some((source, target)) if !source.trim().is_empty() && !target.trim().is_empty() => source.trim(),
            _ => hint,
        }
    }

    /// Whether it stays as it is.
    pub fn is_name(&self) -> bool {
        self.source == self.target
    }

    /// Where a text has it, as whole words; a name with its own capitals, a term with any.
    pub fn places_in(&self, text: &str) -> Vec<Range<usize>> {
        places(text, &self.source, self.is_name())
    }

    /// How often a translation has what it is to be translated as. A term may be inflected at its end, as a plural is.
    pub fn kept_in(&self, translation: &str) -> usize {
        let mut count = 0;
        let mut rest = translation;
        while let Some(place) = first(rest, &self.target, self.is_name(), !self.is_name()) {
            count += 1;
            rest = &rest[place.end..];
        }
        count
    }
}

/// Where a text has these words, as whole words, from left to right.
pub fn places(text: &str, words: &str, is_exact: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(place) = first(&text[start..], words, is_exact, false) {
        found.push(start + place.start..start + place.end);
        start += place.end;
    }
    found
}

/// The first place. A word goes on through letters and digits; `goes_on` takes the beginning of a longer one as well.
fn first(text: &str, words: &str, is_exact: bool, goes_on: bool) -> Option<Range<usize>> {
    let mut before = None;
    for (start, letter) in text.char_indices() {
        if before.is_none_or(|before: char| !before.is_alphanumeric())
            && let Some(length) = begins_with(&text[start..], words, is_exact)
        {
            let ends = text[start + length..].chars().next().is_none_or(|next| !next.is_alphanumeric());
            if ends || goes_on {
                return Some(start..start + length);
            }
        }
        before = Some(letter);
    }
    None
}

/// How many bytes of the text are these words, if it begins with them.
fn begins_with(text: &str, words: &str, is_exact: bool) -> Option<usize> {
    if words.is_empty() {
        return None;
    }
    let mut rest = text.chars();
    for wanted in words.chars() {
        let letter = rest.next()?;
        let is_same = letter == wanted || !is_exact && letter.to_lowercase().eq(wanted.to_lowercase());
        if !is_same {
            return None;
        }
    }
    Some(text.len() - rest.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn term(hint: &str) -> Term {
        Term::of_hint(hint).expect("a term")
    }

    #[test]
    fn hints_are_names_terms_or_words() {
        assert!(term("Acme\tCorp ").is_name() && term("Acme\tCorp ").source == "Acme Corp");
        assert_eq!(
            term(" interest rate = tipo de interés"),
            Term { source: "interest rate".to_owned(), target: "tipo de interés".to_owned() }
        );
        for word in ["bank", " ", "=banco", "bank=", "a\u{7}B", "bank=bank"] {
            assert_eq!(Term::of_hint(word), None, "{word}");
        }
        assert_eq!(["bank=banco", "Acme", "=x"].map(Term::spoken), ["bank", "Acme", "=x"]);
    }

    #[test]
    fn words_are_found_whole() {
        let text = "The bank's Bank, a banker and the BANK";
        assert_eq!(term("bank=banco").places_in(text), [4..8, 11..15, 34..38]);
        assert_eq!(term("Bank").places_in(text).first(), Some(&(11..15)));
        assert_eq!(term("rate=tipo").kept_in("Los tipos y el prototipo, Tipo"), 2);
        assert_eq!(term("Ana").kept_in("Anaconda y Ana"), 1);
    }

    proptest! {
        #[test]
        fn what_is_found_is_there(text in "[aAbÁáİ .=]{0,40}", words in "[aAbÁáİ]{1,3}", is_exact: bool) {
            for place in places(&text, &words, is_exact) {
                let found = &text[place];
                let is_same = if is_exact { found == words } else { found.to_lowercase() == words.to_lowercase() };
                prop_assert!(is_same, "{}", found);
            }
        }
    }
}
