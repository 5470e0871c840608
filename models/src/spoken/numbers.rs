//! Figures with their marks, as numbers.

use super::{Gender, Grammar};

/// A number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The digits before the decimal mark.
    pub whole: String,
    /// The digits after it; empty when there are none.
    pub fraction: String,
}

/// Digits beyond which a number is read one by one: it is a code.
const LONGEST: usize = 15;

impl Figures {
    /// Reads digits with points and commas between them. Which of the two is the decimal mark depends on the
    /// language, and on where they stand: `3.5` is a fraction in Spanish too, and `1,250,000` a whole number.
    /// Nothing for what is no number, as `1.2.3`.
    pub fn parse(written: &str, grammar: &dyn Grammar) -> Option<Self> {
        let words = grammar.words();
        let marks: Vec<(usize, char)> = written.char_indices().filter(|(_, mark)| !mark.is_ascii_digit()).collect();
        let whole = |text: &str| Self { whole: only_digits(text), fraction: String::new() };
        let split = |at: usize| Self { whole: only_digits(&written[..at]), fraction: written[at + 1..].to_owned() };
        match marks.as_slice() {
            [] => Some(whole(written)),
            [(at, mark)] if *mark == words.group_mark && is_grouped(written, *mark) => {
                Some(whole(&written[..*at])).map(|number| Self { whole: number.whole + &written[at + 1..], ..number })
            }
            [(at, _)] => Some(split(*at)),
            [.., (at, last)] => {
                let first = marks[0].1;
                let alike = marks.iter().all(|(_, mark)| *mark == first);
                if alike && is_grouped(written, first) {
                    return Some(whole(written));
                }
                let groups_before = marks[..marks.len() - 1].iter().all(|(_, mark)| *mark == first);
                (first != *last && groups_before && is_grouped(&written[..*at], first)).then(|| split(*at))
            }
        }
    }

    /// The value of a whole number that can be said as one.
    pub fn value(&self) -> Option<u64> {
        let is_code = self.whole.len() > LONGEST || (self.whole.len() > 1 && self.whole.starts_with('0'));
        if is_code { None } else { self.whole.parse().ok() }
    }

    /// Whether a noun after it stands in the singular.
    pub fn is_one(&self) -> bool {
        self.value() == Some(1) && self.fraction.is_empty()
    }

    /// The number in words.
    pub fn read(&self, grammar: &dyn Grammar, gender: Gender) -> String {
        if self.fraction.is_empty() {
            return self.value().map_or_else(|| grammar.digits(&self.whole), |value| grammar.cardinal(value, gender));
        }
        let whole = self
            .whole
            .parse()
            .map_or_else(|_| grammar.digits(&self.whole), |value| grammar.cardinal(value, Gender::Alone));
        format!("{whole} {} {}", grammar.words().point, grammar.fraction(&self.fraction))
    }
}

fn only_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a mark stands before every third digit from the right, and nowhere else.
fn is_grouped(written: &str, mark: char) -> bool {
    let mut groups = written.split(mark);
    let first = groups.next().unwrap_or_default();
    let all_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && all_digits(first)
        && groups.all(|group| group.len() == 3 && all_digits(group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spoken::grammar;

    fn parse(written: &str, language: &str) -> Option<(String, String)> {
        let grammar = grammar(language).expect("a known language");
        Figures::parse(written, grammar).map(|figures| (figures.whole, figures.fraction))
    }

    #[test]
    fn marks_are_read_by_language_and_place() {
        for (written, language, whole, fraction) in [
            ("1250", "es", "1250", ""),
            ("1.250", "es", "1250", ""),
            ("1.250,75", "es", "1250", "75"),
            ("3,5", "es", "3", "5"),
            ("3.5", "es", "3", "5"),
            ("0.250", "es", "0", "250"),
            ("1,250,000", "es", "1250000", ""),
            ("1,250.75", "es", "1250", "75"),
            ("1,250", "en", "1250", ""),
            ("1.250", "en", "1", "250"),
            ("1,250,000.5", "en", "1250000", "5"),
        ] {
            assert_eq!(parse(written, language), Some((whole.to_owned(), fraction.to_owned())), "{written} {language}");
        }
        assert_eq!(parse("1.2.3", "es"), None);
        assert_eq!(parse("192.168.10.1", "en"), None);
    }
}
