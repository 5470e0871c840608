//! DeepL's client against a double that behaves and misbehaves, over a real socket.

#[allow(dead_code, reason = "the doubles serve other tests too")]
mod doubles;

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use doubles::deepl::{Conduct, DeepLDouble, KEY};
use sts_models::translate::deepl::{DeepL, DeepLOptions, DeepLTranslator, Formality, TargetVariants, Usage};
use sts_models::translate::remote::{Connections, Secret};
use sts_models::{EngineError, TranslateRequest, Translation, Translator};

fn options(double: &DeepLDouble) -> DeepLOptions {
    DeepLOptions {
        key: Secret::new(KEY),
        url: Some(double.http.url()),
        variants: TargetVariants::default(),
        formality: Formality::Default,
        glossaries: HashMap::new(),
        glossaries_from_hints: true,
        sends_context: true,
    }
}

/// Wide, since other tests want the processor too; those about time set their own.
const BUDGET: Duration = Duration::from_secs(20);

fn account(options: DeepLOptions, budget: Duration) -> Arc<DeepL> {
    let connections = Arc::new(Connections::new().expect("a runtime starts"));
    DeepL::new(connections, options, budget, Arc::new(|_| ())).expect("the key is one")
}

fn translator(double: &DeepLDouble, change: impl FnOnce(&mut DeepLOptions)) -> DeepLTranslator {
    let mut options = options(double);
    change(&mut options);
    DeepLTranslator(account(options, BUDGET))
}

fn proper(double: &DeepLDouble) -> DeepLTranslator {
    translator(double, |_| ())
}

/// A double whose next requests are met so, and a translator with so little time that the rest of a test is short.
fn hurried(milliseconds: u64, conduct: impl IntoIterator<Item = Conduct>) -> (DeepLDouble, DeepLTranslator) {
    let double = DeepLDouble::start();
    double.next(conduct);
    let account = account(options(&double), Duration::from_millis(milliseconds));
    (double, DeepLTranslator(account))
}

fn request(text: &str, target: &str) -> TranslateRequest {
    TranslateRequest {
        text: text.to_owned(),
        source_language: "en".to_owned(),
        target_language: target.to_owned(),
        ..TranslateRequest::default()
    }
}

fn one(translator: &mut DeepLTranslator, text: &str) -> Result<Translation, EngineError> {
    let mut answers = translator.translate(&[request(text, "es")]);
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn text(answer: Result<Translation, EngineError>) -> String {
    answer.expect("a translation").text
}

#[test]
fn a_request_is_what_the_api_wants() {
    let double = DeepLDouble::start();
    let mut translator = translator(&double, |options| options.formality = Formality::PreferLess);
    let with_context = TranslateRequest { context: "Before.".to_owned(), ..request("Good morning.", "pt") };
    let translation = translator.translate(&[with_context]).remove(0).expect("a translation");
    assert_eq!((translation.text.as_str(), translation.engine.as_str()), ("[PT-BR] Good morning.", "deepl"));
    let sent = &double.http.requests()[0];
    assert_eq!(sent.header("authorization"), Some(format!("DeepL-Auth-Key {KEY}").as_str()));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    let expected = serde_json::json!({"text": ["Good morning."], "source_lang": "EN", "target_lang": "PT-BR",
        "context": "Before.", "formality": "prefer_less"});
    assert_eq!(sent.json(), expected);
}

#[test]
fn the_host_follows_from_the_key_and_https_offers_http_2() {
    // A socket that reads what a TLS client says first: the protocols that it offers are in the clear.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let hello = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client comes");
        let mut hello = [0; 4096];
        let length = socket.read(&mut hello).expect("it says hello");
        hello[..length].to_vec()
    });
    let double = DeepLDouble::start();
    let elsewhere = DeepLOptions { url: Some(format!("https://{address}/")), ..options(&double) };
    let mut translator = DeepLTranslator(account(elsewhere, Duration::from_millis(300)));
    assert!(matches!(one(&mut translator, "x"), Err(EngineError::Unavailable(_) | EngineError::TimedOut(_))));
    let hello = hello.join().expect("it was read");
    assert!(hello.windows(3).any(|offered| offered == b"\x02h2"), "HTTP/2 is not offered");
}

