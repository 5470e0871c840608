//! Events that nobody knows, arguments that nobody expects, acknowledgements of nothing, attachments that do not fit.

use super::case::{Case, Frame, Stage};
use super::fields::{event, fragment, init, object, pcm};

use Stage::{Connected, Streaming};

/// Acknowledgements of nothing, and ids of acknowledgements that are none.
fn acknowledgements() -> Vec<Case> {
    let mut cases = Vec::new();
    for id in ["0", "1", "12", "999", "2147483648", "9223372036854775807"] {
        let packet = format!("43{id}[\"x\"]");
        cases.push(Case::text("Socket.IO, acknowledgement of nothing", Connected, packet));
    }
    for packet in [
        "43",
        "43[]",
        "43[\"x\"]",
        "43-1[]",
        "43x[]",
        "431.5[]",
        "4318446744073709551616[]",
        "431",
        "431x",
        "43 1[]",
        "46",
        "461-",
        "461-1",
        "46x-1[]",
        "46-1[]",
    ] {
        cases.push(Case::text("Socket.IO, malformed acknowledgement", Connected, packet));
    }
    for id in ["18446744073709551616", "99999999999999999999999", "-1", "1.5", "0x1", "1e3", "1 "] {
        cases.push(Case::text(
            "Socket.IO, wrong acknowledgement id",
            Connected,
            format!("42{id}[\"stream:init\",{{}}]"),
        ));
    }
    cases
}

/// Events of other names, and arguments that nobody expects.
fn events() -> Vec<Case> {
    let mut cases = Vec::new();
    let long = "e".repeat(10_000);
    let names = [
        "",
        " ",
        "x",
        "stream",
        "stream:",
        ":init",
        "stream:Init",
        "STREAM:INIT",
        "stream:init ",
        " stream:init",
        "stream_init",
        "stream.init",
        "stream:start",
        "stream:ready",
        "stream:complete",
        "fragment",
        "fragment:",
        "fragment:ack",
        "fragment:processed",
        "fragment:Data",
        "fragment:data:",
        "backpressure",
        "error",
        "connect",
        "connection",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
        "message",
        "ping",
        "pong",
        "*",
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "admin:drain",
        "drain",
        "shutdown",
        "../stream:init",
        "stream%3Ainit",
        "名",
        "é",
        "\\u0000",
        "\\n",
        "\\\"",
        "\\ud83d\\ude00",
        "0",
        "null",
        "undefined",
        "true",
        "[]",
        "{}",
        "SELECT 1",
        "<script>",
        &long,
    ];
    for name in names {
        cases.push(Case::text("Socket.IO, unknown event", Connected, format!("42[\"{name}\",{{}}]")));
    }
    for name in ["nothing", "unknown:event"] {
        cases.push(Case::text("Socket.IO, unknown event", Streaming, format!("42[\"{name}\"]")));
        cases.push(Case::text("Socket.IO, unknown event", Streaming, format!("427[\"{name}\",1,2,3]")));
    }
    let arguments = [
        "",
        ",null",
        ",true",
        ",7",
        ",1.5",
        ",\"x\"",
        ",[]",
        ",[[]]",
        ",[{}]",
        ",{}",
        ",null,{}",
        ",[],{}",
        ",\"\",\"\"",
        ",{\"a\":1},{\"b\":2}",
        ",{\"_placeholder\":true,\"num\":0}",
    ];
    for (name, stage) in [("stream:init", Connected), ("fragment:data", Streaming), ("fragment:data", Connected)] {
        for argument in arguments {
            cases.push(Case::text("Socket.IO, wrong arguments", stage, format!("42[\"{name}\"{argument}]")));
            cases.push(Case::text("Socket.IO, wrong arguments", stage, format!("4277[\"{name}\"{argument}]")));
        }
    }
    for name in ["stream:pause", "stream:resume", "stream:end"] {
        for argument in arguments {
            cases.push(Case::text("Socket.IO, event without a stream", Connected, format!("42[\"{name}\"{argument}]")));
        }
    }
    for argument in ["7", "\"x\"", "[]", "true", "{\"reason\":7}", "{\"reason\":[]}", "{\"reason\":{}}"] {
        cases.push(Case::text("Socket.IO, wrong arguments", Streaming, event("stream:pause", argument)));
    }
    let good = object(&fragment("STREAM", "early", 0, &pcm(1, 0)));
    cases.push(Case::text("Socket.IO, event without a stream", Connected, event("fragment:data", &good)));
    cases.push(Case::text("Socket.IO, stream:init twice", Streaming, event("stream:init", &object(&init()))));
    cases.push(Case::text(
        "Socket.IO, another's stream",
        Streaming,
        event("fragment:data", &object(&fragment("someone-else", "x", 0, &pcm(1, 0)))),
    ));
    cases
}

