//! Timestamps among the tokens to segments with times.

use super::vocabulary::{TIMESTAMP_STEP_MS, Vocabulary};
use crate::engine::{EngineError, Segment, SpeechSpan};

/// The segments of one text; `offset_ms` is where its audio starts in the fragment, `duration_ms` how long it is.
///
/// # Errors
/// [`EngineError::Poisoned`] when the tokenizer cannot read its own tokens.
pub fn segments(
    vocabulary: &Vocabulary,
    tokens: &[i64],
    offset_ms: f64,
    duration_ms: f64,
) -> Result<Vec<Segment>, EngineError> {
    let mut found = Vec::new();
    let mut start_ms = 0.0;
    let mut words: Vec<i64> = Vec::new();
    // What is still open at the end of the text lasts to the end of the audio.
    let closing = std::iter::once(None);
    for time_ms in tokens.iter().copied().map(Some).chain(closing) {
        let end_ms = match time_ms {
            Some(token) if token < vocabulary.first_timestamp => {
                words.push(token);
                continue;
            }
            Some(token) => (token - vocabulary.first_timestamp) as f64 * TIMESTAMP_STEP_MS,
            None => duration_ms,
        };
        let text = vocabulary.decode(&words)?.trim().to_owned();
        if !text.is_empty() {
            let within = |ms: f64| offset_ms + ms.clamp(0.0, duration_ms);
            let span = SpeechSpan { start_ms: within(start_ms), end_ms: within(end_ms.max(start_ms)) };
            found.push(Segment { span, text });
        }
        words.clear();
        start_ms = end_ms;
    }
    Ok(found)
}