#[test]
fn texts_of_one_pair_travel_together_and_those_of_another_at_the_same_time() {
    let double = DeepLDouble::start();
    let batch = [request("a", "es"), request("b", "fr"), request("c", "es"), request("", "es"), request("d", "en")];
    let texts: Vec<_> = proper(&double).translate(&batch).into_iter().map(text).collect();
    assert_eq!(texts, ["[ES] a", "[FR] b", "[ES] c", "", "d"]);
    let mut sent: Vec<_> = double.translate_bodies().iter().map(|body| body["text"].to_string()).collect();
    sent.sort();
    assert_eq!(sent, [r#"["a","c"]"#, r#"["b"]"#]);
}

#[test]
fn a_rate_limit_is_waited_for_as_long_as_the_header_says() {
    let in_two_seconds = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let as_seconds: fn() -> String = || "1".to_owned();
    for (status, header, least) in [(429, as_seconds, 1_000), (529, in_two_seconds, 500)] {
        let double = DeepLDouble::start();
        double.next([Conduct::RetryAfter(status, header())]);
        let started = Instant::now();
        assert_eq!(text(one(&mut proper(&double), "x")), "[ES] x");
        assert!(started.elapsed() >= Duration::from_millis(least), "{status}: {:?}", started.elapsed());
        assert_eq!(double.translate_bodies().len(), 2, "one repetition");
    }
}

#[test]
fn a_rate_limit_that_outlasts_the_deadline_is_told_at_once() {
    let (double, mut translator) = hurried(5_000, [Conduct::RetryAfter(429, "30".to_owned())]);
    let error = one(&mut translator, "x").expect_err("30 s are too long");
    let EngineError::RateLimited { message, retry_after } = error else { panic!("{error}") };
    assert_eq!((retry_after, message.as_str()), (Some(Duration::from_secs(30)), "DeepL: status 429: told to say 429"));
    assert_eq!(double.translate_bodies().len(), 1, "no repetition");
}

#[test]
fn a_rate_limit_without_a_header_is_repeated_until_time_is_up() {
    for status in [429, 529] {
        let (double, mut translator) = hurried(1_500, []);
        double.always(Conduct::Status(status));
        let error = one(&mut translator, "x").expect_err("it never passes");
        assert!(matches!(error, EngineError::RateLimited { retry_after: None, .. }), "{error}");
        let made = double.translate_bodies().len();
        // 100, 200, 400 ms and so on, each up to a half shorter.
        assert!((2..=6).contains(&made), "{made} requests");
    }
}

#[test]
fn a_used_up_quota_and_a_refused_key_are_told_at_once() {
    let (double, mut translator) = hurried(5_000, [Conduct::Status(456), Conduct::Status(403)]);
    assert_eq!(one(&mut translator, "x"), Err(EngineError::QuotaExceeded("DeepL: told to say 456".to_owned())));
    let refused = EngineError::Unauthorized("DeepL: status 403: told to say 403".to_owned());
    assert_eq!(one(&mut translator, "x"), Err(refused));
    assert_eq!(double.translate_bodies().len(), 2, "no repetition");
}

#[test]
fn failures_of_the_server_and_of_the_network_pass() {
    for conduct in [Conduct::Status(500), Conduct::Status(503), Conduct::CutInRequest, Conduct::CutInAnswer] {
        let double = DeepLDouble::start();
        double.next([conduct.clone(), conduct.clone()]);
        assert_eq!(text(one(&mut proper(&double), "x")), "[ES] x", "{conduct:?}");
        // The HTTP library repeats by itself what was cut before a byte of an answer.
        let made = double.http.requests().iter().filter(|request| request.path == "/v2/translate").count();
        assert_eq!(made, 3, "{conduct:?}");
    }
}

#[test]
fn failures_that_stay_are_told_in_time() {
    for conduct in [Conduct::Status(502), Conduct::CutInRequest, Conduct::CutInAnswer] {
        let (double, mut translator) = hurried(1_000, []);
        double.always(conduct.clone());
        let started = Instant::now();
        let error = one(&mut translator, "x").expect_err("it never passes");
        assert!(matches!(error, EngineError::Unavailable(_)), "{conduct:?}: {error}");
        assert!(started.elapsed() < Duration::from_secs(10), "{conduct:?}");
        assert!(double.http.requests().len() >= 2, "{conduct:?}");
    }
}

#[test]
fn silence_and_slowness_are_given_up_and_tried_once_more() {
    for conduct in [Conduct::Silence, Conduct::Dribble(5)] {
        let (double, mut translator) = hurried(1_000, []);
        double.always(conduct.clone());
        let error = one(&mut translator, "x").expect_err("it never comes");
        assert!(matches!(error, EngineError::TimedOut(_)), "{conduct:?}: {error}");
        assert_eq!(double.translate_bodies().len(), 2, "{conduct:?}: one repetition");
    }
    let (double, mut translator) = hurried(20_000, [Conduct::Dribble(500)]);
    assert_eq!(text(one(&mut translator, "slow, but in time")), "[ES] slow, but in time");
    assert_eq!(double.translate_bodies().len(), 1);
}

#[test]
fn what_is_too_large_is_split_until_it_fits() {
    let double = DeepLDouble::start();
    double.takes_at_most(1_000);
    let mut batch: Vec<_> = (0..8).map(|number| request(&format!("{number} {}", "x".repeat(300)), "es")).collect();
    batch.push(request(&"y".repeat(2_000), "es"));
    let answers = proper(&double).translate(&batch);
    for (number, answer) in answers[..8].iter().enumerate() {
        assert!(answer.as_ref().is_ok_and(|one| one.text.starts_with(&format!("[ES] {number} "))), "{answer:?}");
    }
    assert!(
        matches!(&answers[8], Err(EngineError::InvalidInput(message)) if message.contains("413")),
        "{:?}",
        answers[8]
    );
}

#[test]
fn one_text_that_is_refused_costs_the_others_nothing() {
    let double = DeepLDouble::start();
    double.on("poison", Conduct::Status(400));
    let batch = ["a", "b", "poison", "c", "d"].map(|text| request(text, "es"));
    let answers = proper(&double).translate(&batch);
    assert!(matches!(&answers[2], Err(EngineError::Unavailable(message)) if message.contains("400")));
    let others: Vec<_> = [0, 1, 3, 4].map(|index| text(answers[index].clone())).into();
    assert_eq!(others, ["[ES] a", "[ES] b", "[ES] c", "[ES] d"]);
}

#[test]
fn answers_that_make_no_sense_are_named_and_not_repeated() {
    let elsewhere = DeepLDouble::start();
    let to = format!("{}/v2/translate", elsewhere.http.url());
    for (conduct, expected) in [
        (Conduct::BrokenJson, "cannot be read"),
        (Conduct::OneTooFew, "0 translations of 1 texts"),
        (Conduct::Redirect(to), "redirects to"),
        (Conduct::Huge(3 << 20), "more than 1048576 bytes"),
    ] {
        let (double, mut translator) = hurried(20_000, [conduct]);
        let error = one(&mut translator, "x").expect_err(expected);
        assert!(matches!(&error, EngineError::Unavailable(message) if message.contains(expected)), "{error}");
        assert_eq!(double.translate_bodies().len(), 1);
    }
    assert!(elsewhere.http.requests().is_empty(), "the key must not go elsewhere");
}

#[test]
fn a_language_that_the_api_lacks_is_unsupported() {
    let double = DeepLDouble::start();
    let mut translator = proper(&double);
    assert!(translator.supports("en", "es") && !translator.supports("en", "xx"));
    let error = translator.translate(&[request("x", "xx")]).remove(0).expect_err("no such language");
    assert!(matches!(&error, EngineError::Unsupported(message) if message.contains("target_lang")), "{error}");
}

fn with_hints(text: &str, hints: &[&str]) -> TranslateRequest {
    let hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
    TranslateRequest { hints, ..request(text, "pt") }
}

#[test]
fn names_among_the_hints_become_a_glossary_once() {
    let double = DeepLDouble::start();
    let translator = proper(&double);
    let account = Arc::clone(&translator.0);
    let mut workers = [translator, DeepLTranslator(Arc::clone(&account))];
    std::thread::scope(|scope| {
        for worker in &mut workers {
            scope.spawn(|| text(worker.translate(&[with_hints("x", &["Zed Shaw", "Acme", "interest"])]).remove(0)));
        }
    });
    let expected = serde_json::json!({"source_lang": "EN", "target_lang": "PT", "entries_format": "tsv",
        "entries": "Acme\tAcme\nZed Shaw\tZed Shaw\n"});
    assert_eq!(double.glossaries(), [expected]);
    assert!(double.translate_bodies().iter().all(|body| body["glossary_id"] == "glossary-0"));

    // One that someone deleted is done without, and made anew for the next.
    double.loses_glossaries();
    for _ in 0..2 {
        assert_eq!(text(workers[0].translate(&[with_hints("y", &["Acme", "Zed Shaw"])]).remove(0)), "[PT-BR] y");
    }
    let ids: Vec<_> = double.translate_bodies().iter().map(|body| body["glossary_id"].to_string()).collect();
    assert_eq!(ids[2..4], ["\"glossary-0\"", "null"]);
    assert_eq!(double.glossaries().len(), 1);

    account.close();
    assert_eq!((double.glossaries().len(), double.deleted()), (0, 1));
}

/// What a process that was killed left in the account goes when the next one starts, and nothing else does.
#[test]
fn glossaries_that_were_left_over_are_deleted() {
    let double = DeepLDouble::start();
    text(proper(&double).translate(&[with_hints("x", &["Acme"])]).remove(0));
    let made = double.http.requests().into_iter().find(|request| request.path == "/v3/glossaries");
    let name = made.expect("one is made").json()["name"].as_str().expect("it has a name").to_owned();
    double.has_glossary("old", &name, "2025-12-31T23:59:59.999Z");
    double.has_glossary("of-somebody", "EN-PT", "2025-12-31T23:59:59.999Z");

    let told_not_to = translator(&double, |options| options.glossaries_from_hints = false);
    told_not_to.0.delete_leftovers();
    assert_eq!(double.glossary_ids(), ["glossary-0", "old", "of-somebody"]);
    proper(&double).0.delete_leftovers();
    let limit = Instant::now() + Duration::from_secs(10);
    while double.deleted() == 0 && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(double.glossary_ids(), ["glossary-0", "of-somebody"]);
    let requests = double.http.requests();
    let asked = requests.iter().filter(|request| request.method == "GET" && request.path == "/v3/glossaries").count();
    assert_eq!(asked, 1, "who makes no glossaries does not look for any");
}

#[test]
fn without_a_glossary_texts_are_translated_all_the_same() {
    let double = DeepLDouble::start();
    double.refuses_glossaries(456);
    let mut translator = proper(&double);
    for _ in 0..2 {
        assert_eq!(text(translator.translate(&[with_hints("x", &["Acme"])]).remove(0)), "[PT-BR] x");
    }
    let asked = double.http.requests().iter().filter(|request| request.path == "/v3/glossaries").count();
    assert_eq!(asked, 1, "what was refused is not asked for again");
}

#[test]
fn a_glossary_of_the_account_goes_before_hints() {
    let double = DeepLDouble::start();
    let own = HashMap::from([(("en".to_owned(), "pt".to_owned()), "of-the-account".to_owned())]);
    let mut translator = translator(&double, |options| options.glossaries = own);
    assert_eq!(text(translator.translate(&[with_hints("x", &["Acme"])]).remove(0)), "[PT-BR] x");
    assert_eq!(double.translate_bodies()[0]["glossary_id"], "of-the-account");
    assert!(double.glossaries().is_empty());
}

#[test]
fn the_usage_tells_whether_the_key_is_good() {
    let double = DeepLDouble::start();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let connections = Arc::new(Connections::new().expect("a runtime starts"));
    let listener = Arc::new(move |usage: Usage| hears.lock().expect("no panic before").push(usage));
    let good = DeepL::new(Arc::clone(&connections), options(&double), BUDGET, listener).expect("the key is one");
    assert_eq!(good.check(), Ok(Usage { used: 0, limit: 500_000 }));
    assert_eq!(heard.lock().expect("no panic").len(), 1);

    let wrong = DeepLOptions { key: Secret::new("wrong:fx"), ..options(&double) };
    let error = account(wrong, BUDGET).check().expect_err("it is refused");
    assert!(matches!(&error, EngineError::Unauthorized(_)) && !error.to_string().contains("wrong"), "{error}");
    assert!(
        DeepL::new(
            connections,
            DeepLOptions { key: Secret::new("a\nb"), ..options(&double) },
            BUDGET,
            Arc::new(|_| ())
        )
        .is_err()
    );
}
