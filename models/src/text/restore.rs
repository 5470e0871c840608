//! Capitals and full stops of a text that has none: some recognisers write neither, and a translator reads such a text
//! worse. What a text has of either is never changed.

/// Shorter texts are as likely names and cries as sentences; longer ones are no fragment's.
const FEWEST_WORDS: usize = 3;
const MOST_WORDS: usize = 400;

/// English words that are written with a capital wherever they stand. Months that are words besides are not among them.
const ALWAYS_CAPITAL: [&str; 24] = [
    "i",
    "i'm",
    "i've",
    "i'll",
    "i'd",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "april",
    "june",
    "july",
    "october",
    "november",
    "december",
    "september",
    "english",
    "spanish",
    "portuguese",
];

/// Words that no sentence ends in: a text that does was cut in its midst.
const NEVER_LAST: [&str; 74] = [
    "a", "an", "the", "and", "or", "but", "of", "to", "in", "on", "at", "for", "from", "with", "by", "as", "that",
    "which", "who", "because", "if", "when", "while", "is", "are", "was", "were", "my", "your", "his", "their", "our",
    "its", "very", "into", "than", "el", "la", "los", "las", "un", "una", "y", "o", "pero", "de", "del", "al", "en",
    "con", "por", "para", "que", "porque", "si", "cuando", "es", "son", "su", "mi", "os", "um", "uma", "e", "ou",
    "mas", "do", "da", "no", "na", "em", "com", "não", "muito",
];

/// Beginnings of questions. Those that begin other sentences as well need more than one word.
const ENGLISH_QUESTIONS: [&str; 33] = [
    "who ",
    "what ",
    "where ",
    "when ",
    "why ",
    "how ",
    "which ",
    "whose ",
    "is it ",
    "is he ",
    "is she ",
    "is there ",
    "is this ",
    "is that ",
    "are you ",
    "are they ",
    "are we ",
    "are there ",
    "do you ",
    "do they ",
    "do we ",
    "does it ",
    "does he ",
    "does she ",
    "did you ",
    "did they ",
    "did he ",
    "did she ",
    "can you ",
    "can i ",
    "could you ",
    "will you ",
    "would you ",
];
/// Of those, such as begin statements too ("when he came, …", "what he said …"): with one of these behind them they ask.
const ASKING_VERBS: [&str; 22] = [
    "is", "are", "was", "were", "do", "does", "did", "can", "could", "will", "would", "should", "have", "has", "had",
    "am", "much", "many", "long", "old", "far", "time",
];

/// The text with a capital at the beginning of each sentence where it has no capital at all, and with a mark at its end
/// where it has no mark at all and was not cut in the midst of a sentence. Any other comes back as it is.
pub fn restored(text: &str, language: &str) -> String {
    let has_words = text.chars().any(char::is_lowercase);
    let has_capitals = text.chars().any(char::is_uppercase);
    let words: Vec<&str> = text.split_whitespace().collect();
    let of_letters = words.iter().filter(|word| word.contains(char::is_alphabetic)).count();
    if !has_words || has_capitals || of_letters < FEWEST_WORDS || words.len() > MOST_WORDS {
        return text.to_owned();
    }
    let capital = capitalised(text, language);
    let has_marks = text.chars().any(|c| is_mark(c) || matches!(c, ',' | ';' | ':' | '¿' | '¡'));
    let last = words.last().copied().unwrap_or_default();
    let is_cut = NEVER_LAST.contains(&last) || !last.ends_with(char::is_alphanumeric);
    if has_marks || is_cut {
        return capital;
    }
    let mark = if language == "en" && is_question(text) { '?' } else { '.' };
    format!("{}{mark}", capital.trim_end())
}

fn is_mark(letter: char) -> bool {
    matches!(letter, '.' | '?' | '!' | '…')
}

fn capitalised(text: &str, language: &str) -> String {
    let mut capital = String::with_capacity(text.len());
    let mut begins = true;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim().trim_matches(|c: char| !c.is_alphanumeric());
        let always = language == "en" && ALWAYS_CAPITAL.contains(&bare);
        if begins && word.contains(char::is_alphanumeric) || always {
            capital.push_str(&with_capital(word));
            begins = false;
        } else {
            capital.push_str(word);
        }
        // "3.5" and "a.m" go on.
        begins |= word.trim_end().ends_with(is_mark);
    }
    capital
}

fn with_capital(word: &str) -> String {
    let Some((at, letter)) = word.char_indices().find(|(_, letter)| letter.is_alphanumeric()) else {
        return word.to_owned();
    };
    let upper: String = letter.to_uppercase().collect();
    format!("{}{upper}{}", &word[..at], &word[at + letter.len_utf8()..])
}

fn is_question(text: &str) -> bool {
    let text = text.trim_start();
    if !ENGLISH_QUESTIONS.iter().any(|beginning| text.starts_with(beginning)) {
        return false;
    }
    let mut words = text.split_whitespace();
    let needs_verb = words
        .next()
        .is_some_and(|first| first.starts_with('w') && first != "will" && first != "would" || first == "how");
    !needs_verb || words.next().is_some_and(|second| ASKING_VERBS.contains(&second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capitals_and_marks_come_back() {
        for (language, text, expected) in [
            ("en", "the house is big", "The house is big."),
            ("en", "on monday i said i'm late", "On Monday I said I'm late."),
            ("en", "what time is it", "What time is it?"),
            ("en", "are you coming tomorrow", "Are you coming tomorrow?"),
            ("en", "what he said was true", "What he said was true."),
            ("en", "when he came it rained", "When he came it rained."),
            ("es", "la casa es grande", "La casa es grande."),
            ("es", "él dijo que sí", "Él dijo que sí."),
            // It has marks, and lacks capitals alone.
            ("en", "it is big. it costs 3.5 dollars", "It is big. It costs 3.5 dollars"),
            // It was cut.
            ("en", "he went to the", "He went to the"),
            ("pt", "a casa é muito", "A casa é muito"),
        ] {
            assert_eq!(restored(text, language), expected);
        }
    }

    #[test]
    fn what_has_either_keeps_it() {
        for text in [
            "The house is big",
            "A Republican strategy",
            "yes",
            "",
            "…",
            "今日は 良い天気です",
            "iPhone sales fell",
            "words 25 order 40",
        ] {
            assert_eq!(restored(text, "en"), text);
        }
    }

    proptest! {
        #[test]
        fn letters_stay_and_twice_is_once(text in "[a-záñ'’ ,.?3]{0,60}", language in "en|es|pt|de") {
            let once = restored(&text, &language);
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
            prop_assert_eq!(letters(&once), letters(&text));
            prop_assert_eq!(restored(&once, &language), once);
        }

        #[test]
        fn a_text_with_a_capital_is_left_alone(before in "[a-z ,.]{0,20}", after in "[a-z ,.]{0,20}") {
            let text = format!("{before}A{after}");
            prop_assert_eq!(restored(&text, "en"), text);
        }
    }
}
