//! LibreTranslate's client against a double, over a real socket.

#[allow(dead_code, reason = "the doubles serve other tests too")]
mod doubles;

use std::sync::Arc;
use std::time::Duration;

use doubles::http::Answer;
use doubles::libretranslate::{KEY, LibreTranslateDouble};
use serde_json::json;
use sts_models::translate::libretranslate::{LibreTranslate, LibreTranslateOptions, LibreTranslator};
use sts_models::translate::remote::{Connections, Secret};
use sts_models::{EngineError, TranslateRequest, Translator};

fn translator(double: &LibreTranslateDouble, key: &str) -> LibreTranslator {
    let connections = Arc::new(Connections::new().expect("a runtime starts"));
    let options =
        LibreTranslateOptions { url: double.http.url(), key: Secret::new(key), budget: Duration::from_secs(20) };
    LibreTranslator(LibreTranslate::new(connections, options))
}

fn request(text: &str, target: &str) -> TranslateRequest {
    TranslateRequest {
        text: text.to_owned(),
        source_language: "en".to_owned(),
        target_language: target.to_owned(),
        ..TranslateRequest::default()
    }
}

fn texts(translator: &mut LibreTranslator, batch: &[TranslateRequest]) -> Vec<Result<String, EngineError>> {
    translator.translate(batch).into_iter().map(|answer| answer.map(|translation| translation.text)).collect()
}

#[test]
fn texts_of_one_pair_travel_together() {
    let double = LibreTranslateDouble::start();
    let mut translator = translator(&double, KEY);
    let answers = texts(&mut translator, &[request("a", "es"), request("b", "es"), request("c", "en")]);
    assert_eq!(answers, ["[ES] a", "[ES] b", "c"].map(|text| Ok(text.to_owned())));
    let expected = json!({"q": ["a", "b"], "source": "en", "target": "es", "format": "text", "api_key": KEY});
    assert_eq!(double.http.requests()[0].json(), expected);
}

#[test]
fn the_server_says_which_languages_it_has() {
    let double = LibreTranslateDouble::start();
    let mut translator = translator(&double, KEY);
    assert!(translator.supports("en", "fr"), "as long as nobody has asked");
    translator.0.check().expect("it answers");
    assert!(translator.supports("en", "es") && translator.supports("en", "zh") && !translator.supports("en", "fr"));
    assert_eq!(texts(&mut translator, &[request("x", "zh")]), [Ok("[ZH-HANS] x".to_owned())]);
    let unsupported = texts(&mut translator, &[request("x", "fr")]).remove(0);
    assert!(matches!(unsupported, Err(EngineError::Unsupported(why)) if why.contains("fr is not supported")));
}

#[test]
fn one_text_that_is_refused_costs_the_others_nothing() {
    let double = LibreTranslateDouble::start();
    let batch = ["a", "poison", "b"].map(|text| request(text, "es"));
    let answers = texts(&mut translator(&double, KEY), &batch);
    assert_eq!((&answers[0], &answers[2]), (&Ok("[ES] a".to_owned()), &Ok("[ES] b".to_owned())));
    assert!(matches!(&answers[1], Err(EngineError::Unavailable(why)) if why.contains("text limit")), "{answers:?}");
}

#[test]
fn failures_pass_or_are_named() {
    let double = LibreTranslateDouble::start();
    let rest = Answer::json(429, &json!({"error": "Slowdown: too many requests"})).with_header("retry-after", "3600");
    let one_too_many = Answer::json(200, &json!({"translatedText": ["a", "b"]}));
    double.next([Answer::json(500, &json!({"error": "oops"})), Answer::HalfOf(b"{\"translatedText\":[]}".into())]);
    let mut with_key = translator(&double, KEY);
    assert_eq!(texts(&mut with_key, &[request("x", "es")]), [Ok("[ES] x".to_owned())], "at the third attempt");
    double.next([rest, one_too_many]);
    let limited = texts(&mut with_key, &[request("x", "es")]).remove(0);
    assert!(matches!(limited, Err(EngineError::RateLimited { retry_after: Some(rest), .. }) if rest.as_secs() == 3600));
    let unreadable = texts(&mut with_key, &[request("x", "es")]).remove(0);
    assert!(matches!(unreadable, Err(EngineError::Unavailable(why)) if why.contains("2 translations of 1 texts")));
    let refused = texts(&mut translator(&double, "wrong-key"), &[request("x", "es")]).remove(0);
    assert!(matches!(refused, Err(EngineError::Unauthorized(why)) if !why.contains("wrong-key")));
}
