//! What a stream counts for its `stream:complete`.

use std::collections::BTreeMap;
use std::time::Duration;

use sts_protocol::{FragmentError, FragmentStatus, StreamComplete};

use super::observation::FragmentCounts;

/// Running totals of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    success: u64,
    partial: u64,
    failed: u64,
    skipped: u64,
    processing: Duration,
    errors: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Statistics {
    /// Counts one answered fragment.
    pub fn record(&mut self, status: FragmentStatus, processing: Duration, error: Option<&FragmentError>) {
        match status {
            FragmentStatus::Success => self.success += 1,
            FragmentStatus::Partial => self.partial += 1,
            FragmentStatus::Failed => self.failed += 1,
        }
        self.processing += processing;
        if let Some(error) = error {
            let by_code = self.errors.entry(error.stage.as_str().to_owned()).or_default();
            *by_code.entry(error.code.as_str().to_owned()).or_default() += 1;
        }
    }

    /// Counts sequence numbers that were given up.
    pub fn skip(&mut self, count: usize) {
        self.skipped += count as u64;
    }

    /// How many fared how. What was received is counted elsewhere.
    pub fn counts(&self) -> FragmentCounts {
        let Self { success, partial, failed, skipped, .. } = *self;
        FragmentCounts { received: 0, success, partial, failed, skipped }
    }

    /// The `stream:complete` event.
    pub fn complete(&self) -> StreamComplete {
        let total_fragments = self.success + self.partial + self.failed;
        let total_ms = self.processing.as_secs_f64() * 1000.0;
        StreamComplete {
            total_fragments,
            success_count: self.success,
            partial_count: self.partial,
            failed_count: self.failed,
            avg_processing_time_ms: if total_fragments == 0 { 0.0 } else { total_ms / total_fragments as f64 },
            error_breakdown: self.errors.clone(),
        }
    }
}
