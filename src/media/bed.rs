//! The original under its dub.

use anyhow::Context as _;
use ebur128::{EbuR128, Mode};

/// What becomes of the original where there is a dub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BedMode {
    /// It is gone.
    None,
    /// It is quieter while the dub speaks.
    Duck,
    /// It stays as loud as it is.
    Keep,
}

/// How the original lies under the dub.
#[derive(Clone, Copy, Debug)]
pub struct BedSettings {
    /// What becomes of it.
    pub mode: BedMode,
    /// Its gain while the dub speaks, dB.
    pub duck_db: f64,
    /// How soon it gets there, ms.
    pub attack_ms: f64,
    /// How soon it is back, ms.
    pub release_ms: f64,
}

/// The dub counts as speaking above this level, dB below full scale …
const SPEAKING_DB: f64 = -45.0;
/// … and for as long as this after, so that the bed does not swell between words, ms.
const HOLD_MS: f64 = 300.0;
/// How a dub fades in and out at the ends of its piece, ms: its first and last samples need not be zero.
const FADE_MS: f64 = 5.0;
/// How soon the original goes where it is not wanted at all, and comes where there is no dub, ms.
const SWITCH_MS: f64 = 20.0;
/// How far a dub's loudness is moved at most, dB.
const MOST_GAIN_DB: f64 = 12.0;
/// How soon the mix is as loud as it was after a peak that had no room, ms.
const RECOVERY_MS: f64 = 200.0;

/// Mixes a programme piece by piece; levels go over from each piece to the next without a jump.
pub struct Bed {
    settings: BedSettings,
    channels: usize,
    rate_hz: f64,
    original: EbuR128,
    dub: EbuR128,
    /// The original's gain at the end of what was mixed.
    gain: f64,
    /// The dub's.
    dub_gain: Option<f64>,
    /// Frames for which the bed stays down.
    hold: usize,
    /// The gain of the whole, less than 1 after a peak that had no room.
    limit: f64,
}

impl Bed {
    /// A bed for sound of this shape.
    ///
    /// # Errors
    /// No loudness can be measured in such sound.
    pub fn new(settings: BedSettings, sample_rate_hz: u32, channels: u16) -> anyhow::Result<Self> {
        let meter = || {
            EbuR128::new(u32::from(channels), sample_rate_hz, Mode::I | Mode::HISTOGRAM).context("a meter of loudness")
        };
        Ok(Self {
            settings,
            channels: usize::from(channels),
            rate_hz: f64::from(sample_rate_hz),
            original: meter()?,
            dub: meter()?,
            gain: 1.0,
            dub_gain: None,
            hold: 0,
            limit: 1.0,
        })
    }

    /// The original of a piece with its dub; the original alone where there is none. Both are interleaved, and the
    /// shorter of the two is as if silence followed.
    ///
    /// # Errors
    /// Loudness cannot be measured.
    pub fn mix(&mut self, original: &[i16], dub: Option<&[i16]>) -> anyhow::Result<Vec<i16>> {
        let frames = original.len() / self.channels;
        let Some(dub) = dub else {
            let mut alone = Vec::with_capacity(original.len());
            (0..frames).for_each(|frame| self.frame(original, &[], frame, false, 0.0, &mut alone));
            return Ok(alone);
        };
        self.original.add_frames_i16(original)?;
        self.dub.add_frames_i16(dub)?;
        let wanted = self.wanted_dub_gain();
        let from = *self.dub_gain.get_or_insert(wanted);
        let fade = (FADE_MS * self.rate_hz / 1_000.0).max(1.0);
        let mut mixed = Vec::with_capacity(original.len());
        for frame in 0..frames {
            let edge = (frame.min(frames - 1 - frame) as f64 / fade).min(1.0);
            let gain = (from + (wanted - from) * frame as f64 / frames as f64) * edge;
            self.frame(original, dub, frame, true, gain, &mut mixed);
        }
        self.dub_gain = Some(wanted);
        Ok(mixed)
    }

