//! The way through: a stage's answer brings a fragment to its next stage, or to its result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sts_protocol::{ErrorCode, Stage};

use super::delivery::metadata;
use super::{Effect, Session, Tracked};
use crate::events::LifecycleEvent;
use crate::job::{AsrOutput, Dub, TranslationInput, TranslationOutput, TtsInput, TtsOutput, WhenTooLong};
use crate::stage::{StageFailure, StageReport};
use crate::stream::outcome::judge;

impl Session {
    /// The recogniser's answer.
    pub fn recognized(&mut self, number: u64, report: StageReport<AsrOutput>, now: Instant) {
        let Some((output, tracked)) = self.settle(number, Stage::Asr, report, now) else { return };
        let text = output.text.trim();
        tracked.transcript = Some(text.to_owned());
        tracked.window = output.window;
        if text.is_empty() || output.window.is_none() {
            tracked.transcript = Some(String::new());
            tracked.translated_text = Some(String::new());
            self.finish_with_silence(number, now);
            return;
        }
        let Some(window) = output.window else { return };
        tracked.stage = Stage::Translation;
        let text = text.to_owned();
        let context = self.said.before(number);
        self.said.note(number, &text);
        let input = TranslationInput {
            text,
            context,
            window,
            source_language: Arc::clone(&self.languages.0),
            target_language: Arc::clone(&self.languages.1),
            hints: Arc::clone(&self.hints),
            shorter: None,
        };
        self.effects.push(Effect::Translate(number, input));
    }

    /// The translator's answer.
    pub fn translated(&mut self, number: u64, report: StageReport<TranslationOutput>, now: Instant) {
        if self.tracked.get(&number).is_some_and(|tracked| tracked.retranslation.is_some()) {
            self.retranslated(number, report);
            return;
        }
        let may_ask = self.may_ask_for_shorter();
        let Some((output, tracked)) = self.settle(number, Stage::Translation, report, now) else { return };
        let text = output.text.trim().to_owned();
        tracked.translated_text = Some(text.clone());
        tracked.translated_by = Some(output.engine);
        if text.is_empty() {
            self.finish_with_silence(number, now);
            return;
        }
        let when_too_long = if may_ask && output.can_be_shorter { WhenTooLong::Ask } else { WhenTooLong::Speak };
        self.speak(number, text, when_too_long);
    }

    /// Sends words to the synthesiser.
    pub(super) fn speak(&mut self, number: u64, text: String, when_too_long: WhenTooLong) {
        let Some(tracked) = self.tracked.get_mut(&number) else { return };
        let Some(window) = tracked.window else { return };
        tracked.stage = Stage::Tts;
        let input = TtsInput {
            text,
            language: Arc::clone(&self.languages.1),
            voice: Arc::clone(&self.identity.voice),
            spec: tracked.spec,
            frames: tracked.frames,
            window,
            max_overrun: self.settings.variance_partial_max,
            hurry: self.settings.retranslate_above.unwrap_or(f64::INFINITY),
            when_too_long,
        };
        self.effects.push(Effect::Synthesize(number, input));
    }

    /// The synthesiser's answer.
    pub fn synthesized(&mut self, number: u64, report: StageReport<TtsOutput>, now: Instant) {
        let Some((output, _)) = self.settle(number, Stage::Tts, report, now) else { return };
        match output {
            TtsOutput::Dub(dub) => self.spoken(number, dub, now),
            TtsOutput::TooLong { predicted_ms, wanted_ms } => self.too_long(number, predicted_ms, wanted_ms, now),
        }
    }

    fn spoken(&mut self, number: u64, output: Dub, now: Instant) {
        self.conclude_retranslation(number, &output);
        let Some(tracked) = self.tracked.get(&number) else { return };
        let (frames, spec) = (tracked.frames, tracked.spec);
        let dubbed_frames = output.pcm.len() / spec.bytes_per_frame();
        // Subtracting first keeps whole percentages exact, so that a bound includes itself.
        let variance = (dubbed_frames as f64 - frames as f64) / frames as f64;
        let (success_max, partial_max) = (self.settings.variance_success_max, self.settings.variance_partial_max);
        match judge(variance, output.overrun, success_max, partial_max) {
            Some(status) => {
                let reported = if output.overrun > 0.0 { output.overrun } else { variance };
                let metadata = metadata(&spec, frames, dubbed_frames, reported, output.speed_ratio);
                self.finish(number, status, Some((output.pcm, metadata)), None, now);
            }
            None => {
                let worst = variance.abs().max(output.overrun) * 100.0;
                let message = format!("the dub differs from its slot by {worst:.0} %");
                let failure = StageFailure::new(ErrorCode::DurationMismatchExceeded, message);
                self.fail(number, Stage::Tts, failure, now);
            }
        }
    }

    /// A stage's queue did not take a fragment that the stream had accepted.
    pub fn not_submitted(&mut self, number: u64, stage: Stage, failure: StageFailure, now: Instant) {
        let Some(tracked) = self.tracked.get(&number).filter(|t| !t.finished && t.stage == stage) else { return };
        if stage == Stage::Translation && tracked.retranslation.is_some() {
            self.speak_the_first(number);
        } else {
            self.fail(number, stage, failure, now);
        }
    }

    /// Notes a stage's answer. Gives the output and its fragment when the pipeline goes on.
    fn settle<O>(
        &mut self,
        number: u64,
        stage: Stage,
        report: StageReport<O>,
        now: Instant,
    ) -> Option<(O, &mut Tracked)> {
        match self.note_answer(number, stage, report)? {
            Ok(output) => self.tracked.get_mut(&number).map(|tracked| (output, tracked)),
            Err(failure) => {
                self.fail(number, stage, failure, now);
                None
            }
        }
    }

    /// Notes what a stage's answer took, and gives its result; nothing for one that is not waited for.
    pub(super) fn note_answer<O>(
        &mut self,
        number: u64,
        stage: Stage,
        report: StageReport<O>,
    ) -> Option<Result<O, StageFailure>> {
        let tracked = self.tracked.get_mut(&number).filter(|tracked| !tracked.finished && tracked.stage == stage)?;
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        tracked.timings.record(stage, milliseconds(report.queued), milliseconds(report.worked));
        self.effects.push(Effect::Publish(LifecycleEvent::StageFinished {
            stage,
            stream_id: Arc::clone(&self.identity.stream_id),
            fragment_id: Arc::clone(&tracked.fragment_id),
            sequence_number: number,
            trace: tracked.trace,
            queued: report.queued,
            worked: report.worked,
            batch: report.batch,
            failure: report.result.as_ref().err().map(|failure| failure.code),
        }));
        Some(report.result)
    }
}
