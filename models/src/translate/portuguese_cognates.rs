//! Portuguese words that Apertium's dictionary lacks, put into Spanish: from a small lexicon of everyday words,
//! or by the regular correspondences between the two languages' endings and spellings.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Words without a regular counterpart, singular and masculine: `portuguese<TAB>spanish` a line.
static LEXICON: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| include_str!("portuguese_lexicon.tsv").lines().filter_map(|line| line.split_once('\t')).collect());

/// Endings that tell a Portuguese word, with their Spanish counterparts; the first that fits is taken.
const ENDINGS: [(&str, &str); 42] = [
    ("ções", "ciones"),
    ("ção", "ción"),
    ("ssões", "siones"),
    ("ssão", "sión"),
    ("sões", "siones"),
    ("são", "sión"),
    ("istão", "istán"),
    ("ões", "ones"),
    ("ãos", "anos"),
    ("ão", "ón"),
    ("ãs", "anas"),
    ("ã", "ana"),
    ("idades", "idades"),
    ("idade", "idad"),
    ("dade", "dad"),
    ("áveis", "ables"),
    ("ável", "able"),
    ("íveis", "ibles"),
    ("ível", "ible"),
    ("agens", "ajes"),
    ("agem", "aje"),
    ("logias", "logías"),
    ("logia", "logía"),
    ("grafias", "grafías"),
    ("grafia", "grafía"),
    ("nomia", "nomía"),
    ("sofia", "sofía"),
    ("eiros", "eros"),
    ("eiras", "eras"),
    ("eiro", "ero"),
    ("eira", "era"),
    ("aram", "aron"),
    ("eram", "ieron"),
    ("iram", "ieron"),
    ("avam", "aban"),
    ("ou", "ó"),
    ("éis", "eles"),
    ("óis", "oles"),
    ("ência", "encia"),
    ("ências", "encias"),
    ("eiam", "ean"),
    ("eia", "ea"),
];

/// The Spanish form of a Portuguese word, in the same capitals; a word that shows nothing Portuguese stays.
pub fn to_spanish(word: &str) -> String {
    let capital = word.chars().next().is_some_and(char::is_uppercase);
    let lower = word.to_lowercase();
    let ordinary = word.chars().skip(1).all(|c| c.is_lowercase() || c == '-');
    if let Some(known) = look_up(&lower).filter(|_| ordinary) {
        return like(capital, &known);
    }
    // A name is not rewritten, unless it shows an ending that only Portuguese has.
    let telling = ["ção", "ções", "istão"].iter().any(|ending| lower.ends_with(ending));
    if lower.chars().count() < 4 || (capital && !telling) {
        return word.to_owned();
    }
    like(capital, &respell(&lower))
}

/// Whether the word is a finite verb or an infinitive by its ending: no article goes before it.
pub fn looks_like_verb(word: &str) -> bool {
    ["ou", "am", "em", "ava", "ar", "er", "ir", "ei"].iter().any(|ending| word.ends_with(ending))
}

fn like(capital: bool, word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) if capital => first.to_uppercase().chain(letters).collect(),
        _ => word.to_owned(),
    }
}

/// The lexicon's word, also for a regular plural or feminine of one that it holds.
fn look_up(word: &str) -> Option<String> {
    let direct = |word: &str| LEXICON.get(word).map(|spanish| (*spanish).to_owned());
    let feminine = |word: &str| {
        let spanish = direct(&format!("{}o", word.strip_suffix('a')?))?;
        Some(format!("{}a", spanish.strip_suffix('o')?))
    };
    let singular = |word: &str| direct(word).or_else(|| feminine(word));
    singular(word).or_else(|| {
        let stem = word.strip_suffix('s')?;
        let portuguese_singulars = [
            Some(stem.to_owned()),
            stem.strip_suffix('e').map(str::to_owned),
            stem.strip_suffix("õe").map(|root| format!("{root}ão")),
            stem.strip_suffix("ai").map(|root| format!("{root}al")),
            stem.strip_suffix("ei").map(|root| format!("{root}el")),
            stem.strip_suffix("ávei").map(|root| format!("{root}ável")),
            stem.strip_suffix('n').map(|root| format!("{root}m")),
        ];
        let found = portuguese_singulars.into_iter().flatten().find_map(|word| singular(&word))?;
        Some(plural(&found))
    })
}

