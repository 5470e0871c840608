//! The subscriber that counts: lifecycle events in, Prometheus series out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::{Actor, Context, Handler};
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};
use sts_protocol::{FragmentStatus, Stage};

use crate::events::LifecycleEvent;
use crate::gpu::GpuSeries;
use crate::registry::{self, ActorKind, Listing, Mailbox, Observed, Registration};
use crate::takes_letters;
use crate::translators::TranslatorSeries;

const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 4.0, 6.0, 10.0, 30.0];

/// Most streams that have series of their own; those opened past this are counted together, under [`OTHER`].
const MAX_LABELLED_STREAMS: usize = 256;
/// The `stream_id` of all streams without series of their own.
const OTHER: &str = "other";

/// A stream, or several of one id: a stream that takes the place of another may open before that one is closed.
#[derive(Default)]
struct OpenStream {
    count: usize,
    is_labelled: bool,
    in_flight: i64,
}

/// The series of the contract; shared between the actor that fills them and the handler that prints them.
pub struct Metrics {
    registry: Registry,
    processing: HistogramVec,
    stage_seconds: [Histogram; 3],
    in_flight: IntGaugeVec,
    errors: IntCounterVec,
    restarts: IntCounterVec,
    batch_size: HistogramVec,
    queue_depth: IntGaugeVec,
    workers: IntGaugeVec,
    skipped: GaugeVec,
    failed_over: IntGaugeVec,
    gpus: GpuSeries,
    translators: TranslatorSeries,
    /// Streams that are open, by id. Only the subscriber locks this.
    streams: Mutex<HashMap<Arc<str>, OpenStream>>,
}

