//! The session, the model, a connection that is slow and breaks, and a worker that checks all it gets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sts_protocol::{EngineNames, ErrorCode, FragmentProcessed, FragmentStatus, ServiceMessage, Severity, Stage};

use super::model::{Model, Phase};
use super::{Choice, Happening, How};
use crate::events::LifecycleEvent;
use crate::job::{AsrOutput, Dub, SpeechWindow, TranslationOutput, TtsOutput, WhenTooLong};
use crate::stage::StageFailure;
use crate::stream::session_tests::{fragment, open, report};
use crate::stream::{Effect, Session, StreamSettings};

/// Length of each fragment: 1 ms.
const FRAMES: usize = 16;

pub(super) struct World {
    session: Session,
    settings: StreamSettings,
    model: Model,
    now: Instant,
    /// What the connection has not taken, and what it has taken and not brought.
    waiting: VecDeque<Effect>,
    under_way: VecDeque<ServiceMessage>,
    /// Jobs in the stages, and jobs that were answered.
    jobs: Vec<(u64, Stage)>,
    answered: Vec<(u64, Stage)>,
    recognized: BTreeSet<u64>,
    /// Of those that are with the synthesiser, whose words it may find too long.
    may_be_too_long: BTreeSet<u64>,
    /// For whom a shorter translation was asked for, and of whom was told what came of it.
    asked_for_shorter: BTreeSet<u64>,
    told_of_shorter: BTreeSet<u64>,
    worker: Worker,
    /// Results that left the session, in order.
    processed: Vec<(u64, FragmentStatus)>,
    level: Severity,
    closed: usize,
}

/// What a worker knows.
#[derive(Default)]
struct Worker {
    last: Option<u64>,
    received: BTreeSet<u64>,
    /// Numbers that were named as skipped although they had been answered.
    lost: BTreeSet<u64>,
    /// How often a result may come once more, since its fragment was sent once more.
    asked_again: BTreeMap<u64, usize>,
    level: Option<Severity>,
    complete: Option<sts_protocol::StreamComplete>,
}

impl World {
    pub(super) fn new(settings: StreamSettings, first: Option<u64>) -> Self {
        Self {
            session: open(settings.clone(), first),
            model: Model::new(settings.clone(), first),
            settings,
            now: Instant::now(),
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            jobs: Vec::new(),
            answered: Vec::new(),
            recognized: BTreeSet::new(),
            may_be_too_long: BTreeSet::new(),
            asked_for_shorter: BTreeSet::new(),
            told_of_shorter: BTreeSet::new(),
            worker: Worker::default(),
            processed: Vec::new(),
            level: Severity::Low,
            closed: 0,
        }
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        let is_over = self.model.phase == Phase::Closed;
        match happening {
            Happening::Offer(choice, has_room) => self.offer(choice, has_room),
            Happening::Answer(index, how) if !self.jobs.is_empty() => {
                let job = self.jobs.remove(index % self.jobs.len());
                self.answered.push(job);
                self.answer(job, how);
            }
            Happening::AnswerAgain(index) if !self.answered.is_empty() => {
                let (number, stage) = self.answered[index % self.answered.len()];
                if self.jobs.contains(&(number, stage)) {
                    // The stage has the fragment a second time, and owes an answer.
                    return;
                }
                self.answer_session(number, stage, How::Failing);
            }
            Happening::Answer(..) | Happening::AnswerAgain(_) => {}
            Happening::Pause => self.pause_or_resume(Session::pause, Phase::Paused),
            Happening::Resume => self.pause_or_resume(Session::resume, Phase::Active),
            Happening::End => {
                let ended = self.session.end(self.now).map_err(|refusal| refusal.code);
                assert_eq!(ended, if is_over { Err(ErrorCode::StreamNotFound) } else { Ok(()) });
                self.model.end(self.now);
            }
            Happening::Send(count) => (0..count).for_each(|_| self.send()),
            Happening::Arrive(count) => (0..count).for_each(|_| self.arrive()),
            Happening::Detach(farewell) => self.detach(farewell),
            Happening::Attach(remembers) => self.attach(remembers),
            Happening::Boast(excess) => self.boast(excess),
            Happening::Wait(milliseconds) => {
                self.now += Duration::from_millis(milliseconds);
                self.session.tick(self.now);
                self.model.tick(self.now);
            }
            Happening::Replace => {
                self.session.close("replaced");
                self.model.phase = Phase::Closed;
            }
        }
        if is_over {
            assert!(!self.session.has_effects(), "nothing follows the end, not even after {happening:?}");
        }
        self.perform();
        self.check();
    }

