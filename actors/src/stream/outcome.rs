//! What became of one fragment, and the event that tells it.

use std::time::Duration;

use bytes::Bytes;
use sts_protocol::{
    Assets, AudioEncoding, AudioPayload, FragmentError, FragmentProcessed, FragmentStatus, Metadata, StageTimings,
};

/// A fragment's result. The audio stays PCM until it is sent, since most results are sent once and dropped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) fragment_id: String,
    pub(super) sequence_number: u64,
    pub(super) status: FragmentStatus,
    pub(super) pcm: Option<Bytes>,
    pub(super) transcript: Option<String>,
    pub(super) translated_text: Option<String>,
    pub(super) translated_by: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) timings: StageTimings,
    pub(super) error: Option<FragmentError>,
    pub(super) processing: Duration,
    pub(super) skipped: Vec<u64>,
}

impl Outcome {
    /// The `fragment:processed` event.
    pub(super) fn message(&self, stream_id: &str, encoding: AudioEncoding) -> FragmentProcessed {
        FragmentProcessed {
            fragment_id: self.fragment_id.clone(),
            stream_id: stream_id.to_owned(),
            sequence_number: self.sequence_number,
            status: self.status,
            dubbed_audio: self.pcm.clone().map(|pcm| AudioPayload::encode(pcm, encoding)),
            transcript: self.transcript.clone(),
            translated_text: self.translated_text.clone(),
            metadata: self.metadata.clone(),
            processing_time_ms: self.processing.as_secs_f64() * 1000.0,
            stage_timings: self.timings.clone(),
            assets: Some(self.assets()),
            error: self.error.clone(),
            skipped: self.skipped.clone(),
        }
    }

    /// Translators may take each other's place from one fragment to the next; the other stages' engines are those of
    /// `stream:ready`.
    fn assets(&self) -> Assets {
        let mut assets = Assets::of(&self.fragment_id, &self.timings);
        if let Some(translation) = &mut assets.translation {
            translation.engine.clone_from(&self.translated_by);
        }
        assets
    }

    /// Bytes of audio that it holds on to.
    pub(super) fn bytes(&self) -> usize {
        self.pcm.as_ref().map_or(0, Bytes::len)
    }
}

/// How a dub is judged: a success when its length is right and its words were spoken within the voice's bounds of
/// rate, a partial when one of the two is off by no more than `partial_max`.
///
/// `variance` is `dub / original − 1`; `overrun` by what fraction the words would have exceeded their slot at the
/// fastest rate. `None` is a mismatch past all bounds.
pub(super) fn judge(variance: f64, overrun: f64, success_max: f64, partial_max: f64) -> Option<FragmentStatus> {
    let worst = variance.abs().max(overrun);
    if worst > partial_max {
        None
    } else if overrun > 0.0 || variance.abs() > success_max {
        Some(FragmentStatus::Partial)
    } else {
        Some(FragmentStatus::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let judged = |variance, overrun| judge(variance, overrun, 0.10, 0.20);
        assert_eq!(judged(0.10, 0.0), Some(FragmentStatus::Success));
        assert_eq!(judged(-0.11, 0.0), Some(FragmentStatus::Partial));
        assert_eq!(judged(0.20, 0.0), Some(FragmentStatus::Partial));
        assert_eq!(judged(0.21, 0.0), None);
        assert_eq!(judged(0.0, 0.05), Some(FragmentStatus::Partial));
        assert_eq!(judged(0.0, 0.25), None);
    }
}
