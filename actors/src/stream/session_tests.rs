//! The session against hand-made facts: no threads, no sockets, and time that only moves when told.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sts_protocol::{
    AudioFormat, AudioSpec, EngineNames, ErrorCode, Fragment, FragmentStatus, Refusal, ServiceMessage, Severity, Stage,
    StreamInit, VoiceProfiles,
};

use super::{Effect, Identity, Session, SessionState, StreamSettings};
use crate::job::{AsrOutput, Dub, SpeechWindow, TranslationOutput, TtsOutput};
use crate::stage::{StageFailure, StageReport};

const SPEC: AudioSpec = AudioSpec { sample_rate_hz: 16_000, channels: 1, format: AudioFormat::PcmS16le };
const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    session: Session,
    now: Instant,
}

/// A session as `stream:init` opens it, and nothing to do yet.
pub(super) fn open(settings: StreamSettings, first: Option<u64>) -> Session {
    let init = serde_json::json!({"source_language": "en", "target_language": "es", "voice_profile": "v",
        "chunk_duration_ms": 1000, "sample_rate_hz": 16000, "channels": 1, "format": "pcm_s16le",
        "first_sequence_number": first});
    let voices = VoiceProfiles::parse(r#"{"v": {"language": "es", "engine": "fake", "voice": "v"}}"#).expect("valid");
    let identity = Identity {
        stream_id: "s".into(),
        worker_id: "w".into(),
        session_id: "session".into(),
        voice: voices.select("v", "es").expect("it is there").clone().into(),
    };
    let mut session = Session::new(identity, StreamInit::read(init.into()).expect("valid"), settings);
    session.take_effects();
    session
}

/// A fragment of this many frames of 16 kHz mono.
pub(super) fn fragment(number: u64, frames: usize) -> Fragment {
    Fragment {
        fragment_id: format!("f{number}"),
        stream_id: "s".into(),
        sequence_number: number,
        timestamp_ms: 0.0,
        spec: SPEC,
        pcm: Bytes::from(vec![1; frames * 2]),
        trace: None,
    }
}

pub(super) fn report<O>(result: Result<O, StageFailure>) -> StageReport<O> {
    StageReport { result, queued: Duration::ZERO, worked: Duration::from_millis(5), batch: 1 }
}

impl Bench {
    fn new(settings: StreamSettings, first: Option<u64>) -> Self {
        Self { session: open(settings, first), now: Instant::now() }
    }

    fn offer(&mut self, number: u64) -> Result<(), ErrorCode> {
        self.session.accept(fragment(number, 16_000), true, self.now).map_err(|refusal| refusal.code)
    }

    fn hear(&mut self, number: u64, text: &str) {
        let window = (!text.is_empty()).then_some(SpeechWindow { start_ms: 0.0, end_ms: 900.0 });
        let output = AsrOutput { text: text.to_owned(), window };
        self.session.recognized(number, report(Ok(output)), self.now);
    }

    fn translate(&mut self, number: u64, text: &str) {
        self.translate_by(number, text, false);
    }

    fn translate_by(&mut self, number: u64, text: &str, can_be_shorter: bool) {
        let output = TranslationOutput { text: text.to_owned(), engine: "fake".to_owned(), can_be_shorter };
        self.session.translated(number, report(Ok(output)), self.now);
    }

    fn speak(&mut self, number: u64, bytes: usize, overrun: f64) {
        let dub = Dub { speed_ratio: 1.1, overrun, ..Dub::at_ease(Bytes::from(vec![2; bytes])) };
        self.session.synthesized(number, report(Ok(TtsOutput::Dub(dub))), self.now);
    }

    fn pass(&mut self, number: u64) {
        self.hear(number, "words");
        self.translate(number, "palabras");
        self.speak(number, 32_000, 0.0);
    }

    fn after(&mut self, duration: Duration) -> Vec<ServiceMessage> {
        self.now += duration;
        self.session.tick(self.now);
        self.messages()
    }

    fn messages(&mut self) -> Vec<ServiceMessage> {
        let effects = self.session.take_effects();
        self.hand_over(effects)
    }

    /// What these effects send, each message handed over to a connection that takes all.
    fn hand_over(&mut self, effects: Vec<Effect>) -> Vec<ServiceMessage> {
        let mut messages = Vec::new();
        for effect in effects {
            let message = match effect {
                Effect::Send(message) => Some(message),
                Effect::Deliver(number) => self.session.result(number),
                _ => None,
            };
            if let Some(message) = message {
                self.session.sent(&message, self.now);
                messages.push(message);
            }
        }
        messages
    }
}

fn results(messages: &[ServiceMessage]) -> Vec<(u64, FragmentStatus)> {
    messages
        .iter()
        .filter_map(|message| match message {
            ServiceMessage::Processed(processed) => Some((processed.sequence_number, processed.status)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_fragment_passes_all_stages_and_its_result_is_complete() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.offer(0).expect("accepted");
    bench.now += SECOND;
    bench.pass(0);
    let messages = bench.messages();
    let [ServiceMessage::Processed(processed)] = messages.as_slice() else { panic!("one result: {messages:?}") };
    assert_eq!(processed.status, FragmentStatus::Success);
    assert_eq!(processed.transcript.as_deref(), Some("words"));
    assert_eq!(processed.translated_text.as_deref(), Some("palabras"));
    assert_eq!(processed.processing_time_ms, 1000.0);
    assert!(Stage::ALL.iter().all(|&stage| processed.stage_timings.work_ms(stage) == Some(5.0)));
    let metadata = processed.metadata.as_ref().expect("a dub has metadata");
    assert_eq!(
        (metadata.original_duration_ms, metadata.dubbed_duration_ms, metadata.speed_ratio),
        (1000.0, 1000.0, 1.1)
    );
}

#[test]
fn silence_is_a_success_and_costs_no_later_stage() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.offer(0).expect("accepted");
    bench.session.take_effects();
    bench.hear(0, "");
    let effects = bench.session.take_effects();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Translate(..) | Effect::Synthesize(..))));
    let messages = bench.hand_over(effects);
    let silent = matches!(messages.as_slice(), [ServiceMessage::Processed(processed)]
        if processed.status == FragmentStatus::Success && processed.transcript.as_deref() == Some(""));
    assert!(silent, "{messages:?}");
}

