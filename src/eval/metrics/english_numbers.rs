//! Spoken English numbers to figures: `twenty five dollars` → `$25`, `nineteen sixties` → `1960s`.
//!
//! Gives the same text as the number step of Whisper's English normaliser (Radford et al., *Robust Speech
//! Recognition via Large-Scale Weak Supervision*, appendix C), its oddities included, for whole numbers below
//! 2¹²⁸; larger ones are left apart instead of being multiplied out.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::number_words::{NumberWord, number_word};

/// Rewrites the numbers of a lower-case text whose punctuation is already gone, apart from `.%$¢€£`.
pub(super) fn standardize_numbers(text: &str) -> String {
    let prepared = join_ordinal_suffixes(&space_letters_from_digits(&spell_out_halves(text)));
    let words: Vec<&str> = prepared.split_whitespace().collect();
    tidy_currency_and_ones(&NumberReader::read(&words).join(" "))
}

/// The number that is being put together.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    Nothing,
    /// A whole number that further words may still be added to or multiply.
    Whole(u128),
    /// Characters that further words are appended to: decimals, digits read one by one, years.
    Figures(String),
}

impl Pending {
    fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    fn text(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Whole(value) => value.to_string(),
            Self::Figures(text) => text.clone(),
        }
    }

    /// The text that a digit or a point is appended to; a bare 0 gives way to it.
    fn text_before_digit(&self) -> String {
        if *self == Self::Whole(0) { String::new() } else { self.text() }
    }

    /// The number after one more unit or tens word: added where there is room for it, as in `hundred` + `five`,
    /// and otherwise appended, as in `nineteen` + `sixty`.
    fn joined(&self, amount: u128, previous: Option<NumberWord>) -> Self {
        let after_unit = matches!(previous, Some(NumberWord::Unit(_)));
        let after_tens = matches!(previous, Some(NumberWord::Tens(_)));
        let room = if amount < 10 { 10 } else { 100 };
        match self {
            Self::Nothing => Self::Whole(amount),
            Self::Whole(value) if !after_unit && value % room == 0 => {
                value.checked_add(amount).map_or_else(|| Self::Figures(format!("{value}{amount}")), Self::Whole)
            }
            Self::Figures(text) if after_tens && amount < 10 => {
                Self::Figures(format!("{}{amount}", &text[..text.len().saturating_sub(1)]))
            }
            _ => Self::Figures(format!("{}{amount}", self.text())),
        }
    }

    /// The number times `scale`, where only what stands below a thousand is multiplied: `two thousand` +
    /// `three` + `hundred` is 2 300. None when it is no number, or the product is not whole or too large.
    fn scaled(&self, scale: u128) -> Option<u128> {
        match self {
            Self::Nothing => Some(scale),
            Self::Whole(value) => (value % 1000).checked_mul(scale)?.checked_add(value / 1000 * 1000),
            Self::Figures(text) => whole_product(text, scale),
        }
    }
}

/// `figures · scale` when that is whole; None also when `figures` has more than one point.
fn whole_product(figures: &str, scale: u128) -> Option<u128> {
    let (whole, decimals) = figures.split_once('.').unwrap_or((figures, ""));
    let decimals = decimals.trim_end_matches('0');
    let digits: u128 = format!("0{whole}{decimals}").parse().ok()?;
    let divisor = 10_u128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let product = digits.checked_mul(scale)?;
    (product % divisor == 0).then(|| product / divisor)
}

/// Reads words from left to right, holding back the number that is not complete yet.
struct NumberReader {
    pending: Pending,
    symbol: Option<char>,
    written: Vec<String>,
}

/// A word with its neighbours, which decide what it means.
struct InContext<'a> {
    previous: Option<NumberWord>,
    current: &'a str,
    next: Option<&'a str>,
}

impl InContext<'_> {
    fn next_word(&self) -> Option<NumberWord> {
        self.next.and_then(number_word)
    }

    fn next_is_figure(&self) -> bool {
        self.next.is_some_and(is_figure)
    }

    fn number_goes_on(&self) -> bool {
        self.next_word().is_some() || self.next_is_figure()
    }
}

/// Whether the reader has used up the next word as well.
#[derive(PartialEq)]
enum Taken {
    One,
    Two,
}

impl NumberReader {
    fn read(words: &[&str]) -> Vec<String> {
        let mut reader = Self { pending: Pending::Nothing, symbol: None, written: Vec::with_capacity(words.len()) };
        let mut index = 0;
        while let Some(current) = words.get(index) {
            let previous = index.checked_sub(1).and_then(|before| number_word(words[before]));
            let context = InContext { previous, current, next: words.get(index + 1).copied() };
            index += if reader.take(&context) == Taken::Two { 2 } else { 1 };
        }
        reader.flush();
        reader.written
    }