    fn offer(&mut self, choice: Choice, has_room: bool) {
        let next = self.model.next_to_accept();
        let mut in_work = self.model.accepted.keys();
        let (number, id) = match choice {
            Choice::Next => (next, next),
            Choice::Ahead(distance) => (next + distance, next + distance),
            Choice::Behind(distance) => (next.saturating_sub(distance), next.saturating_sub(distance)),
            Choice::Edge(distance) => {
                let number = self.model.next.unwrap_or(0) + self.settings.reorder_window - 1 + distance;
                (number, number)
            }
            Choice::BorrowedId(index) => match in_work.nth(index % self.model.accepted.len().max(1)) {
                Some(&known) => (next, known),
                None => return,
            },
        };
        let fragment = sts_protocol::Fragment { fragment_id: format!("f{id}"), ..fragment(number, FRAMES) };
        let accepted = self.session.accept(fragment, has_room, self.now).map_err(|refusal| refusal.code);
        // What a borrowed id stands for is known; so is the answer to it.
        let known = if id == number { number } else { id };
        let is_duplicate = self.model.knows(known);
        // A result that has fallen out is not unsent, though the plain model thinks so.
        let unsent = if self.keeps_all() { self.model.unsent() } else { self.session.unsent() };
        let expected = self.model.offer(known, unsent, has_room);
        assert_eq!(accepted, expected, "{number} was offered, with the id of {id}");
        let was_sent = self.model.sent_through.is_some_and(|last| known <= last);
        if accepted.is_ok() && is_duplicate && was_sent && self.model.detached_since.is_none() {
            *self.worker.asked_again.entry(known).or_default() += 1;
        }
    }

    fn answer(&mut self, (number, stage): (u64, Stage), how: How) {
        let is_again = stage == Stage::Translation && self.asked_for_shorter.contains(&number);
        let status = match (how, stage) {
            // Without a second translation the first is spoken.
            _ if is_again => None,
            (How::TooLong, Stage::Tts) if self.may_be_too_long.contains(&number) => None,
            (How::Well | How::TooLong, Stage::Tts) => Some(FragmentStatus::Success),
            (How::Well | How::TooLong, _) => None,
            (How::Oddly, Stage::Asr | Stage::Translation) => Some(FragmentStatus::Success),
            (How::Oddly, Stage::Tts) => Some(FragmentStatus::Partial),
            (How::Failing, _) => Some(FragmentStatus::Failed),
        };
        let counts = self.model.is_in_work(number);
        self.answer_session(number, stage, how);
        if let Some(status) = status.filter(|_| counts) {
            self.model.finish(number, status, self.now);
        }
    }

    fn answer_session(&mut self, number: u64, stage: Stage, how: How) {
        let failure = StageFailure::new(ErrorCode::Timeout, "told to fail");
        let fails = matches!(how, How::Failing);
        let is_odd = matches!(how, How::Oddly);
        let text = if is_odd { String::new() } else { format!("words {number} {how:?}") };
        let window = (!is_odd).then_some(SpeechWindow { start_ms: 0.0, end_ms: 1.0 });
        let session = &mut self.session;
        match stage {
            // A queue that is full answers by another way.
            _ if fails && number.is_multiple_of(2) => session.not_submitted(number, stage, failure, self.now),
            Stage::Asr if fails => session.recognized(number, report(Err(failure)), self.now),
            Stage::Asr => session.recognized(number, report(Ok(AsrOutput { text, window })), self.now),
            Stage::Translation if fails => session.translated(number, report(Err(failure)), self.now),
            Stage::Translation => {
                let output = TranslationOutput { text, engine: "fake".to_owned(), can_be_shorter: true };
                session.translated(number, report(Ok(output)), self.now);
            }
            Stage::Tts if fails => session.synthesized(number, report(Err(failure)), self.now),
            Stage::Tts if matches!(how, How::TooLong) && self.may_be_too_long.remove(&number) => {
                let output = TtsOutput::TooLong { predicted_ms: 2.0, wanted_ms: 1.0 };
                session.synthesized(number, report(Ok(output)), self.now);
            }
            Stage::Tts => {
                let pcm = Bytes::from(vec![2; FRAMES * 2]);
                let overrun = if is_odd { 0.15 } else { 0.0 };
                let dub = Dub { overrun, ..Dub::at_ease(pcm) };
                session.synthesized(number, report(Ok(TtsOutput::Dub(dub))), self.now);
            }
        }
    }

