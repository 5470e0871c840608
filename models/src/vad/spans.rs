//! Probabilities of speech to stretches of speech.

use std::ops::Range;

use super::CHUNK;
use crate::engine::RECOGNIZER_RATE_HZ;

/// When a stretch counts as speech.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VadOptions {
    /// A probability from here on begins speech.
    pub begin_threshold: f32,
    /// A probability below this one ends it; lower than the first, so that speech does not flicker.
    pub end_threshold: f32,
    /// Before a pause counts as over, the probability must have been as high as this once: a breath or a
    /// change of the background reaches the first threshold, hardly this one.
    pub peak_threshold: f32,
    /// Shorter stretches are dropped, ms.
    pub min_speech_ms: f64,
    /// Shorter pauses are bridged, ms.
    pub min_silence_ms: f64,
    /// Speech may begin or end so much beyond the chunks that were found, ms, as far as the signal stands out
    /// of the background there.
    pub reach_ms: f64,
}

impl Default for VadOptions {
    fn default() -> Self {
        Self {
            begin_threshold: 0.5,
            end_threshold: 0.35,
            peak_threshold: 0.8,
            min_speech_ms: 96.0,
            min_silence_ms: 250.0,
            reach_ms: 160.0,
        }
    }
}

fn samples_of(ms: f64) -> usize {
    (ms * f64::from(RECOGNIZER_RATE_HZ) / 1000.0).round() as usize
}

/// Stretches of speech in samples, in order and apart from each other.
pub(super) fn spans(probabilities: &[f32], samples: &[f32], options: &VadOptions) -> Vec<Range<usize>> {
    let gap = samples_of(options.min_silence_ms);
    let coarse: Vec<Range<usize>> = bridge(runs(probabilities, samples.len(), gap, options), gap)
        .into_iter()
        .filter(|span| span.len() >= samples_of(options.min_speech_ms))
        .collect();
    let edges = Edges::new(samples, samples_of(options.reach_ms));
    let refined = coarse.into_iter().map(|span| edges.begin(span.start)..edges.end(span.end).max(span.start)).collect();
    bridge(refined, 1)
}

/// Runs of chunks with speech, by the thresholds. A run without a peak is kept only as the tail of one that is
/// less than `gap` samples before it.
fn runs(probabilities: &[f32], length: usize, gap: usize, options: &VadOptions) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut keep = |run: Range<usize>| {
        let peaks = probabilities[run.clone()].iter().any(|&probability| probability >= options.peak_threshold);
        let samples = run.start * CHUNK..(run.end * CHUNK).min(length);
        if peaks || found.last().is_some_and(|last| samples.start < last.end + gap) {
            found.push(samples);
        }
    };
    let mut began: Option<usize> = None;
    for (chunk, &probability) in probabilities.iter().enumerate() {
        match began {
            None if probability >= options.begin_threshold => began = Some(chunk),
            Some(first) if probability < options.end_threshold => {
                keep(first..chunk);
                began = None;
            }
            _ => {}
        }
    }
    if let Some(first) = began {
        keep(first..probabilities.len());
    }
    found
}

/// Joins stretches that are less than `gap` samples apart.
fn bridge(spans: Vec<Range<usize>>, gap: usize) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start < last.end + gap => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

/// Moves the edges of speech from the grid of chunks to where the signal rises out of its background.
struct Edges {
    /// Energy of each stretch of [`Edges::STEP`] samples.
    energies: Vec<f32>,
    /// Steps by which an edge may move outwards.
    reach: usize,
    length: usize,
}

impl Edges {
    /// 5 ms.
    const STEP: usize = RECOGNIZER_RATE_HZ as usize / 200;
    /// Steps beyond an edge whose median energy is the background there: 200 ms.
    const BACKGROUND: usize = 40;
    /// Speech is at least so many times stronger than the background: 9 dB.
    const RISE: f32 = 8.0;
    /// No background is quieter than this: −75 dBFS.
    const QUIETEST: f32 = 3.2e-8;
    /// Breaks in a rise that do not end it, in steps.
    const BREAK: usize = 2;

