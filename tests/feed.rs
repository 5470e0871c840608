//! The operators' live feed: who is let in, what is told, and what it costs those who do not read.

mod support;

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use support::Service;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

const DEADLINE: Duration = Duration::from_secs(30);
const TOKEN: (&str, &str) = ("OPS_TOKENS", "an-operators-secret,another-operators-one");

struct Feed(WebSocketStream<TcpStream>);

impl Feed {
    async fn open(service: &Service, origin: Option<&str>) -> Result<Self, Error> {
        let stream = TcpStream::connect(&service.operators).await.expect("it listens");
        let mut request = format!("ws://{}/api/v1/feed", service.operators).into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().expect("a header"));
        }
        tokio_tungstenite::client_async(request, stream).await.map(|(feed, _)| Self(feed))
    }

    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("the feed is open");
    }

    /// The next message that is not about the connection itself.
    async fn next(&mut self) -> Message {
        let next = async {
            loop {
                match self.0.next().await.expect("a farewell before the end").expect("a sound connection") {
                    Message::Ping(_) | Message::Pong(_) => {}
                    message => return message,
                }
            }
        };
        tokio::time::timeout(DEADLINE, next).await.expect("in time")
    }

    async fn picture(&mut self) -> Value {
        let message = self.next().await;
        serde_json::from_str(message.to_text().expect("text")).unwrap_or_else(|_| panic!("no picture: {message:?}"))
    }

    /// Why it was closed, with pictures before it left out.
    async fn refusal(&mut self) -> String {
        loop {
            if let Message::Close(frame) = self.next().await {
                let frame = frame.expect("a reason");
                assert_eq!(frame.code, CloseCode::Policy, "{frame:?}");
                return frame.reason.to_string();
            }
        }
    }
}

#[tokio::test]
async fn the_picture_comes_every_second_and_is_what_the_api_says() {
    let service = Service::fake(&[]);
    let mut feed = Feed::open(&service, Some(&format!("http://{}", service.operators))).await.expect("it is let in");
    let (first, second) = (feed.picture().await, feed.picture().await);
    let time = |picture: &Value| picture["timestamp"].as_u64().expect("a time");
    assert!(time(&second) - time(&first) >= 900, "{first} {second}");
    let api: Value = reqwest::get(format!("http://{}/api/v1/stages", service.operators))
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let named = |stages: &Value| -> Vec<(Value, Vec<String>)> {
        let stages = stages.as_array().expect("a list").iter();
        stages
            .map(|stage| (stage["stage"].clone(), stage.as_object().expect("an object").keys().cloned().collect()))
            .collect()
    };
    assert_eq!(named(&second["stages"]), named(&api));
    assert_eq!(second["service"]["state"], "ready", "{second}");
}

#[tokio::test]
async fn nothing_is_told_before_the_token_and_who_comes_is_logged() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let service = Service::fake_logging_to(log.path(), &[TOKEN, ("LOG_LEVEL", "info")]);
    for wrong in [r#"{"token": "not-the-right-secret"}"#, r#"{"token": 7}"#, "an-operators-secret", ""] {
        let mut feed = Feed::open(&service, None).await.expect("a connection");
        feed.say(wrong).await;
        let Message::Close(Some(frame)) = feed.next().await else { panic!("something was told for {wrong}") };
        assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Policy, "the token is not valid"));
    }
    let mut silent = Feed::open(&service, None).await.expect("a connection");
    let mut right = Feed::open(&service, None).await.expect("a connection");
    right.say(&json!({"token": "an-operators-secret"}).to_string()).await;
    assert_eq!(right.picture().await["service"]["state"], "ready");
    // Pictures are being sent by now, to others.
    let Message::Close(Some(frame)) = silent.next().await else { panic!("something was told without a token") };
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Policy, "no token was shown"));
    drop((silent, right));
    // The log is complete once the service has ended.
    service.signal(libc::SIGTERM);
    assert_eq!(service.wait(), Some(0));
    let log = std::fs::read_to_string(log.path()).expect("a log");
    let count = |text: &str| log.lines().filter(|line| line.contains(text) && line.contains("127.0.0.1")).count();
    assert_eq!(count("an operator watches"), 1, "{log}");
    assert_eq!(count("an operator's feed is refused"), 5, "{log}");
    assert!(!log.contains("an-operators-secret") && !log.contains("not-the-right-secret"), "{log}");
}