    fn pause_or_resume(&mut self, act: impl Fn(&mut Session) -> Result<(), sts_protocol::Refusal>, phase: Phase) {
        let done = act(&mut self.session).map_err(|refusal| refusal.code);
        if matches!(self.model.phase, Phase::Active | Phase::Paused) {
            assert_eq!(done, Ok(()));
            self.model.phase = phase;
        } else {
            assert_eq!(done, Err(ErrorCode::StreamNotFound));
        }
    }

    fn is_connected(&self) -> bool {
        self.model.detached_since.is_none() && self.model.phase != Phase::Closed
    }

    fn detach(&mut self, farewell: bool) {
        let was_connected = self.is_connected();
        self.waiting.clear();
        self.under_way.clear();
        self.session.detach(farewell, self.now);
        if was_connected {
            self.model.detach(farewell, self.now);
        }
    }

    fn attach(&mut self, remembers: bool) {
        let is_over = self.model.phase == Phase::Closed;
        if self.is_connected() {
            // The old connection is cut with all that it holds.
            self.waiting.clear();
            self.under_way.clear();
        }
        let claim = self.worker.last.filter(|_| remembers);
        let attached = self.session.attach(claim, EngineNames::default()).map_err(|refusal| refusal.code);
        assert_eq!(attached, if is_over { Err(ErrorCode::StreamNotFound) } else { Ok(()) });
        if !is_over {
            self.model.attach(claim);
            if !remembers {
                self.worker = Worker::default();
            }
            self.worker.complete = None;
            self.worker.asked_again.clear();
        }
    }

    fn boast(&mut self, excess: u64) {
        let claim = Some(self.model.reached.map_or(0, |reached| reached + 1) + excess);
        if self.model.phase != Phase::Closed && !self.model.may_claim(claim) {
            let refused = self.session.attach(claim, EngineNames::default()).map_err(|refusal| refusal.code);
            assert_eq!(refused, Err(ErrorCode::InvalidConfig));
            assert!(!self.session.has_effects(), "a false claim changes nothing");
        }
    }

    /// Does what an actor does with effects.
    fn perform(&mut self) {
        for effect in self.session.take_effects() {
            assert_eq!(self.closed, 0, "after the end: {effect:?}");
            match effect {
                Effect::Publish(event) => self.observe(event),
                Effect::Recognize(number, _) => {
                    assert!(self.recognized.insert(number), "{number} is recognised once");
                    self.jobs.push((number, Stage::Asr));
                }
                Effect::Translate(number, input) => {
                    if input.shorter.is_some() {
                        assert!(self.asked_for_shorter.insert(number), "{number}: a shorter one is asked for once");
                    }
                    self.jobs.push((number, Stage::Translation));
                }
                Effect::Synthesize(number, input) => {
                    if input.when_too_long == WhenTooLong::Ask {
                        assert_eq!(self.level, Severity::Low, "{number}: there is no time for a second translation");
                        self.may_be_too_long.insert(number);
                    }
                    self.jobs.push((number, Stage::Tts));
                }
                Effect::Cancel => {
                    assert!(self.model.completed, "jobs are given up when all are answered");
                    self.jobs.clear();
                }
                Effect::Close => {
                    self.waiting.clear();
                    self.closed += 1;
                }
                Effect::Send(_) | Effect::Deliver(_) => {
                    assert!(self.is_connected(), "nobody is there to be told {effect:?}");
                    self.waiting.push_back(effect);
                }
            }
        }
    }

