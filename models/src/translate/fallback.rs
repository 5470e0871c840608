//! Several translators as one: for each pair a list of them, and where the first cannot, the next does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::breaker::{Breaker, BreakerOptions, BreakerState, Permit, Verdict};
use crate::engine::{EngineError, EngineInfo, TranslateRequest, Translation, Translator};

/// How long an engine whose account does not serve any more is left alone: until then nothing will have changed.
const REST_OF_AN_ACCOUNT: Duration = Duration::from_secs(300);

/// An engine that has less time than this is not asked.
const SHORTEST_CALL: Duration = Duration::from_millis(100);

/// Hears a breaker's engine, its new state, and why.
pub type BreakerListener = Arc<dyn Fn(&str, BreakerState, &str) + Send + Sync>;

/// The breaker before an engine, shared by all workers that use it.
pub struct Guard {
    engine: String,
    state: Mutex<GuardState>,
    heard_by: BreakerListener,
}

struct GuardState {
    breaker: Breaker,
    last_error: Option<String>,
}

/// How an engine behind a breaker is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuardObservation {
    /// Its name.
    pub engine: String,
    /// Whether calls go through.
    pub breaker: BreakerState,
    /// How long it will be left alone, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_ms: Option<f64>,
    /// Why a call failed last; gone once one succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl Guard {
    /// A closed breaker before the engine of this name.
    pub fn new(engine: &str, options: BreakerOptions, heard_by: BreakerListener) -> Arc<Self> {
        let state = GuardState { breaker: Breaker::new(options), last_error: None };
        Arc::new(Self { engine: engine.to_owned(), state: Mutex::new(state), heard_by })
    }

    /// How the engine is.
    pub fn observe(&self) -> GuardObservation {
        let GuardState { breaker, last_error } = &*self.lock();
        let rest_ms = breaker.rest(Instant::now()).map(|rest| rest.as_secs_f64() * 1_000.0);
        let (engine, last_error) = (self.engine.clone(), last_error.clone());
        GuardObservation { engine, breaker: breaker.state(), rest_ms, last_error }
    }

    // Nothing that can panic happens while this is held.
    fn lock(&self) -> MutexGuard<'_, GuardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(&self) -> Result<Permit, EngineError> {
        let refused = |left: Duration| {
            EngineError::Unavailable(format!("{} is left alone for another {:.1} s", self.engine, left.as_secs_f64()))
        };
        self.change("its rest is over", |breaker| breaker.permit(Instant::now())).map_err(refused)
    }

    /// Takes the answers of a call, which was made by this permit or without one. A failure counts if it `weighs`.
    fn conclude(&self, permit: Option<Permit>, weighs: bool, answers: &[Result<Translation, EngineError>]) {
        let failure = answers.iter().find_map(|answer| answer.as_ref().err());
        self.settle(permit, weighs, verdict(answers), failure.map(ToString::to_string));
    }

    fn settle(&self, permit: Option<Permit>, weighs: bool, verdict: Verdict, failure: Option<String>) {
        let reason = failure.clone().unwrap_or_else(|| "it answers".to_owned());
        self.lock().last_error = failure;
        let now = Instant::now();
        self.change(&reason, |breaker| match permit {
            Some(permit) if weighs || verdict == Verdict::Success => {
                breaker.conclude(permit, verdict, now, fastrand::f64());
            }
            Some(permit) => breaker.withdraw(permit, now),
            None if verdict == Verdict::Success => breaker.recover(),
            None => {}
        });
    }

    fn change<R>(&self, reason: &str, act: impl FnOnce(&mut Breaker) -> R) -> R {
        let GuardState { breaker, .. } = &mut *self.lock();
        let before = breaker.state();
        let outcome = act(breaker);
        let after = breaker.state();
        if before != after {
            // Under the lock, so that listeners hear changes in their order.
            (self.heard_by)(&self.engine, after, reason);
        }
        outcome
    }
}

/// A call behind a breaker. One that is left without an answer, by a panic, has failed.
struct Call<'a> {
    guard: &'a Guard,
    permit: Option<Permit>,
    weighs: bool,
    is_answered: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.guard.settle(self.permit, self.weighs, Verdict::Failure, Some("it panicked".to_owned()));
        }
    }
}

