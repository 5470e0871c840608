//! The mending translator over one that is told what to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::*;

/// Says what it is told for a text, or else the text in capitals; and notes what it was asked.
struct Told {
    says: HashMap<&'static str, &'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Translator for Told {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: "told".to_owned(), device: "test".to_owned(), precision: "none".to_owned() }
    }

    fn supports(&self, _: &str, _: &str) -> bool {
        true
    }

    fn translate(&mut self, batch: &[TranslateRequest]) -> Vec<Result<Translation, EngineError>> {
        let mut asked = self.asked.lock().expect("no panic");
        let mut one = |request: &TranslateRequest| {
            asked.push(request.text.clone());
            let told = self.says.get(request.text.as_str()).copied();
            if told == Some("") {
                return Err(EngineError::Unavailable("told to".to_owned()));
            }
            let text = told.map_or_else(|| request.text.to_uppercase(), str::to_owned);
            Ok(Translation { text, engine: "told".to_owned() })
        };
        batch.iter().map(&mut one).collect()
    }
}

/// What comes of a text with these hints, and what the translator was asked for it.
fn translated(
    text: &str,
    hints: &[&str],
    says: &[(&'static str, &'static str)],
) -> (Result<String, EngineError>, Vec<String>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let told = Told { says: says.iter().copied().collect(), asked: Arc::clone(&asked) };
    let request = TranslateRequest {
        text: text.to_owned(),
        source_language: "en".to_owned(),
        target_language: "es".to_owned(),
        hints: hints.iter().map(|hint| (*hint).to_owned()).collect(),
        ..TranslateRequest::default()
    };
    let answer = FaithfulTranslator::new(Box::new(told), true).translate(&[request]).remove(0);
    let asked = asked.lock().expect("no panic").clone();
    (answer.map(|translation| translation.text), asked)
}

#[test]
fn what_is_there_by_itself_costs_nothing() {
    let says = [("Acme raised the rate.", "Acme subió los tipos.")];
    let (text, asked) = translated("Acme raised the rate.", &["Acme", "rate=tipo", "Zed", "bank"], &says);
    assert_eq!((text.as_deref(), asked.len()), (Ok("Acme subió los tipos."), 1));
}

#[test]
fn what_is_lost_is_kept_by_a_word_that_stands_for_it() {
    let says = [
        ("Sharp raised the Rate.", "Afilado subió la tasa."),
        ("Quilnar raised the Brizto.", "Quilnar subió el Brizto."),
    ];
    let (text, asked) = translated("Sharp raised the Rate.", &["rate=tipo", "Sharp"], &says);
    assert_eq!((text.as_deref(), asked.len()), (Ok("Sharp subió el tipo."), 2));
}

#[test]
fn where_that_is_lost_too_its_own_translation_is_replaced() {
    let says = [
        ("The prime rate rose.", "La tasa preferente subió."),
        ("The Quilnar rose.", "El zorro subió."),
        ("prime rate", "tasa preferente."),
    ];
    let (text, asked) = translated("The prime rate rose.", &["prime rate=tipo base"], &says);
    assert_eq!((text.as_deref(), asked.len()), (Ok("La tipo base subió."), 3));
}

#[test]
fn the_plain_translation_stays_where_nothing_helps() {
    for own in ["", "otra cosa"] {
        let says = [("Sharp rose.", "Subió."), ("Quilnar rose.", own), ("Sharp", own)];
        assert_eq!(translated("Sharp rose.", &["Sharp"], &says).0.as_deref(), Ok("Subió."), "{own}");
    }
    let failed = translated("Sharp rose.", &["Sharp"], &[("Sharp rose.", "")]);
    assert!(failed.0.is_err() && failed.1.len() == 1, "a failure is asked about once: {failed:?}");
}

#[test]
fn texts_are_restored_and_numbers_kept() {
    let (text, asked) = translated("it was in 2013", &[], &[("It was in 2013.", "Fue en 2031.")]);
    assert_eq!((text.as_deref(), asked.as_slice()), (Ok("Fue en 2013."), ["It was in 2013.".to_owned()].as_slice()));
}

#[test]
fn one_language_is_no_translation() {
    let told = Told { says: HashMap::from([("sharp in 12", "in 13")]), asked: Arc::default() };
    let request = TranslateRequest {
        text: "sharp in 12".to_owned(),
        source_language: "en".to_owned(),
        target_language: "en".to_owned(),
        hints: vec!["sharp=flat".to_owned()],
        ..TranslateRequest::default()
    };
    let answers = FaithfulTranslator::new(Box::new(told), true).translate(&[request]);
    assert_eq!(answers[0].as_ref().map(|translation| translation.text.as_str()), Ok("in 13"));
}
