//! Translators: several on the network, [`fallback`] with a [`breaker`] before each, and the one below.
//!
//! The embedded translator: Firefox's small models in this process, and Apertium beside it where two related
//! languages make a better bridge than no bridge at all.
//!
//! A pair is served by the shortest chain of legs: a model that the store holds, a model that
//! Firefox serves and that may be downloaded, or an Apertium pair. Text goes through the chain sentence by
//! sentence, many sentences a call.

mod apertium;
mod apertium_pipeline;
mod apertium_stream;
pub mod breaker;
pub mod cache;
pub mod chat;
pub mod deepl;
pub mod faithful;
pub mod fallback;
mod firefox;
mod firefox_beam;
mod firefox_download;
mod language_names;
pub mod libretranslate;
pub mod marian;
mod portuguese_cognates;
mod portuguese_prepare;
pub mod remote;
mod route;
mod sentences;
mod shorter;
mod spanish_marks;
mod spanish_repair;
mod spanish_tables;
mod syllables;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use unicode_normalization::UnicodeNormalization;

use crate::device::Device;
use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};
use apertium::ApertiumPair;
use firefox::FirefoxPair;
use firefox_download::FirefoxCatalog;
use language_names::language_name;
use route::{Leg, LegKind, Pair, Routes};

/// The longest text that one request may carry, in bytes: several minutes of speech.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// What an operator may choose about the embedded translator.
#[derive(Clone, Debug)]
pub struct EmbeddedTranslatorOptions {
    /// Whether models of pairs that the store lacks may be downloaded from Mozilla into the store.
    pub allow_download: bool,
    /// Where libtorch runs Firefox's models; `None`: `fxtranslate` does, in int8 on the CPU.
    pub device: Option<Device>,
    /// Where Apertium's modes are installed.
    pub apertium_modes: PathBuf,
    /// How long an Apertium pipeline has for one sentence before it is taken for stuck.
    pub apertium_deadline: Duration,
}

impl Default for EmbeddedTranslatorOptions {
    fn default() -> Self {
        Self {
            allow_download: false,
            device: None,
            apertium_modes: PathBuf::from("/usr/share/apertium/modes"),
            apertium_deadline: Duration::from_secs(3),
        }
    }
}

/// Translates between the languages whose models the store holds, and those that can be reached from them.
pub struct EmbeddedTranslator {
    store: PathBuf,
    options: EmbeddedTranslatorOptions,
    routes: Routes,
    /// What Mozilla serves; `None` unless downloads are allowed, an error where it could not be asked.
    catalog: Option<Result<FirefoxCatalog, EngineError>>,
    firefox: HashMap<Pair, FirefoxPair>,
    apertium: HashMap<Pair, ApertiumPair>,
}

impl EmbeddedTranslator {
    /// Looks at what the store and this machine offer. Models are loaded when first needed, or by [`Self::warm_up`].
    ///
    /// With `allow_download`, Mozilla is asked for its list of models; where it cannot be reached the translator
    /// works with what the store holds, and says why when another pair is asked for.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the store cannot be read.
    pub fn load(store: &Path, options: EmbeddedTranslatorOptions) -> Result<Self, EngineError> {
        let mut legs = firefox::installed_pairs(store)?;
        legs.extend(apertium::installed_pairs(&options.apertium_modes));
        let catalog = options.allow_download.then(FirefoxCatalog::discover);
        if let Some(Ok(catalog)) = &catalog {
            legs.extend(catalog.legs());
        }
        Ok(Self {
            store: store.to_owned(),
            routes: Routes::new(legs),
            options,
            catalog,
            firefox: HashMap::new(),
            apertium: HashMap::new(),
        })
    }

    /// Loads (and, where allowed, downloads) what these pairs need, and translates a sentence with each.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] for a pair without a route, [`EngineError::Unavailable`] when a model does
    /// not load or Apertium does not answer.
    pub fn warm_up(&mut self, pairs: &[(&str, &str)]) -> Result<(), EngineError> {
        for (source, target) in pairs {
            let request = TranslateRequest {
                text: "1, 2, 3.".to_owned(),
                source_language: (*source).to_owned(),
                target_language: (*target).to_owned(),
                ..TranslateRequest::default()
            };
            for answer in self.translate(&[request]) {
                answer?;
            }
        }
        Ok(())
    }

    /// Process ids of the Apertium stages that run now, for supervision and tests.
    pub fn apertium_process_ids(&self) -> Vec<u32> {
        self.apertium.values().flat_map(ApertiumPair::process_ids).collect()
    }

