//! Puts spoken words where they were planned to be, to the sample.

use super::{Grid, Plan};

/// What is quieter than the loudest stretch by this factor is silence: −34 dB.
const SILENCE: f32 = 0.02;
/// Samples over which loudness is measured: 5 ms at 24 kHz.
const STRETCH: usize = 120;
/// Samples over which a cut edge is faded: 4 ms at 24 kHz, so that it does not click.
const FADE: usize = 96;
/// Silence kept around what is heard, samples: soft beginnings and ends belong to the sound.
const MARGIN: usize = 480;

/// Words in their slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Exactly as many samples as the plan says.
    pub samples: Vec<f32>,
    /// When something is first heard, ms from the slot's start.
    pub onset_ms: f64,
    /// How long it is heard, ms.
    pub spoken_ms: f64,
}

/// Puts what was spoken into the slot, so that it is first heard when the plan says, or as much earlier as is
/// needed for its end to be heard too.
///
/// A voice begins a token a little before or after the token's frames; so the beginning is looked for in the
/// sound and not in the plan.
pub fn place(spoken: &[f32], plan: &Plan, grid: Grid) -> Placed {
    let mut samples = vec![0.0; plan.samples];
    let Some((first, last)) = heard(spoken) else {
        return Placed { samples, onset_ms: grid.ms(plan.onset as f64), spoken_ms: 0.0 };
    };
    let length = (last - first).min(plan.samples);
    let onset = plan.onset.min(plan.samples - length);
    let before = MARGIN.min(first).min(onset);
    let after = MARGIN.min(spoken.len() - first - length).min(plan.samples - onset - length);
    let cut = &spoken[first - before..first + length + after];
    let room = &mut samples[onset - before..onset + length + after];
    room.copy_from_slice(cut);
    fade_edges(room);
    Placed { samples, onset_ms: grid.ms(onset as f64), spoken_ms: grid.ms(length as f64) }
}

/// The first and one past the last sample of what is heard; nothing when all is silent.
pub fn heard(samples: &[f32]) -> Option<(usize, usize)> {
    let power: Vec<f32> = samples
        .chunks(STRETCH)
        .map(|stretch| stretch.iter().map(|sample| sample * sample).sum::<f32>() / STRETCH as f32)
        .collect();
    let loudest = power.iter().copied().fold(0.0, f32::max);
    if loudest == 0.0 {
        return None;
    }
    let threshold = loudest * SILENCE * SILENCE;
    let first = power.iter().position(|&power| power > threshold)?;
    let last = power.iter().rposition(|&power| power > threshold)?;
    Some((first * STRETCH, ((last + 1) * STRETCH).min(samples.len())))
}

fn fade_edges(samples: &mut [f32]) {
    let length = FADE.min(samples.len() / 2);
    let end = samples.len();
    for index in 0..length {
        let gain = (index as f32 + 0.5) / length as f32;
        samples[index] *= gain;
        samples[end - 1 - index] *= gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { rate_hz: 24_000, frame: 600 };

    fn plan(onset: usize, samples: usize) -> Plan {
        Plan { frames: Vec::new(), onset, samples, speed_ratio: 1.0, overrun: 0.0 }
    }

    /// A tone between two silences.
    fn tone(before: usize, length: usize, after: usize) -> Vec<f32> {
        let tone = (0..length).map(|index| (index as f32 * 0.2).sin());
        std::iter::repeat_n(0.0, before).chain(tone).chain(std::iter::repeat_n(0.0, after)).collect()
    }

    #[test]
    fn what_is_heard_begins_where_it_was_planned() {
        let placed = place(&tone(5000, 12_000, 3000), &plan(24_000, 144_000), GRID);
        assert_eq!(placed.samples.len(), 144_000);
        let (first, last) = heard(&placed.samples).expect("a tone");
        assert!(first.abs_diff(24_000) <= STRETCH, "begins at {first}");
        assert!((last - first).abs_diff(12_000) <= 2 * STRETCH, "lasts {}", last - first);
        assert!((placed.onset_ms - 1000.0).abs() < 1e-9);
        assert!((placed.spoken_ms - 500.0).abs() <= 10.0);
    }

    #[test]
    fn it_moves_forward_rather_than_lose_its_end() {
        let placed = place(&tone(0, 12_000, 0), &plan(10_000, 14_400), GRID);
        let (_, last) = heard(&placed.samples).expect("a tone");
        assert!(last > 14_400 - 2 * STRETCH, "the end was lost: {last}");
        assert!(placed.onset_ms <= 100.0 + 1e-9);
    }

    #[test]
    fn more_than_the_slot_is_cut_without_a_click() {
        let placed = place(&tone(0, 30_000, 0), &plan(0, 24_000), GRID);
        assert_eq!(placed.samples.len(), 24_000);
        assert!(placed.samples[0].abs() < 0.02 && placed.samples[23_999].abs() < 0.02);
        assert!(placed.samples[12_000..12_100].iter().any(|sample| sample.abs() > 0.9));
    }

    #[test]
    fn silence_stays_silence() {
        let placed = place(&[0.0; 1000], &plan(500, 2000), GRID);
        assert_eq!(placed.samples, vec![0.0; 2000]);
        assert_eq!(placed.spoken_ms, 0.0);
        assert_eq!(place(&[], &plan(0, 0), GRID).samples.len(), 0);
    }
}