    fn take(&mut self, context: &InContext) -> Taken {
        if let Some((symbol, figure)) = split_figure(context.current) {
            self.take_figure(symbol, figure);
            return Taken::One;
        }
        let Some(word) = number_word(context.current) else {
            self.flush_and_write(context.current);
            return Taken::One;
        };
        match word {
            NumberWord::Zero => self.append("0"),
            NumberWord::Unit(value) | NumberWord::Tens(value) => {
                self.pending = self.pending.joined(value, context.previous);
            }
            NumberWord::UnitEnding(value, suffix) | NumberWord::TensEnding(value, suffix) => {
                let number = self.pending.joined(value, context.previous).text();
                self.write(&(number + suffix));
            }
            NumberWord::Scale(scale) => self.take_scale(scale),
            NumberWord::ScaleEnding(scale, suffix) => self.take_scale_ending(scale, suffix),
            NumberWord::Sign(sign) => self.take_sign(sign, context),
            NumberWord::Currency(symbol) => self.take_currency(symbol, context.current),
            NumberWord::Per | NumberWord::Percent => return self.take_percent(word, context),
            NumberWord::And | NumberWord::Repeat(_) | NumberWord::Point => return self.take_connector(word, context),
        }
        Taken::One
    }

    fn take_figure(&mut self, symbol: Option<char>, figure: &str) {
        if let Pending::Figures(text) = &mut self.pending
            && text.ends_with('.')
        {
            text.push_str(figure);
            return;
        }
        self.flush();
        self.symbol = symbol.or(self.symbol);
        let (whole, decimals) = figure.split_once('.').unwrap_or((figure, ""));
        let is_whole = decimals.bytes().all(|digit| digit == b'0');
        self.pending = match whole.parse() {
            Ok(value) if is_whole => Pending::Whole(value),
            _ => Pending::Figures(figure.to_owned()),
        };
    }

    fn take_scale(&mut self, scale: u128) {
        match self.pending.scaled(scale) {
            Some(product) => self.pending = Pending::Whole(product),
            None => {
                self.flush();
                self.pending = Pending::Whole(scale);
            }
        }
    }

    fn take_scale_ending(&mut self, scale: u128, suffix: &str) {
        match self.pending.scaled(scale) {
            Some(product) => self.write(&format!("{product}{suffix}")),
            None => self.flush_and_write(&format!("{scale}{suffix}")),
        }
    }

    fn take_sign(&mut self, sign: char, context: &InContext) {
        self.flush();
        if context.number_goes_on() {
            self.symbol = Some(sign);
        } else {
            self.write(context.current);
        }
    }

    fn take_currency(&mut self, symbol: char, word: &str) {
        if self.pending.is_nothing() {
            self.write(word);
        } else {
            self.symbol = Some(symbol);
            self.flush();
        }
    }

    fn take_percent(&mut self, word: NumberWord, context: &InContext) -> Taken {
        let in_two_words = word == NumberWord::Per;
        if self.pending.is_nothing() || (in_two_words && context.next != Some("cent")) {
            self.flush_and_write(context.current);
            return Taken::One;
        }
        let percentage = self.pending.text() + "%";
        self.write(&percentage);
        if in_two_words { Taken::Two } else { Taken::One }
    }

    /// `and`, `double`, `triple` and `point`: part of a number only between words that can be one.
    fn take_connector(&mut self, word: NumberWord, context: &InContext) -> Taken {
        let next = context.next_word();
        match (word, next) {
            _ if !context.number_goes_on() => self.flush_and_write(context.current),
            (NumberWord::And, _) if matches!(context.previous, Some(NumberWord::Scale(_))) => {}
            (NumberWord::Repeat(times), Some(NumberWord::Zero)) => {
                self.append(&"0".repeat(times));
                return Taken::Two;
            }
            (NumberWord::Repeat(times), Some(NumberWord::Unit(value))) => {
                self.append(&value.to_string().repeat(times));
                return Taken::Two;
            }
            (NumberWord::Point, _) => {
                if context.next_is_figure() || next.is_some_and(NumberWord::is_decimal) {
                    self.append(".");
                }
            }
            _ => self.flush_and_write(context.current),
        }
        Taken::One
    }

    fn append(&mut self, tail: &str) {
        self.pending = Pending::Figures(self.pending.text_before_digit() + tail);
    }

    fn flush(&mut self) {
        if !self.pending.is_nothing() {
            let number = self.pending.text();
            self.write(&number);
        }
    }

