//! The way in: which fragments a session takes, which it knows already, and which it refuses.

use std::sync::Arc;
use std::time::Instant;

use sts_protocol::{ErrorCode, Fragment, Refusal, Stage, StageTimings};

use super::{Effect, Session, SessionState, Tracked};
use crate::events::LifecycleEvent;
use crate::job::AsrInput;

impl Session {
    /// Takes a fragment; on success the worker is owed an acknowledgement and, later, exactly one result.
    ///
    /// # Errors
    /// Why it is not taken. Nothing else has changed then.
    pub fn accept(&mut self, fragment: Fragment, recogniser_has_room: bool, now: Instant) -> Result<(), Refusal> {
        if self.state == SessionState::Closed {
            return Err(Refusal::new(ErrorCode::StreamNotFound, "the stream is over").about(fragment.fragment_id));
        }
        let (fragment_id, sequence_number) = (Arc::from(fragment.fragment_id.as_str()), fragment.sequence_number);
        let accepted = self.admit(fragment, recogniser_has_room, now);
        if let Err(refusal) = &accepted {
            self.recent.note_error(now, refusal.code, None, &refusal.message);
            let stream_id = Arc::clone(&self.identity.stream_id);
            let code = refusal.code;
            let refused = LifecycleEvent::FragmentRefused { stream_id, fragment_id, sequence_number, code };
            self.effects.push(Effect::Publish(refused));
        }
        accepted
    }

    fn admit(&mut self, fragment: Fragment, recogniser_has_room: bool, now: Instant) -> Result<(), Refusal> {
        let number = fragment.sequence_number;
        if self.is_duplicate(&fragment) {
            let known = self.by_fragment_id.get(fragment.fragment_id.as_str()).copied().unwrap_or(number);
            self.resend(known);
            return Ok(());
        }
        let refuse = |code, message: String| Err(Refusal::new(code, message).about(&fragment.fragment_id));
        match self.state {
            SessionState::Active => {}
            SessionState::Paused => return refuse(ErrorCode::StreamPaused, "the stream is paused".to_owned()),
            SessionState::Ending | SessionState::Closed => {
                return refuse(ErrorCode::StreamNotFound, "the stream has been ended".to_owned());
            }
        }
        fragment.check_agrees(&self.init.spec())?;
        if self.reorder.is_past(number) {
            let message =
                format!("`sequence_number` {number} comes too late: it was given up or lies before the start");
            return refuse(ErrorCode::InvalidFragment, message);
        }
        let base = self.reorder.next().unwrap_or(0);
        if number - base > self.settings.reorder_window {
            let window = self.settings.reorder_window;
            let message =
                format!("`sequence_number` {number} is more than {window} past {base}, the next to be answered");
            return refuse(ErrorCode::InvalidFragment, message);
        }
        // Results that a slow connection has not taken yet count too: they hold their audio until it has.
        let (in_flight, unsent) = (self.in_flight(), self.unsent());
        if in_flight + unsent >= self.settings.thresholds.critical {
            let message = match unsent {
                0 => format!("{in_flight} fragments of this stream are in flight"),
                _ => {
                    format!("{in_flight} fragments of this stream are in flight, and {unsent} results wait to be sent")
                }
            };
            return refuse(ErrorCode::BackpressureExceeded, message);
        }
        if !recogniser_has_room {
            return refuse(ErrorCode::ServiceOverloaded, "the service's queue is full".to_owned());
        }
        self.track(fragment, now);
        Ok(())
    }

    /// The same id, or the same number, as one that is in flight or was answered.
    fn is_duplicate(&self, fragment: &Fragment) -> bool {
        let number = fragment.sequence_number;
        self.tracked.contains_key(&number)
            || self.by_fragment_id.contains_key(fragment.fragment_id.as_str())
            || (self.reorder.has_left(number) && !self.given_up.contains(number))
    }

    /// Delivers a result again, if it is there; one that was not sent yet is on its way already.
    fn resend(&mut self, number: u64) {
        if self.is_attached() && self.replay.was_sent(number) && self.replay.find(number).is_some() {
            self.effects.push(Effect::Deliver(number));
        }
    }

    fn track(&mut self, fragment: Fragment, now: Instant) {
        let number = fragment.sequence_number;
        let fragment_id: Arc<str> = fragment.fragment_id.as_str().into();
        let tracked = Tracked {
            fragment_id: Arc::clone(&fragment_id),
            spec: fragment.spec,
            frames: fragment.frames(),
            accepted_at: now,
            stage: Stage::Asr,
            window: None,
            transcript: None,
            translated_text: None,
            translated_by: None,
            retranslation: None,
            timings: StageTimings::default(),
            trace: fragment.trace,
            finished: false,
        };
        self.received += 1;
        self.reorder.note(number);
        self.tracked.insert(number, tracked);
        self.by_fragment_id.insert(Arc::clone(&fragment_id), number);
        self.publish(|stream_id, in_flight| LifecycleEvent::FragmentReceived {
            stream_id,
            fragment_id,
            sequence_number: number,
            trace: fragment.trace,
            in_flight,
        });
        self.update_level();
        let input = AsrInput {
            pcm: fragment.pcm,
            spec: fragment.spec,
            language: Arc::clone(&self.languages.0),
            hints: Arc::clone(&self.hints),
        };
        self.effects.push(Effect::Recognize(number, input));
    }
}