    /// The gain that makes the dub as loud as the original has been (EBU R128, integrated, gated).
    fn wanted_dub_gain(&self) -> f64 {
        match (self.original.loudness_global(), self.dub.loudness_global()) {
            (Ok(original), Ok(dub)) if original.is_finite() && dub.is_finite() => {
                amplitude((original - dub).clamp(-MOST_GAIN_DB, MOST_GAIN_DB))
            }
            // Of silence there is none.
            _ => self.dub_gain.unwrap_or(1.0),
        }
    }

    fn frame(
        &mut self,
        original: &[i16],
        dub: &[i16],
        frame: usize,
        is_dubbed: bool,
        dub_gain: f64,
        mixed: &mut Vec<i16>,
    ) {
        let range = frame * self.channels..(frame + 1) * self.channels;
        let dub = dub.get(range.clone()).unwrap_or_default();
        let loudest = dub.iter().map(|sample| f64::from(*sample).abs() / 32_768.0).fold(0.0, f64::max) * dub_gain;
        if loudest > amplitude(SPEAKING_DB) {
            self.hold = (HOLD_MS * self.rate_hz / 1_000.0) as usize;
        }
        self.hold = self.hold.saturating_sub(1);
        let BedSettings { mode, duck_db, attack_ms, release_ms } = self.settings;
        let (target, down_ms, up_ms) = match (mode, is_dubbed) {
            (BedMode::Keep, _) | (_, false) => {
                (1.0, SWITCH_MS, if mode == BedMode::Duck { release_ms } else { SWITCH_MS })
            }
            (BedMode::None, true) => (0.0, SWITCH_MS, SWITCH_MS),
            (BedMode::Duck, true) if self.hold > 0 => (amplitude(duck_db), attack_ms, release_ms),
            (BedMode::Duck, true) => (1.0, attack_ms, release_ms),
        };
        let time_ms = if target < self.gain { down_ms } else { up_ms };
        // Exponential: 95 % of the way within the time.
        self.gain += (target - self.gain) * (1.0 - (-3_000.0 / (time_ms.max(0.1) * self.rate_hz)).exp());
        if (target - self.gain).abs() < 1e-6 {
            self.gain = target;
        }
        let gain = self.gain;
        let sum = |channel: usize, sample: i16| {
            f64::from(sample) * gain + dub.get(channel).map_or(0.0, |sample| f64::from(*sample) * dub_gain)
        };
        let original = &original[range];
        let peak = original.iter().enumerate().map(|(channel, sample)| sum(channel, *sample).abs()).fold(0.0, f64::max);
        self.limit += (1.0 - self.limit) * (1.0 - (-3_000.0 / (RECOVERY_MS * self.rate_hz)).exp());
        self.limit = self.limit.min(f64::from(i16::MAX) / peak.max(f64::from(i16::MAX)));
        let limit = self.limit;
        mixed.extend(
            original.iter().enumerate().map(|(channel, sample)| (sum(channel, *sample) * limit).round() as i16),
        );
    }
}

