//! Audio longer than Whisper's window is cut where it is quietest.

use std::ops::Range;

use super::mel::WINDOW_SAMPLES;
use crate::engine::RECOGNIZER_RATE_HZ;

/// Where in the end of a window a cut is looked for.
const SEARCH: usize = 6 * RECOGNIZER_RATE_HZ as usize;
/// The stretch whose energy is compared: 100 ms.
const STRETCH: usize = RECOGNIZER_RATE_HZ as usize / 10;

/// Ranges of at most 30 s that follow each other and cover all samples.
pub fn windows(samples: &[f32]) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    let mut start = 0;
    while samples.len() - start > WINDOW_SAMPLES {
        let limit = start + WINDOW_SAMPLES;
        let first = limit - SEARCH;
        let energy = |place: usize| samples[place..place + STRETCH].iter().map(|s| s * s).sum::<f32>();
        let quietest = (first..=limit - STRETCH)
            .step_by(STRETCH / 2)
            .min_by(|&a, &b| energy(a).total_cmp(&energy(b)))
            .map_or(limit, |place| place + STRETCH / 2);
        windows.push(start..quietest);
        start = quietest;
    }
    windows.push(start..samples.len());
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_audio_is_cut_in_its_pause() {
        let second = RECOGNIZER_RATE_HZ as usize;
        let mut samples = vec![0.5f32; 70 * second];
        samples[27 * second..27 * second + 4_800].fill(0.0);
        let cut = windows(&samples);
        assert_eq!(cut.len(), 3);
        assert!((27 * second..27 * second + 4_800).contains(&cut[0].end), "cut at {}", cut[0].end);
        assert!(cut.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(cut.iter().all(|range| range.len() <= WINDOW_SAMPLES));
        assert_eq!((cut[0].start, cut[2].end), (0, samples.len()));
        assert_eq!(windows(&samples[..WINDOW_SAMPLES]), vec![0..WINDOW_SAMPLES]);
    }
}