#[tokio::test]
async fn a_token_that_is_taken_away_ends_its_feeds() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "an-operators-secret\nanother-operators-one\n").expect("written");
    let service = Service::fake(&[("OPS_TOKENS_FILE", file.path().to_str().expect("a path in UTF-8"))]);
    let mut feeds = Vec::new();
    for token in ["an-operators-secret", "another-operators-one"] {
        let mut feed = Feed::open(&service, None).await.expect("a connection");
        feed.say(&json!({"token": token}).to_string()).await;
        feed.picture().await;
        feeds.push(feed);
    }
    std::fs::write(file.path(), "another-operators-one\n").expect("written");
    service.signal(libc::SIGHUP);
    assert_eq!(feeds[0].refusal().await, "the token is not valid any more");
    feeds[1].picture().await;
}

#[tokio::test]
async fn who_is_no_websocket_is_told_so() {
    let service = Service::fake(&[]);
    let answer = reqwest::get(format!("http://{}/api/v1/feed", service.operators)).await.expect("an answer");
    assert_eq!(answer.status(), 400);
    let problem: Value = answer.json().await.expect("JSON");
    assert!(problem["message"].as_str().is_some_and(|message| message.contains("WebSocket")), "{problem}");
}

#[tokio::test]
async fn feeds_are_listed_among_the_actors_for_as_long_as_they_are_open() {
    let service = Service::fake(&[]);
    let listed = async || -> Vec<Value> {
        let answer = reqwest::get(format!("http://{}/api/v1/actors?kind=feed", service.operators)).await;
        answer.expect("an answer").json().await.expect("JSON")
    };
    let mut feed = Feed::open(&service, None).await.expect("it is let in");
    feed.picture().await;
    let actors = listed().await;
    assert!(actors.len() == 1 && actors[0]["actor"].as_str().is_some_and(|name| name.starts_with("feed:127.0.0.1:")));
    feed.0.close(None).await.expect("a farewell");
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !listed().await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "it is still listed");
    }
}

#[tokio::test]
async fn foreign_pages_are_not_let_in() {
    let service = Service::fake(&[]);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        match Feed::open(&service, Some(origin)).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 401, "{origin}"),
            other => panic!("{origin}: {:?}", other.map(|_| "let in")),
        }
    }
}

#[tokio::test]
async fn a_name_that_was_made_to_point_here_is_told_nothing_without_a_token() {
    let (open, closed) = (Service::fake(&[]), Service::fake(&[TOKEN]));
    let ask = async |service: &Service, path: &str, host: &str| {
        let request = reqwest::Client::new().get(format!("http://{}{path}", service.operators));
        request
            .header("host", host)
            .bearer_auth("an-operators-secret")
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16()
    };
    for path in ["/", "/api/v1/service"] {
        assert_eq!(ask(&open, path, "evil.example:8001").await, 401, "{path}");
        assert_eq!(ask(&open, path, "localhost:8001").await, 200, "{path}");
        assert_eq!(ask(&closed, path, "ops.example").await, 200, "{path}");
    }
}

#[tokio::test]
async fn there_is_a_bound_on_feeds_and_places_are_given_back() {
    let service = Service::fake(&[]);
    let mut feeds = Vec::new();
    let refused = loop {
        match Feed::open(&service, None).await {
            Ok(feed) => feeds.push(feed),
            Err(Error::Http(answer)) => break answer.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
        assert!(feeds.len() <= 32, "no bound");
    };
    assert_eq!((refused, feeds.len()), (503, 32));
    feeds.pop();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while Feed::open(&service, None).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "the place is not given back");
        feeds[0].picture().await;
    }
}
