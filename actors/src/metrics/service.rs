//! Series of the process: who is connected, what was refused, and what runs here.

use prometheus::{IntCounterVec, IntGauge};
use sts_protocol::ErrorCode;

use super::Series;
use crate::events::LifecycleEvent;

pub(super) struct ServiceSeries {
    connections: IntGauge,
    draining: IntGauge,
    refusals: IntCounterVec,
}

impl ServiceSeries {
    pub(super) fn new(series: &Series, version: &str) -> Result<Self, prometheus::Error> {
        let service = Self {
            connections: series.gauge("sts_connections", "Workers that are connected.")?,
            draining: series.gauge("sts_draining", "1 once nothing new is taken.")?,
            refusals: series.counters(
                "sts_refusals_total",
                "Connections, messages and fragments that were refused.",
                &["error_code"],
            )?,
        };
        for code in ErrorCode::ALL {
            service.refusals.with_label_values(&[code.as_str()]).reset();
        }
        let build = series.gauges("sts_build_info", "What runs here; always 1.", &["version"])?;
        build.with_label_values(&[version]).set(1);
        #[cfg(target_os = "linux")]
        series.0.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(service)
    }

    pub(super) fn record(&self, event: &LifecycleEvent) {
        match event {
            LifecycleEvent::WorkerConnected { connections, .. }
            | LifecycleEvent::WorkerDisconnected { connections, .. } => self.connections.set(*connections as i64),
            LifecycleEvent::Draining => self.draining.set(1),
            LifecycleEvent::FragmentRefused { code, .. } | LifecycleEvent::Refused { code, .. } => {
                self.refusals.with_label_values(&[code.as_str()]).inc();
            }
            _ => {}
        }
    }
}
