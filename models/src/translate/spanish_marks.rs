//! The marks that open a Spanish question or exclamation, `¿` and `¡`, put where the question begins.
//!
//! Whatever comes before it in the same sentence stays outside, as the Academy's spelling asks (Ortografía de
//! la lengua española, 2010, on question and exclamation marks): an address, a greeting, a conditional clause.
//! A short tag at the end ("…, ¿verdad?") is the only question of its sentence.

use super::sentences;

/// What a sentence may end with, after a comma, to make a question of a statement.
const TAGS: [&str; 14] = [
    "no",
    "verdad",
    "no es así",
    "no es verdad",
    "no es cierto",
    "cierto",
    "correcto",
    "vale",
    "de acuerdo",
    "eh",
    "no crees",
    "sí",
    "okay",
    "está bien",
];

/// Words that open a clause before the question proper.
const OPENERS: [&str; 9] = ["si", "cuando", "aunque", "ya", "dado", "según", "mientras", "después", "antes"];

/// Whole phrases that stand before a question and outside it.
const PREFACES: [&str; 40] = [
    "hola",
    "oye",
    "oiga",
    "bueno",
    "bien",
    "entonces",
    "pues",
    "sí",
    "no",
    "ah",
    "oh",
    "ay",
    "eh",
    "vale",
    "perdón",
    "perdona",
    "perdone",
    "disculpa",
    "disculpe",
    "por favor",
    "gracias",
    "señor",
    "señora",
    "señorita",
    "señores",
    "mamá",
    "papá",
    "mira",
    "mire",
    "además",
    "sin embargo",
    "por cierto",
    "a propósito",
    "de acuerdo",
    "así que",
    "por lo tanto",
    "después de todo",
    "buenos días",
    "buenas tardes",
    "buenas noches",
];

/// Words that ask.
const INTERROGATIVES: [&str; 14] = [
    "qué", "quién", "quiénes", "cómo", "cuándo", "dónde", "adónde", "cuánto", "cuánta", "cuántos", "cuántas", "cuál",
    "cuáles", "por qué",
];

/// Opens every question and exclamation of the text that is closed and not yet opened.
pub fn open(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some((run_start, run_end)) = closing_run(rest) {
        let clause = &rest[..run_start];
        let marks = &rest[run_start..run_end];
        let begin = clause_start(clause);
        let body = &clause[begin..];
        let opened = body.contains(['¿', '¡']) || !body.chars().any(char::is_alphanumeric);
        if opened {
            out.push_str(clause);
        } else {
            let at = begin + question_offset(body, marks.contains('?'));
            out.push_str(&clause[..at]);
            out.push_str(&opening_marks(marks));
            out.push_str(&clause[at..]);
        }
        out.push_str(marks);
        rest = &rest[run_end..];
    }
    out.push_str(rest);
    out
}

/// The next run of `?` and `!` that closes something: not one within an address or a code.
fn closing_run(text: &str) -> Option<(usize, usize)> {
    let is_mark = |c: char| c == '?' || c == '!';
    let mut from = 0;
    while let Some(offset) = text[from..].find(is_mark) {
        let start = from + offset;
        let end = text[start..].find(|c| !is_mark(c)).map_or(text.len(), |length| start + length);
        let next = text[end..].chars().next();
        if next.is_none_or(|c| !c.is_alphanumeric() && c != '=' && c != '/') {
            return Some((start, end));
        }
        from = end;
    }
    None
}

/// `?` opens with `¿`, `!` with `¡`, and several of them once each, the last closed first.
fn opening_marks(closing: &str) -> String {
    let mut opening = String::new();
    for mark in closing.chars().rev().map(|c| if c == '?' { '¿' } else { '¡' }) {
        if !opening.contains(mark) {
            opening.push(mark);
        }
    }
    opening
}

