//! Addresses of mail and of the web.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Grammar;

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    // A mail address; else an address that says so by its scheme or its www; else a host under a common top level.
    let mail = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+";
    let explicit = r"(?:https?://|www\.)[^\s<>()\x22]+";
    let host = r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|es|fr|it|pt|br|uk|edu|gov|io)(?:/[^\s<>()\x22]*)?\b";
    Regex::new(&format!("{mail}|{explicit}|{host}")).expect("the pattern is a constant")
});

/// Reads out addresses: the signs by name, without the scheme.
pub fn addresses(text: &str, grammar: &dyn Grammar) -> String {
    ADDRESS.replace_all(text, |found: &Captures<'_>| read(&found[0], grammar)).into_owned()
}

fn read(address: &str, grammar: &dyn Grammar) -> String {
    let [at, dot, slash, dash, underscore] = grammar.words().address;
    let kept = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '/']);
    let bare = kept.trim_start_matches("https://").trim_start_matches("http://").trim_start_matches("www.");
    let mut words = String::with_capacity(2 * bare.len());
    for letter in bare.chars() {
        match letter {
            '@' => words.push_str(&format!(" {at} ")),
            '.' => words.push_str(&format!(" {dot} ")),
            '/' => words.push_str(&format!(" {slash} ")),
            '-' => words.push_str(&format!(" {dash} ")),
            '_' => words.push_str(&format!(" {underscore} ")),
            letter if letter.is_alphanumeric() => words.push(letter),
            _ => words.push(' '),
        }
    }
    words + &address[kept.len()..]
}
