//! Translators on the network in the running service: what a worker gets when DeepL misbehaves, how often DeepL is
//! asked, who takes over, and what an operator sees. DeepL is the double in models/tests/doubles; recogniser and
//! synthesiser are fakes.

#[path = "../models/tests/doubles/mod.rs"]
#[allow(dead_code, reason = "the doubles serve other tests too")]
mod doubles;
mod support;
#[path = "translators/tls.rs"]
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use doubles::chat::{ChatDouble, Habit};
use doubles::deepl::{Conduct, DeepLDouble, KEY};
use doubles::http::Answer;
use doubles::libretranslate::LibreTranslateDouble;
use serde_json::{Value, json};
use support::messages::{audio, fragment, init};
use support::raw::Client;
use support::{Service, get};

/// How long anything that must come is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// What `sts doctor` finds of the translators that these settings name.
fn doctor(settings: &[(&str, &str)]) -> Vec<Value> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sts"))
        .args(["doctor", "--json"])
        .envs(settings.iter().copied())
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings").iter();
    findings
        .filter(|finding| finding["what"].as_str().is_some_and(|what| what.starts_with("translator ")))
        .cloned()
        .collect()
}

/// The service with DeepL as its translator, or with these.
fn service(double: &DeepLDouble, translators: &str, further: &[(&str, &str)]) -> Service {
    let url = double.http.url();
    // Without a grace, so that a service that is told to end does not wait for workers that have left.
    let settings = [("TRANSLATOR", translators), ("DEEPL_API_KEY", KEY), ("DEEPL_URL", &url), ("RESUME_GRACE_MS", "0")];
    Service::fake(&[&settings[..], further].concat())
}

/// A worker with a stream.
struct Worker {
    client: Client,
    stream_id: String,
    ready: Value,
    sent: usize,
}

impl Worker {
    async fn open(service: &Service, stream_id: &str, hints: &[&str]) -> Self {
        let auth = json!({"stream_id": stream_id, "worker_id": "translators"});
        let mut client = Client::connect(&service.address, &auth, Arc::default()).await.expect("a connection");
        let mut message = init(500);
        message["domain_hints"] = json!(hints);
        client.emit("stream:init", &message).await.expect("a fresh connection takes it");
        let ready = client.next_event().await.expect("an answer");
        assert_eq!(ready.event(), "stream:ready", "{ready:?}");
        Self { client, stream_id: stream_id.to_owned(), ready: ready.data(), sent: 0 }
    }

    /// Sends a fragment in which the fake recogniser hears "words N".
    async fn say(&mut self, number: i16) {
        // 1: hear it after N ms; 10 would be another way to take as long.
        self.order(1, number).await;
    }

    /// Sends a fragment that tells the fakes what to do.
    async fn order(&mut self, order: i16, number: i16) {
        let message = fragment(&self.stream_id, self.sent, &audio(500, order, number));
        self.sent += 1;
        self.client.emit("fragment:data", &message).await.expect("the connection stays");
    }

    async fn processed(&mut self) -> Value {
        let next = async {
            loop {
                let packet = self.client.next_event().await.expect("the connection stays");
                match packet.event() {
                    "fragment:processed" => return packet.data(),
                    "fragment:ack" | "backpressure" => {}
                    other => panic!("{other}: {}", packet.data()),
                }
            }
        };
        tokio::time::timeout(DEADLINE, next).await.expect("a result in time")
    }

    async fn dub(&mut self, number: i16) -> Value {
        self.say(number).await;
        self.processed().await
    }
}

fn engine(processed: &Value) -> &str {
    processed["assets"]["translation"]["engine"].as_str().unwrap_or("none")
}

fn code(processed: &Value) -> &str {
    processed["error"]["code"].as_str().unwrap_or("none")
}

