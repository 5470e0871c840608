//! What a worker did, told at its end.

use serde::Serialize;

/// What a worker did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Length of what was put out, ms.
    pub output_ms: f64,
    /// Of that, with a dub, ms.
    pub dubbed_ms: f64,
    /// Of that, the original where there was no dub, ms.
    pub original_ms: f64,
    /// Of that, silence where the input had nothing, ms.
    pub gap_ms: f64,
    /// What no output was there for, or none took before it was lost, ms.
    pub dropped_ms: f64,
    /// Pictures that no output was there for, or that nothing before could be decoded with.
    pub pictures_dropped: u64,
    /// Fragments whose dub was heard.
    pub dubbed: u64,
    /// Fragments whose dub came too late, or that were too late to be sent.
    pub late: u64,
    /// Fragments that failed.
    pub failed: u64,
    /// Fragments without an answer when their time came.
    pub unanswered: u64,
    /// Attempts beyond each fragment's first.
    pub retries: u64,
    /// From sending to the answer: the middle one, ms.
    pub answered_ms_median: f64,
    /// How often the input was lost.
    pub input_lost: u64,
    /// How often the service was lost.
    pub service_lost: u64,
    /// How often the output was lost.
    pub output_lost: u64,
    /// How often a stage's breaker opened.
    pub breakers_opened: u64,
}

impl Report {
    /// For a person.
    pub fn text(&self) -> String {
        let s = |ms: f64| ms / 1_000.0;
        format!(
            "{:.1} s put out: {:.1} s dubbed, {:.1} s original, {:.1} s without input; {:.1} s had no output\n\
             fragments: {} dubbed, {} late, {} failed, {} unanswered; {} retries; median {:.0} ms to an answer\n\
             lost: input {}, service {}, output {}; breakers opened {}",
            s(self.output_ms),
            s(self.dubbed_ms),
            s(self.original_ms),
            s(self.gap_ms),
            s(self.dropped_ms),
            self.dubbed,
            self.late,
            self.failed,
            self.unanswered,
            self.retries,
            self.answered_ms_median,
            self.input_lost,
            self.service_lost,
            self.output_lost,
            self.breakers_opened,
        )
    }
}
