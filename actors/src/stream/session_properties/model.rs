//! What a session ought to do, told as plainly as possible: a few sets, and no care for memory or speed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sts_protocol::{ErrorCode, FragmentStatus};

use crate::stream::StreamSettings;

/// How a fragment fared, or that it is still in work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    InWork,
    Done(FragmentStatus),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Active,
    Paused,
    Ending,
    Closed,
}

pub(super) struct Model {
    settings: StreamSettings,
    first: Option<u64>,
    pub(super) phase: Phase,
    pub(super) start: Option<u64>,
    pub(super) next: Option<u64>,
    /// Accepted and not emitted.
    pub(super) accepted: BTreeMap<u64, Fate>,
    /// In order.
    pub(super) emitted: Vec<(u64, FragmentStatus)>,
    pub(super) given_up: BTreeSet<u64>,
    gap_since: Option<Instant>,
    ending_since: Option<Instant>,
    pub(super) completed: bool,
    pub(super) complete_sent_at: Option<Instant>,
    pub(super) detached_since: Option<Instant>,
    /// The last result that the worker has, as far as the service can know.
    pub(super) sent_through: Option<u64>,
    /// The last result that was ever sent.
    pub(super) reached: Option<u64>,
    /// The last result that the worker ever claimed to have; up to it nothing need be kept.
    pub(super) claimed: Option<u64>,
}

impl Model {
    pub(super) fn new(settings: StreamSettings, first: Option<u64>) -> Self {
        Self {
            settings,
            first,
            phase: Phase::Active,
            start: first,
            next: first,
            accepted: BTreeMap::new(),
            emitted: Vec::new(),
            given_up: BTreeSet::new(),
            gap_since: None,
            ending_since: None,
            completed: false,
            complete_sent_at: None,
            detached_since: None,
            sent_through: None,
            reached: None,
            claimed: None,
        }
    }

    pub(super) fn was_emitted(&self, number: u64) -> bool {
        self.emitted.iter().any(|&(emitted, _)| emitted == number)
    }

    pub(super) fn status_of(&self, number: u64) -> Option<FragmentStatus> {
        self.emitted.iter().find(|&&(emitted, _)| emitted == number).map(|&(_, status)| status)
    }

    pub(super) fn knows(&self, number: u64) -> bool {
        self.accepted.contains_key(&number) || self.was_emitted(number)
    }

    /// The first number that was not accepted.
    pub(super) fn next_to_accept(&self) -> u64 {
        let next = self.next.or(self.first).unwrap_or(0);
        (next..).find(|number| !self.accepted.contains_key(number)).expect("few are accepted")
    }

    /// Emitted, and not known to have been sent to the worker.
    pub(super) fn unsent(&self) -> usize {
        let past = |number: u64, last: Option<u64>| last.is_none_or(|last| number > last);
        let is_unsent = |number| past(number, self.sent_through) && past(number, self.claimed);
        self.emitted.iter().filter(|&&(number, _)| is_unsent(number)).count()
    }

    /// What an offer is answered with; a duplicate is accepted, and changes nothing.
    pub(super) fn offer(&mut self, number: u64, unsent: usize, has_room: bool) -> Result<(), ErrorCode> {
        if self.phase == Phase::Closed {
            return Err(ErrorCode::StreamNotFound);
        }
        if self.knows(number) {
            return Ok(());
        }
        match self.phase {
            Phase::Active => {}
            Phase::Paused => return Err(ErrorCode::StreamPaused),
            Phase::Ending | Phase::Closed => return Err(ErrorCode::StreamNotFound),
        }
        let is_late = self.next.is_some_and(|next| number < next);
        let is_far = number > self.next.unwrap_or(0) + self.settings.reorder_window;
        if is_late || is_far {
            return Err(ErrorCode::InvalidFragment);
        }
        if self.accepted.len() + unsent >= self.settings.thresholds.critical {
            return Err(ErrorCode::BackpressureExceeded);
        }
        if !has_room {
            return Err(ErrorCode::ServiceOverloaded);
        }
        self.accepted.insert(number, Fate::InWork);
        if self.next.is_none() && number <= 1 {
            (self.start, self.next) = (Some(number), Some(number));
        }
        Ok(())
    }

