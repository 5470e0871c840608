//! The translation in what a model answers: models quote, explain and think aloud, whatever they are told.

use std::sync::LazyLock;

use regex::Regex;

/// A translation has at most so many times the characters of its text, and so many more.
const MOST_TIMES: usize = 4;
const AND_MORE: usize = 80;

static THOUGHTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)<think(?:ing)?>.*?</think(?:ing)?>").expect("the pattern is right"));
/// "Translation:", "Here is the Spanish translation:", on the first line.
static ANNOUNCEMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:sure[,!.]?\s*)?(?:(?:here(?:'s| is)|this is)\s+)?(?:the\s+)?(?:\w+\s+)?translation(?:\s+\w+){0,3}\s*:\s*")
        .expect("the pattern is right")
});

const QUOTES: [(char, char); 5] = [('"', '"'), ('“', '”'), ('«', '»'), ('\'', '\''), ('„', '“')];

/// Takes the translation of `text` out of a reply.
///
/// # Errors
/// A sentence: there is none, or something else.
pub fn translation(reply: &str, text: &str, mark: &str) -> Result<String, String> {
    let spoken = THOUGHTS.replace_all(reply, "");
    let mut rest = spoken.trim().to_owned();
    for tag in [format!("<text-{mark}>"), format!("</text-{mark}>")] {
        rest = rest.replace(&tag, "");
    }
    let mut rest = rest.trim();
    rest = without_fence(rest);
    rest = &rest[ANNOUNCEMENT.find(rest).map_or(0, |found| found.end())..];
    // Notes follow after an empty line.
    rest = rest.split("\n\n").next().unwrap_or_default().trim();
    rest = without_quotes(rest, text);
    let translation = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    if translation.is_empty() {
        return Err("the model answered with nothing".to_owned());
    }
    if translation.contains(mark) {
        return Err("the model answered with the marks around the text".to_owned());
    }
    let (length, original) = (translation.chars().count(), text.chars().count());
    if length > original * MOST_TIMES + AND_MORE {
        return Err(format!("the model answered with {length} characters to a text of {original}"));
    }
    Ok(translation)
}

fn without_fence(text: &str) -> &str {
    let Some(inner) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else { return text };
    // The first line may name a language.
    inner.split_once('\n').map_or(inner, |(_, rest)| rest).trim()
}

/// Quotes around the whole, unless the text has them too.
fn without_quotes<'a>(reply: &'a str, text: &str) -> &'a str {
    for (open, close) in QUOTES {
        let inner = reply.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        if let Some(inner) = inner.filter(|inner| !inner.contains(open) && !inner.contains(close))
            && !QUOTES.iter().any(|(open, _)| text.starts_with(*open))
        {
            return inner.trim();
        }
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(reply: &str) -> Result<String, String> {
        translation(reply, "Good morning, everyone.", "7f")
    }

    #[test]
    fn quotes_announcements_and_notes_are_left_out() {
        for reply in [
            "Buenos días a todos.",
            "\"Buenos días a todos.\"",
            "«Buenos días a todos.»",
            "<think>They greet.\n\nI greet.</think>\n\nBuenos días a todos.",
            "Translation: Buenos días a todos.",
            "Here is the Spanish translation:\n\"Buenos días a todos.\"\n\nNote: formal.",
            "Sure! Here's the translation: Buenos días a todos.",
            "```text\nBuenos días a todos.\n```",
            "<text-7f>Buenos días\na todos.</text-7f>",
        ] {
            assert_eq!(found(reply).as_deref(), Ok("Buenos días a todos."), "{reply}");
        }
    }

    #[test]
    fn what_belongs_to_the_text_stays() {
        assert_eq!(
            translation("\"Ven\", dijo ella, \"ahora\"", "x".repeat(30).as_str(), "7f").as_deref(),
            Ok("\"Ven\", dijo ella, \"ahora\"")
        );
        assert_eq!(translation("\"Ven.\"", "\"Come.\"", "7f").as_deref(), Ok("\"Ven.\""));
        assert_eq!(
            translation("La traducción: un arte.", "Translation: an art.", "7f").as_deref(),
            Ok("La traducción: un arte.")
        );
    }

    #[test]
    fn what_is_no_translation_is_refused() {
        assert!(found("").is_err());
        assert!(found("<think>hm</think>").is_err());
        assert!(found(&"I am sorry, but ".repeat(40)).is_err_and(|why| why.contains("characters")));
        assert!(found("my marks are 7f").is_err());
    }
}
