//! Which engines, one after another, translate a pair.

use std::collections::{HashMap, VecDeque};
use std::fmt;

/// The longest chain of engines: each leg costs quality, and a third is the last that still helps.
const MAX_LEGS: usize = 3;

/// A source and a target language, ISO 639-1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Language of the text.
    pub source: String,
    /// Language wanted.
    pub target: String,
}

impl Pair {
    /// The pair `source` → `target`.
    pub fn new(source: &str, target: &str) -> Self {
        Self { source: source.to_owned(), target: target.to_owned() }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.source, self.target)
    }
}

/// What translates one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegKind {
    /// A Firefox model in the store.
    Firefox,
    /// An Apertium pair that is installed.
    Apertium,
    /// A Firefox model that Mozilla serves and the store lacks.
    Download,
}

/// One engine's part in a translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// From which language to which.
    pub pair: Pair,
    /// By what.
    pub kind: LegKind,
}

/// Every leg there is, best first.
pub struct Routes {
    legs: Vec<Leg>,
}

impl Routes {
    /// Takes the legs in any order. Where two lead the same way, a model at hand goes before Apertium, and both
    /// before a download.
    pub fn new(mut legs: Vec<Leg>) -> Self {
        let rank = |leg: &Leg| match leg.kind {
            LegKind::Firefox => 0,
            LegKind::Apertium => 1,
            LegKind::Download => 2,
        };
        legs.sort_by_key(rank);
        Self { legs }
    }

    /// The shortest chain of legs for the pair, or `None`.
    pub fn find(&self, pair: &Pair) -> Option<Vec<Leg>> {
        let mut reached: HashMap<&str, Vec<&Leg>> = HashMap::from([(pair.source.as_str(), Vec::new())]);
        let mut queue = VecDeque::from([pair.source.as_str()]);
        while let Some(language) = queue.pop_front() {
            let path = reached[language].clone();
            if language == pair.target {
                return Some(path.into_iter().cloned().collect());
            }
            if path.len() == MAX_LEGS {
                continue;
            }
            for leg in self.legs.iter().filter(|leg| leg.pair.source == language) {
                let next = leg.pair.target.as_str();
                if !reached.contains_key(next) {
                    reached.insert(next, [path.as_slice(), &[leg]].concat());
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// Forgets a leg that turned out not to work.
    pub fn remove(&mut self, leg: &Leg) {
        self.legs.retain(|known| known != leg);
    }

    /// Notes that a leg is now done by something else, as a downloaded model.
    pub fn replace(&mut self, leg: &Leg, kind: LegKind) {
        self.remove(leg);
        self.legs.insert(0, Leg { pair: leg.pair.clone(), kind });
    }
}

/// The chain in words, as `fxtranslate en-pt + apertium pt-es`.
pub fn describe(route: &[Leg], firefox: &str) -> String {
    let name = |leg: &Leg| match leg.kind {
        LegKind::Firefox | LegKind::Download => format!("{firefox} {}", leg.pair),
        LegKind::Apertium => format!("apertium {}", leg.pair),
    };
    route.iter().map(name).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(source: &str, target: &str, kind: LegKind) -> Leg {
        Leg { pair: Pair::new(source, target), kind }
    }

    fn found(routes: &Routes, source: &str, target: &str) -> Option<String> {
        routes.find(&Pair::new(source, target)).map(|route| describe(&route, "fxtranslate"))
    }

    fn as_shipped() -> Vec<Leg> {
        vec![
            leg("es", "pt", LegKind::Apertium),
            leg("pt", "es", LegKind::Apertium),
            leg("en", "pt", LegKind::Firefox),
            leg("pt", "en", LegKind::Firefox),
        ]
    }

    #[test]
    fn portuguese_is_the_bridge_between_english_and_spanish() {
        let routes = Routes::new(as_shipped());
        assert_eq!(found(&routes, "en", "es").as_deref(), Some("fxtranslate en-pt + apertium pt-es"));
        assert_eq!(found(&routes, "es", "en").as_deref(), Some("apertium es-pt + fxtranslate pt-en"));
        assert_eq!(found(&routes, "en", "pt").as_deref(), Some("fxtranslate en-pt"));
        assert_eq!(found(&routes, "en", "fr"), None);
    }

    #[test]
    fn a_model_of_the_pair_itself_goes_before_a_bridge() {
        let mut legs = as_shipped();
        legs.push(leg("en", "es", LegKind::Firefox));
        assert_eq!(found(&Routes::new(legs), "en", "es").as_deref(), Some("fxtranslate en-es"));
    }

    #[test]
    fn a_download_that_failed_gives_way_to_the_bridge() {
        let mut legs = as_shipped();
        let download = leg("en", "es", LegKind::Download);
        legs.push(download.clone());
        let mut routes = Routes::new(legs);
        assert_eq!(routes.find(&download.pair), Some(vec![download.clone()]));
        routes.remove(&download);
        assert_eq!(found(&routes, "en", "es").as_deref(), Some("fxtranslate en-pt + apertium pt-es"));
    }

    #[test]
    fn a_chain_never_grows_past_three_legs() {
        let chain = |count: usize| {
            let names = ["aa", "bb", "cc", "dd", "ee"];
            Routes::new((0..count).map(|i| leg(names[i], names[i + 1], LegKind::Firefox)).collect())
        };
        assert!(chain(4).find(&Pair::new("aa", "dd")).is_some());
        assert!(chain(4).find(&Pair::new("aa", "ee")).is_none());
    }
}