#[track_caller]
fn metric(service: &Service, wanted: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let text = get(&service.address, "/metrics").expect("it listens");
        if text.contains(wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{wanted} did not come: {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn deepl_translates_with_what_was_said_before() {
    let double = DeepLDouble::start();
    let service = service(&double, "deepl", &[]);
    let mut worker = Worker::open(&service, "a", &["Acme"]).await;
    assert_eq!(worker.ready["engines"]["translation"], "deepl (network, unknown)");
    for number in 1..=3 {
        let processed = worker.dub(number).await;
        assert_eq!(processed["translated_text"], format!("[ES] words {number}"), "{processed}");
        assert_eq!((&processed["status"], engine(&processed)), (&json!("success"), "deepl"));
    }
    let bodies = double.translate_bodies();
    let contexts: Vec<_> = bodies.iter().map(|body| body["context"].as_str().unwrap_or("none")).collect();
    assert_eq!(contexts, ["none", "words 1", "words 1 words 2"]);
    assert!(bodies.iter().all(|body| body["glossary_id"] == "glossary-0"), "{bodies:?}");
    metric(&service, "sts_translator_characters_limit{engine=\"deepl\"} 500000");
    metric(&service, "sts_translator_breaker_state{engine=\"deepl\"} 0");
    service.signal(libc::SIGTERM);
    drop(worker);
    assert_eq!(service.wait(), Some(0));
    assert_eq!(double.deleted(), 1, "the glossary is put away at the end");
}

#[tokio::test]
async fn each_misconduct_has_its_code_and_its_number_of_requests() {
    // In little time, and with a breaker that many failures would open: a service each.
    let within = [("TRANSLATION_TIMEOUT_MS", "2500")];
    let far_future = || Conduct::RetryAfter(429, "3600".to_owned());
    for (conduct, expected, retryable, requests) in [
        (far_future(), "RATE_LIMIT_EXCEEDED", true, 1..=1),
        (Conduct::RetryAfter(529, "3600".to_owned()), "RATE_LIMIT_EXCEEDED", true, 1..=1),
        (Conduct::Status(429), "RATE_LIMIT_EXCEEDED", true, 2..=9),
        (Conduct::Status(529), "RATE_LIMIT_EXCEEDED", true, 2..=9),
        (Conduct::Status(456), "QUOTA_EXCEEDED", false, 1..=1),
        (Conduct::Status(403), "STAGE_UNAVAILABLE", true, 1..=1),
        (Conduct::Status(413), "INVALID_FRAGMENT", false, 1..=1),
        (Conduct::Status(500), "STAGE_UNAVAILABLE", true, 2..=9),
        (Conduct::Status(502), "STAGE_UNAVAILABLE", true, 2..=9),
        (Conduct::Status(503), "STAGE_UNAVAILABLE", true, 2..=9),
        (Conduct::CutInRequest, "STAGE_UNAVAILABLE", true, 2..=99),
        (Conduct::CutInAnswer, "STAGE_UNAVAILABLE", true, 2..=9),
        // A third fits when chance makes both waits short.
        (Conduct::Silence, "TIMEOUT", true, 2..=3),
        (Conduct::Dribble(2), "TIMEOUT", true, 2..=3),
        (Conduct::BrokenJson, "STAGE_UNAVAILABLE", true, 1..=1),
        (Conduct::OneTooFew, "STAGE_UNAVAILABLE", true, 1..=1),
        (Conduct::Redirect("https://elsewhere.example/".to_owned()), "STAGE_UNAVAILABLE", true, 1..=1),
        (Conduct::Huge(2 << 20), "STAGE_UNAVAILABLE", true, 1..=1),
    ] {
        let double = DeepLDouble::start();
        let service = service(&double, "deepl", &within);
        double.always(conduct.clone());
        let processed = Worker::open(&service, "a", &[]).await.dub(1).await;
        assert_eq!(
            (code(&processed), &processed["error"]["retryable"]),
            (expected, &json!(retryable)),
            "{conduct:?}: {processed}"
        );
        assert_eq!(processed["error"]["stage"], "translation");
        let asked = double.http.requests().iter().filter(|request| request.path == "/v2/translate").count();
        assert!(requests.contains(&asked), "{conduct:?}: {asked} requests");
    }
}

#[tokio::test]
async fn no_other_stream_waits_for_one_that_deepl_keeps_waiting() {
    for conduct in [
        Conduct::Silence,
        Conduct::Dribble(1),
        Conduct::CutInRequest,
        Conduct::CutInAnswer,
        Conduct::Status(500),
        Conduct::Status(502),
        Conduct::Status(503),
        Conduct::Status(429),
        Conduct::Status(529),
    ] {
        let double = DeepLDouble::start();
        double.on("words 7", conduct.clone());
        let service = service(&double, "deepl", &[("TRANSLATION_TIMEOUT_MS", "120000")]);
        let mut slow = Worker::open(&service, "slow", &[]).await;
        let mut other = Worker::open(&service, "other", &[]).await;
        slow.say(7).await;
        double.http.wait_until("the text that is kept waiting", |requests| {
            requests.iter().any(|request| request.path == "/v2/translate")
        });
        for number in 1..=3 {
            assert_eq!(other.dub(number).await["status"], "success", "{conduct:?}");
        }
        let early = tokio::time::timeout(Duration::from_millis(1), slow.processed()).await;
        assert!(early.is_err(), "{conduct:?}: the other still waits, or tries again: {early:?}");
    }
}

#[tokio::test]
async fn what_deepl_refuses_one_stream_costs_another_no_time() {
    // A refusal of the account rests the breaker, and the other stream is told at once; that of a text says nothing about
    // other texts.
    for (status, refused, others) in [
        (456, "QUOTA_EXCEEDED", "STAGE_UNAVAILABLE"),
        (403, "STAGE_UNAVAILABLE", "STAGE_UNAVAILABLE"),
        (413, "INVALID_FRAGMENT", "none"),
    ] {
        let double = DeepLDouble::start();
        double.on("words 7", Conduct::Status(status));
        // So long that whoever waited for it would not be done within this test's own deadline.
        let service = service(&double, "deepl", &[("TRANSLATION_TIMEOUT_MS", "120000")]);
        let mut one = Worker::open(&service, "one", &[]).await;
        let mut other = Worker::open(&service, "other", &[]).await;
        assert_eq!(code(&one.dub(7).await), refused, "{status}");
        for number in 1..=3 {
            assert_eq!(code(&other.dub(number).await), others, "{status}");
        }
        let asked = if others == "none" { 4 } else { 1 };
        assert_eq!(double.translate_bodies().len(), asked, "{status}: it is not repeated");
    }
}

#[tokio::test]
async fn streams_of_one_programme_are_translated_once() {
    let double = DeepLDouble::start();
    let service = service(&double, "deepl", &[]);
    for stream_id in ["a", "b"] {
        let mut worker = Worker::open(&service, stream_id, &[]).await;
        for number in 1..=2 {
            let processed = worker.dub(number).await;
            assert_eq!(
                (engine(&processed), &processed["translated_text"]),
                ("deepl", &json!(format!("[ES] words {number}")))
            );
        }
    }
    assert_eq!(double.translate_bodies().len(), 2);
    metric(&service, r#"sts_translation_cache_requests_total{result="hit"} 2"#);
    metric(&service, r#"sts_translation_cache_requests_total{result="miss"} 2"#);
}

#[tokio::test]
async fn the_next_translator_takes_over_and_gives_back() {
    let double = DeepLDouble::start();
    let service = service(&double, "deepl,embedded", &[]);
    let mut worker = Worker::open(&service, "a", &[]).await;
    assert_eq!(worker.ready["engines"]["translation"], "deepl, fake (network, cpu, unknown, none)");
    assert_eq!(engine(&worker.dub(1).await), "deepl");

    double.next([Conduct::RetryAfter(429, "6".to_owned())]);
    let taken_over = worker.dub(2).await;
    assert_eq!((engine(&taken_over), &taken_over["translated_text"]), ("fake", &json!("WORDS 2")));
    let before = double.translate_bodies().len();
    assert_eq!(engine(&worker.dub(3).await), "fake");
    assert_eq!(double.translate_bodies().len(), before, "it is left alone");
    metric(&service, "sts_translator_breaker_state{engine=\"deepl\"} 2");
    let shown = get(&service.operators, "/api/v1/translators").expect("it listens");
    for part in [r#""engine":"deepl""#, r#""breaker":"open""#, r#""rest_ms":"#, "rate limit exceeded"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }

    let deadline = Instant::now() + DEADLINE;
    let mut number = 4;
    while engine(&worker.dub(number).await) != "deepl" {
        assert!(Instant::now() < deadline, "it does not come back");
        number += 1;
    }
    metric(&service, "sts_translator_breaker_state{engine=\"deepl\"} 0");
}

#[tokio::test]
async fn one_in_the_process_hands_over_and_takes_back_as_well() {
    let double = DeepLDouble::start();
    let service = service(&double, "embedded,deepl", &[]);
    let mut worker = Worker::open(&service, "a", &[]).await;
    assert_eq!(engine(&worker.dub(1).await), "fake");
    metric(&service, "sts_translator_breaker_state{engine=\"embedded\"} 0");
    // 28: it fails, as one whose process is gone.
    for number in 2..=6 {
        worker.order(28, number).await;
        assert_eq!(engine(&worker.processed().await), "deepl");
    }
    metric(&service, "sts_translator_breaker_state{engine=\"embedded\"} 2");
    let shown = get(&service.operators, "/api/v1/translators").expect("it listens");
    for part in [r#""engine":"embedded","breaker":"open","rest_ms":"#, r#""engine":"deepl","breaker":"closed""#] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    assert_eq!(engine(&worker.dub(7).await), "deepl", "what it could do again: it is left alone");

    let deadline = Instant::now() + DEADLINE;
    let mut number = 8;
    while engine(&worker.dub(number).await) != "fake" {
        assert!(Instant::now() < deadline, "it does not come back");
        number += 1;
    }
    metric(&service, "sts_translator_breaker_state{engine=\"embedded\"} 0");
}

#[tokio::test]
async fn one_in_the_process_that_stands_alone_is_never_left_alone() {
    let double = DeepLDouble::start();
    let service = service(&double, "deepl", &[("TRANSLATOR_FOR", "en-es=embedded")]);
    let mut worker = Worker::open(&service, "a", &[]).await;
    for number in 1..=10 {
        worker.order(28, number).await;
        assert_eq!(code(&worker.processed().await), "STAGE_UNAVAILABLE");
    }
    assert_eq!(engine(&worker.dub(11).await), "fake");
    metric(&service, "sts_translator_breaker_state{engine=\"embedded\"} 0");
}

#[tokio::test]
async fn without_another_an_open_breaker_is_told_at_once() {
    let double = DeepLDouble::start();
    let service = service(&double, "deepl", &[]);
    let mut worker = Worker::open(&service, "a", &[]).await;
    double.next([Conduct::RetryAfter(429, "3600".to_owned())]);
    assert_eq!(code(&worker.dub(1).await), "RATE_LIMIT_EXCEEDED");
    let asked = double.translate_bodies().len();
    let refused = worker.dub(2).await;
    assert_eq!((code(&refused), &refused["error"]["retryable"]), ("STAGE_UNAVAILABLE", &json!(true)));
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("left alone")), "{refused}");
    assert_eq!(double.translate_bodies().len(), asked);
}

#[tokio::test]
async fn translators_are_chosen_by_pair_and_follow_each_other() {
    let (deepl, chat, libre) = (DeepLDouble::start(), ChatDouble::start(), LibreTranslateDouble::start());
    let (chat_url, libre_url) = (chat.url(), libre.http.url());
    let settings = [
        ("TRANSLATOR_FOR", "en-es=libretranslate,chat"),
        ("CHAT_URL", chat_url.as_str()),
        ("CHAT_MODEL", "some-model"),
        ("CHAT_API_KEY", doubles::chat::KEY),
        ("LIBRETRANSLATE_URL", libre_url.as_str()),
        ("LIBRETRANSLATE_API_KEY", doubles::libretranslate::KEY),
    ];
    let service = service(&deepl, "deepl", &settings);
    let mut worker = Worker::open(&service, "a", &[]).await;
    let first = worker.dub(1).await;
    assert_eq!((engine(&first), &first["translated_text"]), ("libretranslate", &json!("[ES] words 1")));
    libre.next([Answer::json(403, &json!({"error": "banned"}))]);
    let second = worker.dub(2).await;
    assert_eq!((engine(&second), &second["translated_text"]), ("chat", &json!("[Spanish] words 2")));
    // The fake recogniser hears speech of 0.4 s: three syllables.
    let (instructions, data) = doubles::chat::messages(&chat.http.requests()[0].json());
    assert!(instructions.contains("at most 3 syllables") && data.contains(">words 1<"), "{instructions} {data}");
    metric(&service, "sts_translator_breaker_state{engine=\"libretranslate\"} 2");
    metric(&service, "sts_translator_breaker_state{engine=\"chat\"} 0");
    assert!(deepl.translate_bodies().is_empty(), "another pair's");
}

#[tokio::test]
async fn what_is_too_long_is_asked_for_again_where_that_helps() {
    let (deepl, chat) = (DeepLDouble::start(), ChatDouble::start());
    let chat_url = chat.url();
    let settings =
        [("CHAT_URL", chat_url.as_str()), ("CHAT_MODEL", "some-model"), ("CHAT_API_KEY", doubles::chat::KEY)];
    let service = service(&deepl, "chat,deepl", &settings);
    let mut worker = Worker::open(&service, "a", &["Acme"]).await;
    // 40: predicted to last a quarter too long, and not so the second time.
    worker.order(40, 25).await;
    let processed = worker.processed().await;
    assert_eq!((engine(&processed), &processed["status"]), ("chat", &json!("success")));
    assert_eq!(processed["translated_text"], "[Spanish] words 25 order 40 (shorter)");
    let requests = chat.http.requests();
    let (instructions, data) = doubles::chat::messages(&requests[1].json());
    assert!(instructions.contains("80 % of that length") && data.contains(">[Spanish] words 25 order 40<"), "{data}");
    assert!(data.contains(">Acme<") && data.contains(">words 25 order 40<"), "{data}");
    metric(&service, r#"sts_translation_retranslations_total{outcome="fits"} 1"#);

    // A model that fails the second time costs nothing but that.
    chat.next([Habit::Says("{}"), Habit::Answers(Answer::json(404, &json!({"error": {"message": "no model"}})))]);
    worker.order(40, 50).await;
    let processed = worker.processed().await;
    assert_eq!(
        (&processed["translated_text"], &processed["status"]),
        (&json!("[Spanish] words 50 order 40"), &json!("success"))
    );
    metric(&service, r#"sts_translation_retranslations_total{outcome="none"} 1"#);

    // DeepL has one translation of a text, and so is not asked for another.
    chat.next([Habit::Answers(Answer::json(404, &json!({"error": {"message": "no model"}})))]);
    worker.order(40, 75).await;
    let processed = worker.processed().await;
    assert_eq!((engine(&processed), &processed["translated_text"]), ("deepl", &json!("[ES] words 75 order 40")));
    assert_eq!((deepl.translate_bodies().len(), chat.http.requests().len()), (1, 5));
    let told = get(&service.address, "/metrics").expect("it listens");
    assert!(told.contains(r#"sts_translation_retranslations_total{outcome="none"} 1"#), "{told}");
}

#[test]
fn the_doctor_asks_translators() {
    let (deepl, chat, libre) = (DeepLDouble::start(), ChatDouble::start(), LibreTranslateDouble::start());
    let (deepl_url, chat_url, libre_url) = (deepl.http.url(), chat.url(), libre.http.url());
    let mut settings = vec![
        ("TRANSLATOR", "deepl,chat,libretranslate"),
        ("DEEPL_API_KEY", KEY),
        ("DEEPL_URL", deepl_url.as_str()),
        ("CHAT_URL", chat_url.as_str()),
        ("CHAT_MODEL", "some-model"),
        ("CHAT_API_KEY", doubles::chat::KEY),
        ("LIBRETRANSLATE_URL", libre_url.as_str()),
    ];
    let found = doctor(&settings);
    let all_good = found.iter().all(|finding| finding["state"] == "good");
    assert!(found.len() == 3 && all_good, "{found:?}");
    assert_eq!(found[0]["detail"], "0 of 500000 characters used");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let nowhere = format!("http://{nobody}");
    settings[1].1 = "wrong-0123";
    settings[6].1 = &nowhere;
    let found = doctor(&settings);
    let states: Vec<_> = found.iter().map(|finding| finding["state"].as_str().unwrap_or("none")).collect();
    assert_eq!(states, ["bad", "good", "optional"], "{found:?}");
    assert!(!found[0].to_string().contains("wrong-0123"), "{found:?}");
    assert!(deepl.translate_bodies().is_empty(), "nothing is translated for it");
}

#[tokio::test]
async fn no_log_shows_a_key_and_only_debugging_what_was_said() {
    let folder = tempfile::tempdir().expect("a folder");
    for level in ["info", "debug"] {
        let double = DeepLDouble::start();
        // It answers with what was said where something else is expected, so that errors may quote it.
        let quoting = json!({"translations": "words 2"});
        double.next([Conduct::Proper, Conduct::Says(quoting), Conduct::Status(403)]);
        let url = double.http.url();
        let settings = [
            ("TRANSLATOR", "deepl"),
            ("DEEPL_API_KEY", KEY),
            ("DEEPL_URL", &url),
            ("LOG_LEVEL", level),
            ("RESUME_GRACE_MS", "0"),
        ];
        let path = folder.path().join(level);
        let service = Service::fake_logging_to(&path, &settings);
        let mut worker = Worker::open(&service, "a", &[]).await;
        for number in 1..=3 {
            worker.dub(number).await;
        }
        drop(worker);
        service.signal(libc::SIGTERM);
        service.wait();
        let log = std::fs::read_to_string(path).expect("a log");
        assert!(!log.contains(&KEY[..8]) && !log.contains("DeepL-Auth-Key"), "{log}");
        if level == "info" {
            assert!(log.contains("translator's usage") && log.contains("403"), "{log}");
            assert!(!log.contains("words"), "{log}");
        } else {
            assert!(log.contains(r#""level":"debug""#), "{log}");
        }
    }
}

#[test]
fn a_wrong_key_ends_the_start_and_an_unreachable_deepl_does_not() {
    let double = DeepLDouble::start();
    let url = double.http.url();
    let refused =
        Service::fake_output(&[("TRANSLATOR", "deepl"), ("DEEPL_API_KEY", "wrong-0123"), ("DEEPL_URL", &url)]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("DEEPL_API_KEY") && said.contains("403") && !said.contains("wrong-0123"), "{said}");

    // A port that nobody listens on.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let url = format!("http://{nobody}");
    let settings = [("TRANSLATOR", "deepl,embedded"), ("DEEPL_API_KEY", KEY), ("DEEPL_URL", url.as_str())];
    let service = Service::fake(&settings);
    metric(&service, "sts_translator_breaker_state{engine=\"deepl\"} 0");
}