    fn flush_and_write(&mut self, word: &str) {
        self.flush();
        self.write(word);
    }

    fn write(&mut self, text: &str) {
        let symbol = self.symbol.take().map(String::from).unwrap_or_default();
        self.written.push(symbol + text);
        self.pending = Pending::Nothing;
    }
}

/// Whether the word is figures alone: `12` or `12.5`.
fn is_figure(word: &str) -> bool {
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match word.split_once('.') {
        Some((whole, decimals)) => all_digits(whole) && all_digits(decimals),
        None => all_digits(word),
    }
}

/// Takes a word of figures apart into its sign or currency, if it has one, and the figures.
fn split_figure(word: &str) -> Option<(Option<char>, &str)> {
    let symbol = word.chars().next().filter(|first| "+-$¢€£".contains(*first));
    let figure = &word[symbol.map_or(0, char::len_utf8)..];
    is_figure(figure).then_some((symbol, figure))
}

/// `two and a half` → `two point five`; after anything but a number the words stay.
fn spell_out_halves(text: &str) -> String {
    static HALF: LazyLock<Regex> = LazyLock::new(|| pattern(r"\band\s+a\s+half\b"));
    let segments: Vec<&str> = HALF.split(text).collect();
    let mut parts = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let Some(last_word) = segment.split_whitespace().last() else { continue };
        parts.push(*segment);
        if index + 1 < segments.len() {
            let is_number =
                number_word(last_word).is_some_and(|word| word.is_decimal() || matches!(word, NumberWord::Scale(_)));
            parts.push(if is_number { "point five" } else { "and a half" });
        }
    }
    parts.join(" ")
}

fn space_letters_from_digits(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 8);
    let mut previous = ' ';
    for character in text.chars() {
        let boundary = (previous.is_ascii_lowercase() && character.is_ascii_digit())
            || (previous.is_ascii_digit() && character.is_ascii_lowercase());
        if boundary {
            spaced.push(' ');
        }
        spaced.push(character);
        previous = character;
    }
    spaced
}

/// `1960 s` → `1960s`, `3 rd` → `3rd`.
fn join_ordinal_suffixes(text: &str) -> String {
    static SUFFIX: LazyLock<Regex> = LazyLock::new(|| pattern(r"([0-9])\s+(st|nd|rd|th|s)\b"));
    SUFFIX.replace_all(text, "${1}${2}").into_owned()
}

/// `$2 and ¢7` → `$2.07`, `$0.50` → `¢50`, and `1` → `one`, which is how it is mostly written.
fn tidy_currency_and_ones(text: &str) -> String {
    static WITH_CENTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b"));
    static CENTS_ALONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[€£$]0.([0-9]{1,2})\b"));
    static ONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b1(s?)\b"));
    let joined =
        WITH_CENTS.replace_all(text, |found: &Captures| format!("{}{}.{:0>2}", &found[1], &found[2], &found[3]));
    let cents = CENTS_ALONE.replace_all(&joined, |found: &Captures| {
        let without_zero = found[1].trim_start_matches('0');
        format!("¢{}", if without_zero.is_empty() { "0" } else { without_zero })
    });
    ONE.replace_all(&cents, "one${1}").into_owned()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant of this file")
}

#[cfg(test)]
mod tests {
    use super::standardize_numbers;

    #[track_caller]
    fn reads(text: &str, expected: &str) {
        assert_eq!(standardize_numbers(text), expected, "from {text:?}");
    }

    #[test]
    fn adds_up_what_belongs_together() {
        reads("two hundred and thirty four", "234");
        reads("three million five hundred thousand and six", "3500006");
        reads("nineteen eighty four", "1984");
        reads("one two three", "123");
    }

    #[test]
    fn keeps_endings_signs_and_currencies() {
        reads("the nineteen sixties", "the 1960s");
        reads("twenty first", "21st");
        reads("minus five", "-5");
        reads("twenty dollars and five cents", "$20.05");
        reads("ten per cent of ten percent", "10% of 10%");
    }

    #[test]
    fn decimals_multiply_when_the_product_is_whole() {
        reads("two point five million", "2500000");
        reads("two point three four five hundred", "2.345 100");
        reads("two and a half", "2.5");
    }

    #[test]
    fn numbers_too_large_to_multiply_are_left_apart() {
        let huge = "9".repeat(45);
        reads(&format!("{huge} million"), &format!("{huge} 1000000"));
    }

    #[test]
    fn connectors_outside_numbers_stay_words() {
        reads("bread and butter", "bread and butter");
        reads("the point is clear", "the point is clear");
        reads("double trouble", "double trouble");
    }
}