impl Call<'_> {
    fn answer(mut self, answers: &[Result<Translation, EngineError>]) {
        self.is_answered = true;
        self.guard.conclude(self.permit, self.weighs, answers);
    }
}

/// What a batch's answers say about the engine.
fn verdict(answers: &[Result<Translation, EngineError>]) -> Verdict {
    let mut verdict = Verdict::Failure;
    for answer in answers {
        match answer {
            Err(EngineError::RateLimited { retry_after: Some(rest), .. }) => return Verdict::Rest(*rest),
            Err(EngineError::QuotaExceeded(_) | EngineError::Unauthorized(_)) => {
                return Verdict::Rest(REST_OF_AN_ACCOUNT);
            }
            Ok(_) | Err(EngineError::InvalidInput(_) | EngineError::Unsupported(_)) => verdict = Verdict::Success,
            Err(_) => {}
        }
    }
    verdict
}

/// One of the translators.
pub struct Link {
    /// Its name in the lists.
    pub name: String,
    /// The engine.
    pub translator: Box<dyn Translator>,
    /// The breaker before it.
    pub guard: Arc<Guard>,
    /// Whether it works in this process: it is left alone only where another takes over.
    pub is_local: bool,
}

/// Which translators are asked, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// For every pair that the other lists do not name.
    pub usual: Vec<String>,
    /// By source and target language.
    pub by_pair: HashMap<(String, String), Vec<String>>,
}

impl Preferences {
    /// The list for a pair.
    pub fn of(&self, source: &str, target: &str) -> &[String] {
        // Owned keys cost nothing beside a translation.
        self.by_pair.get(&(source.to_owned(), target.to_owned())).unwrap_or(&self.usual)
    }

    /// Every translator that some list names, once.
    pub fn all(&self) -> Vec<String> {
        let mut names: Vec<String> = self.usual.iter().chain(self.by_pair.values().flatten()).cloned().collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }
}

/// Several translators as one.
pub struct FallbackTranslator {
    links: Vec<Link>,
    preferences: Preferences,
    network_limit: Duration,
}

impl FallbackTranslator {
    /// Puts them together; names that the preferences have and no link has are passed over. All that is asked on the
    /// network for one batch, one after another, ends within `network_limit`.
    pub fn new(links: Vec<Link>, preferences: Preferences, network_limit: Duration) -> Self {
        Self { links, preferences, network_limit }
    }

    /// Who of these made a translation: those in the process have no name of their own in it, and the first of them was
    /// asked first.
    fn maker(&self, engine: &str, candidates: &[usize]) -> Option<usize> {
        let mut candidates = candidates.iter().copied();
        match self.links.iter().position(|link| link.name == engine) {
            Some(by_name) => candidates.find(|link| *link == by_name),
            None => candidates.find(|link| self.links[*link].is_local),
        }
    }

    /// Who is asked, in order. What is to be shorter is asked of whoever made it long: another's words may be worse.
    fn candidates_for(&self, request: &TranslateRequest) -> Vec<usize> {
        let all = self.candidates(&request.source_language, &request.target_language);
        let Some(shorter) = &request.shorter else { return all };
        self.maker(&shorter.by, &all).into_iter().collect()
    }

    fn candidates(&self, source: &str, target: &str) -> Vec<usize> {
        let names = self.preferences.of(source, target).iter();
        let found = names.filter_map(|name| self.links.iter().position(|link| link.name == *name));
        found.filter(|index| self.links[*index].translator.supports(source, target)).collect()
    }

