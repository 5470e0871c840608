//! The programme between the two ends: what has come and is not out yet, cut into pieces, each with its dub or without.
//!
//! Time is counted in frames since the first that came, in integers, so that nothing can drift. There is no clock and
//! no connection in here.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use sts_protocol::AudioSpec;

use crate::media::bed::{Bed, samples};
use crate::media::cutter::Cutter;

/// A piece that is to be dubbed.
#[derive(Clone, Debug)]
pub struct NewPiece {
    /// Its name.
    pub number: u64,
    /// Its frames.
    pub frames: Range<u64>,
    /// Its samples.
    pub audio: Bytes,
}

/// What was heard of a piece when its time came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// Its dub.
    Dub,
    /// The original: there was no dub by then.
    Original,
    /// Silence: the input had nothing.
    Gap,
}

struct Piece {
    number: u64,
    frames: Range<u64>,
    /// `None`: there is nothing in it.
    audio: Option<Bytes>,
}

/// The programme between the two ends.
pub struct Programme {
    spec: AudioSpec,
    cutter: Cutter,
    bed: Bed,
    /// What is not cut yet; it begins at `open_from`.
    open: Vec<u8>,
    open_from: u64,
    /// Cut, in order and without holes between, and not presented yet.
    pieces: VecDeque<Piece>,
    dubs: BTreeMap<u64, Bytes>,
    next_number: u64,
    /// Presented and not taken yet.
    mixed: VecDeque<u8>,
    /// The first frame that was not taken yet.
    position: u64,
    presented: Vec<(u64, Presented, u64)>,
}

impl Programme {
    /// One that begins with the first frame that comes.
    pub fn new(spec: AudioSpec, cutter: Cutter, bed: Bed) -> Self {
        Self {
            spec,
            cutter,
            bed,
            open: Vec::new(),
            open_from: 0,
            pieces: VecDeque::new(),
            dubs: BTreeMap::new(),
            next_number: 0,
            mixed: VecDeque::new(),
            position: 0,
            presented: Vec::new(),
        }
    }

    /// The first frame that has not come yet.
    pub fn end(&self) -> u64 {
        self.open_from + (self.open.len() / self.spec.bytes_per_frame()) as u64
    }

    /// The first frame that was not taken yet.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Sound that belongs to the frames from `at` on. What had come before is not taken again; where some is missing
    /// between, there is a gap. Gives the pieces that are whole by it.
    ///
    /// # Errors
    /// The detector of speech failed.
    pub fn push(&mut self, at: u64, sound: &[u8]) -> anyhow::Result<Vec<NewPiece>> {
        let width = self.spec.bytes_per_frame();
        let mut new = self.fill(at);
        let known = (self.end() - at) as usize * width;
        let Some(sound) = sound.get(known..).filter(|sound| !sound.is_empty()) else { return Ok(new) };
        self.open.extend_from_slice(sound);
        for length in self.cutter.push(&self.spec.decode_mono(sound))? {
            let audio: Vec<u8> = self.open.drain(..length * width).collect();
            new.push(self.close(audio));
        }
        Ok(new)
    }

    /// Nothing will come for the frames up to `until`: what was open is a piece, and then there is a gap.
    pub fn fill(&mut self, until: u64) -> Vec<NewPiece> {
        if until <= self.end() {
            return Vec::new();
        }
        let new = self.flush();
        let frames = self.open_from..until;
        self.open_from = until;
        match self.pieces.back_mut() {
            // Gaps that follow each other are one.
            Some(last) if last.audio.is_none() => last.frames.end = until,
            _ => {
                let number = self.next_number();
                self.pieces.push_back(Piece { number, frames, audio: None });
            }
        }
        new.into_iter().collect()
    }

    /// What is open is a piece as it is.
    pub fn flush(&mut self) -> Option<NewPiece> {
        self.cutter.finish();
        let audio = std::mem::take(&mut self.open);
        (!audio.is_empty()).then(|| self.close(audio))
    }

    fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    fn close(&mut self, audio: Vec<u8>) -> NewPiece {
        let (audio, number) = (Bytes::from(audio), self.next_number());
        let frames = self.open_from..self.open_from + (audio.len() / self.spec.bytes_per_frame()) as u64;
        self.open_from = frames.end;
        self.pieces.push_back(Piece { number, frames: frames.clone(), audio: Some(audio.clone()) });
        NewPiece { number, frames, audio }
    }

    /// A piece's dub came. Whether it came in time.
    pub fn dub(&mut self, number: u64, dub: Bytes) -> bool {
        let is_waited_for = self.pieces.iter().any(|piece| piece.number == number);
        if is_waited_for {
            self.dubs.insert(number, dub);
        }
        is_waited_for
    }

    /// The sound of the frames up to `until`, as far as there is any: each piece's dub over its bed where it has come,
    /// else the original. What was not cut by then is a piece as it is, and comes back to be known of.
    ///
    /// # Errors
    /// Loudness cannot be measured.
    pub fn take(&mut self, until: u64) -> anyhow::Result<Vec<u8>> {
        let width = self.spec.bytes_per_frame();
        let wanted = until.min(self.end()).saturating_sub(self.position) as usize * width;
        while self.mixed.len() < wanted {
            if self.pieces.is_empty() && self.flush().is_none() {
                break;
            }
            self.present()?;
        }
        let taken: Vec<u8> = self.mixed.drain(..wanted.min(self.mixed.len())).collect();
        self.position += (taken.len() / width) as u64;
        Ok(taken)
    }

    fn present(&mut self) -> anyhow::Result<()> {
        let Some(piece) = self.pieces.pop_front() else { return Ok(()) };
        let frames = piece.frames.end - piece.frames.start;
        let dub = self.dubs.remove(&piece.number);
        let presented = match (&piece.audio, &dub) {
            (None, _) => Presented::Gap,
            (Some(_), None) => Presented::Original,
            (Some(_), Some(_)) => Presented::Dub,
        };
        let silence = || vec![0; frames as usize * usize::from(self.spec.channels)];
        let original = piece.audio.as_deref().map_or_else(silence, samples);
        let mixed = self.bed.mix(&original, dub.as_deref().map(samples).as_deref())?;
        self.mixed.extend(mixed.iter().flat_map(|sample| sample.to_le_bytes()));
        self.presented.push((piece.number, presented, frames));
        Ok(())
    }

    /// What was heard of the pieces whose time came since this was last asked: number, what, and how many frames.
    pub fn take_presented(&mut self) -> Vec<(u64, Presented, u64)> {
        std::mem::take(&mut self.presented)
    }
}

#[cfg(test)]
mod tests {
    use sts_protocol::AudioFormat;

    use super::*;
    use crate::media::bed::{BedMode, BedSettings};
    use crate::media::cutter::CutLengths;

    const RATE_HZ: u32 = 8_000;
    const SPEC: AudioSpec = AudioSpec { sample_rate_hz: RATE_HZ, channels: 1, format: AudioFormat::PcmS16le };
    /// Frames of a piece.
    const PIECE: u64 = 8_000;

    /// Cut blindly every second; only the dub is heard where there is one.
    fn programme() -> Programme {
        let lengths = CutLengths { shortest_ms: 1_000, wanted_ms: 1_000, longest_ms: 1_000 };
        let settings = BedSettings { mode: BedMode::None, duck_db: -15.0, attack_ms: 80.0, release_ms: 400.0 };
        let bed = Bed::new(settings, RATE_HZ, 1).expect("a bed");
        Programme::new(SPEC, Cutter::new(RATE_HZ, lengths, None), bed)
    }

    fn sound(frames: u64, value: i16) -> Vec<u8> {
        (0..frames).flat_map(|_| value.to_le_bytes()).collect()
    }

    fn presented(programme: &mut Programme) -> Vec<Presented> {
        programme.take_presented().into_iter().map(|(_, presented, _)| presented).collect()
    }

