//! The embedded translator as its callers see it, with the real models and the real Apertium.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sts_models::translate::faithful::FaithfulTranslator;
use sts_models::translate::marian::Student;
use sts_models::{
    Device, EmbeddedTranslator, EmbeddedTranslatorOptions, EngineError, Shorter, TranslateRequest, Translation,
    Translator,
};

fn store() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("store");
    let store = std::env::var_os("STS_MODELS_DIR").map_or_else(default, PathBuf::from);
    for pair in ["firefox-enpt", "firefox-pten"] {
        let model = store.join(pair).join("model.bin");
        assert!(model.is_file(), "{} is missing: fetch the models first, or set STS_MODELS_DIR", model.display());
    }
    store
}

fn translator() -> EmbeddedTranslator {
    let options = EmbeddedTranslatorOptions::default();
    for mode in ["es-pt", "pt-es"] {
        let file = options.apertium_modes.join(format!("{mode}.mode"));
        assert!(file.is_file(), "{} is missing: install Debian's apertium and apertium-es-pt", file.display());
    }
    EmbeddedTranslator::load(&store(), options).expect("the store can be read")
}

fn request(source: &str, target: &str, text: &str) -> TranslateRequest {
    TranslateRequest {
        text: text.to_owned(),
        source_language: source.to_owned(),
        target_language: target.to_owned(),
        ..TranslateRequest::default()
    }
}

fn translate(translator: &mut EmbeddedTranslator, source: &str, target: &str, text: &str) -> Translation {
    let mut answers = translator.translate(&[request(source, target, text)]);
    assert_eq!(answers.len(), 1);
    answers.remove(0).expect("the pair is served")
}

#[test]
fn a_shorter_translation_is_shorter_and_says_the_same() {
    let mut translator = translator();
    let text = "A Republican strategy to counter the re-election of Obama";
    let first = translate(&mut translator, "en", "es", text);
    assert!(translator.can_shorten("en", "es", &first.engine) && !translator.can_shorten("es", "pt", "any"));
    let shorter = Some(Shorter { than: first.text.clone(), by: first.engine, percent: 90 });
    let answer = translator.translate(&[TranslateRequest { shorter, ..request("en", "es", text) }]).remove(0);
    let second = answer.expect("a translation").text;
    println!("{}: {second}", first.text);
    assert!(second.chars().count() < first.text.chars().count(), "{}: {second}", first.text);
    assert!(second.contains("republicana") && second.contains("Obama"), "{second}");
}

#[test]
fn terms_are_kept_where_the_translator_has_other_words() {
    let mut translator = FaithfulTranslator::new(Box::new(translator()), true);
    let text = "The interest rate of the Sharp company rose by 2.5 percent.";
    let hints = ["interest rate=tasa oficial", "Sharp"].map(str::to_owned).to_vec();
    let plain = translator.translate(&[request("en", "es", text)]).remove(0).expect("a translation").text;
    let with = translator.translate(&[TranslateRequest { hints, ..request("en", "es", text) }]).remove(0);
    let with = with.expect("a translation").text;
    println!("{plain}: {with}");
    assert!(
        !plain.contains("tasa oficial") && with.contains("tasa oficial") && with.contains("Sharp"),
        "{plain}: {with}"
    );
    assert!(with.contains("2,5") || with.contains("2.5"), "{with}");
}

#[test]
fn every_pair_is_served_by_its_own_chain() {
    let mut translator = translator();
    let cases = [
        ("en", "pt", "The house is big.", "casa", "fxtranslate en-pt"),
        ("pt", "en", "A casa é grande.", "house", "fxtranslate pt-en"),
        ("en", "es", "The house is big.", "casa", "fxtranslate en-pt + apertium pt-es"),
        ("es", "en", "La casa es grande.", "house", "apertium es-pt + fxtranslate pt-en"),
        ("es", "pt", "La casa es grande.", "casa", "apertium es-pt"),
        ("pt", "es", "A casa é grande.", "casa", "apertium pt-es"),
    ];
    for (source, target, text, expected, engine) in cases {
        assert!(translator.supports(source, target));
        let translation = translate(&mut translator, source, target, text);
        assert!(translation.text.to_lowercase().contains(expected), "{source}-{target}: {}", translation.text);
        assert_eq!(translation.engine, engine);
    }
    assert_eq!(translate(&mut translator, "es", "es", "Igual.").text, "Igual.");
}