#[test]
fn durations_decide_between_success_partial_and_failed() {
    let cases = [
        (32_000, 0.0, FragmentStatus::Success),
        (35_200, 0.0, FragmentStatus::Success),
        (38_400, 0.0, FragmentStatus::Partial),
        (39_000, 0.0, FragmentStatus::Failed),
        (32_000, 0.1, FragmentStatus::Partial),
        (32_000, 0.3, FragmentStatus::Failed),
    ];
    for (bytes, overrun, expected) in cases {
        let mut bench = Bench::new(StreamSettings::default(), None);
        bench.offer(0).expect("accepted");
        bench.hear(0, "words");
        bench.translate(0, "palabras");
        bench.speak(0, bytes, overrun);
        let messages = bench.messages();
        assert_eq!(results(&messages), [(0, expected)], "{bytes} bytes, overrun {overrun}");
        if expected == FragmentStatus::Failed {
            let Some(ServiceMessage::Processed(failed)) = messages.last() else { panic!("a result") };
            let error = failed.error.as_ref().expect("a reason");
            assert_eq!((error.stage, error.code), (Stage::Tts, ErrorCode::DurationMismatchExceeded));
            assert!(failed.dubbed_audio.is_none() && failed.translated_text.is_some());
        }
    }
}

#[test]
fn a_failed_stage_stops_the_fragment_and_not_the_stream() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.offer(0).expect("accepted");
    bench.offer(1).expect("accepted");
    bench.pass(1);
    assert!(results(&bench.messages()).is_empty(), "1 waits for 0");
    let failure = StageFailure::new(ErrorCode::Timeout, "too slow");
    bench.session.recognized(0, report(Err(failure)), bench.now);
    assert_eq!(results(&bench.messages()), [(0, FragmentStatus::Failed), (1, FragmentStatus::Success)]);
}

#[test]
fn levels_rise_and_fall_and_the_eleventh_is_refused() {
    let mut bench = Bench::new(StreamSettings::default(), Some(0));
    for number in 0..10 {
        bench.offer(number).expect("accepted");
    }
    assert_eq!(bench.offer(10), Err(ErrorCode::BackpressureExceeded));
    for number in 0..10 {
        bench.pass(number);
    }
    let counts: Vec<usize> = bench
        .messages()
        .iter()
        .filter_map(|message| match message {
            ServiceMessage::Backpressure(event) => Some(event.current_inflight),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [4, 7, 6, 3]);
    bench.offer(10).expect("there is room again");
}

#[test]
fn duplicates_are_processed_once_and_delivered_again() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.offer(0).expect("accepted");
    bench.session.take_effects();
    bench.offer(0).expect("acknowledged again");
    assert!(bench.session.take_effects().is_empty(), "nothing is queued twice");
    bench.pass(0);
    assert_eq!(results(&bench.messages()).len(), 1);
    bench.offer(0).expect("acknowledged again");
    assert_eq!(results(&bench.messages()), [(0, FragmentStatus::Success)], "delivered again");
    bench.pass(0);
    assert!(results(&bench.messages()).is_empty(), "a stage's second answer is dropped");
}

