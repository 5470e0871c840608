//! Malformed packets of Engine.IO and Socket.IO, and namespaces that are not there.

use super::case::{Case, Expect, Frame, Stage};
use super::fields::{event, init, object};

use Stage::{Connected, Opened};

/// What no Engine.IO packet looks like, in either direction.
fn engine_packets() -> Vec<Case> {
    let types = [
        "7",
        "8",
        "9",
        "a",
        "x",
        "Z",
        "-",
        " ",
        "\\n",
        "\n",
        "\0",
        "é",
        "名",
        "{",
        "[",
        "\"",
        "4294967296",
        "99",
        "00",
        "０",
    ];
    let mut cases: Vec<Case> =
        types.iter().map(|packet| Case::text("Engine.IO, unknown packet type", Opened, *packet)).collect();
    // What only a server says, or only an upgrade.
    let misplaced = [
        "0",
        "0{}",
        "0{\"sid\":\"x\"}",
        "2probe",
        "3probe",
        "5",
        "5x",
        "6",
        "6noop",
        "b",
        "bAAAA",
        "b****",
        "b4AAAA",
        "bA",
    ];
    for packet in misplaced {
        cases.push(Case::text("Engine.IO, packet out of place", Opened, packet));
        // With anything behind it a probe is a heartbeat.
        if !packet.ends_with("probe") {
            cases.push(Case::text("Engine.IO, packet out of place", Connected, format!("{packet} ")));
        }
    }
    for packet in ["1", "1x", "1{}"] {
        cases.push(Case::text("Engine.IO, close", Connected, packet).alone());
    }
    cases.push(Case::text("Engine.IO, empty packet", Connected, ""));
    // Heartbeats: the protocol has no answer to a pong, and a ping of the client's counts as one.
    for packet in ["3", "3x", "3pong", "2", "2x", "2ping", "22", "33"] {
        cases.push(
            Case::text("Engine.IO, heartbeat that nobody asked for", Connected, packet).expecting(Expect::Nothing),
        );
    }
    let flood = (0..200).map(|_| Frame::Text("3".to_owned())).collect();
    cases.push(Case::frames("Engine.IO, heartbeat that nobody asked for", Connected, flood).expecting(Expect::Nothing));
    cases
}

/// What no Socket.IO packet looks like.
fn socket_packets() -> Vec<Case> {
    let mut cases = Vec::new();
    let types = [
        "4",
        "47",
        "48",
        "49",
        "4a",
        "4x",
        "4-",
        "4 ",
        "4\n",
        "4\0",
        "4é",
        "4{",
        "4[",
        "4\"",
        "4,",
        "4/",
        "4null",
        "4NaN",
        "4{}",
        "4[]",
        "4[\"stream:init\"]",
        "4{\"type\":2}",
        "4\u{feff}2[\"stream:end\"]",
        "4２[\"stream:end\"]",
        "4+2[\"x\"]",
    ];
    cases.extend(types.map(|packet| Case::text("Socket.IO, unknown packet type", Connected, packet)));
    for packet in ["44", "44{}", "44{\"message\":\"no\"}", "44/x,{}", "44[]", "44null"] {
        cases.push(Case::text("Socket.IO, CONNECT_ERROR from a client", Connected, packet));
    }
    let json = [
        "42",
        "42[",
        "42]",
        "42{",
        "42}",
        "42[]",
        "42{}",
        "42[[]]",
        "42[{}]",
        "42null",
        "42true",
        "427",
        "42\"x\"",
        "42[1]",
        "42[1.5]",
        "42[null]",
        "42[true]",
        "42[null,{}]",
        "42[[\"stream:init\"],{}]",
        "42[{\"event\":\"stream:init\"}]",
        "42[\"stream:init\"",
        "42[\"stream:init\",",
        "42[\"stream:init\",{",
        "42[\"stream:init\",{]",
        "42[\"stream:init\",}]",
        "42['stream:init',{}]",
        "42[stream:init,{}]",
        "42[\"stream:init\",{a:1}]",
        "42[\"stream:init\",{\"a\":}]",
        "42[\"stream:init\",{\"a\":1,}]",
        "42[\"stream:init\",{\"a\"}]",
        "42[\"stream:init\",undefined]",
        "42[\"stream:init\",NaN]",
        "42[\"stream:init\",Infinity]",
        "42[\"stream:init\",0x10]",
        "42[\"stream:init\",01]",
        "42[\"stream:init\",+1]",
        "42[\"stream:init\",.5]",
        "42[\"stream:init\",1.]",
        "42[\"stream:init\",1e]",
        "42[\"stream:init\",1e999]",
        "42[\"stream:init\",-]",
        "42[\"stream:init\",--1]",
        "42[\"stream:init\",\"\\x\"]",
        "42[\"stream:init\",\"\\u12\"]",
        "42[\"stream:init\",\"\\ud800\"]",
        "42[\"stream:init\",\"\\udc00\\ud800\"]",
        "42[\"stream:init\",\"\t\"]",
        "42[\"stream:init\",\"\n\"]",
        "42[\"stream:init\",\"\0\"]",
        "42[\"stream:init\",\"",
        "42[\"stream:init\\\"]",
        "42[\"stream:init\",/*x*/{}]",
        "42[\"stream:init\"//x\n,{}]",
        "42[\"stream:init\";{}]",
        "42[\"stream:init\" {}]",
        "42[,]",
        "42[,{}]",
        "42 [\"\",{}]",
        "42[\"stream:init\",tru]",
        "42[\"stream:init\",nul]",
        "42[\"stream:init\",True]",
        "42[\"stream:init\",{{}}]",
    ];
    cases.extend(json.map(|packet| Case::text("Socket.IO, bad JSON", Connected, packet)));
    for depth in [127, 128, 129, 1_000, 50_000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        cases.push(Case::text("Socket.IO, deep nesting", Connected, format!("42[\"stream:init\",{open}{close}]")));
        cases.push(Case::text("Socket.IO, deep nesting", Connected, format!("42[\"stream:init\",{open}")));
        let objects = "{\"a\":".repeat(depth);
        cases.push(Case::text(
            "Socket.IO, deep nesting",
            Connected,
            format!("42[\"stream:init\",{objects}1{}]", "}".repeat(depth)),
        ));
    }
    for (count, what) in [(10_000, "[]"), (10_000, "\"x\""), (100_000, "0")] {
        let many = vec![what; count].join(",");
        cases.push(Case::text("Socket.IO, a great many values", Connected, format!("42[\"stream:init\",[{many}]]")));
    }
    let digits = "9".repeat(100_000);
    cases.push(Case::text(
        "Socket.IO, huge number",
        Connected,
        format!("42[\"stream:init\",{{\"channels\":{digits}}}]"),
    ));
    cases.push(Case::text(
        "Socket.IO, huge number",
        Connected,
        format!("42[\"stream:init\",{{\"channels\":0.{digits}}}]"),
    ));
    cases.push(Case::text(
        "Socket.IO, huge number",
        Connected,
        format!("42[\"stream:init\",{{\"channels\":1e{digits}}}]"),
    ));
    cases
}

