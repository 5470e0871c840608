//! From eSpeak NG's IPA to the alphabet of Kokoro, which has one letter for each diphthong and affricate.
//!
//! The correspondences are those of `misaki`, the front end that Kokoro was trained with.

use super::Accent;

/// Joins the letters of one sound in what [`super::espeak::ipa`] gives.
pub const TIE: char = '^';

/// A small line under a consonant that is a syllable by itself.
const SYLLABIC: char = '\u{0329}';

/// For every language but English; pairs that begin alike are in the order in which they apply.
const GENERAL: &[(&str, &str)] = &[
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^z", "ʣ"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("ə^ʊ", "Q"),
    ("s^s", "S"),
    ("t^s", "ʦ"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
];

/// For English, the longest first: the model's English was written by a dictionary with its own conventions.
const ENGLISH: &[(&str, &str)] = &[
    ("ʔˌn\u{0329}", "ʔn"),
    ("ʔn\u{0329}", "ʔn"),
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("ə^l", "ᵊl"),
    ("ʲo", "jo"),
    ("ʲə", "jə"),
    ("e^ə", "ɛː"),
    ("ə^ʊ", "Q"),
    ("o^ʊ", "O"),
    ("e", "A"),
    ("ʲ", ""),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("\u{0303}", ""),
];

/// `e^ə` is dealt with above, before `e` alone.
const BRITISH: &[(&str, &str)] = &[("i^ə", "ɪə"), ("iə", "ɪə")];
/// The last pair: an r that is sounded because a vowel follows is written twice by eSpeak NG.
const AMERICAN: &[(&str, &str)] = &[("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɹɹ", "ɹ")];
/// What eSpeak NG before 1.52 writes otherwise than the model's dictionary.
const ENGLISH_LAST: &[(&str, &str)] = &[("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t")];

/// IPA with ties to the model's alphabet. Letters that the model does not know are left in: they are dropped with
/// all else that it does not know when tokens are made.
pub fn from_ipa(ipa: &str, accent: Accent) -> String {
    let mapped = match accent {
        Accent::AmericanEnglish => english(ipa, AMERICAN),
        Accent::BritishEnglish => english(ipa, BRITISH),
        _ => replace_all(ipa.to_owned(), GENERAL).replace('-', ""),
    };
    mapped.replace(TIE, "")
}

fn english(ipa: &str, variety: &[(&str, &str)]) -> String {
    let mapped = vowel_before_syllabic(&replace_all(ipa.to_owned(), ENGLISH));
    replace_all(replace_all(mapped, variety), ENGLISH_LAST)
}

fn replace_all(text: String, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// Writes a syllabic consonant as a small schwa and the consonant.
fn vowel_before_syllabic(ipa: &str) -> String {
    let mut mapped = String::with_capacity(ipa.len());
    for letter in ipa.chars() {
        match (letter, mapped.pop()) {
            (SYLLABIC, Some(consonant)) if !consonant.is_whitespace() => mapped.extend(['ᵊ', consonant]),
            (SYLLABIC, before) => mapped.extend(before),
            (letter, before) => {
                mapped.extend(before);
                mapped.push(letter);
            }
        }
    }
    mapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_for_each_affricate_and_diphthong() {
        assert_eq!(from_ipa("mˈut^ʃo t^ʃˈa^ɪ", Accent::Spanish), "mˈuʧo ʧˈI");
        assert_eq!(from_ipa("pˈit^sa d^zˈero", Accent::Italian), "pˈiʦa ʣˈero");
    }

    #[test]
    fn english_follows_the_dictionary() {
        assert_eq!(from_ipa("d^ʒˈe^ɪ nˈo^ʊ", Accent::AmericanEnglish), "ʤˈA nˈO");
        assert_eq!(from_ipa("nˈə^ʊ bˈɜːd", Accent::BritishEnglish), "nˈQ bˈɜːd");
        assert_eq!(from_ipa("bˈɜːd lˈɪɾə^l", Accent::AmericanEnglish), "bˈɜɹd lˈɪTᵊl");
    }

    #[test]
    fn a_syllabic_consonant_gets_its_schwa() {
        assert_eq!(from_ipa("bˈʌtn\u{0329}", Accent::BritishEnglish), "bˈʌtᵊn");
        assert_eq!(from_ipa("\u{0329}a", Accent::BritishEnglish), "a");
    }
}