    fn observe(&mut self, event: LifecycleEvent) {
        let critical = self.settings.thresholds.critical;
        match event {
            LifecycleEvent::FragmentReceived { in_flight, .. } => assert!(in_flight <= critical),
            LifecycleEvent::FragmentProcessed { sequence_number, status, in_flight, .. } => {
                assert!(in_flight < critical);
                self.processed.push((sequence_number, status));
            }
            LifecycleEvent::BackpressureChanged { severity, in_flight, .. } => {
                assert_ne!(severity, self.level, "an event tells a change");
                assert_eq!(severity, self.settings.thresholds.severity(in_flight));
                self.level = severity;
            }
            LifecycleEvent::Retranslated { sequence_number, .. } => {
                assert!(self.asked_for_shorter.contains(&sequence_number));
                assert!(
                    self.told_of_shorter.insert(sequence_number),
                    "{sequence_number}: what came of it is told once"
                );
            }
            LifecycleEvent::StreamClosed { .. } => assert_eq!(self.model.phase, Phase::Closed),
            _ => {}
        }
    }

    /// The connection takes one message more.
    fn send(&mut self) {
        let message = match self.waiting.pop_front() {
            Some(Effect::Send(message)) => message,
            Some(Effect::Deliver(number)) => match self.session.result(number) {
                Some(message) => message,
                None => {
                    let was_sent = self.model.sent_through.is_some_and(|last| number <= last);
                    assert!(was_sent && !self.keeps_all(), "{number} was never sent, and is gone");
                    return;
                }
            },
            _ => return,
        };
        self.session.sent(&message, self.now);
        match &message {
            ServiceMessage::Processed(processed) => self.model.sent(processed.sequence_number),
            ServiceMessage::Complete(_) => self.model.complete_sent_at = Some(self.now),
            _ => {}
        }
        self.under_way.push_back(message);
    }

    /// One message more gets to the worker.
    fn arrive(&mut self) {
        match self.under_way.pop_front() {
            Some(ServiceMessage::Processed(processed)) => self.arrive_result(&processed),
            Some(ServiceMessage::Backpressure(event)) => {
                assert_eq!(event.severity, self.settings.thresholds.severity(event.current_inflight));
                self.worker.level = Some(event.severity);
            }
            Some(ServiceMessage::Complete(complete)) => {
                assert!(self.worker.complete.replace(complete).is_none(), "complete comes once on a connection");
            }
            Some(ServiceMessage::Ready(ready)) => assert!(ready.resumed),
            Some(other) => panic!("a session does not send {other:?} by itself"),
            None => {}
        }
    }

    fn arrive_result(&mut self, result: &FragmentProcessed) {
        let number = result.sequence_number;
        assert_eq!(Some(result.status), self.model.status_of(number), "{number} is what became of it");
        if self.worker.received.contains(&number) {
            let left = self.worker.asked_again.get_mut(&number).filter(|left| **left > 0);
            *left.unwrap_or_else(|| panic!("{number} came twice, and nobody asked")) -= 1;
            return;
        }
        assert!(self.worker.complete.is_none(), "{number} came after complete");
        assert!(self.worker.last.is_none_or(|last| number > last), "{number} after {:?}", self.worker.last);
        let start = self.model.start.expect("a result came");
        let expected = self.worker.last.map_or(start, |last| last + 1);
        let named = expected.max(number.saturating_sub(self.settings.reorder_window));
        assert_eq!(result.skipped, (named..number).collect::<Vec<_>>(), "{number} names all that is missing before it");
        for missing in (expected..number).filter(|missing| !self.model.given_up.contains(missing)) {
            assert!(self.may_be_lost(missing), "{missing} was answered, and is lost");
            self.worker.lost.insert(missing);
        }
        self.worker.received.insert(number);
        self.worker.last = Some(number);
    }

    fn keeps_all(&self) -> bool {
        self.settings.replay_results == usize::MAX && self.settings.replay_bytes == usize::MAX
    }

