//! What was said, as SRT and WebVTT.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation as _;

/// Characters in a line that a viewer reads at a glance.
const LINE: usize = 42;
/// Lines of a cue.
const LINES: usize = 2;

/// Words on the screen for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// When they appear, ms.
    pub start_ms: f64,
    /// When they go, ms.
    pub end_ms: f64,
    /// One or two lines.
    pub text: String,
}

/// Cues for a text that is spoken in a stretch of time: as many as it takes for each to have no more than two lines, each
/// for a share of the time that is its share of the text.
pub fn cues(text: &str, start_ms: f64, end_ms: f64) -> Vec<Cue> {
    let lines = lines(text);
    let length = |lines: &[String]| lines.iter().map(|line| line.graphemes(true).count()).sum::<usize>();
    let whole = length(&lines).max(1) as f64;
    let mut before = 0;
    lines
        .chunks(LINES)
        .map(|chunk| {
            let at = |shown: usize| start_ms + (end_ms - start_ms) * shown as f64 / whole;
            let from = before;
            before += length(chunk);
            Cue { start_ms: at(from), end_ms: at(before), text: chunk.join("\n") }
        })
        .collect()
}

/// Words in lines; a word that is longer than a line has one for itself.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.graphemes(true).count() + 1 + word.graphemes(true).count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// SubRip.
pub fn srt(cues: &[Cue]) -> String {
    let mut text = String::new();
    for (number, cue) in cues.iter().enumerate() {
        let (start, end) = (clock(cue.start_ms, ','), clock(cue.end_ms, ','));
        // Writing to a string cannot fail.
        let _ = write!(text, "{}\n{start} --> {end}\n{}\n\n", number + 1, cue.text.replace("-->", "→"));
    }
    text
}

/// WebVTT.
pub fn webvtt(cues: &[Cue]) -> String {
    let mut text = "WEBVTT\n\n".to_owned();
    for cue in cues {
        let (start, end) = (clock(cue.start_ms, '.'), clock(cue.end_ms, '.'));
        let escaped = cue.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(text, "{start} --> {end}\n{escaped}\n\n");
    }
    text
}

fn clock(ms: f64, point: char) -> String {
    let ms = ms.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{:03}", ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shown_in_turns_that_fill_its_time() {
        let text = "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis \
                    diecisiete dieciocho diecinueve veinte";
        let cues = cues(text, 1_000.0, 7_000.0);
        assert_eq!(cues.len(), 2, "{cues:?}");
        assert!(cues.iter().all(|cue| cue.text.lines().count() <= 2));
        assert!(cues.iter().flat_map(|cue| cue.text.lines()).all(|line| line.chars().count() <= 42));
        assert_eq!((cues[0].start_ms, cues[0].end_ms, cues[1].end_ms), (1_000.0, cues[1].start_ms, 7_000.0));
        let words: Vec<&str> = cues.iter().flat_map(|cue| cue.text.split_whitespace()).collect();
        assert_eq!(words.join(" "), text.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn silence_has_no_cue() {
        assert!(cues("  ", 0.0, 6_000.0).is_empty());
    }

    #[test]
    fn both_formats_carry_times_and_what_could_break_them() {
        let cue = Cue { start_ms: 3_723_004.4, end_ms: 3_725_000.0, text: "a --> b & <i>".into() };
        let cues = [cue];
        assert_eq!(srt(&cues), "1\n01:02:03,004 --> 01:02:05,000\na → b & <i>\n\n");
        assert_eq!(webvtt(&cues), "WEBVTT\n\n01:02:03.004 --> 01:02:05.000\na --&gt; b &amp; &lt;i&gt;\n\n");
    }
}
