//! The limits of one connection and of one address, as they are when nobody sets them.

use std::time::Instant;

use super::case::{End, Stage, Verdict};
use super::fields::{event, fragment, object, pcm};
use super::service::Target;
use super::websocket::{Incoming, Line};

fn message(number: usize) -> String {
    event("fragment:data", &object(&fragment("nobody's", &format!("m-{number}"), 0, &pcm(0, 0))))
}

/// Sends so many messages at once, and counts the answers by code until all are there or the connection ends.
async fn burst(line: &mut Line, count: usize) -> (usize, usize, Option<End>) {
    let (mut passed, mut refused) = (0, 0);
    // Fewer at a time than the service keeps for a connection that does not read.
    for start in (0..count).step_by(20) {
        let batch = start..(start + 20).min(count);
        for number in batch.clone() {
            line.send(message(number)).await;
        }
        for _ in batch {
            match line.next().await {
                Incoming::Event(_, error) if error["code"] == "RATE_LIMIT_EXCEEDED" => refused += 1,
                Incoming::Event(_, error) if error["code"] == "STREAM_NOT_FOUND" => passed += 1,
                Incoming::Ended(end) => return (passed, refused, Some(end)),
                other => panic!("{other:?} after {passed} and {refused}"),
            }
        }
    }
    (passed, refused, None)
}

#[tokio::test]
async fn a_connection_that_goes_on_and_on_is_refused_and_then_closed() {
    let target = Target::start(&[]);
    let mut line = Line::open(target.address(), Stage::Connected, "busy").await;
    let (passed, refused, end) = burst(&mut line, 150).await;
    assert_eq!((passed, refused, end), (150, 0, None), "twice a second's messages may come at once");
    let started = Instant::now();
    let (passed, refused, end) = burst(&mut line, 20_000).await;
    let allowed = 60.0 + 110.0 * started.elapsed().as_secs_f64();
    assert!(passed as f64 <= allowed, "{passed} messages passed, {allowed:.0} at most may");
    assert!((1_000..=1_040).contains(&refused), "{refused} refused before {end:?}");
    assert!(end.is_some() && line.is_gone().await, "it is not closed");
    assert!(target.is_ready());
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_no_more() {
    const LIMIT: usize = 256;
    let target = Target::start(&[]);
    let mut lines = Vec::new();
    for number in 0..LIMIT {
        lines.push(Line::open(target.address(), Stage::Connected, &format!("one-of-many-{number}")).await);
    }
    let mut refused = Line::open(target.address(), Stage::Opened, "").await;
    refused.send("40".to_owned()).await;
    let answer = refused.next().await;
    assert!(matches!(&answer, Incoming::ConnectError(message) if message.contains("SERVICE_OVERLOADED")), "{answer:?}");
    let one = lines.pop().expect("there are many");
    one.close().await;
    // A place is free once the service has noticed.
    let deadline = Instant::now() + super::websocket::DEADLINE;
    loop {
        let mut again = Line::open(target.address(), Stage::Opened, "").await;
        again.send("40".to_owned()).await;
        match again.next().await {
            Incoming::Connected => break,
            other => assert!(Instant::now() < deadline, "{other:?} where a place is free"),
        }
    }
}

#[tokio::test]
async fn a_connection_without_a_stream_is_told_so_and_closed() {
    let target = Target::start(&[]);
    let mut line = Line::open(target.address(), Stage::Connected, "idle").await;
    let started = Instant::now();
    let verdict = line.end().await;
    let Verdict::Error(error) = &verdict else { panic!("{verdict:?}") };
    assert_eq!(error["code"], "STREAM_NOT_FOUND", "{error}");
    assert!(line.is_gone().await, "it is not closed");
    let waited = started.elapsed().as_secs_f64();
    assert!((9.0..15.0).contains(&waited), "{waited} s");
}