    #[test]
    fn each_piece_is_heard_as_its_dub_or_as_it_was() {
        let mut programme = programme();
        let new = programme.push(0, &sound(PIECE * 2 + 100, 1_000)).expect("cut");
        let ranges: Vec<_> = new.iter().map(|piece| (piece.number, piece.frames.clone())).collect();
        assert_eq!(ranges, [(0, 0..PIECE), (1, PIECE..PIECE * 2)]);
        assert!(new.iter().all(|piece| piece.audio == sound(PIECE, 1_000)));
        assert!(programme.dub(1, sound(PIECE, 5_000).into()));
        let heard = samples(&programme.take(PIECE * 2).expect("mixed"));
        assert_eq!((heard.len() as u64, programme.position()), (PIECE * 2, PIECE * 2));
        assert!(heard[..8_000].iter().all(|sample| (999..=1_001).contains(sample)), "the original as it was");
        // Loudness is measured too, so only that it is another sound is for certain.
        assert!(heard[12_000].abs_diff(1_000) > 100, "{}", heard[12_000]);
        assert_eq!(presented(&mut programme), [Presented::Original, Presented::Dub]);
        assert!(!programme.dub(0, sound(PIECE, 5_000).into()), "too late");
    }

    #[test]
    fn what_is_taken_is_without_holes_whatever_it_is_asked_in() {
        let mut programme = programme();
        let whole: Vec<u8> = (0..PIECE * 3 + 77).flat_map(|frame| ((frame % 30_000) as i16).to_le_bytes()).collect();
        let mut taken = Vec::new();
        let (mut at, mut until) = (0, 0);
        for bytes in whole.chunks(2 * 333) {
            programme.push(at, bytes).expect("cut");
            at += (bytes.len() / 2) as u64;
            until += 321;
            taken.extend(programme.take(until).expect("mixed"));
        }
        taken.extend(programme.take(u64::MAX).expect("mixed"));
        let worst = samples(&taken).iter().zip(samples(&whole)).map(|(a, b)| a.abs_diff(b)).max();
        assert_eq!((taken.len(), programme.position()), (whole.len(), programme.end()));
        assert!(worst <= Some(1), "{worst:?}");
    }

    #[test]
    fn where_nothing_came_there_is_silence_of_the_same_length() {
        let mut programme = programme();
        programme.push(0, &sound(3_000, 1_000)).expect("cut");
        let ended = programme.push(20_000, &sound(PIECE, 2_000)).expect("cut");
        let ranges: Vec<_> = ended.iter().map(|piece| piece.frames.clone()).collect();
        assert_eq!(ranges, [0..3_000, 20_000..28_000]);
        let heard = samples(&programme.take(28_000).expect("mixed"));
        assert_eq!(heard.len(), 28_000);
        assert!(heard[3_000..20_000].iter().all(|sample| *sample == 0));
        assert!(heard[21_000..].iter().all(|sample| (1_999..=2_001).contains(sample)));
        assert_eq!(presented(&mut programme), [Presented::Original, Presented::Gap, Presented::Original]);
    }

    #[test]
    fn what_comes_again_or_too_late_is_not_taken() {
        let mut programme = programme();
        programme.push(0, &sound(1_000, 1)).expect("cut");
        programme.push(500, &sound(1_000, 2)).expect("cut");
        programme.fill(4_000);
        programme.push(1_500, &sound(2_600, 3)).expect("cut");
        assert_eq!(programme.end(), 4_100);
        let heard = samples(&programme.take(u64::MAX).expect("mixed"));
        let runs: Vec<(i16, usize)> =
            [1, 2, 0, 3].map(|value| (value, heard.iter().filter(|s| **s == value).count())).into();
        assert_eq!(runs, [(1, 1_000), (2, 500), (0, 2_500), (3, 100)]);
    }

    #[test]
    fn what_is_not_cut_in_time_is_heard_as_it_was() {
        let mut programme = programme();
        programme.push(0, &sound(500, 7)).expect("cut");
        assert_eq!(samples(&programme.take(400).expect("mixed")).len(), 400);
        let new = programme.push(500, &sound(PIECE, 7)).expect("cut");
        assert_eq!(new[0].frames, 500..500 + PIECE, "a new piece begins where the old one had to end");
    }
}
