//! The course of one language's dub: every piece ordered, and what came of each.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use indicatif::ProgressBar;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::dispatch::{Decision, DispatchOptions, Fate};
use super::dub::DubArgs;
use super::recording::Recording;
use super::report::FragmentReport;
use super::stream::{Answer, CourierOptions, News, Order, Stream, StreamRequest};

/// How long the service may be silent while something is owed.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest pause before a second attempt; it doubles with each further one.
const BACK_OFF: Duration = Duration::from_millis(500);

/// A piece of the recording and what came of it.
pub(super) struct Piece {
    /// Its frames in the recording.
    pub(super) frames: Range<usize>,
    /// Its dub, if there is one.
    pub(super) dub: Option<Bytes>,
    /// What is known of it; nothing where the course was interrupted before.
    pub(super) report: Option<FragmentReport>,
}

/// One language's stream.
pub(super) struct Course<'a> {
    recording: &'a Recording,
    stream: Stream,
    pieces: Vec<Piece>,
    /// The engines behind the stages, as the service names them.
    engines: Value,
}

impl<'a> Course<'a> {
    /// Opens the stream.
    ///
    /// # Errors
    /// The service cannot be reached, or does not take such a stream.
    pub(super) async fn open(
        args: &'a DubArgs,
        recording: &'a Recording,
        stretches: &[Range<usize>],
        language: &str,
        voice: &str,
        url: &str,
    ) -> anyhow::Result<Self> {
        let request = StreamRequest {
            url: url.to_owned(),
            token: args.token.clone(),
            stream_id: format!("dub-{}", uuid::Uuid::new_v4()),
            worker_id: "sts-dub".to_owned(),
            source_language: args.from.clone(),
            target_language: language.to_owned(),
            voice_profile: voice.to_owned(),
            chunk_ms: args.cut.chunk_ms,
            spec: recording.spec,
            hints: args.hints.clone(),
        };
        let dispatch =
            DispatchOptions { in_flight: args.in_flight, retries: args.retries, back_off: BACK_OFF, breaker: None };
        let patience = Some(Duration::from_secs(args.patience_s));
        let stream = Stream::open(request, CourierOptions { dispatch, silence: SILENCE, patience }).await?;
        let piece = |frames: &Range<usize>| Piece { frames: frames.clone(), dub: None, report: None };
        Ok(Self { recording, stream, pieces: stretches.iter().map(piece).collect(), engines: Value::Null })
    }

    /// Has every piece dubbed. An interruption ends it with what there is by then, and so does a failure, which is told
    /// beside it: the service was lost for too long. Also told are the engines that did it.
    pub(super) async fn run(
        mut self,
        bar: &ProgressBar,
        interruption: &CancellationToken,
    ) -> (Vec<Piece>, Value, Option<anyhow::Error>) {
        let spec = self.recording.spec;
        for (number, piece) in self.pieces.iter().enumerate() {
            let audio = Bytes::copy_from_slice(self.recording.bytes(&piece.frames));
            let start_ms = spec.duration_ms(piece.frames.start);
            self.stream.order(Order { piece: number as u64, start_ms, audio, deadline: None });
        }
        self.stream.end();
        let failure = loop {
            let news = tokio::select! {
                // Before all else: a service of this process's own hears Ctrl-C too, and leaves.
                biased;
                () = interruption.cancelled() => break None,
                news = self.stream.news() => news,
            };
            match news {
                News::Online { engines, .. } => self.engines = engines,
                News::Decided(decision, answer) => {
                    self.take(decision, answer);
                    bar.inc(1);
                }
                News::Offline { why } => bar.println(format!("the service is away: {why}")),
                News::Standing(_) => {}
                News::Ended(outcome) => break outcome.err(),
            }
        };
        (self.pieces, self.engines, failure)
    }

    fn take(&mut self, decision: Decision, answer: Option<Answer>) {
        let spec = self.recording.spec;
        let Some(piece) = self.pieces.get_mut(decision.piece as usize) else { return };
        let error = match decision.fate {
            Fate::Dubbed => None,
            Fate::Failed(failure) => Some(format!("{} {}", failure.code.as_str(), failure.message)),
            Fate::Late => Some("too late".to_owned()),
        };
        let ms = |duration: Option<Duration>| duration.map_or(f64::NAN, |duration| duration.as_secs_f64() * 1000.0);
        let frames = piece.frames.len();
        let (dub, said) = match answer {
            Some(answer) => (answer.dub.clone().filter(|_| error.is_none()), Some(answer)),
            None => (None, None),
        };
        let dubbed_frames = dub.as_ref().map_or(frames, |dub| dub.len() / spec.bytes_per_frame());
        let text = |of: fn(&Answer) -> &String| said.as_ref().map(of).cloned().unwrap_or_default();
        piece.report = Some(FragmentReport {
            sequence_number: decision.piece,
            status: said.as_ref().map_or_else(|| "failed".to_owned(), |answer| answer.status.clone()),
            transcript: text(|answer| &answer.transcript),
            translated_text: text(|answer| &answer.translated_text),
            original_duration_ms: spec.duration_ms(frames),
            dubbed_duration_ms: spec.duration_ms(dubbed_frames),
            speed_ratio: said.as_ref().and_then(|answer| answer.speed_ratio),
            attempts: decision.attempts,
            ack_ms: ms(decision.acknowledged_after),
            latency_ms: ms(decision.answered_after),
            stage_timings: said.map(|answer| answer.stage_timings).unwrap_or_default(),
            error,
        });
        piece.dub = dub;
    }
}
