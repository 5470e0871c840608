//! What a language has to say about figures and signs.

/// How a number agrees with what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// It counts nothing: `uno`.
    Alone,
    /// A masculine noun follows: `un`.
    Masculine,
    /// A feminine noun follows: `una`.
    Feminine,
}

/// A unit or a currency: what is written, and what is said for one and for many.
pub struct Noun {
    /// What is written, as `km`.
    pub sign: &'static str,
    /// What is said after 1.
    pub one: &'static str,
    /// What is said after other numbers.
    pub many: &'static str,
    /// How the number before it agrees.
    pub gender: Gender,
}

/// A short form.
pub struct Abbreviation {
    /// What is written, with its full stops.
    pub short: &'static str,
    /// What is said.
    pub long: &'static str,
    /// Whether a sentence may end with it, so that its full stop is then also the sentence's.
    pub closes: bool,
}

/// A unit or a currency of masculine gender; also for languages without genders.
pub(super) const fn masculine(sign: &'static str, one: &'static str, many: &'static str) -> Noun {
    Noun { sign, one, many, gender: Gender::Masculine }
}

/// A unit or a currency of feminine gender.
pub(super) const fn feminine(sign: &'static str, one: &'static str, many: &'static str) -> Noun {
    Noun { sign, one, many, gender: Gender::Feminine }
}

/// A short form inside a sentence.
pub(super) const fn short(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, closes: false }
}

/// A short form that may end a sentence.
pub(super) const fn closing(short: &'static str, long: &'static str) -> Abbreviation {
    Abbreviation { short, long, closes: true }
}

/// The fixed words of a language.
pub struct Words {
    /// Between the whole and the fraction: `,` or `.`.
    pub decimal_mark: char,
    /// Between thousands.
    pub group_mark: char,
    /// What is said for the decimal mark.
    pub point: &'static str,
    /// Before negative numbers.
    pub minus: &'static str,
    /// What is said for `%`.
    pub percent: &'static str,
    /// What is said for `‰`.
    pub per_mille: &'static str,
    /// What is said for `&`.
    pub and: &'static str,
    /// What is said for `+`.
    pub plus: &'static str,
    /// What is said for `=`.
    pub equals: &'static str,
    /// What is said for `×` between numbers.
    pub times: &'static str,
    /// What is said for `#` before a number.
    pub number: &'static str,
    /// Between the ends of a range.
    pub to: &'static str,
    /// Between the whole and the hundredths of a sum of money; may be empty.
    pub cents: &'static str,
    /// After a number of millions, before what is counted; may be empty. An apostrophe at its end joins it.
    pub of: &'static str,
    /// In addresses: `@`, `.`, `/`, `-`, `_`.
    pub address: [&'static str; 5],
    /// January to December.
    pub months: [&'static str; 12],
    /// Words after a number that multiply it, as `millones`.
    pub scales: &'static [&'static str],
    /// Written ends of ordinals in figures, and how they agree.
    pub ordinals: &'static [(&'static str, Gender)],
    /// Words before which a number counts nothing.
    pub function_words: &'static [&'static str],
    /// Words before a Roman numeral.
    pub before_roman: &'static [&'static str],
    /// Words after a Roman numeral that is read as an ordinal.
    pub after_roman: &'static [(&'static str, Gender)],
    /// Units, in any order.
    pub units: &'static [Noun],
    /// Currencies, in any order.
    pub currencies: &'static [Noun],
    /// Short forms, in any order.
    pub abbreviations: &'static [Abbreviation],
    /// Fractions that have a name, as `½` and `1/2`.
    pub fractions: &'static [(&'static str, &'static str)],
}

/// A language that can read figures.
pub trait Grammar: Sync {
    /// Its fixed words.
    fn words(&self) -> &'static Words;

    /// A whole number under 10¹⁵ in words.
    fn cardinal(&self, number: u64, gender: Gender) -> String;

    /// A rank in words, the cardinal where no ordinal is in use.
    fn ordinal(&self, number: u64, gender: Gender) -> String;

    /// How a number agrees with the word after it.
    fn gender_of(&self, _noun: &str) -> Gender {
        Gender::Masculine
    }

    /// A year; where a language reads years like other numbers, the cardinal.
    fn year(&self, year: u64) -> String {
        self.cardinal(year, Gender::Alone)
    }

    /// Whether a number of four figures that nothing is known about is read as a year.
    fn is_likely_year(&self, _number: u64, _next: &str) -> bool {
        false
    }

    /// The digits after the decimal mark: as a number when they are few, else one by one.
    fn fraction(&self, digits: &str) -> String {
        let zeros = digits.len() - digits.trim_start_matches('0').len();
        let rest = &digits[zeros..];
        if rest.is_empty() || rest.len() > 2 || zeros > 1 {
            return self.digits(digits);
        }
        let number = rest.parse().unwrap_or_default();
        let zero = self.cardinal(0, Gender::Alone);
        let words = std::iter::repeat_n(zero, zeros).chain([self.cardinal(number, Gender::Alone)]);
        words.collect::<Vec<_>>().join(" ")
    }

    /// Digits one by one.
    fn digits(&self, digits: &str) -> String {
        let words = digits.chars().filter_map(|digit| digit.to_digit(10));
        words.map(|digit| self.cardinal(u64::from(digit), Gender::Alone)).collect::<Vec<_>>().join(" ")
    }

    /// A day of the year; the month is 1 to 12.
    fn date(&self, day: u64, month: usize, year: Option<u64>) -> String;

    /// A time of the day.
    fn time(&self, hour: u64, minute: u64) -> String;

    /// Whether the month comes before the day in `5/12/2024`.
    fn month_first(&self) -> bool {
        false
    }

    /// The number of a ruler, a pope or a century, which was written as a Roman numeral after a word.
    fn regnal(&self, number: u64, after: &str) -> String;
}
