//! The text format between Apertium's programs: what may go in, and what comes out.
//!
//! A word that Apertium must not touch (a symbol that its format reserves, an emoji, an address, a word too
//! long for it) is kept here, and a numbered superblank `[n]` goes in its stead; superblanks pass through
//! every stage. So nothing that a stranger writes can break the format, and every `*`, `@` or `#` that comes
//! out is a mark of Apertium's own.

use super::sentences;

/// Punctuation that Apertium's dictionaries know and its format does not reserve.
const PLAIN_PUNCTUATION: &str = ".,;:!?¿¡'’\"()-–—…«»“”%ºª";

/// A text made fit for the pipeline.
#[derive(Debug, PartialEq)]
pub struct Encoded {
    /// What is written to the first stage, without the closing NUL.
    pub text: String,
    /// What each superblank stands for.
    kept: Vec<String>,
}

/// A stretch of Apertium's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Translated text, spaces and punctuation.
    Plain(String),
    /// A word that the pair's dictionaries lack, as it stood in the source.
    Unknown(String),
}

impl Piece {
    /// The text, whatever it is.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Unknown(text) => text,
        }
    }
}

/// Encodes one sentence. `serial` names the request: it closes the text as a superblank of its own, which also
/// keeps the last full stop from vanishing in the pipeline.
pub fn encode(sentence: &str, serial: u64) -> Encoded {
    let mut encoded = Encoded { text: String::with_capacity(sentence.len() + 16), kept: Vec::new() };
    for (position, word) in sentence.split(' ').enumerate() {
        if position > 0 {
            encoded.text.push(' ');
        }
        if sentences::has_overlong_word(word) || is_address(word) {
            encoded.keep(word);
        } else {
            encoded.push_word(word);
        }
    }
    encoded.text.push_str(&format!("[s{serial}]"));
    encoded
}

fn is_address(word: &str) -> bool {
    word.contains('@') || word.contains("://") || word.starts_with("www.")
}

impl Encoded {
    fn push_word(&mut self, word: &str) {
        let is_plain = |c: char| c.is_alphanumeric() || PLAIN_PUNCTUATION.contains(c);
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let plain = is_plain(first);
            let end = rest.find(|c| is_plain(c) != plain).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            if plain {
                self.text.push_str(run);
            } else {
                self.keep(run);
            }
            rest = after;
        }
    }

    fn keep(&mut self, text: &str) {
        self.text.push_str(&format!("[k{}]", self.kept.len()));
        self.kept.push(text.to_owned());
    }

    /// Reads the pipeline's answer to this text.
    ///
    /// Returns `None` when the answer does not end in this request's serial: it belongs to another.
    pub fn decode(&self, answer: &str, serial: u64) -> Option<Vec<Piece>> {
        let closing = format!("[s{serial}]");
        let body = answer.trim_end().strip_suffix(&closing).or_else(|| {
            // A stage may print what it held back after the superblank: then the serial stands before it.
            answer.contains(&closing).then_some(answer)
        })?;
        let mut pieces = Pieces::default();
        let mut rest = body;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '[' => {
                    let (blank, after_blank) = after.split_once(']').unwrap_or((after, ""));
                    let index = blank.strip_prefix('k').and_then(|digits| digits.parse::<usize>().ok());
                    pieces.plain(index.and_then(|index| self.kept.get(index)).map_or("", String::as_str));
                    after_blank
                }
                '\\' => {
                    let escaped = after.chars().next().map_or(0, char::len_utf8);
                    pieces.plain(&after[..escaped]);
                    &after[escaped..]
                }
                '*' => {
                    let end = after.find(|c: char| !(c.is_alphanumeric() || "-'’".contains(c))).unwrap_or(after.len());
                    pieces.unknown(&after[..end]);
                    &after[end..]
                }
                '@' | '#' => after,
                _ => {
                    pieces.plain(&rest[..c.len_utf8()]);
                    after
                }
            };
        }
        Some(pieces.0)
    }
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn plain(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Plain(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Piece::Plain(text.to_owned())),
        }
    }

    fn unknown(&mut self, word: &str) {
        if !word.is_empty() {
            self.0.push(Piece::Unknown(word.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<Piece> {
        vec![Piece::Plain(text.to_owned())]
    }

    #[test]
    fn what_the_format_reserves_never_leaves() {
        let encoded = encode(r"a^b $5 <x> {y} [z] c\d @e #f *g h/i ~j 😀", 1);
        let allowed = |c: char| c.is_alphanumeric() || " []".contains(c);
        assert!(encoded.text.chars().all(allowed), "{}", encoded.text);
    }

    #[test]
    fn an_answer_that_echoes_gives_the_text_back() {
        let text = r"a^b $5 <x> {y} [z] c\d e@f.g #h *i j/k ~l 😀 https://a.b/?c=d.";
        let encoded = encode(text, 7);
        assert_eq!(encoded.decode(&encoded.text, 7), Some(plain(text)));
    }

    #[test]
    fn marks_are_dropped_and_unknown_words_told_apart() {
        let encoded = encode("x", 2);
        let pieces = encoded.decode("la *blogosfera, #ser @casa[s2]", 2).expect("the serial is right");
        let unknown = Piece::Unknown("blogosfera".to_owned());
        assert_eq!(pieces, [plain("la ").remove(0), unknown, plain(", ser casa").remove(0)]);
    }

    #[test]
    fn another_requests_answer_is_told() {
        assert_eq!(encode("x", 3).decode("x[s2]", 3), None);
    }

    #[test]
    fn an_overlong_word_stays_here() {
        let encoded = encode(&format!("a {} b", "x".repeat(10_000)), 4);
        assert_eq!(encoded.text, "a [k0] b[s4]");
    }
}