#[test]
fn a_late_number_is_refused_after_the_gap() {
    let mut bench = Bench::new(StreamSettings::default(), Some(0));
    bench.offer(2).expect("accepted");
    bench.pass(2);
    assert!(results(&bench.after(SECOND)).is_empty());
    let messages = bench.after(SECOND);
    let [ServiceMessage::Processed(processed)] = messages.as_slice() else { panic!("one result: {messages:?}") };
    assert_eq!(processed.skipped, [0, 1]);
    assert_eq!(bench.offer(1), Err(ErrorCode::InvalidFragment));
}

#[test]
fn a_late_number_is_refused_even_before_its_gap_is_named() {
    let mut bench = Bench::new(StreamSettings::default(), Some(0));
    bench.offer(5).expect("accepted");
    bench.offer(3).expect("accepted");
    bench.pass(5);
    assert!(results(&bench.after(2 * SECOND)).is_empty(), "3 is in work");
    assert_eq!(bench.offer(2), Err(ErrorCode::InvalidFragment), "given up, though no result has told it");
    bench.pass(3);
    assert_eq!(results(&bench.messages()).len(), 1);
}

#[test]
fn a_number_far_ahead_is_refused() {
    let mut bench = Bench::new(StreamSettings::default(), Some(0));
    assert_eq!(bench.offer(1_001), Err(ErrorCode::InvalidFragment));
    bench.offer(1_000).expect("within the window");
}

#[test]
fn pausing_lets_work_in_flight_finish() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.offer(0).expect("accepted");
    bench.session.pause().expect("active");
    assert_eq!(bench.offer(1), Err(ErrorCode::StreamPaused));
    bench.pass(0);
    assert_eq!(results(&bench.messages()).len(), 1);
    bench.session.resume().expect("paused");
    bench.offer(1).expect("accepted again");
}

#[test]
fn ending_waits_for_work_in_flight_and_counts_it() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.offer(0).expect("accepted");
    bench.session.end(bench.now).expect("not closed");
    assert_eq!(bench.offer(1), Err(ErrorCode::StreamNotFound));
    assert!(bench.messages().is_empty());
    bench.pass(0);
    let messages = bench.messages();
    let Some(ServiceMessage::Complete(complete)) = messages.last() else { panic!("complete: {messages:?}") };
    assert_eq!((complete.total_fragments, complete.success_count), (1, 1));
    assert_eq!(bench.session.state(), SessionState::Ending);
    bench.session.end(bench.now).expect("asked twice");
    assert!(bench.messages().is_empty(), "ended once");
}

#[test]
fn an_end_that_takes_too_long_fails_what_is_left() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.offer(0).expect("accepted");
    bench.session.end(bench.now).expect("not closed");
    let messages = bench.after(Duration::from_secs(31));
    let Some(ServiceMessage::Complete(complete)) = messages.last() else { panic!("complete: {messages:?}") };
    assert_eq!(complete.failed_count, 1);
    assert_eq!(complete.error_breakdown["asr"]["TIMEOUT"], 1);
}

#[test]
fn a_worker_that_comes_back_gets_what_it_missed_once_and_in_order() {
    let mut bench = Bench::new(StreamSettings::default(), Some(0));
    for number in 0..3 {
        bench.offer(number).expect("accepted");
    }
    bench.pass(0);
    assert_eq!(results(&bench.messages()), [(0, FragmentStatus::Success)]);
    bench.session.detach(false, bench.now);
    bench.pass(2);
    bench.pass(1);
    assert!(bench.messages().is_empty(), "nobody is there");
    bench.session.attach(Some(0), EngineNames::default()).expect("an honest claim");
    let messages = bench.messages();
    let ServiceMessage::Ready(ready) = &messages[0] else { panic!("ready first") };
    assert!(ready.resumed && ready.next_sequence_number == Some(3));
    assert_eq!(results(&messages), [(1, FragmentStatus::Success), (2, FragmentStatus::Success)]);
}

#[test]
fn a_worker_that_stays_away_leaves_nothing() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.session.detach(false, bench.now);
    bench.after(Duration::from_secs(29));
    assert_eq!(bench.session.state(), SessionState::Active);
    bench.now += SECOND;
    bench.session.tick(bench.now);
    assert!(bench.session.take_effects().iter().any(|effect| matches!(effect, Effect::Close)));
    assert_eq!(bench.session.state(), SessionState::Closed);
}

#[test]
fn without_a_grace_the_stream_ends_with_its_connection() {
    let settings = StreamSettings { resume_grace: Duration::ZERO, ..StreamSettings::default() };
    let mut bench = Bench::new(settings, None);
    bench.session.detach(false, bench.now);
    assert_eq!(bench.session.state(), SessionState::Closed);
}

