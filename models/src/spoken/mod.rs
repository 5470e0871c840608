//! Text as it is said: numbers, dates, sums and abbreviations in words, and nothing that cannot be said.
//!
//! This comes before pronunciation ([`crate::g2p`]), which cuts at punctuation and would cut `3,5` in two. Each
//! language is a [`Grammar`]: its tables, and how it builds numbers. What is ambiguous is read in the way that is
//! most common in the language; what is unknown is left as it is.

mod abbreviations;
mod calendar;
mod clean;
mod english;
mod french;
mod grammar;
mod italian;
mod numbers;
mod portuguese;
mod quantities;
mod roman;
mod spanish;
mod web;

#[cfg(test)]
mod tests;

pub use grammar::{Gender, Grammar};

/// How a language reads what is written in figures and signs; nothing when it is not among `en`, `es`, `fr`, `it`
/// and `pt` (ISO 639-1).
pub fn grammar(language: &str) -> Option<&'static dyn Grammar> {
    match language {
        "en" => Some(&english::English),
        "es" => Some(&spanish::Spanish),
        "fr" => Some(&french::French),
        "it" => Some(&italian::Italian),
        "pt" => Some(&portuguese::Portuguese),
        _ => None,
    }
}

/// A text in words, for a voice. In a language without a [`grammar`] it is only cleaned.
pub fn spell_out(text: &str, language: &str) -> String {
    let mut text = clean::visible(text);
    if let Some(grammar) = grammar(language) {
        text = web::addresses(&text, grammar);
        text = abbreviations::expand(&text, grammar);
        text = calendar::dates(&text, grammar);
        text = calendar::times(&text, grammar);
        text = roman::numerals(&text, grammar);
        text = quantities::read(&text, grammar);
        text = quantities::signs(&text, grammar);
    }
    clean::speakable(&text)
}