    pub(super) fn is_in_work(&self, number: u64) -> bool {
        self.accepted.get(&number) == Some(&Fate::InWork)
    }

    pub(super) fn finish(&mut self, number: u64, status: FragmentStatus, now: Instant) {
        if self.phase == Phase::Closed {
            return;
        }
        self.accepted.insert(number, Fate::Done(status));
        self.emit(now);
    }

    /// Emits what may leave: the next number once it is done; past a gap, what follows once the gap was waited for.
    fn emit(&mut self, now: Instant) {
        let patience = if self.phase == Phase::Ending { Duration::ZERO } else { self.settings.gap_timeout };
        let earliest_done = |model: &Self| {
            let done = |fate: &Fate| match fate {
                Fate::Done(status) => Some(*status),
                Fate::InWork => None,
            };
            model.accepted.iter().find_map(|(&number, fate)| done(fate).map(|status| (number, status)))
        };
        while let Some((earliest, status)) = earliest_done(self) {
            if self.next == Some(earliest) {
                self.accepted.remove(&earliest);
                self.emitted.push((earliest, status));
                self.next = Some(earliest + 1);
                self.gap_since = None;
            } else if self.next.is_some_and(|next| self.is_in_work(next)) {
                self.gap_since = None;
                break;
            } else if now.duration_since(*self.gap_since.get_or_insert(now)) < patience {
                break;
            } else {
                let from = self.next.unwrap_or(1);
                let until = (from..earliest).find(|&number| self.is_in_work(number)).unwrap_or(earliest);
                self.start = self.start.or(Some(from));
                self.given_up.extend(from..until);
                self.next = Some(until);
            }
        }
        self.completed |= self.phase == Phase::Ending && self.accepted.is_empty();
    }

    pub(super) fn end(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Active | Phase::Paused) {
            self.phase = Phase::Ending;
            self.ending_since = Some(now);
            self.emit(now);
        }
    }

    pub(super) fn detach(&mut self, farewell: bool, now: Instant) {
        if farewell && self.complete_sent_at.is_some() {
            self.phase = Phase::Closed;
        } else {
            (self.detached_since, self.complete_sent_at) = (Some(now), None);
            self.tick(now);
        }
    }

    /// Whether the session takes this claim of a worker that comes back.
    pub(super) fn may_claim(&self, last_received: Option<u64>) -> bool {
        last_received.is_none_or(|last| {
            self.reached.is_some_and(|reached| last <= reached) || self.start.is_some_and(|start| last < start)
        })
    }

    pub(super) fn attach(&mut self, last_received: Option<u64>) {
        (self.detached_since, self.complete_sent_at) = (None, None);
        self.sent_through = last_received;
        self.claimed = self.claimed.max(last_received);
    }

    pub(super) fn sent(&mut self, number: u64) {
        self.sent_through = self.sent_through.max(Some(number));
        self.reached = self.reached.max(Some(number));
    }

    pub(super) fn tick(&mut self, now: Instant) {
        let passed =
            |since: Option<Instant>, limit: Duration| since.is_some_and(|since| now.duration_since(since) >= limit);
        if self.phase == Phase::Closed {
            return;
        }
        let grace_is_over = passed(self.detached_since, self.settings.resume_grace);
        if grace_is_over || passed(self.complete_sent_at, self.settings.close_delay) {
            self.phase = Phase::Closed;
            return;
        }
        if passed(self.ending_since, self.settings.end_timeout) {
            for fate in self.accepted.values_mut().filter(|fate| **fate == Fate::InWork) {
                *fate = Fate::Done(FragmentStatus::Failed);
            }
        }
        self.emit(now);
    }
}
