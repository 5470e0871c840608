//! A batch of texts as engines take it: pair by pair, cleaned, sentence by sentence.

use unicode_normalization::UnicodeNormalization;

use super::route::Pair;
use crate::engine::{EngineError, TranslateRequest, Translation};

/// The longest text that one request may carry, in bytes: several minutes of speech.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Translates a batch pair by pair, and apart from each other what is to have so many percent of its usual length; what
/// needs no engine, and what none can take, is answered here.
pub(super) fn by_pair(
    batch: &[TranslateRequest],
    mut translate: impl FnMut(&Pair, Option<u32>, &[&str]) -> Vec<Result<Translation, EngineError>>,
) -> Vec<Result<Translation, EngineError>> {
    let mut answers: Vec<Option<Result<Translation, EngineError>>> = vec![None; batch.len()];
    let mut groups: Vec<(Way, Vec<(usize, String)>)> = Vec::new();
    for (index, request) in batch.iter().enumerate() {
        let percent = request.shorter.as_ref().map(|shorter| shorter.percent);
        match accept(request) {
            Accepted::Answered(answer) => answers[index] = Some(answer),
            Accepted::Translate(pair, text) => {
                let way = (pair, percent);
                match groups.iter_mut().find(|(known, _)| *known == way) {
                    Some((_, members)) => members.push((index, text)),
                    None => groups.push((way, vec![(index, text)])),
                }
            }
        }
    }
    for ((pair, percent), members) in groups {
        let texts: Vec<&str> = members.iter().map(|(_, text)| text.as_str()).collect();
        for ((index, _), answer) in members.iter().zip(translate(&pair, percent, &texts)) {
            answers[*index] = Some(answer);
        }
    }
    let unanswered = || Err(EngineError::Poisoned("a request was left without an answer".to_owned()));
    answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
}

/// Puts texts together again from their sentences: `lengths` says how many each has. A text with a sentence that
/// failed fails with that sentence's error, and the others are as they would be without it.
pub(super) fn join_sentences(
    lengths: &[usize],
    sentences: Vec<Result<String, EngineError>>,
    separator: &str,
) -> Vec<Result<String, EngineError>> {
    let mut rest = sentences.into_iter();
    let mut texts = Vec::with_capacity(lengths.len());
    for length in lengths {
        let own: Vec<Result<String, EngineError>> = rest.by_ref().take(*length).collect();
        let filled = own.into_iter().filter(|sentence| sentence.as_ref().map_or(true, |text| !text.is_empty()));
        texts.push(filled.collect::<Result<Vec<_>, _>>().map(|filled| filled.join(separator)));
    }
    texts
}

/// A pair, and to how many percent of its usual length a translation is wanted.
type Way = (Pair, Option<u32>);

/// What is to be done with a request.
pub(super) enum Accepted {
    /// It needs no engine, or none can take it.
    Answered(Result<Translation, EngineError>),
    /// This text, cleaned, is to be translated.
    Translate(Pair, String),
}

pub(super) fn accept(request: &TranslateRequest) -> Accepted {
    if request.text.len() > MAX_TEXT_BYTES {
        let length = request.text.len();
        let message = format!("a text of {length} bytes; {MAX_TEXT_BYTES} is the most");
        return Accepted::Answered(Err(EngineError::InvalidInput(message)));
    }
    let text = clean(&request.text);
    if request.source_language == request.target_language || text.is_empty() {
        return Accepted::Answered(Ok(Translation { text, engine: "identity".to_owned() }));
    }
    Accepted::Translate(Pair::new(&request.source_language, &request.target_language), text)
}

/// Composed characters, no control characters, single spaces: what every engine here expects.
fn clean(text: &str) -> String {
    let printable: String = text.nfc().map(|c| if c.is_control() || c == '\u{feff}' { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_composes_and_drops_what_cannot_be_said() {
        assert_eq!(clean("  cafe\u{301}\0 con\u{7}\r\nleche\t "), "café con leche");
    }

    #[test]
    fn a_sentence_that_failed_costs_its_own_text_alone() {
        let failed = EngineError::Unavailable("gone".to_owned());
        let sentence = |text: &str| Ok(text.to_owned());
        let sentences = vec![Err(failed.clone()), sentence("a"), sentence("b"), sentence(""), sentence("c")];
        let expected = [Err(failed), sentence("b c")];
        assert_eq!(join_sentences(&[2, 3], sentences, " "), expected);
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused() {
        let request = TranslateRequest {
            text: "a".repeat(MAX_TEXT_BYTES + 1),
            source_language: "en".to_owned(),
            target_language: "pt".to_owned(),
            ..TranslateRequest::default()
        };
        assert!(matches!(accept(&request), Accepted::Answered(Err(EngineError::InvalidInput(_)))));
    }
}
