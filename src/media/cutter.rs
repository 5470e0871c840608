//! Where to cut a programme into fragments: in pauses of speech, as the sound comes.

use std::ops::Range;
use std::path::Path;

use sts_models::EngineError;
use sts_models::engine::RECOGNIZER_RATE_HZ;
use sts_models::resample::resample;
use sts_models::vad::{CHUNK, Vad};

/// How long fragments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutLengths {
    /// None but the last is shorter, ms.
    pub shortest_ms: usize,
    /// From here on the first pause is taken, ms.
    pub wanted_ms: usize,
    /// None is longer, ms.
    pub longest_ms: usize,
}

/// A chunk with less than this probability of speech belongs to a pause.
const PAUSE: f32 = 0.3;
/// Pauses that are taken before the longest length is reached are this long at least, in chunks of 32 ms.
const PAUSE_CHUNKS: usize = 5;
/// Longer ones are no better, in chunks.
const LONG_PAUSE_CHUNKS: usize = 20;
/// Without a detector of speech, a chunk this far below the loudest ones belongs to a pause: 30 dB.
const QUIET: f32 = 1e-3;
/// How often a fragment that is long enough is looked at, ms.
const LOOK_MS: usize = 250;
/// Stretch whose loudness is compared, in samples at 16 kHz: 60 ms.
const STRETCH: usize = 960;
/// How far one stretch is from the next, in samples.
const STEP: usize = 160;

/// Cuts a programme as its sound comes.
pub struct Cutter {
    rate_hz: u32,
    shortest: usize,
    wanted: usize,
    longest: usize,
    vad: Option<Vad>,
    /// What is not cut yet, mono.
    samples: Vec<f32>,
    /// How much of it there was when it was last looked at.
    looked_at: usize,
}

impl Cutter {
    /// A cutter for sound of this rate. With a detector it knows speech from noise; without one it takes what is quiet.
    pub fn new(rate_hz: u32, lengths: CutLengths, vad: Option<Vad>) -> Self {
        let frames = |ms: usize| (ms * rate_hz as usize / 1_000).max(1);
        let longest = frames(lengths.longest_ms);
        let shortest = frames(lengths.shortest_ms).min(longest);
        let wanted = frames(lengths.wanted_ms).clamp(shortest, longest);
        Self { rate_hz, shortest, wanted, longest, vad, samples: Vec::new(), looked_at: 0 }
    }

    /// The detector in this folder of weights.
    ///
    /// # Errors
    /// It is not there, or not sound.
    pub fn detector(models: &Path) -> Result<Vad, EngineError> {
        Vad::load(&models.join("silero-vad"))
    }

    /// Takes samples (mono), and gives the lengths of the fragments that end by them, in frames.
    ///
    /// # Errors
    /// Those of the detector.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<usize>, EngineError> {
        self.samples.extend_from_slice(samples);
        let mut lengths = Vec::new();
        while let Some(length) = self.next()? {
            self.samples.drain(..length);
            self.looked_at = 0;
            lengths.push(length);
        }
        Ok(lengths)
    }

    /// Ends the fragment here, whatever its length; nothing when it is empty.
    pub fn finish(&mut self) -> Option<usize> {
        self.looked_at = 0;
        Some(std::mem::take(&mut self.samples).len()).filter(|length| *length > 0)
    }

    /// Cuts a whole recording (mono) as a live one would be cut: consecutive stretches that cover all of it.
    ///
    /// # Errors
    /// Those of the detector.
    pub fn cut(&mut self, samples: &[f32]) -> Result<Vec<Range<usize>>, EngineError> {
        let mut lengths = Vec::new();
        // A second at a time, so that what is looked at stays short.
        for chunk in samples.chunks(self.rate_hz.max(1) as usize) {
            lengths.extend(self.push(chunk)?);
        }
        lengths.extend(self.finish());
        let mut start = 0;
        let stretch = |length| {
            start += length;
            start - length..start
        };
        Ok(lengths.into_iter().map(stretch).collect())
    }

    fn next(&mut self) -> Result<Option<usize>, EngineError> {
        if self.shortest == self.longest {
            return Ok((self.samples.len() >= self.longest).then_some(self.longest));
        }
        let look = (LOOK_MS * self.rate_hz as usize / 1_000).max(1);
        // As it would have been looked at when it came bit by bit.
        let first = if self.looked_at == 0 { self.wanted } else { self.looked_at + look };
        for length in (first..=self.samples.len().min(self.longest - 1)).step_by(look) {
            self.looked_at = length;
            if let Some(cut) = self.pause_within(length)? {
                return Ok(Some(cut));
            }
        }
        if self.samples.len() < self.longest {
            return Ok(None);
        }
        let cut = self.pause_within(self.longest)?;
        Ok(Some(match cut {
            Some(cut) => cut,
            None => self.quietest_within(self.longest)?,
        }))
    }

    /// The quietest moment of the best pause in the first `length` frames.
    fn pause_within(&mut self, length: usize) -> Result<Option<usize>, EngineError> {
        let heard = Heard::new(&self.samples[..length], self.rate_hz, self.vad.as_mut())?;
        let from = self.at_detectors_rate(self.shortest);
        let Some(pause) = heard.best_pause(from) else { return Ok(None) };
        let quietest = heard.quietest(pause.start.max(from)..pause.end);
        Ok(Some(self.at_own_rate(quietest).clamp(self.shortest, length)))
    }

    fn quietest_within(&mut self, length: usize) -> Result<usize, EngineError> {
        let heard = Heard::new(&self.samples[..length], self.rate_hz, self.vad.as_mut())?;
        let quietest = heard.quietest(self.at_detectors_rate(self.shortest)..heard.samples.len());
        Ok(self.at_own_rate(quietest).clamp(self.shortest, length))
    }

    fn at_detectors_rate(&self, frames: usize) -> usize {
        (frames as u64 * u64::from(RECOGNIZER_RATE_HZ) / u64::from(self.rate_hz)) as usize
    }

    fn at_own_rate(&self, samples: usize) -> usize {
        (samples as u64 * u64::from(self.rate_hz) / u64::from(RECOGNIZER_RATE_HZ)) as usize
    }
}

