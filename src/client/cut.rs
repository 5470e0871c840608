//! Where to cut a recording into fragments: at the quietest moment near the end of each.

use std::ops::Range;

/// Length of the stretch whose loudness is compared, ms.
const QUIET_MS: usize = 60;

/// Cuts `samples` (mono) into consecutive stretches that cover all of it, none longer than `longest_ms` and, but for
/// the last, none shorter than `shortest_ms`.
pub fn cut(samples: &[f32], rate_hz: u32, shortest_ms: usize, longest_ms: usize) -> Vec<Range<usize>> {
    let frames = |ms: usize| (ms * rate_hz as usize / 1000).max(1);
    let (shortest, longest, quiet) = (frames(shortest_ms.min(longest_ms)), frames(longest_ms), frames(QUIET_MS));
    let mut stretches = Vec::new();
    let mut start = 0;
    while samples.len() - start > longest {
        let end = quietest(samples, start + shortest, start + longest, quiet);
        stretches.push(start..end);
        start = end;
    }
    if start < samples.len() {
        stretches.push(start..samples.len());
    }
    stretches
}

/// The middle of the stretch of `width` samples with the least energy that lies between `from` and `to`; `to` when
/// there is no room for one. The later one wins a tie, so that digital silence does not shorten fragments.
fn quietest(samples: &[f32], from: usize, to: usize, width: usize) -> usize {
    let Some(last) = to.checked_sub(width).filter(|&last| last > from) else { return to };
    let step = (width / 6).max(1);
    let energy = |start: usize| samples[start..start + width].iter().map(|sample| sample * sample).sum::<f32>();
    let mut best = (f32::INFINITY, to);
    for start in (from..=last).step_by(step) {
        let candidate = energy(start);
        if candidate <= best.0 {
            best = (candidate, start + width / 2);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_fall_into_pauses_and_cover_everything() {
        let mut samples = vec![0.5; 16_000 * 10];
        samples[16_000 * 5..16_000 * 5 + 3_200].fill(0.0);
        let stretches = cut(&samples, 16_000, 4_500, 6_000);
        assert_eq!((stretches[0].start, stretches.last().map(|last| last.end)), (0, Some(samples.len())));
        assert!((16_000 * 5..16_000 * 5 + 3_200).contains(&stretches[0].end), "{stretches:?}");
        assert!(stretches.windows(2).all(|pair| pair[0].end == pair[1].start));
    }

    #[test]
    fn equal_bounds_cut_blindly() {
        let stretches = cut(&vec![0.1; 16_000 * 13], 16_000, 6_000, 6_000);
        assert_eq!(stretches, [0..96_000, 96_000..192_000, 192_000..208_000]);
    }

    #[test]
    fn short_and_empty_recordings_are_not_cut() {
        assert_eq!(cut(&[0.0; 10], 16_000, 4_500, 6_000), vec![0..10]);
        assert!(cut(&[], 16_000, 4_500, 6_000).is_empty());
    }
}