#[test]
fn a_pair_without_models_is_refused_with_the_reason() {
    let mut translator = translator();
    assert!(!translator.supports("en", "fr"));
    let answers = translator.translate(&[request("en", "fr", "Hello.")]);
    let Err(EngineError::Unsupported(why)) = &answers[0] else { panic!("{answers:?}") };
    assert!(why.contains("'en' to 'fr'") && why.contains("downloads"), "{why}");
}

#[test]
fn without_apertium_the_missing_package_is_named() {
    let nowhere = tempfile::tempdir().expect("a temporary folder can be made");
    let options = EmbeddedTranslatorOptions { apertium_modes: nowhere.path().to_owned(), ..Default::default() };
    let mut translator = EmbeddedTranslator::load(&store(), options).expect("the store can be read");
    assert!(translator.supports("en", "pt") && !translator.supports("en", "es"));
    let answers = translator.translate(&[request("en", "es", "Hello.")]);
    let Err(EngineError::Unsupported(why)) = &answers[0] else { panic!("{answers:?}") };
    assert!(why.contains("apertium-es-pt"), "{why}");
}

#[test]
fn a_batch_keeps_its_order_across_pairs_lengths_and_errors() {
    let mut translator = translator();
    let batch = [
        request("en", "es", "One."),
        request("en", "pt", "The second sentence is rather longer than the others, as it happens to be."),
        request("en", "xx", "Three."),
        request("pt", "en", "Quatro."),
        request("en", "es", ""),
        request("en", "es", "Six. And a house."),
    ];
    let answers = translator.translate(&batch);
    let text = |index: usize| answers[index].as_ref().map(|answer| answer.text.to_lowercase()).unwrap_or_default();
    assert_eq!(answers.len(), batch.len());
    assert!(text(0).starts_with("uno"), "{}", text(0));
    assert!(text(1).contains("segunda"), "{}", text(1));
    assert!(matches!(answers[2], Err(EngineError::Unsupported(_))));
    assert!(text(3).contains("four"), "{}", text(3));
    assert_eq!(text(4), "");
    assert!(text(5).starts_with("seis") && text(5).ends_with("casa."), "{}", text(5));
}

#[test]
fn a_batch_says_what_single_requests_say() {
    let mut translator = translator();
    let texts =
        ["The train leaves at nine.", "She has two cats and a dog.", "Why?", "We live in a small town by the sea."];
    let batch: Vec<_> = texts.iter().map(|text| request("en", "pt", text)).collect();
    let together: Vec<_> =
        translator.translate(&batch).into_iter().map(|answer| answer.expect("served").text).collect();
    for (text, batched) in texts.iter().zip(together) {
        assert_eq!(translate(&mut translator, "en", "pt", text).text, batched);
    }
}

#[test]
fn spanish_has_its_marks_its_capitals_and_its_full_stops() {
    let mut translator = translator();
    let mut spanish = |text: &str| translate(&mut translator, "en", "es", text).text;
    let question = spanish("Where do you live?");
    assert!(question.starts_with('¿') && question.ends_with('?'), "{question}");
    let exclamation = spanish("What a beautiful day!");
    assert!(exclamation.starts_with('¡') && exclamation.ends_with('!'), "{exclamation}");
    let three = spanish("I am tired. Are you tired? Let's go home!");
    for mark in ['.', '¿', '?', '¡', '!'] {
        assert_eq!(three.matches(mark).count(), 1, "{three}");
    }
    let stop = spanish("We saw it yesterday.");
    assert!(stop.ends_with('.') && stop.starts_with(char::is_uppercase), "{stop}");
}

