//! Text to phonemes, in the notation that Kokoro was trained on.
//!
//! The rules of pronunciation are those of eSpeak NG, whose library is opened at run time; what it says is brought
//! to the model's alphabet here. Numbers, dates and abbreviations must have been put into words before
//! ([`crate::spoken`]): the text is cut at punctuation, and `3,5` would be cut too.

pub mod accent;
pub mod alphabet;
pub mod espeak;

pub use accent::Accent;

use std::sync::LazyLock;

use regex::Regex;

use crate::engine::EngineError;

/// Punctuation between which each piece is pronounced by itself, with the space around it.
static BREAKS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\s*[;:,.!?¡¿—…"«»“”(){}\[\]]+\s*"#).expect("the pattern is a constant"));

/// Phonemes of a text, punctuation included.
///
/// # Errors
/// [`EngineError::Unavailable`] when eSpeak NG or its voice for the accent cannot be loaded;
/// [`EngineError::InvalidInput`] when the text holds a NUL.
pub fn phonemes(text: &str, accent: Accent) -> Result<String, EngineError> {
    let mut phonemes = String::with_capacity(2 * text.len());
    let mut spoken_until = 0;
    for found in BREAKS.find_iter(text) {
        pronounce(&text[spoken_until..found.start()], accent, &mut phonemes)?;
        phonemes.extend(found.as_str().chars().map(typographic));
        spoken_until = found.end();
    }
    pronounce(&text[spoken_until..], accent, &mut phonemes)?;
    Ok(phonemes.trim().to_owned())
}

fn pronounce(piece: &str, accent: Accent, phonemes: &mut String) -> Result<(), EngineError> {
    if piece.trim().is_empty() {
        return Ok(());
    }
    let ipa = espeak::ipa(piece, accent.espeak_voice())?;
    phonemes.push_str(&alphabet::from_ipa(&ipa, accent));
    Ok(())
}

/// The model knows curved quotation marks, not angular ones; any white space is one space to it.
fn typographic(mark: char) -> char {
    match mark {
        '«' => '“',
        '»' => '”',
        mark if mark.is_whitespace() => ' ',
        mark => mark,
    }
}
