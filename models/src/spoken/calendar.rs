//! Dates and times of the day that are written in figures.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Grammar;

static NUMERIC: LazyLock<Regex> = LazyLock::new(|| {
    let with = |mark: &str| format!(r"\b([0-9]{{1,2}}){mark}([0-9]{{1,2}}){mark}([0-9]{{4}})\b");
    Regex::new(&[with("/"), with(r"\."), with("-")].join("|")).expect("the pattern is a constant")
});
static ISO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([0-9]{4})-([0-9]{2})-([0-9]{2})\b").expect("the pattern is a constant"));
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b([01]?[0-9]|2[0-3])(?::|\s?h\s?)([0-5][0-9])(?::[0-5][0-9])?(?:\s?h(?:s|oras|eures)?\b)?\b")
        .expect("the pattern is a constant")
});

/// Reads `12/05/2024`, `12-05-2024`, `12.05.2024` and `2024-05-12`; what is no day of any year is left.
pub fn dates(text: &str, grammar: &dyn Grammar) -> String {
    let iso = ISO.replace_all(text, |found: &Captures<'_>| {
        let [year, month, day] = [1, 2, 3].map(|group| figures(found, group));
        date(day, month, year, grammar).unwrap_or_else(|| found[0].to_owned())
    });
    let numeric = NUMERIC.replace_all(&iso, |found: &Captures<'_>| {
        let first = [1, 4, 7].into_iter().find(|&group| found.get(group).is_some()).unwrap_or(1);
        let [one, two, year] = [0, 1, 2].map(|offset| figures(found, first + offset));
        let usual = if grammar.month_first() { (two, one) } else { (one, two) };
        let swapped = (usual.1, usual.0);
        let read = |(day, month)| date(day, month, year, grammar);
        read(usual).or_else(|| read(swapped)).unwrap_or_else(|| found[0].to_owned())
    });
    numeric.into_owned()
}

/// Reads `14:30` and `14h30`.
pub fn times(text: &str, grammar: &dyn Grammar) -> String {
    CLOCK.replace_all(text, |found: &Captures<'_>| grammar.time(figures(found, 1), figures(found, 2))).into_owned()
}

fn figures(found: &Captures<'_>, group: usize) -> u64 {
    found.get(group).and_then(|figures| figures.as_str().parse().ok()).unwrap_or_default()
}

fn date(day: u64, month: u64, year: u64, grammar: &dyn Grammar) -> Option<String> {
    let valid = (1..=31).contains(&day) && (1..=12).contains(&month);
    valid.then(|| grammar.date(day, month as usize, Some(year)))
}