#[test]
fn portuguese_contractions_do_not_survive_in_spanish() {
    let mut translator = translator();
    let spanish = translate(&mut translator, "en", "es", "They have lived in the United States for years.").text;
    assert!(spanish.contains("en Estados Unidos") || spanish.contains("en los Estados Unidos"), "{spanish}");
}

#[test]
fn unknown_words_bear_no_marks() {
    let mut translator = translator();
    for text in
        ["O Brzxqwy comprou uma blogosfera.", "Xyzzy!", "A plugh ficou frobnicada.", "Foi ao shopping com Zsuzsa."]
    {
        let spanish = translate(&mut translator, "pt", "es", text).text;
        assert!(!spanish.contains(['*', '@', '#', '[', ']', '^', '$', '\\']), "{spanish}");
    }
    assert!(translate(&mut translator, "pt", "es", "O Brzxqwy comprou.").text.contains("Brzxqwy"));
}

/// What a stranger may write: every one of these has a meaning in Apertium's stream format, or none anywhere.
fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "\0",
        "a\0b",
        "\0\0\0 casa \0",
        "^",
        "$",
        "^casa<n>$",
        "^^^ $$$ [[[ ]]]",
        "[",
        "]",
        "[]",
        "[<b>casa</b>]",
        "{",
        "}",
        "\\",
        "\\\\",
        "\\^",
        "a\\",
        "/",
        "<",
        ">",
        "@",
        "@@casa",
        "*casa",
        "#casa# de#",
        "~",
        "~de~o~",
        "+",
        "_",
        "[s1]",
        "casa[s2]",
        "[k0]",
        "[k999999999999999999999]",
        "\u{1b}[31mrot\u{1b}[0m",
        "\u{7f}\u{1}\u{2}",
        "\u{feff}casa",
        "😀",
        "👩‍👩‍👧‍👦 casa 🏳️‍🌈",
        "مرحبا",
        "日本語です。",
        "e\u{301}\u{301}\u{301}",
        "\u{202e}asac",
        "%s%n$(rm -rf /)`id`",
        "'; drop table",
        "....",
        "?!?!",
        "-",
        "—",
        "\n\n\r\n",
        "\t",
        "<script>alert(1)</script>",
        "a@b.c https://x.y/z?w=1&v=2",
        "[[t:b:abc]]casa[[/]]",
        "\u{e000}",
        "\u{10ffff}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("palavra ".repeat(1_250));
    texts.push("x".repeat(10_000));
    texts.push("^$[]{}<>@\\/*#~".repeat(700));
    texts.push("😀".repeat(2_500));
    texts.push(". ".repeat(5_000));
    texts
}

#[test]
fn hostile_texts_neither_hang_nor_kill_apertium() {
    let mut translator = translator();
    translate(&mut translator, "pt", "es", "Bom dia.");
    let processes = translator.apertium_process_ids();
    for text in hostile_texts() {
        for (source, target) in [("pt", "es"), ("es", "pt")] {
            let started = Instant::now();
            let answer = translator.translate(&[request(source, target, &text)]).remove(0);
            let shown: String = text.chars().take(40).collect();
            assert!(answer.is_ok(), "{shown:?}: {answer:?}");
            assert!(started.elapsed() < Duration::from_secs(20), "{shown:?} took {:?}", started.elapsed());
        }
    }
    let survivors = translator.apertium_process_ids();
    assert!(processes.iter().all(|id| survivors.contains(id)), "a hostile text killed a process");
    assert_eq!(translate(&mut translator, "pt", "es", "A casa é grande.").text, "La casa es grande.");
}

#[test]
fn hostile_texts_do_not_stop_firefoxs_models() {
    let mut translator = translator();
    let batch: Vec<_> = hostile_texts().iter().map(|text| request("en", "es", text)).collect();
    for (request, answer) in batch.iter().zip(translator.translate(&batch)) {
        let shown: String = request.text.chars().take(40).collect();
        assert!(answer.is_ok(), "{shown:?}: {answer:?}");
    }
}