/// A fragment's sound at 16 kHz, and where speech may be in it.
struct Heard {
    samples: Vec<f32>,
    /// Probability of speech of each chunk.
    speech: Vec<f32>,
}

impl Heard {
    fn new(samples: &[f32], rate_hz: u32, vad: Option<&mut Vad>) -> Result<Self, EngineError> {
        let samples = resample(samples, rate_hz, RECOGNIZER_RATE_HZ);
        let speech = match vad {
            Some(vad) => vad.probabilities(&samples)?,
            None => loudness(&samples),
        };
        Ok(Self { samples, speech })
    }

    /// The longest pause whose middle lies at or after sample `from`; the last of several that are long enough.
    fn best_pause(&self, from: usize) -> Option<Range<usize>> {
        let mut best: Option<Range<usize>> = None;
        let mut begin = None;
        for (chunk, speech) in self.speech.iter().copied().chain([1.0]).enumerate() {
            if speech < PAUSE {
                begin.get_or_insert(chunk);
                continue;
            }
            let Some(pause) = begin.take().map(|begin| begin..chunk) else { continue };
            let is_long_enough = pause.len() >= PAUSE_CHUNKS && (pause.start + pause.end) * CHUNK / 2 >= from;
            let worth = |pause: &Range<usize>| pause.len().min(LONG_PAUSE_CHUNKS);
            if is_long_enough && best.as_ref().is_none_or(|best| worth(&pause) >= worth(best)) {
                best = Some(pause);
            }
        }
        best.map(|pause| pause.start * CHUNK..(pause.end * CHUNK).min(self.samples.len()))
    }

    /// The middle of the quietest stretch within these samples, where sound that may be speech counts for more than it
    /// is loud; their end when there is no room for one. The later one wins a tie, so that digital silence does not
    /// shorten fragments.
    fn quietest(&self, within: Range<usize>) -> usize {
        let mut best = (f32::INFINITY, within.end);
        for start in (within.start..within.end.saturating_sub(STRETCH).max(within.start)).step_by(STEP) {
            let stretch = &self.samples[start..start + STRETCH];
            let middle = start + STRETCH / 2;
            let energy = stretch.iter().map(|sample| sample * sample).sum::<f32>();
            let weight = 0.1 + self.speech.get(middle / CHUNK).copied().unwrap_or(0.0);
            if energy * weight <= best.0 {
                best = (energy * weight, middle);
            }
        }
        best.1
    }
}

