//! What becomes of each piece of a programme: when it is sent, under which number, how often again, and until when.
//!
//! There is no connection and no clock in here. Pieces come in by [`Dispatcher::add`], what is to be sent now goes out
//! by [`Dispatcher::take_due`], and what the service said of it comes back in; whoever drives it owns the rest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sts_models::translate::breaker::{Breaker, BreakerOptions, BreakerState, Permit, Verdict};
use sts_protocol::{Action, ErrorCode, Stage};

use super::back_off::back_off;

/// The longest pause before an attempt, as a multiple of the first.
const MOST_PAUSES: u32 = 128;

/// How pieces are sent.
#[derive(Clone, Copy, Debug)]
pub struct DispatchOptions {
    /// Fragments in flight at most; the service may allow fewer.
    pub in_flight: usize,
    /// How often a piece is tried again that may come right.
    pub retries: usize,
    /// The longest pause before a second attempt; it doubles with each further one.
    pub back_off: Duration,
    /// When a stage counts as broken, and for how long nothing is sent then; `None`: never.
    pub breaker: Option<BreakerOptions>,
}

/// A fragment that is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// Its number.
    pub number: u64,
    /// The piece that it carries.
    pub piece: u64,
}

/// What became of a piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The piece.
    pub piece: u64,
    /// What became of it.
    pub fate: Fate,
    /// How often it was tried.
    pub attempts: usize,
    /// From the last sending to its acknowledgement.
    pub acknowledged_after: Option<Duration>,
    /// From the last sending to the answer.
    pub answered_after: Option<Duration>,
}

/// What became of a piece, in a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is dubbed.
    Dubbed,
    /// It will not be.
    Failed(Failure),
    /// Its time was over before it could be sent, or sent again.
    Late,
}

/// Why a piece is not dubbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stage that failed, where it was one.
    pub stage: Option<Stage>,
    /// The contract's code.
    pub code: ErrorCode,
    /// The service's words.
    pub message: String,
    /// Whether the same may succeed later.
    pub retryable: bool,
}

/// A piece on its way, or on its way again.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    piece: u64,
    attempt: usize,
    deadline: Option<Instant>,
}

enum Task {
    /// Is to be sent under a new number.
    Piece(Waiting),
    /// A number that was refused is to be sent once more.
    Number(u64),
}

struct Sent {
    /// `None` once nobody waits for it any more.
    piece: Option<Waiting>,
    at: Instant,
    acknowledged_after: Option<Duration>,
    refusals: usize,
    permits: Vec<Permit>,
}

/// What becomes of each piece.
pub struct Dispatcher {
    options: DispatchOptions,
    max_in_flight: usize,
    action: Action,
    waiting: VecDeque<Waiting>,
    later: Vec<(Instant, Task)>,
    /// What has no answer yet, by number; the first is `due`.
    sent: VecDeque<Sent>,
    due: u64,
    breakers: Vec<Breaker>,
    /// The quickest answer so far: what has less time left need not be sent.
    quickest: Duration,
    chance: fastrand::Rng,
    /// Attempts beyond each piece's first.
    retries: u64,
}

impl Dispatcher {
    /// One with nothing to do; its first number is 0.
    pub fn new(options: DispatchOptions, chance: fastrand::Rng) -> Self {
        Self {
            options,
            max_in_flight: options.in_flight.max(1),
            action: Action::None,
            waiting: VecDeque::new(),
            later: Vec::new(),
            sent: VecDeque::new(),
            due: 0,
            breakers: options
                .breaker
                .into_iter()
                .flat_map(|options| Stage::ALL.map(|_| Breaker::new(options)))
                .collect(),
            quickest: Duration::ZERO,
            chance,
            retries: 0,
        }
    }

    /// A piece to be dubbed, until its deadline.
    pub fn add(&mut self, piece: u64, deadline: Option<Instant>) {
        self.waiting.push_back(Waiting { piece, attempt: 1, deadline });
    }