/// Where the sentence that ends at the end of `text` begins: after an earlier sentence, a colon, a dash, or a
/// quotation mark or bracket that is still open.
fn clause_start(text: &str) -> usize {
    let mut start = 0;
    // Where the sentence stood when each quotation or bracket that is still open began.
    let mut outer: Vec<(char, usize)> = Vec::new();
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        let followed_by_space = text[after..].starts_with(' ');
        match c {
            '"' if outer.last().is_some_and(|(opening, _)| *opening == '"') => {
                start = outer.pop().map_or(start, |(_, before)| before);
            }
            '"' | '“' | '«' | '(' | '[' => {
                outer.push((c, start));
                start = after;
            }
            '”' | '»' | ')' | ']' => start = outer.pop().map_or(start, |(_, before)| before),
            '—' => start = after,
            ':' | ';' | '?' | '!' | '…' if followed_by_space => start = after,
            '.' if followed_by_space && !sentences::ends_in_abbreviation(&text[..after], "es") => start = after,
            _ => {}
        }
    }
    start + text[start..].len() - text[start..].trim_start().len()
}

/// How far into the sentence the question (or exclamation) begins.
fn question_offset(sentence: &str, asks: bool) -> usize {
    if let Some(comma) = sentence.rfind(", ") {
        let tag = sentence[comma + 2..].to_lowercase();
        if asks && TAGS.contains(&tag.as_str()) {
            return comma + 2;
        }
    }
    let mut offset = 0;
    while let Some(comma) = sentence[offset..].find(", ") {
        let before = sentence[offset..offset + comma].to_lowercase();
        let after = sentence[offset + comma + 2..].to_lowercase();
        let first_word = before.split(' ').next().unwrap_or_default();
        let preface = PREFACES.contains(&before.as_str()) || OPENERS.contains(&first_word);
        let asks_after = asks && starts_with_any(&after, &INTERROGATIVES) && !starts_with_any(&before, &INTERROGATIVES);
        if !preface && !asks_after {
            break;
        }
        offset += comma + 2;
    }
    offset
}

fn starts_with_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_an_exclamation_are_opened() {
        assert_eq!(open("Vienes mañana?"), "¿Vienes mañana?");
        assert_eq!(open("Qué bonito!"), "¡Qué bonito!");
        assert_eq!(open("Cómo?!"), "¡¿Cómo?!");
        assert_eq!(open("Vienes? No!"), "¿Vienes? ¡No!");
    }

    #[test]
    fn what_precedes_the_question_stays_outside() {
        assert_eq!(open("Si llueve, vendrás?"), "Si llueve, ¿vendrás?");
        assert_eq!(open("Hola, cómo estás?"), "Hola, ¿cómo estás?");
        assert_eq!(open("Juan, qué haces?"), "Juan, ¿qué haces?");
        assert_eq!(open("Él preguntó: vienes?"), "Él preguntó: ¿vienes?");
        assert_eq!(open("Preguntó \"vienes?\" y calló."), "Preguntó \"¿vienes?\" y calló.");
        assert_eq!(open("Dijo \"ven\", vienes?"), "¿Dijo \"ven\", vienes?");
        assert_eq!(open("Y el \"sistema\" (nuevo) sirve?"), "¿Y el \"sistema\" (nuevo) sirve?");
    }

    #[test]
    fn a_tag_is_the_question_of_its_sentence() {
        assert_eq!(open("Vienes mañana, verdad?"), "Vienes mañana, ¿verdad?");
        assert_eq!(open("Te gusta, no?"), "Te gusta, ¿no?");
    }

    #[test]
    fn a_list_does_not_move_the_question() {
        assert_eq!(open("Quieres pan, queso o vino?"), "¿Quieres pan, queso o vino?");
        assert_eq!(open("Qué quieres, Juan, qué buscas?"), "¿Qué quieres, Juan, qué buscas?");
    }

    #[test]
    fn what_is_open_or_no_sentence_is_left_alone() {
        for text in ["¿Vienes?", "?!", "Mira https://a.b/c?d=e ahora.", "El Sr. Ruiz vino.", ""] {
            assert_eq!(open(text), text);
        }
        assert_eq!(open("El Sr. Ruiz viene?"), "¿El Sr. Ruiz viene?");
    }
}