/// Namespaces that are not there, connecting twice, leaving and talking on.
fn namespaces() -> Vec<Case> {
    let mut cases = Vec::new();
    let long = format!("/{}", "n".repeat(10_000));
    let names = [
        "/admin",
        "/x",
        "//",
        "/ ",
        "/é",
        "/名",
        "/../",
        "/%2f",
        "/a/b/c",
        "/null",
        "/\"",
        "/[",
        "/{",
        "/stream:init",
        "/0",
        "/\0",
        &long,
    ];
    for name in names {
        cases.push(Case::text("Socket.IO, CONNECT to a namespace that is not there", Connected, format!("40{name},")));
        cases.push(Case::text(
            "Socket.IO, CONNECT to a namespace that is not there",
            Connected,
            format!("40{name},{{\"token\":1}}"),
        ));
        for packet in [format!("42{name},[\"stream:init\",{{}}]"), format!("41{name},")] {
            let kind = "Socket.IO, event or DISCONNECT to a namespace that is not there";
            cases.push(Case::text(kind, Connected, packet));
        }
    }
    for auth in ["", "{}", "{\"token\":\"x\"}"] {
        cases.push(Case::text("Socket.IO, CONNECT twice", Connected, format!("40{auth}")));
    }
    let after = [
        event("stream:init", &object(&init())),
        "42[\"stream:end\"]".into(),
        "41".into(),
        "43[]".into(),
        "42[]".into(),
        "451-[\"x\"]".into(),
    ];
    for packet in after {
        let frames = vec![Frame::Text("41".into()), Frame::Text(packet)];
        cases.push(Case::frames("Socket.IO, DISCONNECT and then more", Connected, frames).alone());
    }
    for packet in ["42[\"stream:init\",{}]", "42[\"stream:end\"]", "41", "430[]", "450-[\"x\"]", "460-1[]"] {
        cases.push(Case::text("Socket.IO, packet before CONNECT", Opened, packet));
    }
    let auths = [
        "[]",
        "true",
        "\"x\"",
        "{",
        "[",
        "nul",
        "{\"token\":7}",
        "{\"token\":{}}",
        "{\"stream_id\":7}",
        "{\"stream_id\":\"\"}",
        "{\"stream_id\":\"a b\"}",
        "{\"stream_id\":[]}",
        "{\"worker_id\":7}",
        "{\"worker_id\":\"é\"}",
        "{\"worker_id\":{}}",
        "{\"stream_id\":\"a\\u0000\"}",
        "{\"token\":[1]}",
        "{\"a\":}",
        "{}}",
    ];
    cases.extend(auths.map(|auth| Case::text("Socket.IO, CONNECT with a wrong auth", Opened, format!("40{auth}"))));
    let long_id = "i".repeat(129);
    let longer_id = "i".repeat(100_000);
    for auth in [
        format!("{{\"stream_id\":\"{long_id}\"}}"),
        format!("{{\"worker_id\":\"{longer_id}\"}}"),
        format!("{{\"token\":\"{longer_id}\"}}x"),
    ] {
        cases.push(Case::text("Socket.IO, CONNECT with a wrong auth", Opened, format!("40{auth}")));
    }
    cases
}

/// All of it. `STREAM` in a message is replaced by the connection's stream.
pub fn cases() -> Vec<Case> {
    [engine_packets(), socket_packets(), namespaces()].concat()
}