/// Samples as the bed takes them, of bytes as they travel.
pub fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn amplitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 16_000;

    fn tone(frames: usize, start: usize, hz: f64, level: f64) -> Vec<i16> {
        let angle = |frame: usize| std::f64::consts::TAU * hz * (start + frame) as f64 / f64::from(RATE_HZ);
        (0..frames).map(|frame| (angle(frame).sin() * level * 32_767.0) as i16).collect()
    }

    fn bed(mode: BedMode) -> Bed {
        let settings = BedSettings { mode, duck_db: -12.0, attack_ms: 80.0, release_ms: 400.0 };
        Bed::new(settings, RATE_HZ, 1).expect("a bed")
    }

    fn level(samples: &[i16]) -> f64 {
        let sum: f64 = samples.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
        10.0 * (2.0 * sum / samples.len() as f64).log10()
    }

    /// The greatest step between neighbours.
    fn steepest(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or_default()
    }

    #[test]
    fn the_original_alone_passes_as_it_is() {
        let original = tone(16_000, 0, 200.0, 0.5);
        for mode in [BedMode::None, BedMode::Duck, BedMode::Keep] {
            let mixed = bed(mode).mix(&original, None).expect("mixed");
            let worst = mixed.iter().zip(&original).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
            assert!(worst <= Some(1), "{mode:?}: {worst:?}");
        }
    }

    #[test]
    fn the_original_is_gone_ducked_or_kept_while_the_dub_speaks() {
        let (original, silence) = (tone(48_000, 0, 200.0, 0.25), vec![0; 48_000]);
        for (mode, speaks, expected) in [
            (BedMode::None, true, -90.0),
            (BedMode::Duck, true, -24.0),
            (BedMode::Duck, false, -12.0),
            (BedMode::Keep, true, -12.0),
        ] {
            // A dub that cannot be heard in the second half of the measure: a tone that ends before.
            let mut dub = silence.clone();
            if speaks {
                dub[..40_000].copy_from_slice(&tone(40_000, 0, 3_000.0, 0.25));
            }
            let mixed = bed(mode).mix(&original, Some(&dub)).expect("mixed");
            let under = &mixed[40_100..40_100 + 4_000];
            let found = level(under).max(-90.0);
            assert!((found - expected).abs() < 1.0, "{mode:?} {speaks}: {found} dB");
        }
    }

    #[test]
    fn nothing_jumps_at_any_seam() {
        let piece = 16_000;
        for mode in [BedMode::None, BedMode::Duck, BedMode::Keep] {
            let (mut bed, mut mixed) = (bed(mode), Vec::new());
            for number in 0..8 {
                let original = tone(piece, number * piece, 200.0, 0.3);
                // Begins and ends at its peak.
                let dub: Vec<i16> = tone(piece, 20, 200.0, 0.3);
                mixed.extend(bed.mix(&original, (number % 3 != 2).then_some(&dub[..])).expect("mixed"));
            }
            // Two such tones in phase step by 0.6 · 2π · 200 / 16 000 of full scale at most; loudness may add half.
            let most = (0.6 * std::f64::consts::TAU * 200.0 / 16_000.0 * 32_767.0 * 1.5) as i32;
            assert!(steepest(&mixed) <= most, "{mode:?}: {} of {most}", steepest(&mixed));
        }
    }

    #[test]
    fn a_dub_comes_to_be_as_loud_as_the_original() {
        let mut bed = bed(BedMode::None);
        let mut last = Vec::new();
        for number in 0..5 {
            let (original, dub) = (tone(48_000, number * 48_000, 1_000.0, 0.2), tone(48_000, 0, 1_000.0, 0.1));
            last = bed.mix(&original, Some(&dub)).expect("mixed");
        }
        let wanted = 20.0 * 0.2f64.log10();
        assert!((level(&last[8_000..40_000]) - wanted).abs() < 0.5, "{} dB of {wanted}", level(&last[8_000..40_000]));
    }

    #[test]
    fn peaks_find_room_and_are_not_cut_off() {
        let original = tone(16_000, 0, 200.0, 0.9);
        let mixed = bed(BedMode::Keep).mix(&original, Some(&original)).expect("mixed");
        // Cut off, 24 samples in succession would stand at the edge at each peak; within the recovery it is a few.
        let settled = &mixed[200..];
        let longest = settled.split(|sample| sample.unsigned_abs() < 32_767).map(<[i16]>::len).max();
        assert!(longest < Some(6) && level(settled) > -1.0, "{longest:?} at {} dB", level(settled));
    }

    #[test]
    fn stereo_stays_apart() {
        let settings = BedSettings { mode: BedMode::Keep, duck_db: -12.0, attack_ms: 80.0, release_ms: 400.0 };
        let mut bed = Bed::new(settings, RATE_HZ, 2).expect("a bed");
        let original: Vec<i16> = tone(8_000, 0, 200.0, 0.5).into_iter().flat_map(|sample| [sample, 0]).collect();
        let mixed = bed.mix(&original, Some(&vec![0; original.len()])).expect("mixed");
        assert_eq!(mixed.len(), original.len());
        assert!(mixed.chunks(2).all(|frame| frame[1] == 0), "nothing was on the right");
    }
}
