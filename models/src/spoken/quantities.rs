//! Numbers where they stand: with a sign, a currency, a unit, as a rank, in a range.

use std::sync::LazyLock;

use regex::Regex;

use super::grammar::Noun;
use super::numbers::Figures;
use super::{Gender, Grammar};

static FIGURES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[0-9](?:[0-9.,]*[0-9])?").expect("the pattern is a constant"));
/// Thousands that are set apart by spaces.
static SPACED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[0-9]{1,3}(?: [0-9]{3})+\b").expect("the pattern is a constant"));

/// Reads all numbers of a text.
pub fn read(text: &str, grammar: &dyn Grammar) -> String {
    let mut named = text.to_owned();
    for (sign, name) in grammar.words().fractions {
        named = replace_alone(&named, sign, name);
    }
    let joined = if grammar.words().group_mark == ',' {
        named
    } else {
        SPACED.replace_all(&named, |found: &regex::Captures<'_>| found[0].replace(' ', "")).into_owned()
    };
    let mut reader = Reader { grammar, output: String::with_capacity(2 * text.len()) };
    let mut rest = joined.as_str();
    while let Some(found) = FIGURES.find(rest) {
        reader.output.push_str(&rest[..found.start()]);
        let consumed = reader.number(found.as_str(), &rest[found.end()..]);
        rest = &rest[found.end() + consumed..];
    }
    reader.output + rest
}

/// Names the signs that are left when the numbers have been read.
pub fn signs(text: &str, grammar: &dyn Grammar) -> String {
    let words = grammar.words();
    let pairs = [("&", words.and), ("+", words.plus), ("=", words.equals), ("%", words.percent), ("×", words.times)];
    let currencies = words.currencies.iter().filter(|noun| !noun.sign.starts_with(char::is_alphabetic));
    let named = pairs.into_iter().chain(currencies.map(|noun| (noun.sign, noun.many)));
    named.fold(
        text.to_owned(),
        |text, (sign, word)| {
            if text.contains(sign) { text.replace(sign, &format!(" {word} ")) } else { text }
        },
    )
}

/// Replaces a sign where no digit stands beside it.
fn replace_alone(text: &str, sign: &str, name: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(sign) {
        let (before, from) = rest.split_at(at);
        let after = &from[sign.len()..];
        let joins = |letter: char| letter.is_ascii_digit() || letter == '/';
        let written_in_figures = sign.starts_with(|first: char| first.is_ascii_digit());
        replaced.push_str(before);
        if written_in_figures && (replaced.ends_with(joins) || after.starts_with(joins)) {
            replaced.push_str(sign);
        } else {
            let space = if replaced.ends_with(|last: char| last.is_ascii_digit()) { " " } else { "" };
            replaced.push_str(space);
            replaced.push_str(name);
        }
        rest = after;
    }
    replaced + rest
}

struct Reader<'a> {
    grammar: &'a dyn Grammar,
    output: String,
}