impl Metrics {
    /// Registers every series.
    ///
    /// # Errors
    /// A name that Prometheus does not take, or one used twice: a bug.
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        let seconds = |name: &str, help: &str| HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let stage_seconds = |name: &str, help: &str| Histogram::with_opts(seconds(name, help));
        let metrics = Self {
            registry: Registry::new(),
            processing: HistogramVec::new(
                seconds(
                    "sts_fragment_processing_seconds",
                    "From a fragment's acceptance to the emission of its result.",
                ),
                &["status", "stream_id"],
            )?,
            stage_seconds: [
                stage_seconds("sts_asr_duration_seconds", "Work on one recognition batch.")?,
                stage_seconds("sts_translation_duration_seconds", "Work on one translation batch.")?,
                stage_seconds("sts_tts_duration_seconds", "Work on one synthesis batch.")?,
            ],
            in_flight: IntGaugeVec::new(
                Opts::new("sts_fragments_in_flight", "Fragments accepted and not yet answered."),
                &["stream_id"],
            )?,
            errors: IntCounterVec::new(
                Opts::new("sts_fragment_errors_total", "Fragments that failed."),
                &["stage", "error_code"],
            )?,
            restarts: IntCounterVec::new(
                Opts::new("sts_stage_restarts_total", "Workers lost and replaced."),
                &["stage", "reason"],
            )?,
            batch_size: HistogramVec::new(
                HistogramOpts::new("sts_stage_batch_size", "Jobs in a batch.")
                    .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0]),
                &["stage"],
            )?,
            queue_depth: IntGaugeVec::new(Opts::new("sts_stage_queue_depth", "Jobs that wait."), &["stage"])?,
            workers: IntGaugeVec::new(Opts::new("sts_stage_workers", "Workers that are warm and alive."), &["stage"])?,
            skipped: GaugeVec::new(
                Opts::new("sts_sequence_gaps_skipped", "Sequence numbers given up, of streams now open."),
                &["stream_id"],
            )?,
            failed_over: IntGaugeVec::new(
                Opts::new("sts_stage_failed_over", "1 while a stage's engines are on the CPU as its GPU stays away."),
                &["stage"],
            )?,
            gpus: GpuSeries::new()?,
            translators: TranslatorSeries::new()?,
            streams: Mutex::default(),
        };
        metrics.register_all()?;
        metrics.gpus.register(&metrics.registry)?;
        metrics.registry.register(Box::new(metrics.failed_over.clone()))?;
        Stage::ALL.iter().for_each(|stage| metrics.failed_over.with_label_values(&[stage.as_str()]).set(0));
        metrics.translators.register(&metrics.registry)?;
        Ok(Arc::new(metrics))
    }

    /// Adds series that somebody else fills.
    ///
    /// # Errors
    /// There are series of that name already.
    pub fn register(&self, series: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        self.registry.register(series)
    }

    fn register_all(&self) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(self.processing.clone()))?;
        for histogram in &self.stage_seconds {
            self.registry.register(Box::new(histogram.clone()))?;
        }
        self.registry.register(Box::new(self.in_flight.clone()))?;
        self.registry.register(Box::new(self.errors.clone()))?;
        self.registry.register(Box::new(self.restarts.clone()))?;
        self.registry.register(Box::new(self.batch_size.clone()))?;
        self.registry.register(Box::new(self.queue_depth.clone()))?;
        self.registry.register(Box::new(self.workers.clone()))?;
        self.registry.register(Box::new(self.skipped.clone()))
    }

    /// Notes a stage's queue and workers, as they are now.
    pub fn observe_stage(&self, stage: Stage, queue_depth: usize, workers: usize) {
        self.queue_depth.with_label_values(&[stage.as_str()]).set(queue_depth as i64);
        self.workers.with_label_values(&[stage.as_str()]).set(workers as i64);
    }

    /// Every series in Prometheus' text format.
    ///
    /// # Errors
    /// A series that cannot be written: a bug.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn stage_histogram(&self, stage: Stage) -> &Histogram {
        match stage {
            Stage::Asr => &self.stage_seconds[0],
            Stage::Translation => &self.stage_seconds[1],
            Stage::Tts => &self.stage_seconds[2],
        }
    }

    fn record(&self, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::StreamOpened { stream_id, .. } => self.open(stream_id),
            LifecycleEvent::FragmentReceived { stream_id, in_flight, .. } => {
                self.set_in_flight(stream_id, *in_flight as i64);
            }
            LifecycleEvent::StageFinished { stage, worked, batch, .. } => {
                self.stage_histogram(*stage).observe(worked.as_secs_f64());
                self.batch_size.with_label_values(&[stage.as_str()]).observe(*batch as f64);
            }
            LifecycleEvent::FragmentProcessed { stream_id, status, processing, failure, in_flight, .. } => {
                let labels = [status.as_str(), self.label(stream_id)];
                self.processing.with_label_values(&labels).observe(processing.as_secs_f64());
                self.set_in_flight(stream_id, *in_flight as i64);
                if let Some((stage, code)) = failure {
                    self.errors.with_label_values(&[stage.as_str(), code.as_str()]).inc();
                }
            }
            LifecycleEvent::GapSkipped { stream_id, count } => {
                self.skipped.with_label_values(&[self.label(stream_id)]).add(*count as f64);
            }
            LifecycleEvent::WorkerLost { stage, reason, .. } => {
                self.restarts.with_label_values(&[stage.as_str(), reason]).inc();
            }
            LifecycleEvent::StreamClosed { stream_id, .. } => self.close(stream_id),
            LifecycleEvent::StageFailedOver { stage, .. } => {
                self.failed_over.with_label_values(&[stage.as_str()]).set(1);
            }
            LifecycleEvent::StageFailedBack { stage } => {
                self.failed_over.with_label_values(&[stage.as_str()]).set(0);
            }
            LifecycleEvent::BreakerChanged { engine, level, .. } => self.translators.set_breaker(engine, *level),
            LifecycleEvent::TranslatorUsed { engine, used, limit } => self.translators.set_usage(engine, *used, *limit),
            LifecycleEvent::GpuRead { gpu, reading } => self.gpus.set(*gpu, reading),
            LifecycleEvent::GpuLost { gpu, .. } => self.gpus.forget(*gpu),
            _ => {}
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Arc<str>, OpenStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, stream_id: &Arc<str>) {
        let mut streams = self.streams();
        let labelled = streams.values().filter(|stream| stream.is_labelled).count();
        let stream = streams.entry(Arc::clone(stream_id)).or_default();
        stream.count += 1;
        stream.is_labelled |= labelled < MAX_LABELLED_STREAMS && stream.count == 1 && &**stream_id != OTHER;
    }

    /// The label of a stream's series: its own while it is open, so that no late event brings a series back.
    fn label<'a>(&self, stream_id: &'a str) -> &'a str {
        if self.streams().get(stream_id).is_some_and(|stream| stream.is_labelled) { stream_id } else { OTHER }
    }

    fn set_in_flight(&self, stream_id: &str, in_flight: i64) {
        let mut streams = self.streams();
        let Some(stream) = streams.get_mut(stream_id) else { return };
        if stream.is_labelled {
            self.in_flight.with_label_values(&[stream_id]).set(in_flight);
        } else {
            self.in_flight.with_label_values(&[OTHER]).add(in_flight - stream.in_flight);
        }
        stream.in_flight = in_flight;
    }

    /// Drops a stream's series. Removing one that never was is no error.
    fn close(&self, stream_id: &str) {
        let mut streams = self.streams();
        let Some(stream) = streams.get_mut(stream_id) else { return };
        stream.count -= 1;
        if stream.count > 0 {
            return;
        }
        if stream.is_labelled {
            let _ = self.in_flight.remove_label_values(&[stream_id]);
            let _ = self.skipped.remove_label_values(&[stream_id]);
            for status in [FragmentStatus::Success, FragmentStatus::Partial, FragmentStatus::Failed] {
                let _ = self.processing.remove_label_values(&[status.as_str(), stream_id]);
            }
        } else if stream.in_flight != 0 {
            self.in_flight.with_label_values(&[OTHER]).sub(stream.in_flight);
        }
        streams.remove(stream_id);
    }
}

