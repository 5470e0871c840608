//! The subscriber that counts: lifecycle events in, Prometheus series out.
//!
//! | file | concept |
//! | --- | --- |
//! | `streams.rs` | series of each stream, which leave with it, and of all streams together |
//! | `stages.rs` | series of each stage: work, waiting, workers |
//! | `service.rs` | series of the process: connections, refusals, what was built |

mod service;
mod stages;
mod streams;

use std::sync::Arc;

use actix::{Actor, Context, Handler};
use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};
use prometheus::{Registry, TextEncoder};

use crate::events::LifecycleEvent;
use crate::gpu::GpuSeries;
use crate::registry::{self, ActorKind, Listing, Mailbox, Observed, Registration};
use crate::stage::StageLoad;
use crate::takes_letters;
use crate::translators::TranslatorSeries;

use service::ServiceSeries;
use stages::StageSeries;
use streams::StreamSeries;

const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 4.0, 6.0, 10.0, 30.0];

/// Every series; shared between the actor that fills them and the handler that prints them.
pub struct Metrics {
    registry: Registry,
    streams: StreamSeries,
    stages: StageSeries,
    service: ServiceSeries,
    gpus: GpuSeries,
    translators: TranslatorSeries,
}

impl Metrics {
    /// Registers every series. `version` is that of the program.
    ///
    /// # Errors
    /// A name that Prometheus does not take, or one used twice: a bug.
    pub fn new(version: &str) -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new();
        let series = Series(&registry);
        let metrics = Self {
            streams: StreamSeries::new(&series)?,
            stages: StageSeries::new(&series)?,
            service: ServiceSeries::new(&series, version)?,
            gpus: GpuSeries::new()?,
            translators: TranslatorSeries::new()?,
            registry: registry.clone(),
        };
        metrics.gpus.register(&registry)?;
        metrics.translators.register(&registry)?;
        Ok(Arc::new(metrics))
    }

    /// Adds series that somebody else fills.
    ///
    /// # Errors
    /// There are series of that name already.
    pub fn register(&self, series: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        self.registry.register(series)
    }

    /// Notes a stage's queue and workers, as they are now.
    pub fn observe_stage(&self, load: &StageLoad) {
        self.stages.observe(load);
    }

    /// Every series in Prometheus' text format.
    ///
    /// # Errors
    /// A series that cannot be written: a bug.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn record(&self, event: &LifecycleEvent) {
        self.streams.record(event);
        self.stages.record(event);
        self.service.record(event);
        match event {
            LifecycleEvent::BreakerChanged { engine, level, .. } => self.translators.set_breaker(engine, *level),
            LifecycleEvent::Retranslated { outcome, .. } => self.translators.count_retranslation(*outcome),
            LifecycleEvent::TranslatorUsed { engine, used, limit } => self.translators.set_usage(engine, *used, *limit),
            LifecycleEvent::GpuRead { gpu, reading } => self.gpus.set(*gpu, reading),
            LifecycleEvent::GpuLost { gpu, .. } => self.gpus.forget(*gpu),
            _ => {}
        }
    }
}

/// Makes series and registers them.
struct Series<'a>(&'a Registry);

impl Series<'_> {
    fn add<C: Collector + Clone + 'static>(
        &self,
        series: Result<C, prometheus::Error>,
    ) -> Result<C, prometheus::Error> {
        let series = series?;
        self.0.register(Box::new(series.clone()))?;
        Ok(series)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.add(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn seconds(&self, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec())))
    }

    fn histograms(
        &self,
        (name, help): (&str, &str),
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
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
        serde_json::json!({"streams": self.metrics.streams.open_streams()})
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
mod tests;
