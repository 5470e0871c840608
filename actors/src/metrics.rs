//! The subscriber that counts: lifecycle events in, Prometheus series out.

use std::sync::Arc;

use actix::{Actor, Context, Handler};
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use sts_protocol::{FragmentStatus, Stage};

use crate::events::LifecycleEvent;

const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 4.0, 6.0, 10.0, 30.0];

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
        };
        metrics.register()?;
        Ok(Arc::new(metrics))
    }

    fn register(&self) -> Result<(), prometheus::Error> {
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
            LifecycleEvent::FragmentReceived { stream_id, in_flight, .. } => {
                self.in_flight.with_label_values(&[&**stream_id]).set(*in_flight as i64);
            }
            LifecycleEvent::StageFinished { stage, worked, batch, .. } => {
                self.stage_histogram(*stage).observe(worked.as_secs_f64());
                self.batch_size.with_label_values(&[stage.as_str()]).observe(*batch as f64);
            }
            LifecycleEvent::FragmentProcessed { stream_id, status, processing, failure, in_flight, .. } => {
                let labels = [status.as_str(), &**stream_id];
                self.processing.with_label_values(&labels).observe(processing.as_secs_f64());
                self.in_flight.with_label_values(&[&**stream_id]).set(*in_flight as i64);
                if let Some((stage, code)) = failure {
                    self.errors.with_label_values(&[stage.as_str(), code.as_str()]).inc();
                }
            }
            LifecycleEvent::GapSkipped { stream_id, count } => {
                self.skipped.with_label_values(&[&**stream_id]).add(*count as f64);
            }
            LifecycleEvent::WorkerLost { stage, reason, .. } => {
                self.restarts.with_label_values(&[stage.as_str(), reason]).inc();
            }
            LifecycleEvent::StreamClosed { stream_id, .. } => self.forget(stream_id),
            _ => {}
        }
    }

    /// Drops a stream's series. Removing one that never was is no error.
    fn forget(&self, stream_id: &str) {
        let _ = self.in_flight.remove_label_values(&[stream_id]);
        let _ = self.skipped.remove_label_values(&[stream_id]);
        for status in [FragmentStatus::Success, FragmentStatus::Partial, FragmentStatus::Failed] {
            let _ = self.processing.remove_label_values(&[status.as_str(), stream_id]);
        }
    }
}

/// Listens to lifecycle events and counts them.
pub struct MetricsActor(pub Arc<Metrics>);

impl Actor for MetricsActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(1024);
    }
}

impl Handler<LifecycleEvent> for MetricsActor {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        self.0.record(&event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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

    #[test]
    fn a_streams_series_leave_with_it() {
        let metrics = Metrics::new().expect("names are valid");
        metrics.record(&processed("one"));
        metrics.record(&processed("two"));
        assert!(metrics.encode().expect("encodes").contains(r#"stream_id="one""#));
        metrics.record(&LifecycleEvent::StreamClosed { stream_id: "one".into(), reason: "ended" });
        let text = metrics.encode().expect("encodes");
        assert!(!text.contains(r#"stream_id="one""#) && text.contains(r#"stream_id="two""#));
    }
}