/// What stands in for a probability of speech without a detector: 0 for chunks far below the loudest, else 1.
fn loudness(samples: &[f32]) -> Vec<f32> {
    let energies: Vec<f32> =
        samples.chunks(CHUNK).map(|chunk| chunk.iter().map(|s| s * s).sum::<f32>() / chunk.len() as f32).collect();
    let mut sorted = energies.clone();
    sorted.sort_by(f32::total_cmp);
    let loud = sorted.get(sorted.len() * 9 / 10).copied().unwrap_or(0.0);
    energies.into_iter().map(|energy| if energy <= loud * QUIET { 0.0 } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: CutLengths = CutLengths { shortest_ms: 3_000, wanted_ms: 6_000, longest_ms: 8_000 };

    /// Noise of this many milliseconds, with silence in these.
    fn noise(rate_hz: u32, ms: usize, silent_ms: &[Range<usize>]) -> Vec<f32> {
        let mut chance = fastrand::Rng::with_seed(1);
        let per_ms = rate_hz as usize / 1_000;
        (0..ms * per_ms)
            .map(
                |frame| {
                    if silent_ms.iter().any(|range| range.contains(&(frame / per_ms))) {
                        0.0
                    } else {
                        chance.f32() - 0.5
                    }
                },
            )
            .collect()
    }

    fn cuts_ms(samples: &[f32], rate_hz: u32, lengths: CutLengths) -> Vec<usize> {
        let stretches = Cutter::new(rate_hz, lengths, None).cut(samples).expect("without a detector nothing can fail");
        assert_eq!((stretches[0].start, stretches.last().map(|last| last.end)), (0, Some(samples.len())));
        assert!(stretches.windows(2).all(|pair| pair[0].end == pair[1].start), "{stretches:?}");
        stretches.iter().map(|stretch| stretch.end * 1_000 / rate_hz as usize).collect()
    }

    #[test]
    fn cuts_fall_into_pauses() {
        for rate_hz in [16_000, 24_000, 48_000] {
            let pauses = [4_000..4_300, 5_000..5_400, 11_900..12_200];
            let cuts = cuts_ms(&noise(rate_hz, 14_000, &pauses), rate_hz, LENGTHS);
            assert_eq!(cuts.len(), 3, "{cuts:?}");
            assert!(pauses[1].contains(&cuts[0]), "the longer pause is the better: {cuts:?}");
            assert!(pauses[2].contains(&cuts[1]), "past the wanted length: {cuts:?}");
        }
    }

    #[test]
    fn without_a_pause_the_quietest_moment_is_taken_and_never_beyond_the_longest() {
        let mut samples = noise(16_000, 30_000, &[]);
        samples[16_000 * 7..16_000 * 7 + 1_600].iter_mut().for_each(|sample| *sample *= 0.3);
        let cuts = cuts_ms(&samples, 16_000, LENGTHS);
        assert!((7_000..7_100).contains(&cuts[0]), "{cuts:?}");
        assert!(cuts.windows(2).all(|pair| pair[1] - pair[0] <= 8_000), "{cuts:?}");
        assert!(cuts[..cuts.len() - 1].windows(2).all(|pair| pair[1] - pair[0] >= 3_000), "{cuts:?}");
    }

    #[test]
    fn the_way_in_which_sound_comes_makes_no_difference() {
        let samples = noise(16_000, 40_000, &[5_000..5_300, 9_000..9_400, 21_000..21_200, 33_000..34_000]);
        let whole = Cutter::new(16_000, LENGTHS, None).cut(&samples).expect("cut");
        for size in [160, 1_234, 50_000] {
            let mut cutter = Cutter::new(16_000, LENGTHS, None);
            let mut lengths: Vec<usize> =
                samples.chunks(size).flat_map(|chunk| cutter.push(chunk).expect("cut")).collect();
            lengths.extend(cutter.finish());
            assert_eq!(lengths, whole.iter().map(Range::len).collect::<Vec<_>>(), "in chunks of {size}");
        }
    }

    #[test]
    fn equal_lengths_cut_blindly() {
        let lengths = CutLengths { shortest_ms: 6_000, wanted_ms: 6_000, longest_ms: 6_000 };
        assert_eq!(cuts_ms(&noise(16_000, 13_000, &[]), 16_000, lengths), [6_000, 12_000, 13_000]);
    }

    #[test]
    fn short_and_empty_recordings_are_not_cut() {
        let mut cutter = Cutter::new(16_000, LENGTHS, None);
        assert_eq!(cutter.cut(&[0.0; 10]).expect("cut"), vec![0..10]);
        assert!(cutter.cut(&[]).expect("cut").is_empty());
    }

    #[test]
    fn silence_is_cut_as_late_as_it_may_be() {
        let cuts = cuts_ms(&vec![0.0; 16_000 * 20], 16_000, LENGTHS);
        assert!(cuts[0] >= 5_900, "{cuts:?}");
    }
}