    /// Has one translator do these, of which some have another translator after it (`has_next`). While its breaker is
    /// open it does none on the network, and in this process only those that nobody else could do; there a failure
    /// counts only where somebody else can, since nobody gains by leaving the only one alone.
    fn ask(
        &mut self,
        link: usize,
        batch: &[TranslateRequest],
        has_next: &[bool],
    ) -> Vec<Result<Translation, EngineError>> {
        let Link { translator, guard, is_local, .. } = &mut self.links[link];
        let deadline = batch.iter().filter_map(|request| request.deadline).min();
        if !*is_local && deadline.is_some_and(|deadline| deadline < Instant::now() + SHORTEST_CALL) {
            // That others took the time says nothing about this one.
            let error = EngineError::TimedOut(format!("no time is left to ask {}", guard.engine));
            return batch.iter().map(|_| Err(error.clone())).collect();
        }
        let weighs = !*is_local || has_next.contains(&true);
        let (permit, refusal) = match guard.permit() {
            Ok(permit) => (Some(permit), None),
            Err(error) => (None, Some(error)),
        };
        let is_asked = |has_next: bool| refusal.is_none() || *is_local && !has_next;
        let asked = batch.iter().zip(has_next).filter(|(_, has_next)| is_asked(**has_next));
        let asked: Vec<TranslateRequest> = asked.map(|(request, _)| request.clone()).collect();
        let mut answers = Vec::new();
        if !asked.is_empty() {
            let call = Call { guard, permit, weighs, is_answered: false };
            answers = translator.translate(&asked);
            call.answer(&answers);
        }
        let mut answers = answers.into_iter();
        let unanswered = || Err(EngineError::Poisoned("a request was left without an answer".to_owned()));
        let answer = |has_next: &bool| match &refusal {
            Some(error) if !is_asked(*has_next) => Err(error.clone()),
            _ => answers.next().unwrap_or_else(unanswered),
        };
        has_next.iter().map(answer).collect()
    }
}

/// A request on its way along its list.
struct Pending {
    index: usize,
    candidates: std::vec::IntoIter<usize>,
    /// Why the first that was asked could not.
    first_error: Option<EngineError>,
}

impl Translator for FallbackTranslator {
    fn info(&self) -> EngineInfo {
        let infos: Vec<EngineInfo> = self.links.iter().map(|link| link.translator.info()).collect();
        let joined = |field: fn(&EngineInfo) -> &str| infos.iter().map(field).collect::<Vec<_>>().join(", ");
        EngineInfo {
            name: joined(|info| &info.name),
            device: joined(|info| &info.device),
            precision: joined(|info| &info.precision),
        }
    }

    fn supports(&self, source: &str, target: &str) -> bool {
        source == target || !self.candidates(source, target).is_empty()
    }

    fn can_shorten(&self, source: &str, target: &str, engine: &str) -> bool {
        let maker = self.maker(engine, &self.candidates(source, target));
        maker.is_some_and(|maker| self.links[maker].translator.can_shorten(source, target, engine))
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let deadline = Instant::now() + self.network_limit;
        let mut answers: Vec<Option<Result<Translation, EngineError>>> = vec![None; batch.len()];
        let mut pending: Vec<Pending> = Vec::new();
        for (index, request) in batch.iter().enumerate() {
            let candidates = self.candidates_for(request).into_iter();
            pending.push(Pending { index, candidates, first_error: None });
        }
        while !pending.is_empty() {
            // By translator, so that each is asked once about all that has come to it.
            let mut turns: Vec<(usize, Vec<Pending>)> = Vec::new();
            for mut request in pending.drain(..) {
                match request.candidates.next() {
                    Some(link) => match turns.iter_mut().find(|(known, _)| *known == link) {
                        Some((_, members)) => members.push(request),
                        None => turns.push((link, vec![request])),
                    },
                    None => {
                        let TranslateRequest { source_language: source, target_language: target, .. } =
                            &batch[request.index];
                        let nobody =
                            || EngineError::Unsupported(format!("nobody translates from '{source}' to '{target}'"));
                        answers[request.index] = Some(Err(request.first_error.unwrap_or_else(nobody)));
                    }
                }
            }
            for (link, members) in turns {
                let until = |member: &Pending| {
                    let request = batch[member.index].clone();
                    let deadline = request.deadline.map_or(deadline, |own| own.min(deadline));
                    TranslateRequest { deadline: Some(deadline), ..request }
                };
                let requests: Vec<TranslateRequest> = members.iter().map(until).collect();
                let has_next: Vec<bool> = members.iter().map(|member| member.candidates.len() > 0).collect();
                for (mut member, answer) in members.into_iter().zip(self.ask(link, &requests, &has_next)) {
                    match answer {
                        Err(error) if may_be_done_by_another(&error) => {
                            member.first_error.get_or_insert(error);
                            pending.push(member);
                        }
                        answer => answers[member.index] = Some(answer),
                    }
                }
            }
        }
        let unanswered = || Err(EngineError::Poisoned("a request was left without an answer".to_owned()));
        answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }
}

/// Whether asking another translator makes sense. One that can no longer be trusted must be built anew first.
fn may_be_done_by_another(error: &EngineError) -> bool {
    !matches!(error, EngineError::Poisoned(_))
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;