impl Reader<'_> {
    /// Reads one number, given what follows it; tells how much of that it took.
    fn number(&mut self, written: &str, after: &str) -> usize {
        let currency = self.currency_before();
        let negative = self.sign_before();
        self.part_from_word();
        if negative {
            self.say(self.grammar.words().minus);
        }
        let Some(figures) = Figures::parse(written, self.grammar) else {
            self.say(&self.parts(written));
            return self.part_after(after, 0);
        };
        let consumed = match currency {
            Some(noun) => self.money(&figures, noun, after, 0),
            None => self.counted(&figures, after),
        };
        self.part_after(after, consumed)
    }

    /// A number without a currency before it: whatever stands after it decides how it is read.
    fn counted(&mut self, figures: &Figures, after: &str) -> usize {
        if let Some(consumed) = self.ordinal(figures, after) {
            return consumed;
        }
        let words = self.grammar.words();
        let spaced = after.strip_prefix(' ').unwrap_or(after);
        let space = after.len() - spaced.len();
        for (sign, name) in [("%", words.percent), ("‰", words.per_mille)] {
            if spaced.starts_with(sign) {
                self.say(&figures.read(self.grammar, Gender::Alone));
                self.say(name);
                return space + sign.len();
            }
        }
        if let Some(noun) = longest(words.currencies, spaced) {
            return self.money(figures, noun, after, space + noun.sign.len());
        }
        if let Some((length, noun)) = self.scaled_currency(after) {
            return self.money(figures, noun, after, length);
        }
        if let Some(noun) = longest(words.units, spaced) {
            self.say(&figures.read(self.grammar, noun.gender));
            self.say(if figures.is_one() { noun.one } else { noun.many });
            return space + noun.sign.len();
        }
        self.plain(figures, after);
        0
    }

    fn plain(&mut self, figures: &Figures, after: &str) {
        let next = next_word(after);
        let likely_year = figures.whole.len() == 4 && figures.fraction.is_empty();
        match figures.value() {
            Some(value) if likely_year && self.grammar.is_likely_year(value, next) => {
                self.say(&self.grammar.year(value));
            }
            _ => {
                let counts = !next.is_empty()
                    && next.starts_with(char::is_lowercase)
                    && !self.grammar.words().function_words.contains(&next);
                let gender = if counts { self.grammar.gender_of(next) } else { Gender::Alone };
                self.say(&figures.read(self.grammar, gender));
            }
        }
    }

    /// `1.º`, `2nd`, `XX`'s like in figures.
    fn ordinal(&mut self, figures: &Figures, after: &str) -> Option<usize> {
        let value = figures.value().filter(|_| figures.fraction.is_empty())?;
        let matching = self.grammar.words().ordinals.iter().filter(|(end, _)| {
            after.strip_prefix(end).is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
        });
        let (end, gender) = matching.max_by_key(|(end, _)| end.len())?;
        self.say(&self.grammar.ordinal(value, *gender));
        Some(end.len())
    }

    /// A sum of money. `known` bytes after the number belong to the currency; with none, the currency stood before
    /// it, and a word that multiplies may follow.
    fn money(&mut self, figures: &Figures, noun: &Noun, after: &str, known: usize) -> usize {
        let words = self.grammar.words();
        let scale = scale_after(after, words.scales);
        if let Some(scale) = scale {
            self.say(&figures.read(self.grammar, Gender::Masculine));
            self.say(scale);
            self.of(noun.many);
            return known.max(after.len() - after.trim_start().len() + scale.len());
        }
        let whole = Figures { whole: figures.whole.clone(), fraction: String::new() };
        let name =
            if whole.is_one() && figures.fraction.chars().all(|digit| digit == '0') { noun.one } else { noun.many };
        if figures.fraction.len() != 2 {
            self.say(&figures.read(self.grammar, noun.gender));
            let millions = figures.value().is_some_and(|value| value >= 1_000_000 && value % 1_000_000 == 0);
            if millions {
                self.of(name)
            } else {
                self.say(name)
            }
            return known;
        }
        self.say(&whole.read(self.grammar, noun.gender));
        self.say(name);
        let cents = figures.fraction.parse().unwrap_or_default();
        if cents > 0 {
            self.say(words.cents);
            self.say(&self.grammar.cardinal(cents, Gender::Alone));
        }
        known
    }

    /// `millones de €`: how long it is, and the currency.
    fn scaled_currency(&self, after: &str) -> Option<(usize, &'static Noun)> {
        let words = self.grammar.words();
        let scale = scale_after(after, words.scales)?;
        let mut rest = &after.trim_start()[scale.len()..];
        rest = rest.trim_start();
        for of in ["de ", "di ", "d'"] {
            rest = rest.strip_prefix(of).unwrap_or(rest);
        }
        let noun = longest(words.currencies, rest)?;
        Some((after.len() - rest.len() + noun.sign.len(), noun))
    }

    /// Takes a currency that stands right before the number off what has been written.
    fn currency_before(&mut self) -> Option<&'static Noun> {
        let trimmed = self.output.trim_end_matches(' ');
        if self.output.len() - trimmed.len() > 1 {
            return None;
        }
        let matching = self.grammar.words().currencies.iter().filter(|noun| trimmed.ends_with(noun.sign));
        let noun = matching.max_by_key(|noun| noun.sign.len())?;
        let rest = trimmed.len() - noun.sign.len();
        if noun.sign.starts_with(char::is_alphabetic) && trimmed[..rest].ends_with(char::is_alphanumeric) {
            return None;
        }
        self.output.truncate(rest);
        Some(noun)
    }

    /// Takes a minus or a number sign that stands right before the number off what has been written.
    fn sign_before(&mut self) -> bool {
        if self.output.ends_with('#') {
            self.output.pop();
            self.say(self.grammar.words().number);
            return false;
        }
        let negative = self.output == "-" || self.output.ends_with(" -") || self.output.ends_with("(-");
        if negative {
            self.output.pop();
        }
        negative
    }

    /// `COVID-19`, `A4`: a number that sticks to a word stands apart from it.
    fn part_from_word(&mut self) {
        let letters = |text: &str| text.ends_with(char::is_alphabetic);
        if let Some(before) = self.output.strip_suffix('-').filter(|before| letters(before)) {
            self.output.truncate(before.len());
        }
    }

    /// What stands between this number and what follows; tells how much has been taken in all.
    fn part_after(&mut self, after: &str, consumed: usize) -> usize {
        let rest = &after[consumed..];
        let mut letters = rest.chars();
        match (letters.next(), letters.next()) {
            (Some('-' | '–'), Some(next)) if next.is_ascii_digit() => {
                self.say(self.grammar.words().to);
                self.output.push(' ');
                consumed + rest.chars().next().map_or(0, char::len_utf8)
            }
            (Some('/' | ':'), Some(next)) if next.is_ascii_digit() => {
                self.output.push(' ');
                consumed + 1
            }
            (Some('-'), Some(next)) if next.is_alphabetic() => {
                self.output.push(' ');
                consumed + 1
            }
            (Some(next), _) if next.is_alphanumeric() => {
                self.output.push(' ');
                consumed
            }
            _ => consumed,
        }
    }

    /// Numbers that are no number together, as `1.2.3`.
    fn parts(&self, written: &str) -> String {
        let point = self.grammar.words().address[1];
        let parts = written
            .split(['.', ','])
            .map(|part| Figures { whole: part.to_owned(), fraction: String::new() }.read(self.grammar, Gender::Alone));
        parts.collect::<Vec<_>>().join(&format!(" {point} "))
    }

    /// Writes words, a space away from what stands before them.
    fn say(&mut self, words: &str) {
        let open = [' ', '(', '¿', '¡', '"', '“', '«', '\'', '—'];
        if !words.is_empty() && !self.output.is_empty() && !self.output.ends_with(open) {
            self.output.push(' ');
        }
        self.output.push_str(words);
    }

    /// Writes what millions are of.
    fn of(&mut self, noun: &str) {
        let of = self.grammar.words().of;
        match of.strip_suffix('\'') {
            Some(_) if noun.starts_with(['e', 'a', 'i', 'o', 'u']) => self.say(&format!("{of}{noun}")),
            Some(_) => self.say(&format!("de {noun}")),
            None => {
                self.say(of);
                self.say(noun);
            }
        }
    }
}

/// The longest sign of a list that a text begins with, and that no letter follows.
fn longest(nouns: &'static [Noun], text: &str) -> Option<&'static Noun> {
    let matching = nouns.iter().filter(|noun| {
        text.strip_prefix(noun.sign).is_some_and(|rest| {
            !noun.sign.ends_with(char::is_alphabetic) || !rest.starts_with(|next: char| next.is_alphanumeric())
        })
    });
    matching.max_by_key(|noun| noun.sign.len())
}

fn next_word(after: &str) -> &str {
    let Some(rest) = after.strip_prefix(' ') else { return "" };
    let end = rest.find(|letter: char| !letter.is_alphabetic()).unwrap_or(rest.len());
    &rest[..end]
}

fn scale_after(after: &str, scales: &'static [&'static str]) -> Option<&'static str> {
    let next = next_word(after);
    // `mil millones` is two words.
    let matching = scales.iter().filter(|scale| {
        **scale == next
            || after
                .trim_start()
                .strip_prefix(**scale)
                .is_some_and(|rest| scale.contains(' ') && !rest.starts_with(char::is_alphanumeric))
    });
    matching.max_by_key(|scale| scale.len()).copied()
}
