//! Events that are made to cost more than they should: each is refused, and on a small stack.

#[path = "wire/mod.rs"]
mod wire;

use std::time::Instant;

use sts_protocol::payload::{MAX_DEPTH, MAX_VALUES};
use sts_protocol::{ErrorCode, Fragment, Payload, Refusal, StreamInit};

/// Reads a text frame on a stack that is as small as those of the service's runtime, and the way that both events do.
fn read(frame: String) -> Result<Payload, Refusal> {
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    let reading = thread.spawn(move || {
        let payload = wire::frames(&frame, &[])?;
        let (_, _) = (StreamInit::read(payload.clone()), Fragment::read(payload.clone(), 1_024));
        Ok(payload)
    });
    reading.expect("a thread starts").join().expect("no panic")
}

fn refused_with(frame: String, reason: &str) {
    let refusal = read(frame).expect_err("it is over a bound");
    assert!(refusal.message.contains(reason) && refusal.message.len() < 512, "{}", refusal.message);
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!(r#"2["stream:init",{{"later":{}0{}}}]"#, open.repeat(depth), close.repeat(depth))
}

#[test]
fn values_stand_in_one_another_no_deeper_than_the_bound() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert!(read(nested(open, close, MAX_DEPTH - 1)).is_ok());
        refused_with(nested(open, close, MAX_DEPTH), "deeper than 32");
        refused_with(nested(open, close, 100_000), "deeper than 32");
    }
}

#[test]
fn an_event_has_no_more_values_than_the_bound() {
    let list = |values: usize| format!(r#"2["stream:init",{{"later":[{}]}}]"#, vec!["0"; values].join(","));
    assert!(read(list(MAX_VALUES - 1)).is_ok());
    refused_with(list(MAX_VALUES), "at most 4096 values");
    let fields: Vec<String> = (0..=MAX_VALUES).map(|number| format!(r#""f{number}":0"#)).collect();
    refused_with(format!(r#"2["stream:init",{{{}}}]"#, fields.join(",")), "at most 4096 values");
}

#[test]
fn a_message_full_of_values_costs_little() {
    let frame = format!(r#"2["stream:init",{{"later":[{}0]}}]"#, "[],".repeat(3_000_000));
    let start = Instant::now();
    refused_with(frame, "at most 4096 values");
    assert!(start.elapsed().as_secs() < 5, "it took {:?}", start.elapsed());
}

#[test]
fn an_argument_that_is_a_list_is_not_descended_into() {
    let frame = format!(r#"2["stream:init",{}{}]"#, "[".repeat(100_000), "]".repeat(100_000));
    let read = read(frame);
    assert!(read.is_err() || read.is_ok_and(|payload| StreamInit::read(payload).is_err()));
}

#[test]
fn huge_numbers_are_refused_or_out_of_range() {
    for number in ["1e400", "-1e400"] {
        assert!(read(format!(r#"2["stream:init",{{"channels":{number}}}]"#)).is_err());
    }
    for number in
        ["1e308".to_owned(), "9".repeat(300), "18446744073709551617".to_owned(), "0.".to_owned() + &"9".repeat(9_000)]
    {
        let payload = read(format!(r#"2["stream:init",{{"sequence_number":{number}}}]"#)).expect("a number");
        assert_eq!(Fragment::read(payload, 1_024).expect_err("no place").code, ErrorCode::InvalidFragment);
    }
}

#[test]
fn the_last_of_two_fields_with_one_name_counts() {
    let frame = r#"51-["fragment:data",{"audio":{"_placeholder":true,"num":0},"audio":"AAAA"}]"#;
    let twice = wire::frames(frame, &[vec![0; 4]]).expect("an object");
    assert_eq!(twice.text("audio"), Some("AAAA"));
}

#[test]
fn an_attachment_below_the_top_is_refused() {
    let frame = r#"51-["fragment:data",{"later":{"deep":{"_placeholder":true,"num":0}}}]"#;
    let refusal = wire::frames(frame, &[vec![0; 4]]).expect_err("it is nested");
    assert!(refusal.message.contains("attachment"), "{}", refusal.message);
}

#[test]
fn further_arguments_are_not_read() {
    let payload = wire::frames(r#"2["stream:pause",{"reason":"news"},{"reason":7},8]"#, &[]).expect("an object");
    assert_eq!(payload.text("reason"), Some("news"));
}

#[test]
fn an_event_without_an_argument_is_told_apart_from_null() {
    assert!(wire::frames(r#"2["stream:pause"]"#, &[]).is_err());
    assert!(wire::frames(r#"2["stream:pause",null]"#, &[]).expect("an argument").is_absent());
}