#[test]
fn a_killed_apertium_process_is_replaced_unnoticed() {
    let mut translator = translator();
    let before = translate(&mut translator, "pt", "es", "A casa é grande.").text;
    let stages = translator.apertium_process_ids().len();
    for victim in 0..stages {
        let ids = translator.apertium_process_ids();
        kill(ids[victim]);
        assert_eq!(translate(&mut translator, "pt", "es", "A casa é grande.").text, before, "after stage {victim}");
        let replaced = translator.apertium_process_ids();
        assert!(replaced.iter().all(|id| !ids.contains(id)), "stage {victim}: the old processes were kept");
    }
}

#[test]
fn a_stopped_apertium_process_is_given_up_after_its_deadline() {
    let options = EmbeddedTranslatorOptions { apertium_deadline: Duration::from_millis(500), ..Default::default() };
    let mut translator = EmbeddedTranslator::load(&store(), options).expect("the store can be read");
    let before = translate(&mut translator, "pt", "es", "A casa é grande.").text;
    let id = translator.apertium_process_ids()[2];
    signal(id, libc::SIGSTOP);
    assert_eq!(translate(&mut translator, "pt", "es", "A casa é grande.").text, before);
    assert!(!translator.apertium_process_ids().contains(&id));
}

#[test]
fn dropping_the_translator_ends_its_processes() {
    let mut translator = translator();
    translate(&mut translator, "pt", "es", "Bom dia.");
    let ids = translator.apertium_process_ids();
    drop(translator);
    assert!(!ids.is_empty());
    for id in ids {
        assert!(!PathBuf::from(format!("/proc/{id}")).exists(), "process {id} is still there");
    }
}

fn kill(id: u32) {
    signal(id, libc::SIGKILL);
}

fn signal(id: u32, signal: libc::c_int) {
    let id = libc::pid_t::try_from(id).expect("Linux's process ids fit pid_t");
    // SAFETY: kill(2) takes plain numbers; the process is this test's own child.
    assert_eq!(unsafe { libc::kill(id, signal) }, 0, "process {id} could not be signalled");
}

/// On a CPU, since a test is to run anywhere; on a GPU it is the same code.
#[test]
fn on_a_device_firefoxs_models_run_in_libtorch() {
    let options = EmbeddedTranslatorOptions { device: Some(Device::CPU_F32), ..EmbeddedTranslatorOptions::default() };
    let mut translator = EmbeddedTranslator::load(&store(), options).expect("the store can be read");
    let info = translator.info();
    assert_eq!(
        (info.name.as_str(), info.device.as_str(), info.precision.as_str()),
        ("marian + apertium", "cpu", "f32")
    );
    let texts = ["The house is big.", "Where were you yesterday? I waited for an hour.", "..."];
    let batch: Vec<TranslateRequest> = texts.iter().map(|text| request("en", "pt", text)).collect();
    let answers = translator.translate(&batch);
    let answers: Vec<Translation> = answers.into_iter().map(|answer| answer.expect("the pair is served")).collect();

    let student = Student::load(&store().join("firefox-enpt"), Device::CPU_F32).expect("the model is in the store");
    let sentences = ["The house is big.", "Where were you yesterday?", "I waited for an hour."];
    let alone = student.translate(&sentences).expect("the sentences are short");
    let expected = [alone[0].clone(), alone[1..].join(" "), "...".to_owned()];
    for (answer, expected) in answers.iter().zip(&expected) {
        assert_eq!((&answer.text, answer.engine.as_str()), (expected, "marian en-pt"));
    }

    // In libtorch there is one translation of a sentence, whatever is wished for.
    assert!(!translator.can_shorten("en", "pt", "marian en-pt"));
    let shorter = Some(Shorter { than: expected[1].clone(), by: "marian en-pt".to_owned(), percent: 50 });
    let again = translator.translate(&[TranslateRequest { shorter, ..request("en", "pt", texts[1]) }]).remove(0);
    assert_eq!(again.expect("the pair is served").text, expected[1]);

    let over_portuguese = translate(&mut translator, "en", "es", "The house is big.");
    assert_eq!(over_portuguese.engine, "marian en-pt + apertium pt-es");
    assert!(over_portuguese.text.contains("casa"), "{}", over_portuguese.text);
}
