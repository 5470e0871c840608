//! Lifecycle events to spans: one for each fragment; under it, for each stage, one of its waiting and one of its work;
//! and one of the wait for its turn to leave.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use sts_actors::events::LifecycleEvent;
use sts_protocol::{ErrorCode, FragmentStatus, Stage, TraceContext};
use uuid::Uuid;

use super::export::Export;

/// A fragment whose result has not left yet.
struct OpenFragment {
    trace: TraceContext,
    span_id: SpanId,
    accepted_at: SystemTime,
    /// When the last stage was done with it.
    worked_until: SystemTime,
    /// How often workers began with it in the present stage.
    attempts: i64,
}

/// Makes spans.
pub(super) struct Spans {
    export: Arc<Export>,
    scope: InstrumentationScope,
    /// By stream and number. As many as fragments are in flight.
    open: HashMap<(Arc<str>, u64), OpenFragment>,
}

impl Spans {
    pub(super) fn new(export: Arc<Export>) -> Self {
        let scope = InstrumentationScope::builder("sts").with_version(env!("CARGO_PKG_VERSION")).build();
        Self { export, scope, open: HashMap::new() }
    }

    pub(super) fn open_fragments(&self) -> usize {
        self.open.len()
    }

    pub(super) fn note(&mut self, event: &LifecycleEvent, now: SystemTime) {
        match event {
            LifecycleEvent::FragmentReceived { stream_id, sequence_number, trace: Some(trace), .. }
                if trace.is_sampled =>
            {
                let (trace, span_id) = (*trace, new_span_id());
                let fragment = OpenFragment { trace, span_id, accepted_at: now, worked_until: now, attempts: 0 };
                self.open.insert((Arc::clone(stream_id), *sequence_number), fragment);
            }
            LifecycleEvent::StageStarted { stream_id, sequence_number, .. } => {
                if let Some(fragment) = self.open.get_mut(&(Arc::clone(stream_id), *sequence_number)) {
                    fragment.attempts += 1;
                }
            }
            LifecycleEvent::StageFinished {
                stream_id, sequence_number, stage, queued, worked, batch, failure, ..
            } => {
                let key = (Arc::clone(stream_id), *sequence_number);
                self.stage_finished(&key, *stage, (*queued, *worked), *batch, *failure, now);
            }
            LifecycleEvent::FragmentProcessed { stream_id, fragment_id, sequence_number, status, failure, .. } => {
                let Some(fragment) = self.open.remove(&(Arc::clone(stream_id), *sequence_number)) else { return };
                let mut attributes = vec![
                    KeyValue::new("sts.stream_id", stream_id.to_string()),
                    KeyValue::new("sts.fragment_id", fragment_id.to_string()),
                    KeyValue::new("sts.sequence_number", i64::try_from(*sequence_number).unwrap_or(i64::MAX)),
                ];
                attributes.push(KeyValue::new("sts.status", status.as_str()));
                let failure = failure.map(|(stage, code)| {
                    attributes.push(KeyValue::new("sts.stage", stage.as_str()));
                    code
                });
                self.child(&fragment, "reorder", (fragment.worked_until, now), Vec::new(), None);
                self.root(&fragment, now, attributes, failure, *status);
            }
            LifecycleEvent::StreamClosed { stream_id, .. } => self.open.retain(|(stream, _), _| stream != stream_id),
            _ => {}
        }
    }

    fn stage_finished(
        &mut self,
        key: &(Arc<str>, u64),
        stage: Stage,
        (queued, worked): (Duration, Duration),
        batch: usize,
        failure: Option<ErrorCode>,
        now: SystemTime,
    ) {
        let Some(fragment) = self.open.get_mut(key) else { return };
        let attempts = std::mem::take(&mut fragment.attempts);
        let began = (now - worked).max(fragment.worked_until);
        let came = (began - queued).max(fragment.worked_until);
        fragment.worked_until = now;
        let Some(fragment) = self.open.get(key) else { return };
        let of_stage = KeyValue::new("sts.stage", stage.as_str());
        let work = vec![
            of_stage.clone(),
            KeyValue::new("sts.batch_size", i64::try_from(batch).unwrap_or(i64::MAX)),
            KeyValue::new("sts.attempts", attempts),
        ];
        let (queue_name, work_name) = match stage {
            Stage::Asr => ("asr.queue", "asr.work"),
            Stage::Translation => ("translation.queue", "translation.work"),
            Stage::Tts => ("tts.queue", "tts.work"),
        };
        self.child(fragment, queue_name, (came, began), vec![of_stage], None);
        self.child(fragment, work_name, (began, now), work, failure);
    }

    fn child(
        &self,
        fragment: &OpenFragment,
        name: &'static str,
        (start, end): (SystemTime, SystemTime),
        attributes: Vec<KeyValue>,
        failure: Option<ErrorCode>,
    ) {
        let parent = (fragment.span_id, false);
        let span = (new_span_id(), name, SpanKind::Internal);
        self.send(fragment.trace, span, parent, (start, end), attributes, failure);
    }

    fn root(
        &self,
        fragment: &OpenFragment,
        end: SystemTime,
        attributes: Vec<KeyValue>,
        failure: Option<ErrorCode>,
        status: FragmentStatus,
    ) {
        let remote = fragment.trace.parent_id.map(|id| SpanId::from_bytes(id.to_be_bytes()));
        let parent = (remote.unwrap_or(SpanId::INVALID), remote.is_some());
        let failure = failure.or((status == FragmentStatus::Failed).then_some(ErrorCode::Internal));
        let span = (fragment.span_id, "fragment", SpanKind::Server);
        self.send(fragment.trace, span, parent, (fragment.accepted_at, end), attributes, failure);
    }

    fn send(
        &self,
        trace: TraceContext,
        (span_id, name, span_kind): (SpanId, &'static str, SpanKind),
        (parent_span_id, parent_span_is_remote): (SpanId, bool),
        (start_time, end_time): (SystemTime, SystemTime),
        mut attributes: Vec<KeyValue>,
        failure: Option<ErrorCode>,
    ) {
        let status = match failure {
            None => Status::Unset,
            Some(code) => {
                attributes.push(KeyValue::new("error.type", code.as_str()));
                Status::error(code.as_str())
            }
        };
        let trace_id = TraceId::from_bytes(trace.trace_id.to_be_bytes());
        self.export.take(SpanData {
            span_context: SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id,
            parent_span_is_remote,
            span_kind,
            name: name.into(),
            start_time,
            end_time: end_time.max(start_time),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// A random id: half of a random UUID, the one whose first bits say which variant it is, and which is thus never 0.
fn new_span_id() -> SpanId {
    SpanId::from_bytes(Uuid::new_v4().as_u64_pair().1.to_be_bytes())
}