/// The regular Spanish plural.
fn plural(word: &str) -> String {
    if let Some(root) = word.strip_suffix('z') {
        return format!("{root}ces");
    }
    for (ending, replacement) in [("ón", "ones"), ("án", "anes"), ("én", "enes"), ("ín", "ines"), ("és", "eses")] {
        if let Some(root) = word.strip_suffix(ending) {
            return format!("{root}{replacement}");
        }
    }
    match word.chars().next_back() {
        Some('s') => word.to_owned(),
        Some(last) if "aeiouáéó".contains(last) => format!("{word}s"),
        _ => format!("{word}es"),
    }
}

fn respell(word: &str) -> String {
    let ending = ENDINGS.iter().find(|(portuguese, _)| word.ends_with(portuguese));
    let portuguese_letters = word.contains(['ã', 'õ', 'ç', 'â', 'ê', 'ô', 'à']) || word.contains("nh");
    let respelt = match ending {
        Some((portuguese, spanish)) => format!("{}{spanish}", &word[..word.len() - portuguese.len()]),
        None if portuguese_letters || has_accented_diphthong(word) => word.to_owned(),
        None => return word.to_owned(),
    };
    let mut letters = without_needless_accent(&respelt);
    for (portuguese, spanish) in [
        ("ça", "za"),
        ("ço", "zo"),
        ("çu", "zu"),
        ("ç", "z"),
        ("ss", "s"),
        ("nh", "ñ"),
        ("qua", "cua"),
        ("â", "á"),
        ("ê", "é"),
        ("ô", "ó"),
        ("à", "a"),
        ("ã", "an"),
        ("õ", "on"),
    ] {
        letters = letters.replace(portuguese, spanish);
    }
    letters
}

/// Portuguese marks the stress of `galáxia`, `remédio`, `água`; Spanish hears a diphthong there and marks none.
fn accented_diphthong(word: &str) -> Option<(usize, char)> {
    let (at, vowel) = word.char_indices().find(|(_, c)| "áéíóúâêô".contains(*c))?;
    let tail = word[at + vowel.len_utf8()..].trim_start_matches(|c: char| !"aeiouáéíóúâêôãõ".contains(c));
    let consonants_between = tail.len() < word.len() - at - vowel.len_utf8();
    let diphthong = matches!(tail.trim_end_matches('s'), "ia" | "io" | "ie" | "ua" | "uo" | "ue");
    (consonants_between && diphthong).then_some((at, vowel))
}

fn has_accented_diphthong(word: &str) -> bool {
    accented_diphthong(word).is_some()
}

fn without_needless_accent(word: &str) -> String {
    let Some((at, vowel)) = accented_diphthong(word) else { return word.to_owned() };
    let plain = match vowel {
        'á' | 'â' => 'a',
        'é' | 'ê' => 'e',
        'í' => 'i',
        'ó' | 'ô' => 'o',
        _ => 'u',
    };
    format!("{}{plain}{}", &word[..at], &word[at + vowel.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_endings_are_respelt() {
        for (portuguese, spanish) in [
            ("tentação", "tentación"),
            ("excursões", "excursiones"),
            ("fertilidade", "fertilidad"),
            ("teorizou", "teorizó"),
            ("promulgaram", "promulgaron"),
            ("plumagem", "plumaje"),
            ("galáxia", "galaxia"),
            ("Turquemenistão", "Turquemenistán"),
            ("excelência", "excelencia"),
            ("burocracia", "burocracia"),
            ("cosmologia", "cosmología"),
        ] {
            assert_eq!(to_spanish(portuguese), spanish);
        }
    }

    #[test]
    fn the_lexicon_inflects() {
        assert_eq!(to_spanish("piscinas"), "piscinas");
        assert_eq!(to_spanish("aquáticos"), "acuáticos");
        assert_eq!(to_spanish("engraçada"), "graciosa");
        assert_eq!(to_spanish("Cachorros"), "Perros");
        assert_eq!(to_spanish("quarteirões"), "manzanas");
    }

    #[test]
    fn names_and_words_of_other_languages_stay() {
        for word in ["Guimarães", "Brennan", "shekels", "food", "team", "MacOS", "São", "LHC"] {
            assert_eq!(to_spanish(word), word);
        }
    }
}
