//! Telling a transcript from a hallucination without knowing what was said.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Length of the text over its deflated length. Speech has about 1 to 1.8; loops have more.
pub fn compression_ratio(text: &str) -> f32 {
    if text.is_empty() {
        return 0.0;
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    // Writing to memory does not fail; if it did, the text would count as free of loops.
    deflated.map_or(1.0, |bytes| text.len() as f32 / bytes.len() as f32)
}

/// Whether there are more words than a person says in that time.
pub fn is_too_fast(text: &str, seconds: f64) -> bool {
    const WORDS_PER_SECOND: f64 = 4.5;
    const MARGIN_WORDS: f64 = 6.0;
    text.split_whitespace().count() as f64 > WORDS_PER_SECOND * seconds + MARGIN_WORDS
}

/// Where a text that has begun to go round in circles should be cut: after the first round of its last phrase.
/// `None` while it does not: fewer than four rounds, or fewer than 24 tokens of them.
pub fn loop_end(tokens: &[i64]) -> Option<usize> {
    const ROUNDS: usize = 4;
    const TOKENS: usize = 24;
    const LONGEST_PHRASE: usize = 32;
    (1..=LONGEST_PHRASE).find_map(|phrase| {
        let span = (ROUNDS * phrase).max(TOKENS.next_multiple_of(phrase));
        let tail = &tokens[tokens.len().checked_sub(span)?..];
        tail[phrase..].iter().zip(tail).all(|(later, earlier)| later == earlier).then(|| {
            let start = tokens.len() - span;
            start + phrase
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_compress_and_speech_does_not() {
        let speech = "And so my fellow Americans, ask not what your country can do for you";
        assert!(compression_ratio(speech) < 1.5, "{}", compression_ratio(speech));
        let circles = "I think so. ".repeat(20);
        assert!(compression_ratio(&circles) > 4.0, "{}", compression_ratio(&circles));
        assert_eq!(compression_ratio(""), 0.0);
    }

    #[test]
    fn a_loop_is_cut_after_its_first_round() {
        let mut tokens: Vec<i64> = vec![10, 11, 12];
        tokens.extend([1, 2, 3].repeat(8));
        assert_eq!(loop_end(&tokens), Some(6));
        tokens.truncate(3 + 3 * 7);
        assert_eq!(loop_end(&tokens), None);
        let one: Vec<i64> = std::iter::repeat_n(7, 24).collect();
        assert_eq!(loop_end(&one), Some(1));
        assert_eq!(loop_end(&(0..100).collect::<Vec<i64>>()), None);
    }

    #[test]
    fn nobody_says_forty_words_in_six_seconds() {
        let words = "word ".repeat(40);
        assert!(is_too_fast(&words, 6.0));
        assert!(!is_too_fast(&words, 8.0));
    }
}
