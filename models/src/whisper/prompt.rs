//! What the decoder is told before it writes: names and terms, and the text that was said before.

use super::vocabulary::Vocabulary;
use crate::engine::EngineError;

/// Most tokens before the instructions that Whisper was trained with.
const LONGEST: usize = 223;

/// Tokens of hints and previous text, `<|startofprev|>` included; nothing when both are empty.
///
/// Hints stand first and are cut at their end, to half of `limit` when there is previous text; of the previous
/// text its end is kept.
///
/// # Errors
/// [`EngineError::InvalidInput`] when the tokenizer refuses the text.
pub fn previous(
    vocabulary: &Vocabulary,
    previous_text: &str,
    hints: &[String],
    limit: usize,
) -> Result<Vec<i64>, EngineError> {
    let limit = limit.min(LONGEST);
    let spoken = match previous_text.trim() {
        "" => Vec::new(),
        text => vocabulary.encode(&format!(" {text}"))?,
    };
    let terms: Vec<&str> = hints.iter().map(|hint| hint.trim()).filter(|hint| !hint.is_empty()).collect();
    let mut tokens = match terms.as_slice() {
        [] => Vec::new(),
        terms => vocabulary.encode(&format!(" {}.", terms.join(", ")))?,
    };
    tokens.truncate(if spoken.is_empty() { limit } else { limit / 2 });
    let room = limit - tokens.len();
    tokens.extend(&spoken[spoken.len().saturating_sub(room)..]);
    if !tokens.is_empty() {
        tokens.insert(0, vocabulary.start_of_previous);
    }
    Ok(tokens)
}
