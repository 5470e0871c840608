//! The worker's own metrics, and where they are read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use sts_models::translate::breaker::BreakerState;
use sts_protocol::{Action, Stage};
use tokio::net::TcpListener;

use crate::client::Standing;

/// A part of the way that can be lost and come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The source.
    Input,
    /// The service.
    Service,
    /// The target.
    Output,
}

impl Part {
    /// Its name as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Service => "service",
            Self::Output => "output",
        }
    }
}

/// Seconds that answers take, and that are left when they come.
const SECONDS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0];

/// The worker's metrics.
pub struct Metrics {
    registry: Registry,
    /// Pieces by what was heard of them: `dubbed`, `late`, `failed`, `unanswered`.
    pub fragments: IntCounterVec,
    /// From sending to the answer.
    pub answered: Histogram,
    /// What was left of a piece's time when its dub came.
    pub slack: Histogram,
    /// Frames of sound, by what became of them.
    pub frames: IntCounterVec,
    retries: IntCounter,
    lost: IntCounterVec,
    up: IntGaugeVec,
    breakers: IntGaugeVec,
    in_flight: IntGauge,
    queued: IntGauge,
    backpressure: IntGauge,
    is_well: AtomicBool,
}

impl Metrics {
    /// Metrics that count from 0.
    ///
    /// # Errors
    /// Two have one name.
    pub fn new() -> anyhow::Result<Arc<Self>> {
        let vec = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauges = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let histogram =
            |name: &str, help: &str| Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.into()));
        let metrics = Self {
            registry: Registry::new(),
            fragments: vec(
                "sts_worker_fragments_total",
                "Fragments by what was heard of them when their time came",
                &["outcome"],
            )?,
            answered: histogram("sts_worker_fragment_seconds", "From sending a fragment to its answer")?,
            slack: histogram("sts_worker_slack_seconds", "Time left until a fragment was due when its dub came")?,
            frames: vec("sts_worker_frames_total", "Frames of sound, by what became of them", &["what"])?,
            retries: IntCounter::new("sts_worker_retries_total", "Attempts beyond each fragment's first")?,
            lost: vec("sts_worker_lost_total", "How often a part of the way was lost", &["part"])?,
            up: gauges("sts_worker_up", "Whether a part of the way is there", &["part"])?,
            breakers: gauges(
                "sts_worker_breaker_state",
                "Whether fragments are sent for all a stage did: 0 closed, 1 half-open, 2 open",
                &["stage"],
            )?,
            in_flight: IntGauge::new("sts_worker_fragments_in_flight", "Fragments without an answer")?,
            queued: IntGauge::new("sts_worker_fragments_queued", "Fragments that wait to be sent")?,
            backpressure: IntGauge::new(
                "sts_worker_backpressure",
                "What the service asks for: 0 nothing, 1 to slow down, 2 to pause",
            )?,
            is_well: AtomicBool::new(false),
        };
        let Self { registry, fragments, answered, slack, frames, retries, lost, up, breakers, .. } = &metrics;
        registry.register(Box::new(fragments.clone()))?;
        registry.register(Box::new(answered.clone()))?;
        registry.register(Box::new(slack.clone()))?;
        registry.register(Box::new(frames.clone()))?;
        registry.register(Box::new(retries.clone()))?;
        registry.register(Box::new(lost.clone()))?;
        registry.register(Box::new(up.clone()))?;
        registry.register(Box::new(breakers.clone()))?;
        for gauge in [&metrics.in_flight, &metrics.queued, &metrics.backpressure] {
            registry.register(Box::new(gauge.clone()))?;
        }
        // What never happened is 0, not absent: a rate begins with a first value.
        for outcome in ["dubbed", "failed", "late", "unanswered"] {
            metrics.fragments.with_label_values(&[outcome]).reset();
        }
        for what in ["received", "dubbed", "original", "gap", "dropped"] {
            metrics.frames.with_label_values(&[what]).reset();
        }
        for stage in Stage::ALL {
            metrics.breakers.with_label_values(&[stage.as_str()]).set(0);
        }
        for part in [Part::Input, Part::Service, Part::Output] {
            metrics.lost.with_label_values(&[part.as_str()]).reset();
            metrics.set_up(part, false);
        }
        Ok(Arc::new(metrics))
    }

    /// A part of the way is there, or is not.
    pub fn set_up(&self, part: Part, is_up: bool) {
        self.up.with_label_values(&[part.as_str()]).set(i64::from(is_up));
        let up = |part: Part| self.up.with_label_values(&[part.as_str()]).get() == 1;
        self.is_well.store(up(Part::Input) && up(Part::Output), Ordering::Relaxed);
    }

    /// A part of the way was lost.
    pub fn lose(&self, part: Part) {
        self.set_up(part, false);
        self.lost.with_label_values(&[part.as_str()]).inc();
    }

    /// How often a part was lost.
    pub fn times_lost(&self, part: Part) -> u64 {
        self.lost.with_label_values(&[part.as_str()]).get()
    }

    /// How things stand with the service.
    pub fn stand(&self, standing: &Standing) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.in_flight.set(count(standing.in_flight));
        self.queued.set(count(standing.queued));
        self.retries.inc_by(standing.retries.saturating_sub(self.retries.get()));
        self.backpressure.set(match standing.action {
            Action::None => 0,
            Action::SlowDown => 1,
            Action::Pause => 2,
        });
        for stage in Stage::ALL {
            let state = standing.breakers.get(&stage).copied().unwrap_or(BreakerState::Closed);
            let number = match state {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open => 2,
            };
            self.breakers.with_label_values(&[stage.as_str()]).set(number);
        }
    }

    /// Attempts beyond each fragment's first.
    pub fn retries(&self) -> u64 {
        self.retries.get()
    }

    fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

/// Serves `/metrics` and `/health` until it is dropped, and says where.
///
/// # Errors
/// The address cannot be had.
pub async fn serve(metrics: Arc<Metrics>, address: &str) -> anyhow::Result<(SocketAddr, tokio::task::JoinSet<()>)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("--metrics-addr {address}"))?;
    let bound = listener.local_addr()?;
    let health = Arc::clone(&metrics);
    let router = Router::new()
        .route("/metrics", get(move || async move { metrics.text() }))
        .route(
            "/health",
            get(move || async move {
                match health.is_well.load(Ordering::Relaxed) {
                    true => (StatusCode::OK, "{\"status\":\"ok\"}"),
                    false => (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"input or output is away\"}"),
                }
            }),
        )
        .layer(tower_http::timeout::TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            Duration::from_secs(10),
        ));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        // A listener that is open does not fail.
        let _ = axum::serve(listener, router).await;
    });
    Ok((bound, tasks))
}
