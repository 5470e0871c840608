//! The embedded translator: Firefox's small models in this process, and Apertium beside it where two related
//! languages make a better bridge than no bridge at all.
//!
//! A pair is served by the shortest chain of legs: a model that the store holds, a model that
//! Firefox serves and that may be downloaded, or an Apertium pair. Text goes through the chain sentence by
//! sentence, many sentences a call.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::apertium::{self, ApertiumPair};
use super::batch::{by_pair, join_sentences};
use super::firefox::{self, FirefoxPair};
use super::firefox_download::FirefoxCatalog;
use super::route::{self, Leg, LegKind, Pair, Routes};
use super::sentences;
use crate::device::Device;
use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};

/// What an operator may choose about the embedded translator.
#[derive(Clone, Debug)]
pub struct EmbeddedTranslatorOptions {
    /// Whether models of pairs that the store lacks may be downloaded from Mozilla into the store.
    pub allow_download: bool,
    /// Where libtorch runs Firefox's models, and in which of [their formats](super::marian::Precision); `None`:
    /// `fxtranslate` does, in int8 on the CPU.
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
        let (device, precision) = match self.options.device {
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