#[test]
fn the_replay_buffer_is_bounded_in_number_and_bytes() {
    let settings = StreamSettings { replay_results: 3, replay_bytes: 2 * 32_000, ..StreamSettings::default() };
    let mut bench = Bench::new(settings, Some(0));
    for number in 0..9 {
        bench.offer(number).expect("accepted");
        bench.pass(number);
    }
    bench.messages();
    bench.session.detach(false, bench.now);
    bench.session.attach(None, EngineNames::default()).expect("an honest claim");
    let messages = bench.messages();
    assert_eq!(results(&messages).iter().map(|result| result.0).collect::<Vec<_>>(), [7, 8]);
    let ServiceMessage::Processed(first) = &messages[1] else { panic!("a result after ready") };
    assert_eq!(first.skipped, [0, 1, 2, 3, 4, 5, 6], "what fell out is named");
    bench.offer(3).expect("known, though its result is gone: acknowledged again");
    assert!(results(&bench.messages()).is_empty());
}

#[test]
fn a_queue_that_is_full_is_told_by_its_stage() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    let refused = bench.session.accept(fragment(0, 16_000), false, bench.now).expect_err("no room");
    assert_eq!(refused.code, ErrorCode::ServiceOverloaded);
    bench.offer(0).expect("accepted");
    bench.hear(0, "words");
    let failure = StageFailure::new(ErrorCode::ServiceOverloaded, "full");
    bench.session.not_submitted(0, Stage::Translation, failure, bench.now);
    let messages = bench.messages();
    let Some(ServiceMessage::Processed(failed)) = messages.last() else { panic!("a result") };
    assert_eq!(failed.error.as_ref().map(|error| error.stage), Some(Stage::Translation));
}

#[test]
fn a_result_that_a_slow_connection_has_not_taken_is_not_queued_twice() {
    let mut bench = Bench::new(StreamSettings::default(), Some(0));
    bench.offer(0).expect("accepted");
    bench.pass(0);
    let queued = bench.session.take_effects();
    bench.offer(0).expect("acknowledged again");
    assert!(bench.session.take_effects().is_empty(), "it is on its way");
    assert_eq!(results(&bench.hand_over(queued)), [(0, FragmentStatus::Success)]);
}

#[test]
fn in_every_state_each_event_has_its_answer() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.session.resume().expect("active: nothing to do");
    bench.session.pause().expect("active");
    bench.session.pause().expect("paused: nothing to do");
    bench.session.resume().expect("paused");
    bench.session.end(bench.now).expect("active");
    let code = |refusal: Refusal| refusal.code;
    assert_eq!(bench.session.pause().map_err(code), Err(ErrorCode::StreamNotFound));
    assert_eq!(bench.session.resume().map_err(code), Err(ErrorCode::StreamNotFound));
    bench.session.end(bench.now).expect("ending: nothing to do");
    let completes = bench.messages().iter().filter(|message| matches!(message, ServiceMessage::Complete(_))).count();
    assert_eq!(completes, 1);
    bench.after(5 * SECOND);
    assert_eq!(bench.session.state(), SessionState::Closed);
    assert_eq!(bench.session.end(bench.now).map_err(code), Err(ErrorCode::StreamNotFound));
    assert_eq!(bench.session.attach(None, EngineNames::default()).map_err(code), Err(ErrorCode::StreamNotFound));
    assert_eq!(bench.offer(0), Err(ErrorCode::StreamNotFound));
}

#[test]
fn what_time_does_to_an_ending_stream_whose_connection_breaks_after_complete() {
    let mut bench = Bench::new(StreamSettings::default(), None);
    bench.session.end(bench.now).expect("active");
    assert!(matches!(bench.messages().as_slice(), [ServiceMessage::Complete(_)]));
    bench.after(4 * SECOND);
    bench.session.detach(false, bench.now);
    bench.after(29 * SECOND);
    bench.session.attach(None, EngineNames::default()).expect("within the grace");
    assert!(matches!(bench.messages().as_slice(), [ServiceMessage::Ready(_), ServiceMessage::Complete(_)]));
    bench.after(4 * SECOND);
    assert_eq!(bench.session.state(), SessionState::Ending, "the 5 s began anew");
    bench.after(SECOND);
    assert_eq!(bench.session.state(), SessionState::Closed);
}

#[test]
fn a_worker_learns_the_level_that_it_missed() {
    let mut bench = Bench::new(StreamSettings::default(), Some(0));
    for number in 0..4 {
        bench.offer(number).expect("accepted");
    }
    bench.session.take_effects();
    bench.session.detach(false, bench.now);
    (0..4).for_each(|number| bench.pass(number));
    bench.session.attach(None, EngineNames::default()).expect("nothing was claimed");
    let told = bench.messages().into_iter().find_map(|message| match message {
        ServiceMessage::Backpressure(event) => Some((event.severity, event.current_inflight)),
        _ => None,
    });
    assert_eq!(told, Some((Severity::Low, 0)), "else it would go on pausing");
}
