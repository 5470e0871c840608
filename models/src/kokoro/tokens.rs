//! Phonemes to token ids, in pieces that the network can take.

use std::collections::HashMap;
use std::path::Path;

use crate::engine::EngineError;

/// Most phonemes in one piece: the network's 512 tokens without the two that wrap a piece.
pub const LONGEST_PIECE: usize = 510;

/// The id that stands before and after every piece.
const WRAP: i64 = 0;

/// Where long texts are cut, the best places first.
const CUTS: [&str; 3] = [".!?…", ";:,—)”", " "];

/// The phonemes that the model knows.
pub struct Vocabulary {
    ids: HashMap<char, i64>,
}

/// A stretch of phonemes that is spoken in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Token ids, wrapped.
    pub ids: Vec<i64>,
    /// The tokens from the first that is heard to one past the last; the others are marks and silence.
    pub heard: std::ops::Range<usize>,
}

impl Vocabulary {
    /// Reads the `vocab` object of a JSON file: ids by phoneme, each one letter.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the file cannot be read or is something else.
    pub fn read(path: &Path) -> Result<Self, EngineError> {
        let broken = |what: String| EngineError::Unavailable(format!("vocabulary {}: {what}", path.display()));
        #[derive(serde::Deserialize)]
        struct File {
            vocab: HashMap<char, i64>,
        }
        let text = std::fs::read_to_string(path).map_err(|error| broken(error.to_string()))?;
        let file: File = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        Ok(Self { ids: file.vocab })
    }

    /// Phonemes as pieces of at most [`LONGEST_PIECE`]: cut at the end of sentences, else of clauses, else of
    /// words. What the model does not know is dropped, and so are pieces in which nothing is heard.
    pub fn pieces(&self, phonemes: &str) -> Vec<Piece> {
        let known: Vec<char> = phonemes.chars().filter(|phoneme| self.ids.contains_key(phoneme)).collect();
        let mut pieces = Vec::new();
        let mut rest = known.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cut(rest));
            pieces.extend(self.piece(piece));
            rest = after;
        }
        pieces
    }

    fn piece(&self, phonemes: &[char]) -> Option<Piece> {
        let text: String = phonemes.iter().collect();
        let trimmed: Vec<char> = text.trim().chars().collect();
        let first = trimmed.iter().position(|&phoneme| is_heard(phoneme))?;
        let last = trimmed.iter().rposition(|&phoneme| is_heard(phoneme))?;
        let known = trimmed.iter().filter_map(|phoneme| self.ids.get(phoneme).copied());
        let ids = std::iter::once(WRAP).chain(known).chain(std::iter::once(WRAP)).collect();
        Some(Piece { ids, heard: first + 1..last + 2 })
    }
}

/// How many of the phonemes go into the next piece.
fn cut(phonemes: &[char]) -> usize {
    if phonemes.len() <= LONGEST_PIECE {
        return phonemes.len();
    }
    let window = &phonemes[..LONGEST_PIECE];
    let place = |marks: &&str| window.iter().rposition(|&phoneme| marks.contains(phoneme)).map(|index| index + 1);
    // A sentence that ends early would leave a long remainder to be cut badly: it must fill half the piece.
    let good = |&place: &usize| place > LONGEST_PIECE / 2;
    CUTS.iter().filter_map(place).find(good).unwrap_or(LONGEST_PIECE)
}

/// Whether a phoneme is a sound and not a mark or a space.
fn is_heard(phoneme: char) -> bool {
    !phoneme.is_whitespace() && !";:,.!?—…\"()“”→↓↗↘".contains(phoneme)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        Vocabulary { ids: " abc.,ˈ".chars().zip(1..).collect() }
    }

    #[test]
    fn tokens_are_wrapped_and_strangers_dropped() {
        assert_eq!(vocabulary().pieces("¿aˈb, xc."), [Piece { ids: vec![0, 2, 7, 3, 6, 1, 4, 5, 0], heard: 1..7 }]);
    }

    #[test]
    fn nothing_heard_is_no_piece() {
        assert!(vocabulary().pieces("").is_empty());
        assert!(vocabulary().pieces(" ., ").is_empty());
    }

    #[test]
    fn long_texts_are_cut_at_sentences() {
        let sentence = format!("{}.", "ab ".repeat(100));
        let pieces = vocabulary().pieces(&sentence.repeat(4));
        assert_eq!(pieces.len(), 4);
        for piece in &pieces {
            assert_eq!(piece.ids.len(), 303);
            assert_eq!(piece.ids[piece.ids.len() - 2], 5, "ends with the full stop");
        }
    }

    #[test]
    fn long_sentences_are_cut_at_words_and_long_words_anywhere() {
        let pieces = vocabulary().pieces(&"abc ".repeat(300));
        assert!(pieces.iter().all(|piece| piece.ids.len() <= LONGEST_PIECE + 2));
        assert_eq!(pieces.iter().map(|piece| piece.ids.iter().filter(|&&id| id == 2).count()).sum::<usize>(), 300);
        let pieces = vocabulary().pieces(&"a".repeat(1200));
        assert_eq!(pieces.iter().map(|piece| piece.ids.len() - 2).collect::<Vec<_>>(), [510, 510, 180]);
    }
}
