//! Short forms, in full.

use super::Grammar;

/// Replaces the short forms that stand as words of their own.
pub fn expand(text: &str, grammar: &dyn Grammar) -> String {
    let mut expanded = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let at_word = !expanded.ends_with(|before: char| before.is_alphanumeric());
        let found = if at_word && !after_initial(&expanded) { longest(rest, grammar) } else { None };
        if let Some((length, long, closes)) = found {
            expanded.push_str(long);
            rest = &rest[length..];
            if closes && ends_sentence(rest) {
                expanded.push('.');
            }
        } else {
            expanded.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    expanded
}

/// The longest short form that the text begins with: its length in bytes, its full form, whether it may close a
/// sentence with its own full stop.
fn longest(text: &str, grammar: &dyn Grammar) -> Option<(usize, &'static str, bool)> {
    let matching = grammar.words().abbreviations.iter().filter(|abbreviation| {
        text.strip_prefix(abbreviation.short).is_some_and(|after| {
            abbreviation.short.ends_with(|last: char| !last.is_alphanumeric())
                || !after.starts_with(|next: char| next.is_alphanumeric())
        })
    });
    matching
        .max_by_key(|abbreviation| abbreviation.short.len())
        .map(|found| (found.short.len(), found.long, found.closes && found.short.ends_with('.')))
}

/// Whether the text ends with an initial and a space, as `J. `: what follows may be another initial.
fn after_initial(text: &str) -> bool {
    let mut backwards = text.chars().rev();
    let last = [backwards.next(), backwards.next(), backwards.next()];
    let initial = matches!(last, [Some(' '), Some('.'), Some(letter)] if letter.is_uppercase());
    initial && !backwards.next().is_some_and(char::is_alphanumeric)
}

fn ends_sentence(rest: &str) -> bool {
    match rest.trim_start().chars().next() {
        None => true,
        Some(next) => rest.starts_with(' ') && (next.is_uppercase() || next == '¿' || next == '¡'),
    }
}