/// Binary events whose attachments and placeholders do not go together.
fn attachments() -> Vec<Case> {
    let kind = "Socket.IO, attachments that do not fit";
    let mut fields = fragment("STREAM", "binary", 0, &[]);
    let audio = |value: &str, fields: &mut Vec<(&'static str, String)>| {
        if let Some(field) = fields.iter_mut().find(|(name, _)| *name == "audio") {
            field.1 = value.to_owned();
        }
        format!("[\"fragment:data\",{}]", object(fields))
    };
    let one = audio("{\"_placeholder\":true,\"num\":0}", &mut fields);
    let none = audio("7", &mut fields);
    let nested = audio("{\"inner\":{\"_placeholder\":true,\"num\":0}}", &mut fields);
    let negative = audio("{\"_placeholder\":true,\"num\":-1}", &mut fields);
    let words = audio("{\"_placeholder\":true,\"num\":\"0\"}", &mut fields);
    let elsewhere = format!(
        "[\"fragment:data\",{}]",
        object(&fragment("STREAM", "b", 0, &pcm(1, 0)))
            .replace("\"timestamp\":0", "\"timestamp\":{\"_placeholder\":true,\"num\":0}")
    );
    let text = |text: String| Frame::Text(text);
    let binary = |bytes: usize| Frame::Binary(vec![0; bytes]);
    let mut cases: Vec<Case> = vec![
        vec![text(format!("451-{one}")), binary(3)],
        vec![text(format!("451-{one}")), binary(0)],
        vec![text(format!("451-{one}")), binary(1_601)],
        vec![text(format!("451-{one}")), binary(16_000)],
        vec![text(format!("451-{none}")), binary(1_600)],
        vec![text(format!("451-{nested}")), binary(1_600)],
        vec![text(format!("451-{negative}")), binary(1_600)],
        vec![text(format!("451-{words}")), binary(1_600)],
        vec![text(format!("451-{elsewhere}")), binary(1_600)],
        vec![text(format!("452-{none}")), binary(1_600), binary(1_600)],
        vec![text(format!("450-{one}"))],
        vec![text(format!("45-{one}"))],
        vec![text(format!("45{one}"))],
        vec![text(format!("45x-{one}"))],
        vec![text(format!("45-1-{one}"))],
        vec![text(format!("451{one}"))],
        vec![text(format!("455-{one}"))],
        vec![text(format!("451000000-{one}"))],
        vec![text(format!("4599999999999999999999-{one}"))],
        vec![text(format!("451.5-{one}"))],
        vec![text(format!("42{one}"))],
        vec![text(format!("451-{one}")), text(format!("451-{one} "))],
        vec![text(format!("451-{one}")), text("42[\"stream:pause\"]".into())],
        vec![text(format!("451-{one}")), text("40".into())],
        vec![text(format!("452-{one}")), binary(1_600), text("41".into())],
        vec![text(format!("454-{one}")), binary(1_600), binary(1), binary(2)],
        vec![binary(0)],
        vec![binary(1)],
        vec![binary(1_600)],
        vec![binary(100_000)],
        vec![text("451-".into())],
        vec![text("451-[".into()), binary(4)],
        vec![text("451-[]".into()), binary(4)],
        vec![text("451-[7]".into()), binary(4)],
        vec![text("451-{\"_placeholder\":true,\"num\":0}".into()), binary(4)],
        vec![text("451-[{\"_placeholder\":true,\"num\":0}]".into()), binary(4)],
        vec![text("451-[\"stream:init\",{\"_placeholder\":true,\"num\":0}]".into()), binary(4)],
        vec![text("451-[\"stream:init\",{\"channels\":{\"_placeholder\":true,\"num\":0}}]".into()), binary(4)],
        vec![text("451-[\"unknown\",{\"_placeholder\":true,\"num\":0}]".into()), binary(5)],
        vec![text("452-[\"fragment:data\",{\"a\":{\"_placeholder\":true,\"num\":0},\"b\":{\"_placeholder\":true,\"num\":1}}]".into()), binary(4), binary(4)],
    ]
    .into_iter()
    .map(|frames| Case::frames(kind, Streaming, frames))
    .collect();
    let two = one.replace("\"timestamp\":0", "\"more\":{\"_placeholder\":true,\"num\":1}");
    cases.push(Case::frames(kind, Streaming, vec![text(format!("452-{two}")), binary(1_600), binary(1_600)]));
    // Far more bytes than a fragment may have.
    cases.push(Case::frames(
        "Socket.IO, attachment over the limit",
        Streaming,
        vec![text(format!("451-12{one}")), binary(8 << 20 | 2)],
    ));
    cases
}

/// All of it. `STREAM` in a message is replaced by the connection's stream.
pub fn cases() -> Vec<Case> {
    [acknowledgements(), events(), attachments()].concat()
}