    /// What runs Firefox's models.
    fn runtime(&self) -> &'static str {
        if self.options.device.is_some() { "marian" } else { "fxtranslate" }
    }

    fn route(&self, pair: &Pair) -> Result<Vec<Leg>, EngineError> {
        self.routes.find(pair).ok_or_else(|| EngineError::Unsupported(self.why_unsupported(pair)))
    }

    fn why_unsupported(&self, pair: &Pair) -> String {
        let (source, target) = (&pair.source, &pair.target);
        let mut why = format!("no translation from '{source}' to '{target}' with the models in the store");
        if let Some(package) = apertium::missing_package(pair, &self.options.apertium_modes) {
            why.push_str(&format!("; Debian's packages apertium and {package} are not installed"));
        }
        match &self.catalog {
            None => why.push_str("; downloads of further models are not allowed"),
            Some(Err(error)) => why.push_str(&format!("; {error}")),
            Some(Ok(_)) => {}
        }
        why
    }

    /// Translates texts of one pair, to so many percent of their usual length or less where that can be done. The answer
    /// has one entry a text.
    fn translate_pair(
        &mut self,
        pair: &Pair,
        texts: &[&str],
        mut percent: Option<u32>,
    ) -> Vec<Result<Translation, EngineError>> {
        let refuse_all = |error: EngineError| texts.iter().map(|_| Err(error.clone())).collect();
        let route = match self.prepare(pair) {
            Ok(route) => route,
            Err(error) => return refuse_all(error),
        };
        let engine = route::describe(&route, self.runtime());
        let splits: Vec<Vec<String>> = texts.iter().map(|text| sentences::split(&pair.source, text)).collect();
        let mut current: Vec<Result<String, EngineError>> = splits.iter().flatten().cloned().map(Ok).collect();
        for leg in &route {
            // The first model that has others to offer chooses, and what follows keeps about to its length.
            let own = percent.take_if(|_| leg.kind == LegKind::Firefox);
            current = self.run_leg(leg, current, own);
        }
        let lengths: Vec<usize> = splits.iter().map(Vec::len).collect();
        let texts = join_sentences(&lengths, current, sentences::separator(&pair.target));
        texts.into_iter().map(|text| text.map(|text| Translation { text, engine: engine.clone() })).collect()
    }

    /// Finds the route and makes every engine on it ready. A download that fails gives way to the next best route.
    fn prepare(&mut self, pair: &Pair) -> Result<Vec<Leg>, EngineError> {
        loop {
            let route = self.route(pair)?;
            let to_download = route.iter().find(|leg| leg.kind == LegKind::Download).cloned();
            let Some(leg) = to_download else {
                for leg in &route {
                    self.make_ready(leg)?;
                }
                return Ok(route);
            };
            let Some(Ok(catalog)) = &self.catalog else {
                return Err(EngineError::Unsupported(self.why_unsupported(pair)));
            };
            match catalog.download(&leg.pair, &self.store) {
                Ok(()) => self.routes.replace(&leg, LegKind::Firefox),
                Err(error) => {
                    self.routes.remove(&leg);
                    if self.routes.find(pair).is_none() {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn make_ready(&mut self, leg: &Leg) -> Result<(), EngineError> {
        match leg.kind {
            LegKind::Firefox if !self.firefox.contains_key(&leg.pair) => {
                let engine = FirefoxPair::load(&firefox::folder(&self.store, &leg.pair), self.options.device)?;
                self.firefox.insert(leg.pair.clone(), engine);
            }
            LegKind::Apertium if !self.apertium.contains_key(&leg.pair) => {
                let engine = ApertiumPair::new(&leg.pair, &self.options)?;
                self.apertium.insert(leg.pair.clone(), engine);
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends every sentence that has not failed yet through one leg.
    fn run_leg(
        &mut self,
        leg: &Leg,
        input: Vec<Result<String, EngineError>>,
        percent: Option<u32>,
    ) -> Vec<Result<String, EngineError>> {
        let missing = || EngineError::Unavailable(format!("the engine of {} is not loaded", leg.pair));
        match leg.kind {
            LegKind::Firefox => match self.firefox.get(&leg.pair) {
                Some(engine) => match percent {
                    Some(percent) => engine.translate_shorter(input, percent),
                    None => engine.translate(input),
                },
                None => input.into_iter().map(|sentence| sentence.and(Err(missing()))).collect(),
            },
            LegKind::Apertium => match self.apertium.get_mut(&leg.pair) {
                Some(engine) => input.into_iter().map(|sentence| engine.translate(&sentence?)).collect(),
                None => input.into_iter().map(|sentence| sentence.and(Err(missing()))).collect(),
            },
            LegKind::Download => input.into_iter().map(|sentence| sentence.and(Err(missing()))).collect(),
        }
    }
}

impl Translator for EmbeddedTranslator {
    fn info(&self) -> EngineInfo {
        let (device, precision) = match self.options.device.map(marian::own_format) {
            Some(device) => (device.name(), device.precision()),
            None => ("cpu".to_owned(), "int8".to_owned()),
        };
        EngineInfo { name: format!("{} + apertium", self.runtime()), device, precision }
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        source == target || self.routes.find(&Pair::new(source, target)).is_some()
    }

    fn can_shorten(&self, source: &str, target: &str, _: &str) -> bool {
        let route = self.routes.find(&Pair::new(source, target)).unwrap_or_default();
        self.options.device.is_none() && route.iter().any(|leg| leg.kind == LegKind::Firefox)
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        by_pair(batch, |pair, percent, texts| self.translate_pair(pair, texts, percent))
    }
}

/// Translates a batch pair by pair, and apart from each other what is to have so many percent of its usual length; what
/// needs no engine, and what none can take, is answered here.
fn by_pair(
    batch: &[TranslateRequest],
    mut translate: impl FnMut(&Pair, Option<u32>, &[&str]) -> Vec<Result<Translation, EngineError>>,
) -> Vec<Result<Translation, EngineError>> {
    let mut answers: Vec<Option<Result<Translation, EngineError>>> = vec![None; batch.len()];
    let mut groups: Vec<(Way, Vec<(usize, String)>)> = Vec::new();
    for (index, request) in batch.iter().enumerate() {
        let percent = request.shorter.as_ref().map(|shorter| shorter.percent);
        match accept(request) {
            Accepted::Answered(answer) => answers[index] = Some(answer),
            Accepted::Translate(pair, text) => {
                let way = (pair, percent);
                match groups.iter_mut().find(|(known, _)| *known == way) {
                    Some((_, members)) => members.push((index, text)),
                    None => groups.push((way, vec![(index, text)])),
                }
            }
        }
    }
    for ((pair, percent), members) in groups {
        let texts: Vec<&str> = members.iter().map(|(_, text)| text.as_str()).collect();
        for ((index, _), answer) in members.iter().zip(translate(&pair, percent, &texts)) {
            answers[*index] = Some(answer);
        }
    }
    let unanswered = || Err(EngineError::Poisoned("a request was left without an answer".to_owned()));
    answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
}

/// Puts texts together again from their sentences: `lengths` says how many each has. A text with a sentence that
/// failed fails with that sentence's error, and the others are as they would be without it.
fn join_sentences(
    lengths: &[usize],
    sentences: Vec<Result<String, EngineError>>,
    separator: &str,
) -> Vec<Result<String, EngineError>> {
    let mut rest = sentences.into_iter();
    let mut texts = Vec::with_capacity(lengths.len());
    for length in lengths {
        let own: Vec<Result<String, EngineError>> = rest.by_ref().take(*length).collect();
        let filled = own.into_iter().filter(|sentence| sentence.as_ref().map_or(true, |text| !text.is_empty()));
        texts.push(filled.collect::<Result<Vec<_>, _>>().map(|filled| filled.join(separator)));
    }
    texts
}

/// A pair, and to how many percent of its usual length a translation is wanted.
type Way = (Pair, Option<u32>);

/// What is to be done with a request.
enum Accepted {
    /// It needs no engine, or none can take it.
    Answered(Result<Translation, EngineError>),
    /// This text, cleaned, is to be translated.
    Translate(Pair, String),
}

fn accept(request: &TranslateRequest) -> Accepted {
    if request.text.len() > MAX_TEXT_BYTES {
        let length = request.text.len();
        let message = format!("a text of {length} bytes; {MAX_TEXT_BYTES} is the most");
        return Accepted::Answered(Err(EngineError::InvalidInput(message)));
    }
    let text = clean(&request.text);
    if request.source_language == request.target_language || text.is_empty() {
        return Accepted::Answered(Ok(Translation { text, engine: "identity".to_owned() }));
    }
    Accepted::Translate(Pair::new(&request.source_language, &request.target_language), text)
}

/// Composed characters, no control characters, single spaces: what every engine here expects.
fn clean(text: &str) -> String {
    let printable: String = text.nfc().map(|c| if c.is_control() || c == '\u{feff}' { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_composes_and_drops_what_cannot_be_said() {
        assert_eq!(clean("  cafe\u{301}\0 con\u{7}\r\nleche\t "), "café con leche");
    }

    #[test]
    fn a_sentence_that_failed_costs_its_own_text_alone() {
        let failed = EngineError::Unavailable("gone".to_owned());
        let sentence = |text: &str| Ok(text.to_owned());
        let sentences = vec![Err(failed.clone()), sentence("a"), sentence("b"), sentence(""), sentence("c")];
        let expected = [Err(failed), sentence("b c")];
        assert_eq!(join_sentences(&[2, 3], sentences, " "), expected);
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused() {
        let request = TranslateRequest {
            text: "a".repeat(MAX_TEXT_BYTES + 1),
            source_language: "en".to_owned(),
            target_language: "pt".to_owned(),
            ..TranslateRequest::default()
        };
        assert!(matches!(accept(&request), Accepted::Answered(Err(EngineError::InvalidInput(_)))));
    }
}
