//! Text to phonemes, by eSpeak NG's library. Needs Debian's `libespeak-ng1` and `espeak-ng-data`.

use sts_models::g2p::{Accent, phonemes};

fn say(text: &str, accent: Accent) -> String {
    phonemes(text, accent).expect("libespeak-ng1 and espeak-ng-data must be installed")
}

/// The expectations were written by Kokoro's own front end, the Python package misaki, over eSpeak NG 1.51: whole
/// sentences, and for English single words, as it looks whole English sentences up in a dictionary.
#[test]
fn phonemes_are_those_of_the_reference_front_end() {
    let mut checked = std::collections::BTreeMap::new();
    for line in include_str!("golden/phonemes.tsv").lines() {
        let [language, text, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not a language, a text and its phonemes: {line}");
        };
        assert_eq!(say(text, accent(language)), expected, "{language}: {text}");
        *checked.entry(language).or_insert(0) += 1;
    }
    assert!(checked["es"] >= 14 && checked.len() == 6, "too few sentences: {checked:?}");
}

fn accent(language: &str) -> Accent {
    match language {
        "en-us" => Accent::AmericanEnglish,
        "en-gb" => Accent::BritishEnglish,
        language => Accent::of(language, "").expect("a language that is spoken"),
    }
}

/// Where the reference maps `e` before it comes to `e^ə`, its own dictionary has what is expected here.
#[test]
fn british_vowels_as_the_dictionary_has_them() {
    for (word, expected) in [("where", "wˈɛː"), ("square", "skwˈɛː"), ("year", "jˈɪə"), ("idea", "Idˈɪə")] {
        assert_eq!(say(word, Accent::BritishEnglish), expected);
    }
}

#[test]
fn a_linking_r_is_written_once() {
    assert_eq!(say("The water is cold.", Accent::AmericanEnglish), "ðə wˈɔTəɹ ɪz kˈOld.");
}

#[test]
fn the_golden_sentences_have_their_phonemes() {
    let golden = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kokoro.safetensors"))
        .expect("the golden file is in the repository");
    let (_, header) = safetensors::SafeTensors::read_metadata(&golden).expect("a safetensors file");
    let sentences = header.metadata().as_ref().expect("the file has metadata");
    for name in ["es1", "es2"] {
        let sentence: serde_json::Value = serde_json::from_str(&sentences[name]).expect("JSON");
        let text = sentence["text"].as_str().expect("a text");
        assert_eq!(say(text, Accent::Spanish), sentence["phonemes"].as_str().expect("phonemes"));
    }
}

#[test]
fn threads_take_turns() {
    let alone = [say("la mañana", Accent::Spanish), say("the morning", Accent::BritishEnglish)];
    let threads: Vec<_> = (0..4)
        .map(|index| {
            std::thread::spawn(move || {
                let (text, accent) =
                    [("la mañana", Accent::Spanish), ("the morning", Accent::BritishEnglish)][index % 2];
                (0..100).map(|_| say(text, accent)).collect::<Vec<_>>()
            })
        })
        .collect();
    for (index, thread) in threads.into_iter().enumerate() {
        let heard = thread.join().expect("no panic");
        assert!(heard.iter().all(|phonemes| *phonemes == alone[index % 2]));
    }
}

#[test]
fn nothing_to_say_is_nothing() {
    assert_eq!(say("", Accent::Spanish), "");
    assert_eq!(say("  ", Accent::Spanish), "");
    assert_eq!(say("…", Accent::Spanish), "…");
    assert!(phonemes("a\0b", Accent::Spanish).is_err());
}