    /// Nobody waits for the piece any more.
    pub fn abandon(&mut self, piece: u64) {
        self.waiting.retain(|waiting| waiting.piece != piece);
        self.later.retain(|(_, task)| !matches!(task, Task::Piece(waiting) if waiting.piece == piece));
        for sent in &mut self.sent {
            if sent.piece.is_some_and(|waiting| waiting.piece == piece) {
                sent.piece = None;
            }
        }
    }

    /// Whether every piece has its answer.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.later.is_empty() && self.sent.iter().all(|sent| sent.piece.is_none())
    }

    /// Fragments without an answer.
    pub fn in_flight(&self) -> usize {
        self.sent.len()
    }

    /// Whether the service owes an answer.
    pub fn is_owed(&self) -> bool {
        self.sent.iter().any(|sent| sent.refusals == 0)
    }

    /// Pieces that are to be sent.
    pub fn queued(&self) -> usize {
        self.waiting.len() + self.later.len()
    }

    /// Attempts beyond each piece's first.
    pub fn retries(&self) -> u64 {
        self.retries
    }

    /// What the service asked for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Each stage's breaker.
    pub fn breakers(&self) -> impl Iterator<Item = (Stage, BreakerState)> {
        Stage::ALL.into_iter().zip(self.breakers.iter().map(Breaker::state))
    }

    /// The number whose answer is the next to come.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// The first number that was not used yet.
    pub fn next_number(&self) -> u64 {
        self.due + self.sent.len() as u64
    }

    /// The service opened a stream that begins at [`Self::next_number`]: what was on its way goes again, under new
    /// numbers. Decided is what had been tried too often by then.
    pub fn opened(&mut self, max_in_flight: usize, now: Instant) -> Vec<Decision> {
        self.max_in_flight = self.options.in_flight.min(max_in_flight).max(1);
        self.action = Action::None;
        self.later.retain(|(_, task)| matches!(task, Task::Piece(_)));
        self.due = self.next_number();
        let mut decisions = Vec::new();
        for sent in std::mem::take(&mut self.sent).into_iter().rev() {
            self.withdraw(&sent.permits, now);
            let Some(piece) = sent.piece else { continue };
            if piece.attempt > self.options.retries {
                let lost = "the connection was lost with it more often than it is tried again";
                let failure = Failure {
                    stage: None,
                    code: ErrorCode::ServiceOverloaded,
                    message: lost.to_owned(),
                    retryable: true,
                };
                decisions.push(decision(piece, Fate::Failed(failure), None, None));
            } else {
                self.retries += 1;
                self.waiting.push_front(Waiting { attempt: piece.attempt + 1, ..piece });
            }
        }
        decisions
    }

    /// The service goes on with the stream, from `next` on: what it has not taken is to be sent once more.
    pub fn resumed(&mut self, next: u64, max_in_flight: usize, now: Instant) {
        self.max_in_flight = self.options.in_flight.min(max_in_flight).max(1);
        self.action = Action::None;
        self.later.retain(|(_, task)| !matches!(task, Task::Number(number) if *number >= next));
        let from = next.max(self.due);
        self.later.extend((from..self.due + self.sent.len() as u64).map(|number| (now, Task::Number(number))));
    }

    /// What is to be sent now, and what is too late for it.
    pub fn take_due(&mut self, now: Instant) -> (Vec<Emission>, Vec<Decision>) {
        let (mut emissions, mut decisions) = (Vec::new(), Vec::new());
        let (ripe, later): (Vec<_>, Vec<_>) = self.later.drain(..).partition(|(at, _)| *at <= now);
        self.later = later;
        for (_, task) in ripe {
            match task {
                // It is on its way already, as far as the number in flight goes.
                Task::Number(number) => {
                    let sent = number.checked_sub(self.due).and_then(|index| self.sent.get_mut(index as usize));
                    let Some((sent, piece)) = sent.and_then(|sent| sent.piece.map(|piece| (sent, piece))) else {
                        continue;
                    };
                    sent.at = now;
                    emissions.push(Emission { number, piece: piece.piece });
                }
                Task::Piece(waiting) => self.waiting.push_front(waiting),
            }
        }
        decisions.extend(self.take_late(now));
        while self.sent.len() < self.most_in_flight() && self.breakers.iter().all(|breaker| breaker.wait(now).is_none())
        {
            let Some(waiting) = self.waiting.pop_front() else { break };
            let permits = self.breakers.iter_mut().filter_map(|breaker| breaker.permit(now).ok()).collect();
            let number = self.next_number();
            let piece = Some(waiting);
            self.sent.push_back(Sent { piece, at: now, acknowledged_after: None, refusals: 0, permits });
            emissions.push(Emission { number, piece: waiting.piece });
        }
        (emissions, decisions)
    }

    /// What waits and could not be answered in time any more.
    pub fn take_late(&mut self, now: Instant) -> Vec<Decision> {
        let (quickest, mut late) = (self.quickest, Vec::new());
        self.waiting.retain(|waiting| {
            let is_late = waiting.deadline.is_some_and(|deadline| now + quickest >= deadline);
            if is_late {
                late.push(decision(*waiting, Fate::Late, None, None));
            }
            !is_late
        });
        late
    }

    /// When [`Self::take_due`] may have more to give, if nothing happens before.
    pub fn wake_at(&self, now: Instant) -> Option<Instant> {
        let breaker = self.breakers.iter().filter_map(|breaker| breaker.wait(now)).max();
        let breaker = breaker.filter(|_| !self.waiting.is_empty()).map(|wait| now + wait);
        let deadline = self.waiting.iter().filter_map(|waiting| waiting.deadline).min();
        let deadline = deadline.map(|deadline| deadline.checked_sub(self.quickest).unwrap_or(now));
        self.later.iter().map(|(at, _)| *at).chain(breaker).chain(deadline).min()
    }

    /// Pauses mean nothing new; slowing down, half as many at once. With nothing in flight there is nothing that could
    /// lift either, so one may go.
    fn most_in_flight(&self) -> usize {
        match self.action {
            Action::None => self.max_in_flight,
            Action::SlowDown => (self.max_in_flight / 2).max(1),
            Action::Pause => 1,
        }
    }

    /// The service said how it is.
    pub fn pressed(&mut self, action: Action) {
        self.action = action;
    }

    /// A fragment was taken.
    pub fn acknowledged(&mut self, number: u64, now: Instant) {
        if let Some(sent) = self.sent_mut(number) {
            sent.acknowledged_after.get_or_insert(now.duration_since(sent.at));
        }
    }

    /// A fragment was not taken. It goes again under its number if that may help; its gap is filled by then, or the
    /// service names it as skipped.
    pub fn refused(&mut self, number: u64, failure: Failure, now: Instant) -> Option<Decision> {
        let retries = self.options.retries;
        let sent = self.sent_mut(number)?;
        sent.refusals += 1;
        let (refusals, piece) = (sent.refusals, sent.piece?);
        let at = now + self.pause(refusals);
        let is_in_time = piece.deadline.is_none_or(|deadline| at + self.quickest < deadline);
        if failure.retryable && refusals <= retries && is_in_time {
            self.retries += 1;
            self.later.push((at, Task::Number(number)));
            return None;
        }
        let sent = self.sent_mut(number)?;
        sent.piece = None;
        let acknowledged_after = sent.acknowledged_after;
        Some(decision(piece, Fate::Failed(failure), acknowledged_after, None))
    }

    /// An answer came, and with it the numbers that the service no longer waits for.
    ///
    /// # Errors
    /// The answer is none that may come now; the service does not keep to the contract.
    pub fn answered(
        &mut self,
        number: u64,
        skipped: &[u64],
        failure: Option<Failure>,
        now: Instant,
    ) -> Result<Option<Decision>, String> {
        for skipped in skipped {
            // What it no longer waits for had not reached it, or was refused.
            while self.due <= *skipped {
                let Some(sent) = self.sent.pop_front() else { break };
                self.later.retain(|(_, task)| !matches!(task, Task::Number(number) if *number == self.due));
                self.due += 1;
                self.withdraw(&sent.permits, now);
                let Some(piece) = sent.piece else { continue };
                self.retries += 1;
                self.waiting.push_front(Waiting { attempt: piece.attempt + 1, ..piece });
            }
        }
        if number < self.due {
            return Err(format!("an answer to fragment {number} came, which was answered"));
        }
        if number > self.due {
            return Err(format!("an answer to fragment {number} came where {} was due", self.due));
        }
        let sent = self.sent.pop_front().ok_or_else(|| format!("an answer to {number} came, which was not sent"))?;
        self.due += 1;
        self.conclude(&sent.permits, failure.as_ref(), now);
        let answered_after = now.duration_since(sent.at);
        if failure.is_none() {
            let is_first = self.quickest.is_zero();
            self.quickest = if is_first { answered_after } else { self.quickest.min(answered_after) };
        }
        let Some(piece) = sent.piece else { return Ok(None) };
        let fate = match failure {
            None => Fate::Dubbed,
            Some(failure) => {
                let at = now + self.pause(piece.attempt);
                let is_in_time = piece.deadline.is_none_or(|deadline| at + self.quickest < deadline);
                if failure.retryable && piece.attempt <= self.options.retries && is_in_time {
                    self.retries += 1;
                    self.later.push((at, Task::Piece(Waiting { attempt: piece.attempt + 1, ..piece })));
                    return Ok(None);
                }
                Fate::Failed(failure)
            }
        };
        Ok(Some(decision(piece, fate, sent.acknowledged_after, Some(answered_after))))
    }

    fn sent_mut(&mut self, number: u64) -> Option<&mut Sent> {
        let index = number.checked_sub(self.due)?;
        self.sent.get_mut(usize::try_from(index).ok()?)
    }

    /// A random part of a pause that doubles with each attempt.
    fn pause(&mut self, attempt: usize) -> Duration {
        let first = self.options.back_off;
        back_off(first, first * MOST_PAUSES, attempt as u32, self.chance.f64())
    }

    /// Tells each stage's breaker what the answer says of it: the stages before the one that failed are well, and of
    /// those behind it nothing is known.
    fn conclude(&mut self, permits: &[Permit], failure: Option<&Failure>, now: Instant) {
        let jitter = self.chance.f64();
        let failed = failure.filter(|failure| is_the_stages_fault(failure.code)).and_then(|failure| failure.stage);
        for ((stage, breaker), permit) in Stage::ALL.into_iter().zip(&mut self.breakers).zip(permits) {
            match failed {
                Some(failed) if stage == failed => breaker.conclude(*permit, Verdict::Failure, now, jitter),
                Some(failed) if stage > failed => breaker.withdraw(*permit, now),
                _ => breaker.conclude(*permit, Verdict::Success, now, jitter),
            }
        }
    }

    fn withdraw(&mut self, permits: &[Permit], now: Instant) {
        for (breaker, permit) in self.breakers.iter_mut().zip(permits) {
            breaker.withdraw(*permit, now);
        }
    }
}

/// Whether such a failure says something of the stage, and not of the fragment.
fn is_the_stages_fault(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Internal | ErrorCode::QuotaExceeded) || code.retryable()
}

fn decision(
    piece: Waiting,
    fate: Fate,
    acknowledged_after: Option<Duration>,
    answered_after: Option<Duration>,
) -> Decision {
    Decision { piece: piece.piece, fate, attempts: piece.attempt, acknowledged_after, answered_after }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
