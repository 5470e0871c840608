//! What is heard and seen in a programme: noise that stands for the original, a tone that stands for the dub.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use super::film::{Film, sound};
use super::messages::RATE_HZ;
use super::succeed;

/// Below this, of 32 768, a sample is silent.
const SILENT: u16 = 60;
/// How far off sound may be to be found, in samples.
const REACH: isize = 1_600;

/// Noise of one second each, in which the first two samples tell the fakes what to do.
pub fn noise(orders: &[(i16, i16)]) -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(11);
    let mut samples: Vec<i16> = Vec::new();
    let mut last = 0;
    for (order, number) in orders {
        for _ in 0..RATE_HZ {
            // Low enough that any encoder keeps it.
            last = (last * 3 + i32::from(chance.i16(-16_000..16_000))) / 4;
            samples.push(last as i16);
        }
        let begin = samples.len() - RATE_HZ;
        (samples[begin], samples[begin + 1]) = (*order, *number);
    }
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// What is heard in a second of the programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The original, and where it belongs.
    Original,
    /// The fake dub's tone.
    Dub,
    /// Neither, or both.
    Mixture,
}

/// What is heard in each second, apart from its edges. `late` samples belong before the programme.
pub fn heard(programme: &[i16], source: &[u8], late: usize) -> Vec<Heard> {
    let source: Vec<i16> = source.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let second = |second: usize| {
        let range = second * RATE_HZ + RATE_HZ / 5..(second + 1) * RATE_HZ - RATE_HZ / 5;
        let shifted = range.start + late..range.end + late;
        Some((source.get(range)?, programme.get(shifted)?))
    };
    (0..source.len() / RATE_HZ)
        .map_while(second)
        .map(|(source, programme)| match (correlation(source, programme), tone(programme)) {
            (original, _) if original > 0.9 => Heard::Original,
            (_, tone) if tone > 0.9 => Heard::Dub,
            _ => Heard::Mixture,
        })
        .collect()
}

/// How alike two stretches are, 0 to 1.
fn correlation(a: &[i16], b: &[i16]) -> f64 {
    let product = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt().max(1.0)
}

/// The part of the energy that is at the fake dub's 440 Hz, 0 to 1.
fn tone(samples: &[i16]) -> f64 {
    let angle = |index: usize| std::f64::consts::TAU * 440.0 * index as f64 / RATE_HZ as f64;
    let part = |of: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(index, sample)| f64::from(*sample) * of(angle(index))).sum()
    };
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    2.0 * (part(f64::cos).powi(2) + part(f64::sin).powi(2)) / (energy * samples.len() as f64).max(1.0)
}

/// The longest stretch in which nothing is heard, s.
pub fn longest_silence(samples: &[i16]) -> f64 {
    let silences = samples.split(|sample| sample.unsigned_abs() >= SILENT).map(<[i16]>::len);
    silences.max().unwrap_or_default() as f64 / RATE_HZ as f64
}

/// By how much later than in `source` the sound is in `programme` around these samples of the source, given by how much
/// about: in samples, and how alike they are there.
pub fn delay(source: &[i16], programme: &[i16], around: std::ops::Range<usize>, about: isize) -> (isize, f64) {
    // Differences: what changes tells more of the time than what lasts.
    let steps = |samples: &[i16]| -> Vec<i16> {
        samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).clamp(-32_768, 32_767) as i16).collect()
    };
    let wanted = steps(&source[around.clone()]);
    (about - REACH..=about + REACH)
        .filter_map(|delay| {
            let begin = usize::try_from(around.start as isize + delay).ok()?;
            let found = programme.get(begin..begin + around.len())?;
            Some((delay, correlation(&wanted, &steps(found))))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("the programme has these samples")
}

/// When each picture is shown, s, by what it shows.
pub fn pictures(path: &Path) -> Vec<(f64, String)> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-copyts", "-i"]).arg(path);
    command.args(["-map", "0:v", "-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-f", "framemd5", "pipe:1"]);
    let text = String::from_utf8(succeed(&mut command).stdout).expect("a text");
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let fields = rows.map(|row| row.split(',').map(str::trim).collect::<Vec<_>>());
    fields.map(|row| (row[2].parse::<f64>().expect("a time") / 1_000.0, row[5].to_owned())).collect()
}

/// By how much later than in `source` each picture of `programme` is, s, in the order in which they are shown. Pictures
/// that the source does not have are told by an infinite number.
pub fn delays_of_pictures(source: &[(f64, String)], programme: &[(f64, String)]) -> Vec<f64> {
    let times: HashMap<&str, f64> = source.iter().map(|(time, hash)| (hash.as_str(), *time)).collect();
    let delay = |(time, hash): &(f64, String)| times.get(hash.as_str()).map_or(f64::INFINITY, |source| time - source);
    programme.iter().map(delay).collect()
}

/// By how much half a second of sound is later than it should be, s: `begin_s` is when it begins in the source, and
/// `later_s` by how much its pictures are later.
fn offset(source: &[i16], programme: &[i16], begin_s: f64, later_s: f64) -> f64 {
    let begin = (begin_s * RATE_HZ as f64) as usize;
    let (samples, alike) = delay(source, programme, begin..begin + RATE_HZ / 2, (later_s * RATE_HZ as f64) as isize);
    assert!(alike > 0.5, "the sound at {begin_s} s is not the source's: {alike}");
    samples as f64 / RATE_HZ as f64 - later_s
}

/// By how much sound is later than its pictures, s, at the first and the last of what was played of a film.
pub fn offsets(film: &Film, played: &Path) -> (f64, f64) {
    offsets_from(film, played, 0)
}

/// The same, at this picture and the last.
pub fn offsets_from(film: &Film, played: &Path, first: usize) -> (f64, f64) {
    let programme = pictures(played);
    let of_pictures = delays_of_pictures(&pictures(&film.path), &programme);
    assert!(of_pictures.len() > 150, "{} pictures", of_pictures.len());
    assert!(of_pictures.iter().all(|delay| delay.is_finite()), "pictures that nobody sent: {of_pictures:?}");
    let (source, played) = (sound(&film.path, 0), sound(played, 0));
    let source_time = |picture: usize| programme[picture].0 - of_pictures[picture];
    // Sound that begins so long after this picture.
    let offset = |picture, after_s| offset(&source, &played, source_time(picture) + after_s, of_pictures[picture]);
    // The last that moved: behind it one may stand still.
    let last = (0..programme.len()).max_by(|a, b| source_time(*a).total_cmp(&source_time(*b))).expect("pictures");
    (offset(first, 2.0), offset(last, -2.0))
}

/// By how much sound is later than its pictures, s, in the ninth second of a film that is shown again after it broke off
/// before.
pub fn offset_when_shown_again(film: &Film, played: &Path) -> f64 {
    let programme = pictures(played);
    let of_pictures = delays_of_pictures(&pictures(&film.path), &programme);
    let pairs = programme.iter().zip(&of_pictures);
    let mut of_second = pairs.filter(|((shown, _), later)| (8.0..9.0).contains(&(shown - *later)));
    let later = of_second.next().map(|(_, later)| *later).expect("it was shown");
    assert!(later > of_pictures[0] + 2.0, "it was shown twice: {} and {later}", of_pictures[0]);
    offset(&sound(&film.path, 0), &sound(played, 0), 8.0, later)
}