/// Listens to lifecycle events and counts them.
pub struct MetricsActor {
    metrics: Arc<Metrics>,
    _registration: Registration,
}

/// Bursts of events wait here.
const MAILBOX: usize = 1_024;

impl MetricsActor {
    /// Starts it.
    pub fn start_with(registry: &registry::Registry, metrics: Arc<Metrics>) -> Mailbox<Self> {
        let listing = Listing::new("metrics", ActorKind::Subscriber, MAILBOX);
        registry.start(listing, |registration| Self { metrics, _registration: registration })
    }
}

impl Actor for MetricsActor {
    type Context = Context<Self>;
}

impl Observed for MetricsActor {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({"streams": self.metrics.streams().len()})
    }
}

takes_letters!(MetricsActor);

impl Handler<LifecycleEvent> for MetricsActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        self.metrics.record(&event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use sts_protocol::ErrorCode;

    fn processed(stream: &str) -> LifecycleEvent {
        LifecycleEvent::FragmentProcessed {
            stream_id: stream.into(),
            fragment_id: "f".into(),
            sequence_number: 0,
            status: FragmentStatus::Success,
            processing: Duration::from_millis(900),
            failure: None,
            in_flight: 0,
        }
    }

    fn opened(stream: &str) -> LifecycleEvent {
        LifecycleEvent::StreamOpened { stream_id: stream.into(), worker_id: "w".into() }
    }

    fn received(stream: &str, in_flight: usize) -> LifecycleEvent {
        LifecycleEvent::FragmentReceived {
            stream_id: stream.into(),
            fragment_id: "f".into(),
            sequence_number: 0,
            in_flight,
        }
    }

    fn skipped(stream: &str) -> LifecycleEvent {
        LifecycleEvent::GapSkipped { stream_id: stream.into(), count: 2 }
    }

    fn closed(stream: &str) -> LifecycleEvent {
        LifecycleEvent::StreamClosed { stream_id: stream.into(), reason: "ended" }
    }

    fn after(events: &[LifecycleEvent]) -> String {
        let metrics = Metrics::new().expect("names are valid");
        events.iter().for_each(|event| metrics.record(event));
        metrics.encode().expect("encodes")
    }

    #[test]
    fn a_streams_series_leave_with_it() {
        let life = |stream| [opened(stream), received(stream, 1), skipped(stream), processed(stream)];
        let open = after(&[life("one"), life("two")].concat());
        for series in [
            r#"sts_fragments_in_flight{stream_id="one"} 0"#,
            r#"sts_sequence_gaps_skipped{stream_id="one"} 2"#,
            r#"sts_fragment_processing_seconds_count{status="success",stream_id="one"} 1"#,
        ] {
            assert!(open.contains(series), "{series} is missing in {open}");
        }
        let text = after(&[&life("one")[..], &life("two"), &[closed("one")]].concat());
        assert!(!text.contains(r#"stream_id="one""#) && text.contains(r#"stream_id="two""#), "{text}");
    }

    #[test]
    fn no_late_event_brings_a_series_back() {
        let text = after(&[opened("one"), closed("one"), received("one", 3), processed("one"), skipped("one")]);
        assert!(!text.contains(r#"stream_id="one""#), "{text}");
        assert!(!text.contains("sts_fragments_in_flight{"), "nothing is in flight: {text}");
        assert!(text.contains(r#"_count{status="success",stream_id="other"} 1"#), "it is counted all the same: {text}");
    }

    #[test]
    fn a_stream_that_takes_anothers_place_keeps_its_series() {
        let events = [opened("one"), opened("one"), closed("one"), received("one", 2)];
        assert!(after(&events).contains(r#"sts_fragments_in_flight{stream_id="one"} 2"#));
        assert!(!after(&[&events[..], &[closed("one")]].concat()).contains(r#"stream_id="one""#));
    }

    #[test]
    fn streams_past_the_bound_are_counted_together() {
        let many: Vec<String> = (0..MAX_LABELLED_STREAMS + 3).map(|index| format!("stream-{index}")).collect();
        let mut events: Vec<_> = many.iter().flat_map(|stream| [opened(stream), received(stream, 2)]).collect();
        let labelled = |text: &str| text.matches("sts_fragments_in_flight{stream_id=\"stream-").count();
        let text = after(&events);
        assert_eq!(labelled(&text), MAX_LABELLED_STREAMS);
        assert!(text.contains(r#"sts_fragments_in_flight{stream_id="other"} 6"#), "{text}");
        events.extend(many.iter().map(|stream| closed(stream)));
        let text = after(&events);
        assert_eq!(labelled(&text), 0);
        assert!(text.contains(r#"sts_fragments_in_flight{stream_id="other"} 0"#), "{text}");
    }

    #[test]
    fn a_stream_that_is_called_other_is_one_of_them() {
        let text = after(&[opened("other"), received("other", 1), opened("one"), received("one", 1), closed("other")]);
        assert!(text.contains(r#"sts_fragments_in_flight{stream_id="other"} 0"#), "{text}");
    }

    #[test]
    fn stages_and_failures_are_counted() {
        let finished = LifecycleEvent::StageFinished {
            stage: Stage::Translation,
            stream_id: "one".into(),
            fragment_id: "f".into(),
            sequence_number: 0,
            queued: Duration::ZERO,
            worked: Duration::from_millis(20),
            batch: 3,
            failure: None,
        };
        let LifecycleEvent::FragmentProcessed {
            stream_id, fragment_id, sequence_number, processing, in_flight, ..
        } = processed("one")
        else {
            unreachable!("that is what it makes")
        };
        let failed = LifecycleEvent::FragmentProcessed {
            stream_id,
            fragment_id,
            sequence_number,
            status: FragmentStatus::Failed,
            processing,
            failure: Some((Stage::Asr, ErrorCode::Timeout)),
            in_flight,
        };
        let lost = LifecycleEvent::WorkerLost { stage: Stage::Tts, reason: "panic", error: String::new() };
        let opened_breaker =
            LifecycleEvent::BreakerChanged { engine: "deepl".into(), state: "open", level: 2, reason: String::new() };
        let used = LifecycleEvent::TranslatorUsed { engine: "deepl".into(), used: 7, limit: 500_000 };
        let text = after(&[opened("one"), finished, failed, lost, opened_breaker, used]);
        for series in [
            "sts_translation_duration_seconds_count 1",
            r#"sts_stage_batch_size_sum{stage="translation"} 3"#,
            r#"sts_fragment_errors_total{error_code="TIMEOUT",stage="asr"} 1"#,
            r#"sts_stage_restarts_total{reason="panic",stage="tts"} 1"#,
            r#"sts_translator_breaker_state{engine="deepl"} 2"#,
            r#"sts_translator_characters_used{engine="deepl"} 7"#,
            r#"sts_translator_characters_limit{engine="deepl"} 500000"#,
        ] {
            assert!(text.contains(series), "{series} is missing in {text}");
        }
    }
}
