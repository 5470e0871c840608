//! A translation that is too long for its fragment's time: a shorter one is asked for, once, and the one that fits
//! better is spoken. Whatever becomes of it, the fragment is no worse off than with the first.

use std::sync::Arc;
use std::time::Instant;

use sts_protocol::{ErrorCode, Severity, Stage};

use super::{Effect, Session};
use crate::events::{LifecycleEvent, RetranslationOutcome};
use crate::job::{Dub, Shorter, TranslationInput, TranslationOutput, WhenTooLong};
use crate::stage::{StageFailure, StageReport};

/// No translation is asked to be shorter than this part of the first, in percent: it would have to leave out facts.
const LEAST_PERCENT: u32 = 50;

/// What is known of a second translation.
#[derive(Debug)]
pub(super) struct Retranslation {
    /// How long the first would last at the voice's own rate, ms.
    predicted_ms: f64,
    /// How long it may, ms.
    wanted_ms: f64,
    /// The second one and its engine, once it is there and is another.
    shorter: Option<(String, String)>,
}

impl Session {
    /// Whether there is time for a second translation: a stream that must slow down has none.
    pub(super) fn may_ask_for_shorter(&self) -> bool {
        self.settings.retranslate_above.is_some() && self.level == Severity::Low
    }

    /// The synthesiser finds the first translation too long.
    pub(super) fn too_long(&mut self, number: u64, predicted_ms: f64, wanted_ms: f64, now: Instant) {
        let context = self.said.before(number);
        let Some(tracked) = self.tracked.get_mut(&number) else { return };
        let first = (&tracked.window, &tracked.transcript, &tracked.translated_text, &tracked.retranslation);
        let (Some(window), Some(text), Some(than), None) = first else {
            let failure = StageFailure::new(ErrorCode::Internal, "the synthesiser did not speak");
            self.fail(number, Stage::Tts, failure, now);
            return;
        };
        let percent = (wanted_ms / predicted_ms * 100.0).clamp(0.0, 100.0) as u32;
        let by = tracked.translated_by.clone().unwrap_or_default();
        let input = TranslationInput {
            text: text.clone(),
            context,
            window: *window,
            source_language: Arc::clone(&self.languages.0),
            target_language: Arc::clone(&self.languages.1),
            hints: Arc::clone(&self.hints),
            shorter: Some(Shorter { than: than.clone(), by, percent: percent.max(LEAST_PERCENT) }),
        };
        tracked.stage = Stage::Translation;
        tracked.retranslation = Some(Retranslation { predicted_ms, wanted_ms, shorter: None });
        self.effects.push(Effect::Translate(number, input));
    }

    /// The second translation, or why there is none.
    pub(super) fn retranslated(&mut self, number: u64, report: StageReport<TranslationOutput>) {
        let Some(result) = self.note_answer(number, Stage::Translation, report) else { return };
        let Some(tracked) = self.tracked.get_mut(&number) else { return };
        let first = tracked.translated_text.clone().unwrap_or_default();
        let another = result.ok().map(|output| (output.text.trim().to_owned(), output.engine));
        match (another, &mut tracked.retranslation) {
            (Some((text, engine)), Some(retranslation)) if !text.is_empty() && text != first => {
                retranslation.shorter = Some((text.clone(), engine));
                self.speak(number, text, WhenTooLong::Rather(first));
            }
            _ => self.speak_the_first(number),
        }
    }

    /// Has the first translation spoken as it is.
    pub(super) fn speak_the_first(&mut self, number: u64) {
        let first = self.tracked.get(&number).and_then(|tracked| tracked.translated_text.clone());
        self.speak(number, first.unwrap_or_default(), WhenTooLong::Speak);
    }

    /// Notes which of the two was spoken.
    pub(super) fn conclude_retranslation(&mut self, number: u64, dub: &Dub) {
        let Some(tracked) = self.tracked.get_mut(&number) else { return };
        let Some(retranslation) = &mut tracked.retranslation else { return };
        let outcome = match retranslation.shorter.take() {
            Some((text, engine)) if !dub.spoke_other => {
                (tracked.translated_text, tracked.translated_by) = (Some(text), Some(engine));
                if dub.is_hurried { RetranslationOutcome::Shorter } else { RetranslationOutcome::Fits }
            }
            _ => RetranslationOutcome::None,
        };
        self.tell_retranslation(number, outcome);
    }

    /// Tells what came of a second translation, if one was asked for and nothing was told yet.
    pub(super) fn tell_retranslation(&mut self, number: u64, outcome: RetranslationOutcome) {
        let Some(tracked) = self.tracked.get_mut(&number) else { return };
        let Some(Retranslation { predicted_ms, wanted_ms, .. }) = tracked.retranslation.take() else { return };
        self.effects.push(Effect::Publish(LifecycleEvent::Retranslated {
            stream_id: Arc::clone(&self.identity.stream_id),
            fragment_id: Arc::clone(&tracked.fragment_id),
            sequence_number: number,
            trace: tracked.trace,
            predicted_ms,
            wanted_ms,
            outcome,
        }));
    }
}
