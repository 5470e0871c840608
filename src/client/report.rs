//! report.json, and the table on the screen.

use std::collections::BTreeMap;

use comfy_table::{Cell, ContentArrangement, Table, presets};
use serde::Serialize;

/// What became of one fragment.
#[derive(Clone, Debug, Serialize)]
pub struct FragmentReport {
    /// Its place.
    pub sequence_number: u64,
    /// `success`, `partial` or `failed`.
    pub status: String,
    /// What was said.
    pub transcript: String,
    /// The same in the target language.
    pub translated_text: String,
    /// Length of the original, ms.
    pub original_duration_ms: f64,
    /// Length of the dub, ms; of the original that stands in for it, when there is none.
    pub dubbed_duration_ms: f64,
    /// Speaking rate, when something was spoken.
    pub speed_ratio: Option<f64>,
    /// How often it was tried.
    pub attempts: usize,
    /// From sending to acknowledgement, ms.
    pub ack_ms: f64,
    /// From sending to result, ms.
    pub latency_ms: f64,
    /// The service's own account of the time in each stage, ms.
    pub stage_timings: BTreeMap<String, f64>,
    /// Code and message, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Sums over a recording.
#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    /// Fragments sent.
    pub fragments: usize,
    /// How many succeeded.
    pub success: usize,
    /// How many are partial.
    pub partial: usize,
    /// How many failed.
    pub failed: usize,
    /// Length of the recording, ms.
    pub original_duration_ms: f64,
    /// Length of the dub, ms.
    pub dubbed_duration_ms: f64,
    /// Largest difference between a fragment and its dub, ms.
    pub worst_fragment_difference_ms: f64,
    /// From first sending to last result, ms.
    pub elapsed_ms: f64,
    /// Length of the recording over the time that it took.
    pub speed_factor: f64,
    /// Median of `ack_ms`.
    pub ack_ms_median: f64,
    /// Median of `latency_ms`.
    pub latency_ms_median: f64,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One entry a fragment, in order.
    pub fragments: Vec<FragmentReport>,
    /// Sums.
    pub totals: Totals,
    /// The engines that did it.
    pub engines: serde_json::Value,
}

/// The middle value; 0 of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

impl Report {
    /// A report over these fragments.
    pub fn new(fragments: Vec<FragmentReport>, elapsed_ms: f64, engines: serde_json::Value) -> Self {
        let count = |status: &str| fragments.iter().filter(|fragment| fragment.status == status).count();
        let original_duration_ms: f64 = fragments.iter().map(|fragment| fragment.original_duration_ms).sum();
        let totals = Totals {
            fragments: fragments.len(),
            success: count("success"),
            partial: count("partial"),
            failed: count("failed"),
            original_duration_ms,
            dubbed_duration_ms: fragments.iter().map(|fragment| fragment.dubbed_duration_ms).sum(),
            worst_fragment_difference_ms: fragments
                .iter()
                .map(|fragment| (fragment.dubbed_duration_ms - fragment.original_duration_ms).abs())
                .fold(0.0, f64::max),
            elapsed_ms,
            speed_factor: if elapsed_ms > 0.0 { original_duration_ms / elapsed_ms } else { 0.0 },
            ack_ms_median: median(fragments.iter().map(|fragment| fragment.ack_ms)),
            latency_ms_median: median(fragments.iter().map(|fragment| fragment.latency_ms)),
        };
        Self { fragments, totals, engines }
    }

    /// The table on the screen.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header([
            "#",
            "status",
            "said",
            "dubbed",
            "original ms",
            "dub ms",
            "rate",
            "asr ms",
            "transl. ms",
            "tts ms",
            "latency ms",
        ]);
        for fragment in &self.fragments {
            let stage = |name: &str| fragment.stage_timings.get(name).map_or("–".to_owned(), |ms| format!("{ms:.0}"));
            table.add_row([
                Cell::new(fragment.sequence_number),
                Cell::new(&fragment.status),
                Cell::new(&fragment.transcript),
                Cell::new(fragment.error.as_ref().unwrap_or(&fragment.translated_text)),
                Cell::new(format!("{:.1}", fragment.original_duration_ms)),
                Cell::new(format!("{:.1}", fragment.dubbed_duration_ms)),
                Cell::new(fragment.speed_ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"))),
                Cell::new(stage("asr_ms")),
                Cell::new(stage("translation_ms")),
                Cell::new(stage("tts_ms")),
                Cell::new(format!("{:.0}", fragment.latency_ms)),
            ]);
        }
        let totals = &self.totals;
        format!(
            "{table}\n{} fragments: {} success, {} partial, {} failed\n\
             original {:.1} ms, dub {:.1} ms, largest difference of a fragment {:.1} ms\n\
             done in {:.1} s ({:.2} × real time); median ack {:.1} ms, median latency {:.0} ms",
            totals.fragments,
            totals.success,
            totals.partial,
            totals.failed,
            totals.original_duration_ms,
            totals.dubbed_duration_ms,
            totals.worst_fragment_difference_ms,
            totals.elapsed_ms / 1000.0,
            totals.speed_factor,
            totals.ack_ms_median,
            totals.latency_ms_median,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), 2.5);
        assert_eq!(median([9.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