    /// A result may fall out when the worker had it once, or when enough were sent after it.
    fn may_be_lost(&self, number: u64) -> bool {
        let sent_after =
            |&&(other, _): &&(u64, _)| other > number && self.model.reached.is_some_and(|last| other <= last);
        let sent_after = self.model.emitted.iter().filter(sent_after).count();
        let kept = self.settings.replay_results.min(self.settings.replay_bytes / (FRAMES * 2));
        self.model.claimed.is_some_and(|claimed| number <= claimed) || sent_after >= kept
    }

    /// What holds at any time.
    fn check(&self) {
        assert_eq!(self.processed, self.model.emitted, "results leave in order, once");
        assert_eq!(self.closed, usize::from(self.model.phase == Phase::Closed), "an end is told once");
        let [tracked, ids, waiting, kept, _] = self.session.holdings();
        if self.closed > 0 {
            assert_eq!(self.session.holdings(), [0; 5], "what is over holds nothing");
            return;
        }
        assert_eq!(tracked, self.model.accepted.len());
        assert!(tracked <= self.settings.thresholds.critical && waiting <= tracked);
        assert!(kept >= self.session.unsent() && ids <= tracked + kept);
        if self.settings.replay_results == 2 {
            assert!(kept - self.session.unsent() <= 2, "{kept} results are kept");
        }
        assert_eq!(self.level, self.settings.thresholds.severity(tracked), "the level is that of the count");
        let all_told = self.waiting.is_empty() && self.under_way.is_empty() && self.is_connected();
        if all_told {
            assert_eq!(self.worker.level.unwrap_or(Severity::Low), self.level, "the worker knows the level");
        }
    }

    /// Brings the stream to its end as a patient worker would, and checks that nothing is missing.
    pub(super) fn conclude(&mut self) {
        if self.model.phase != Phase::Closed {
            if !self.is_connected() {
                self.happen(Happening::Attach(true));
            }
            while !self.jobs.is_empty() {
                self.happen(Happening::Answer(0, How::Well));
            }
            self.happen(Happening::End);
            self.happen(Happening::Send(self.waiting.len()));
            self.happen(Happening::Arrive(self.under_way.len()));
            self.check_complete();
            self.happen(Happening::Wait(5_000));
            assert_eq!(self.model.phase, Phase::Closed);
        }
        for late in [
            Happening::Offer(Choice::Next, true),
            Happening::Offer(Choice::Behind(1), true),
            Happening::AnswerAgain(0),
            Happening::Pause,
            Happening::Resume,
            Happening::End,
            Happening::Attach(true),
            Happening::Detach(false),
            Happening::Wait(60_000),
            Happening::Replace,
        ] {
            self.happen(late);
        }
    }

    fn check_complete(&self) {
        let complete = self.worker.complete.as_ref().expect("complete comes last");
        let count = |status| self.model.emitted.iter().filter(|&&(_, other)| other == status).count() as u64;
        assert_eq!(complete.total_fragments, self.recognized.len() as u64, "each accepted fragment is counted");
        assert_eq!(complete.success_count, count(FragmentStatus::Success));
        assert_eq!(complete.partial_count, count(FragmentStatus::Partial));
        assert_eq!(complete.failed_count, count(FragmentStatus::Failed));
        let was_answered = |number: &&u64| self.model.emitted.iter().any(|(emitted, _)| emitted == *number);
        let owed: Vec<_> = self.asked_for_shorter.difference(&self.told_of_shorter).filter(was_answered).collect();
        assert!(owed.is_empty(), "nobody was told what came of {owed:?}");
        let errors: u64 = complete.error_breakdown.values().flat_map(|by_code| by_code.values()).sum();
        assert_eq!(errors, complete.failed_count);
        for &(number, _) in &self.model.emitted {
            // A worker without memory does not miss what an earlier one had told that it has.
            let has = self.worker.received.contains(&number) || self.worker.lost.contains(&number);
            assert!(has || self.may_be_lost(number), "{number} was answered, and the worker never heard of it");
        }
    }
}
