//! Series of streams and their fragments. So many streams have series of their own, and those leave with the stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGaugeVec};
use sts_protocol::{FragmentStatus, Severity};

use super::{SECONDS, Series};
use crate::events::LifecycleEvent;

/// Most streams that have series of their own; those opened past this are counted together, under [`OTHER`].
pub(super) const MAX_LABELLED_STREAMS: usize = 256;
/// The `stream_id` of all streams without series of their own.
const OTHER: &str = "other";
const STATUSES: [FragmentStatus; 3] = [FragmentStatus::Success, FragmentStatus::Partial, FragmentStatus::Failed];
/// What a stream can be doing; `detached` goes before the others.
const STATES: [&str; 4] = ["active", "paused", "ending", "detached"];

/// A stream, or several of one id: a stream that takes the place of another may open before that one is closed.
struct OpenStream {
    count: usize,
    is_labelled: bool,
    in_flight: i64,
    state: &'static str,
    is_detached: bool,
    severity: Severity,
}

impl OpenStream {
    fn new(is_labelled: bool) -> Self {
        Self { count: 1, is_labelled, in_flight: 0, state: STATES[0], is_detached: false, severity: Severity::Low }
    }

    fn shown_state(&self) -> &'static str {
        if self.is_detached { "detached" } else { self.state }
    }
}

pub(super) struct StreamSeries {
    processing: HistogramVec,
    in_flight: IntGaugeVec,
    received: IntCounter,
    processed: IntCounterVec,
    errors: IntCounterVec,
    skipped: IntCounter,
    by_state: IntGaugeVec,
    by_severity: IntGaugeVec,
    /// Streams that are open, by id. Only the subscriber locks this.
    open: Mutex<HashMap<Arc<str>, OpenStream>>,
}

impl StreamSeries {
    pub(super) fn new(series: &Series) -> Result<Self, prometheus::Error> {
        let processing = (
            "sts_fragment_processing_seconds",
            "From a fragment's acceptance to the emission of its result, of streams now open.",
        );
        let streams = Self {
            processing: series.histograms(processing, &SECONDS, &["status", "stream_id"])?,
            in_flight: series.gauges(
                "sts_fragments_in_flight",
                "Fragments accepted and not yet answered.",
                &["stream_id"],
            )?,
            received: series.counter("sts_fragments_received_total", "Fragments accepted.")?,
            processed: series.counters("sts_fragments_processed_total", "Fragments answered.", &["status"])?,
            errors: series.counters(
                "sts_fragment_errors_total",
                "Fragments that failed, by the stage that they failed in.",
                &["stage", "error_code"],
            )?,
            skipped: series
                .counter("sts_sequence_numbers_skipped_total", "Sequence numbers that never came and were given up.")?,
            by_state: series.gauges("sts_streams", "Streams that are open.", &["state"])?,
            by_severity: series.gauges(
                "sts_backpressure_streams",
                "Streams that are open, by the level of load that they were told.",
                &["severity"],
            )?,
            open: Mutex::default(),
        };
        // Series that are there from the start: a counter's first step is seen, and a sum over none is 0.
        STATUSES.iter().for_each(|status| streams.processed.with_label_values(&[status.as_str()]).reset());
        streams.show(&HashMap::new());
        Ok(streams)
    }

    pub(super) fn record(&self, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::StreamOpened { stream_id, .. } => self.open(stream_id),
            LifecycleEvent::StreamChanged { stream_id, state } => self.change(stream_id, |stream| stream.state = state),
            LifecycleEvent::StreamAttached { stream_id, .. } => {
                self.change(stream_id, |stream| stream.is_detached = false)
            }
            LifecycleEvent::StreamDetached { stream_id } => self.change(stream_id, |stream| stream.is_detached = true),
            LifecycleEvent::BackpressureChanged { stream_id, severity, .. } => {
                self.change(stream_id, |stream| stream.severity = *severity);
            }
            LifecycleEvent::FragmentReceived { stream_id, in_flight, .. } => {
                self.received.inc();
                self.set_in_flight(stream_id, *in_flight as i64);
            }
            LifecycleEvent::FragmentProcessed { stream_id, status, processing, failure, in_flight, .. } => {
                let labels = [status.as_str(), self.label(stream_id)];
                self.processing.with_label_values(&labels).observe(processing.as_secs_f64());
                self.processed.with_label_values(&[status.as_str()]).inc();
                self.set_in_flight(stream_id, *in_flight as i64);
                if let Some((stage, code)) = failure {
                    self.errors.with_label_values(&[stage.as_str(), code.as_str()]).inc();
                }
            }
            LifecycleEvent::GapSkipped { count, .. } => self.skipped.inc_by(*count as u64),
            LifecycleEvent::StreamClosed { stream_id, .. } => self.close(stream_id),
            _ => {}
        }
    }

    pub(super) fn open_streams(&self) -> usize {
        self.streams().len()
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Arc<str>, OpenStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, stream_id: &Arc<str>) {
        let mut streams = self.streams();
        let labelled = streams.values().filter(|stream| stream.is_labelled).count();
        let may_be_labelled = labelled < MAX_LABELLED_STREAMS && &**stream_id != OTHER;
        match streams.get_mut(stream_id) {
            Some(stream) => *stream = OpenStream { count: stream.count + 1, ..OpenStream::new(stream.is_labelled) },
            None => drop(streams.insert(Arc::clone(stream_id), OpenStream::new(may_be_labelled))),
        }
        self.show(&streams);
    }

    fn change(&self, stream_id: &str, change: impl FnOnce(&mut OpenStream)) {
        let mut streams = self.streams();
        if let Some(stream) = streams.get_mut(stream_id) {
            change(stream);
            self.show(&streams);
        }
    }

    /// How many streams are in each state, and told of each level.
    fn show(&self, streams: &HashMap<Arc<str>, OpenStream>) {
        for state in STATES {
            let count = streams.values().filter(|stream| stream.shown_state() == state).count();
            self.by_state.with_label_values(&[state]).set(count as i64);
        }
        for severity in [Severity::Low, Severity::Medium, Severity::High] {
            let count = streams.values().filter(|stream| stream.severity == severity).count();
            self.by_severity.with_label_values(&[severity.as_str()]).set(count as i64);
        }
    }

    /// A stream that has been closed has no label of its own any more, whatever is still heard of it.
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
            for status in STATUSES {
                let _ = self.processing.remove_label_values(&[status.as_str(), stream_id]);
            }
        } else if stream.in_flight != 0 {
            self.in_flight.with_label_values(&[OTHER]).sub(stream.in_flight);
        }
        streams.remove(stream_id);
        self.show(&streams);
    }
}