    fn new(samples: &[f32], reach: usize) -> Self {
        let energy = |part: &[f32]| part.iter().map(|s| s * s).sum::<f32>() / part.len() as f32;
        let energies = samples.chunks(Self::STEP).map(energy).collect();
        Self { energies, reach: reach / Self::STEP, length: samples.len() }
    }

    /// What the energy must exceed to stand out of these steps.
    fn threshold(&self, background: Range<usize>) -> f32 {
        let steps = background.start.min(self.energies.len())..background.end.min(self.energies.len());
        let mut energies = self.energies[steps].to_vec();
        energies.sort_by(f32::total_cmp);
        energies.get(energies.len() / 2).copied().unwrap_or(0.0).max(Self::QUIETEST) * Self::RISE
    }

    fn stands_out(&self, step: usize, threshold: f32) -> bool {
        self.energies.get(step).is_some_and(|&energy| energy > threshold)
    }

    /// The speech that was found to begin at `sample` begins here.
    fn begin(&self, sample: usize) -> usize {
        let found = sample / Self::STEP;
        let threshold = self.threshold(found.saturating_sub(Self::BACKGROUND)..found);
        let within_chunk = found..found + CHUNK / Self::STEP;
        let rises = within_chunk.clone().find(|&step| self.stands_out(step, threshold)).unwrap_or(found);
        if rises > found {
            return rises * Self::STEP;
        }
        let mut begin = found;
        for step in (found.saturating_sub(self.reach)..found).rev() {
            if self.stands_out(step, threshold) {
                begin = step;
            } else if begin - step > Self::BREAK {
                break;
            }
        }
        begin * Self::STEP
    }

    /// The speech that was found to end at `sample` ends here.
    fn end(&self, sample: usize) -> usize {
        let found = sample / Self::STEP;
        let threshold = self.threshold(found..found + Self::BACKGROUND);
        let mut end = found;
        for step in found..found + self.reach {
            if self.stands_out(step, threshold) {
                end = step + 1;
            } else if step - end > Self::BREAK {
                break;
            }
        }
        (end * Self::STEP).max(sample).min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities and a signal that agree: a tone where the probability is high.
    fn signal(probabilities: &[f32]) -> Vec<f32> {
        let loud = |chunk: usize| if probabilities[chunk] >= 0.5 { 0.1 } else { 0.0 };
        (0..probabilities.len() * CHUNK).map(|i| loud(i / CHUNK) * (i as f32 * 0.3).sin()).collect()
    }

    #[test]
    fn speech_does_not_flicker_and_short_pauses_are_bridged() {
        let mut probabilities = vec![0.0; 60];
        probabilities[10..20].fill(0.9);
        probabilities[14] = 0.4;
        probabilities[24..30].fill(0.8);
        probabilities[50..58].fill(0.9);
        let found = spans(&probabilities, &signal(&probabilities), &VadOptions::default());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].start.abs_diff(10 * CHUNK) <= Edges::STEP && found[0].end.abs_diff(30 * CHUNK) <= Edges::STEP);
        assert!(found[1].start.abs_diff(50 * CHUNK) <= Edges::STEP && found[1].end.abs_diff(58 * CHUNK) <= Edges::STEP);
    }

    #[test]
    fn a_click_is_no_speech_and_speech_at_the_end_lasts_to_the_end() {
        let mut probabilities = vec![0.0; 40];
        probabilities[5..7].fill(0.9);
        probabilities[30..40].fill(0.9);
        let samples = &signal(&probabilities)[..40 * CHUNK - 100];
        let found = spans(&probabilities, samples, &VadOptions::default());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].end, samples.len());
        assert!(spans(&[], &[], &VadOptions::default()).is_empty());
    }

    #[test]
    fn an_onset_before_its_chunk_is_found() {
        let mut probabilities = vec![0.0; 40];
        probabilities[20..30].fill(0.9);
        let mut samples = signal(&probabilities);
        let onset = 20 * CHUNK - 800;
        for (i, sample) in samples[onset..20 * CHUNK].iter_mut().enumerate() {
            *sample = 0.05 * (i as f32 * 0.9).sin();
        }
        let found = spans(&probabilities, &samples, &VadOptions::default());
        assert!(found[0].start.abs_diff(onset) <= 2 * Edges::STEP, "{} instead of {onset}", found[0].start);
    }
}
