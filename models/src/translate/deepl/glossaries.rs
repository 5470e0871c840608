//! Glossaries made from a programme's names, each of which is to stay as it is, and from its terms.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::OnceCell;

use crate::text::terms::Term;
use crate::translate::route::Pair;

/// Most glossaries at a time: an account may have a thousand, and others use it too.
const MAX_GLOSSARIES: usize = 64;
/// Longest term, bytes.
const MAX_TERM_BYTES: usize = 1_024;

/// What the names of all glossaries made from hints begin with; nobody else's do.
const NAME_PREFIX: &str = "sts, from hints: ";
/// How old one becomes that is in use: longer than any programme.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The name of a glossary made from hints.
pub fn name(source: &str, target: &str) -> String {
    format!("{NAME_PREFIX}{source}-{target}")
}

/// Whether a glossary of the account was made from hints and is too old to be in use.
pub fn is_leftover(name: &str, creation_time: &str, now: SystemTime) -> bool {
    let age = || now.duration_since(humantime::parse_rfc3339(creation_time).ok()?).ok();
    name.starts_with(NAME_PREFIX) && age().is_some_and(|age| age >= MAX_AGE)
}

/// A set of terms and the pair that they are for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    pair: Pair,
    terms: Vec<Term>,
}

impl Terms {
    /// The names and terms among the hints that a glossary can hold, in an order of their own; `None` when there are none.
    pub fn new(pair: &Pair, hints: &[String]) -> Option<Self> {
        let mut terms: Vec<Term> = hints.iter().filter_map(|hint| Term::of_hint(hint)).collect();
        terms.retain(|term| term.source.len().max(term.target.len()) <= MAX_TERM_BYTES);
        terms.sort();
        // A glossary has one translation of a term.
        terms.dedup_by(|a, b| a.source == b.source);
        (!terms.is_empty()).then(|| Self { pair: pair.clone(), terms })
    }

    /// From and into which languages.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Each term and its translation, tab-separated.
    pub fn entries(&self) -> String {
        self.terms.iter().map(|term| format!("{}\t{}\n", term.source, term.target)).collect()
    }
}

/// A glossary that is being made, is there (its id), or could not be made.
type Slot = Arc<OnceCell<Option<String>>>;

/// The glossaries that there are, the one used last at the end.
#[derive(Default)]
pub struct Glossaries(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    slots: HashMap<Terms, (Slot, u64)>,
    uses: u64,
}

/// A place among the glossaries.
pub struct Place {
    /// To be filled by whoever comes first; others wait for it.
    pub slot: Slot,
    /// Ids of glossaries that had to go for it.
    pub evicted: Vec<String>,
}

impl Glossaries {
    /// The place of the glossary with these terms.
    pub fn place(&self, terms: &Terms) -> Place {
        let mut kept = self.lock();
        kept.uses += 1;
        let now = kept.uses;
        if let Some((slot, used)) = kept.slots.get_mut(terms) {
            *used = now;
            return Place { slot: Arc::clone(slot), evicted: Vec::new() };
        }
        let mut evicted = Vec::new();
        while kept.slots.len() >= MAX_GLOSSARIES {
            let Some(oldest) = kept.slots.iter().min_by_key(|(_, (_, used))| *used).map(|(terms, _)| terms.clone())
            else {
                break;
            };
            evicted.extend(kept.slots.remove(&oldest).and_then(|(slot, _)| slot.get().cloned().flatten()));
        }
        let slot = Slot::default();
        kept.slots.insert(terms.clone(), (Arc::clone(&slot), now));
        Place { slot, evicted }
    }

    /// Forgets a glossary that the other side no longer knows; it is made anew when it is needed.
    pub fn forget(&self, id: &str) {
        self.lock().slots.retain(|_, (slot, _)| slot.get().is_none_or(|made| made.as_deref() != Some(id)));
    }

    /// Takes the ids of all that were made.
    pub fn take_all(&self) -> Vec<String> {
        let slots = std::mem::take(&mut self.lock().slots);
        slots.into_values().filter_map(|(slot, _)| slot.get().cloned().flatten()).collect()
    }

    // Nothing panics while this is held.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(hint: &str) -> Terms {
        Terms::new(&Pair::new("en", "es"), &[hint.to_uppercase()]).expect("a term")
    }

    fn make(glossaries: &Glossaries, hint: &str) -> Vec<String> {
        let Place { slot, evicted } = glossaries.place(&terms(hint));
        slot.set(Some(format!("id of {hint}"))).expect("nobody made it before");
        evicted
    }

    #[test]
    fn terms_are_cleaned_and_their_order_does_not_matter() {
        let pair = Pair::new("en", "es");
        let hints = ["Acme\tCorp", "Zed", "rate = tipo", "", "Zed", "A\u{7}b", "bank"].map(str::to_owned);
        let terms = Terms::new(&pair, &hints).expect("three terms");
        assert_eq!(terms.entries(), "Acme Corp\tAcme Corp\nZed\tZed\nrate\ttipo\n");
        assert_eq!(Some(terms), Terms::new(&pair, &["rate=tipo", "Zed", "Acme Corp"].map(str::to_owned)));
        assert_eq!(Terms::new(&pair, &[" ", "interest rate"].map(str::to_owned)), None);
    }

    #[test]
    fn what_is_left_over_is_from_hints_and_old() {
        let at = |text: &str| humantime::parse_rfc3339(text).expect("a time");
        let now = at("2026-03-02T10:00:00Z");
        let own = name("EN", "ES");
        assert!(is_leftover(&own, "2026-03-01T09:59:59.329Z", now));
        assert!(!is_leftover(&own, "2026-03-01T10:00:01Z", now), "it may be in use");
        assert!(!is_leftover(&own, "2026-03-03T10:00:00Z", now), "the clocks differ");
        assert!(!is_leftover(&own, "yesterday", now));
        assert!(!is_leftover("sts EN-ES", "2020-01-01T00:00:00Z", now), "somebody else made it");
    }

    #[test]
    fn the_one_that_was_used_longest_ago_goes() {
        let glossaries = Glossaries::default();
        for number in 0..MAX_GLOSSARIES {
            assert!(make(&glossaries, &number.to_string()).is_empty());
        }
        assert!(glossaries.place(&terms("0")).slot.initialized(), "it is there, and used last now");
        assert_eq!(make(&glossaries, "new"), ["id of 1"]);
        assert_eq!(glossaries.take_all().len(), MAX_GLOSSARIES);
    }

    #[test]
    fn a_forgotten_glossary_is_made_anew() {
        let glossaries = Glossaries::default();
        make(&glossaries, "x");
        make(&glossaries, "y");
        glossaries.forget("id of x");
        assert!(!glossaries.place(&terms("x")).slot.initialized());
        assert!(glossaries.place(&terms("y")).slot.initialized());
    }
}
