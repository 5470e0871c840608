//! Series of stages: what jobs took, what waits, and who is there to work.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus::{GaugeVec, Histogram, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
use sts_protocol::Stage;

use super::{SECONDS, Series};
use crate::events::LifecycleEvent;
use crate::stage::StageLoad;

/// Why workers are replaced.
const REASONS: [&str; 5] = ["panic", "poisoned", "stuck", "cannot_start", OPERATOR];
const OPERATOR: &str = "operator";

pub(super) struct StageSeries {
    worked: [Histogram; 3],
    queued: HistogramVec,
    batch_size: HistogramVec,
    restarts: IntCounterVec,
    queue_depth: IntGaugeVec,
    queue_capacity: IntGaugeVec,
    oldest_job: GaugeVec,
    workers: IntGaugeVec,
    workers_wanted: IntGaugeVec,
    stuck_threads: IntGaugeVec,
    paused: IntGaugeVec,
    failed_over: IntGaugeVec,
    engines: IntGaugeVec,
    /// What `engines` says now.
    engine_names: Mutex<HashMap<Stage, String>>,
}

impl StageSeries {
    pub(super) fn new(series: &Series) -> Result<Self, prometheus::Error> {
        let stage = &["stage"];
        let queued = ("sts_stage_queue_seconds", "What fragments waited in front of a stage.");
        let batch = ("sts_stage_batch_size", "Fragments in the batch of each fragment.");
        let ages =
            Opts::new("sts_stage_oldest_job_age_seconds", "How long the fragment that waits longest has waited.");
        let stages = Self {
            worked: [
                series.seconds("sts_asr_duration_seconds", "Work of recognition on a fragment, with its batch.")?,
                series.seconds(
                    "sts_translation_duration_seconds",
                    "Work of translation on a fragment, with its batch.",
                )?,
                series.seconds("sts_tts_duration_seconds", "Work of synthesis on a fragment, with its batch.")?,
            ],
            queued: series.histograms(queued, &SECONDS, stage)?,
            batch_size: series.histograms(batch, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], stage)?,
            restarts: series.counters(
                "sts_stage_restarts_total",
                "Workers that were lost, or replaced by an operator.",
                &["stage", "reason"],
            )?,
            queue_depth: series.gauges("sts_stage_queue_depth", "Fragments that wait in front of a stage.", stage)?,
            queue_capacity: series.gauges("sts_stage_queue_capacity", "Fragments that may wait.", stage)?,
            oldest_job: series.add(GaugeVec::new(ages, stage))?,
            workers: series.gauges("sts_stage_workers", "Workers that are warm and alive.", stage)?,
            workers_wanted: series.gauges("sts_stage_workers_wanted", "Workers that there should be.", stage)?,
            stuck_threads: series.gauges(
                "sts_stage_stuck_threads",
                "Threads that hang in an engine and were left behind.",
                stage,
            )?,
            paused: series.gauges("sts_stage_paused", "1 while an operator has jobs held back.", stage)?,
            failed_over: series.gauges(
                "sts_stage_failed_over",
                "1 while a stage's engines are on the CPU as its GPU stays away.",
                stage,
            )?,
            engines: series.gauges(
                "sts_stage_engine_info",
                "The engine at work in a stage; always 1.",
                &["stage", "engine"],
            )?,
            engine_names: Mutex::default(),
        };
        for stage in Stage::ALL {
            stages.failed_over.with_label_values(&[stage.as_str()]).set(0);
            REASONS.iter().for_each(|reason| stages.restarts.with_label_values(&[stage.as_str(), reason]).reset());
        }
        Ok(stages)
    }

    pub(super) fn record(&self, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::StageFinished { stage, queued, worked, batch, .. } => {
                self.worked_in(*stage).observe(worked.as_secs_f64());
                self.queued.with_label_values(&[stage.as_str()]).observe(queued.as_secs_f64());
                self.batch_size.with_label_values(&[stage.as_str()]).observe(*batch as f64);
            }
            LifecycleEvent::WorkerLost { stage, reason, .. } => {
                self.restarts.with_label_values(&[stage.as_str(), reason]).inc();
            }
            LifecycleEvent::StageRestarted { stage, replaced, .. } => {
                self.restarts.with_label_values(&[stage.as_str(), OPERATOR]).inc_by(*replaced as u64);
            }
            LifecycleEvent::StageFailedOver { stage, .. } => {
                self.failed_over.with_label_values(&[stage.as_str()]).set(1);
            }
            LifecycleEvent::StageFailedBack { stage } => {
                self.failed_over.with_label_values(&[stage.as_str()]).set(0);
            }
            _ => {}
        }
    }

    fn worked_in(&self, stage: Stage) -> &Histogram {
        match stage {
            Stage::Asr => &self.worked[0],
            Stage::Translation => &self.worked[1],
            Stage::Tts => &self.worked[2],
        }
    }

    pub(super) fn observe(&self, load: &StageLoad) {
        let stage = load.stage.as_str();
        let set = |gauges: &IntGaugeVec, value: usize| gauges.with_label_values(&[stage]).set(value as i64);
        set(&self.queue_depth, load.queue_depth);
        set(&self.queue_capacity, load.queue_capacity);
        set(&self.workers, load.workers_ready);
        set(&self.workers_wanted, load.workers_wanted);
        set(&self.stuck_threads, load.stuck_threads);
        set(&self.paused, usize::from(load.is_paused));
        let age = load.oldest_job.unwrap_or_default();
        self.oldest_job.with_label_values(&[stage]).set(age.as_secs_f64());
        self.show_engine(load.stage, &load.engine);
    }

    /// Other weights may have another name; the old one's series goes. A name comes from files, and is cut.
    fn show_engine(&self, stage: Stage, engine: &str) {
        let engine = &engine[..engine.floor_char_boundary(100)];
        let mut names = self.engine_names.lock().unwrap_or_else(PoisonError::into_inner);
        if engine.is_empty() || names.get(&stage).is_some_and(|name| name == engine) {
            return;
        }
        if let Some(old) = names.insert(stage, engine.to_owned()) {
            let _ = self.engines.remove_label_values(&[stage.as_str(), &old]);
        }
        self.engines.with_label_values(&[stage.as_str(), engine]).set(1);
    }
}
