//! Every field of `stream:init` and `fragment:data` with every value that it must not have.

use super::case::{Case, Expect, Stage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Codes that a `stream:init` may be refused with.
const INIT_CODES: &[&str] = &["INVALID_CONFIG", "INVALID_VOICE_PROFILE", "UNSUPPORTED_LANGUAGE"];
/// Codes that a `fragment:data` may be refused with.
const FRAGMENT_CODES: &[&str] = &["INVALID_FRAGMENT", "FRAGMENT_TOO_LARGE"];

/// A message as names and values, the values as JSON text: what cannot be written as a JSON value can still be sent.
pub type Fields = Vec<(&'static str, String)>;

/// A `stream:init` that is taken.
pub fn init() -> Fields {
    [
        ("source_language", "\"en\""),
        ("target_language", "\"es\""),
        ("voice_profile", "\"spanish_male_1\""),
        ("chunk_duration_ms", "100"),
        ("sample_rate_hz", "8000"),
        ("channels", "1"),
        ("format", "\"pcm_s16le\""),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// A `fragment:data` of 100 ms that is taken by a stream of this name.
pub fn fragment(stream_id: &str, fragment_id: &str, number: u64, pcm: &[u8]) -> Fields {
    vec![
        ("fragment_id", format!("\"{fragment_id}\"")),
        ("stream_id", format!("\"{stream_id}\"")),
        ("sequence_number", number.to_string()),
        ("timestamp", (number * 100).to_string()),
        ("audio", format!("\"{}\"", BASE64.encode(pcm))),
        ("sample_rate", "8000".to_owned()),
        ("channels", "1".to_owned()),
        ("format", "\"pcm_s16le\"".to_owned()),
        ("duration_ms", "100".to_owned()),
    ]
}

/// The fields as a JSON object.
pub fn object(fields: &Fields) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// An event as an Engine.IO packet.
pub fn event(name: &str, argument: &str) -> String {
    format!("42[\"{name}\",{argument}]")
}

fn with(mut fields: Fields, field: &'static str, value: &str) -> Fields {
    match fields.iter_mut().find(|(name, _)| *name == field) {
        Some(found) => found.1 = value.to_owned(),
        None => fields.push((field, value.to_owned())),
    }
    fields
}

fn without(mut fields: Fields, field: &str) -> Fields {
    fields.retain(|(name, _)| *name != field);
    fields
}

/// What is neither text nor a number, and how it looks when somebody is careless, or up to something.
const NEITHER: [&str; 16] = [
    "true",
    "false",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[\"x\"]",
    "[1]",
    "{\"x\":1}",
    "{\"$gt\":\"\"}",
    "{\"__proto__\":{\"x\":1}}",
    "{\"toString\":null}",
    "{\"length\":3,\"0\":\"a\"}",
    "[{},[],{}]",
    "{\"type\":\"Buffer\",\"data\":[0,0]}",
    "{\"_placeholder\":false,\"num\":0}",
];
const NUMBERS: [&str; 8] = ["0", "-1", "1.5", "1e300", "-0.0", "9007199254740993", "18446744073709551616", "-1e-300"];
const TEXTS: [&str; 14] = [
    "\"\"",
    "\"1\"",
    "\"-1\"",
    "\"NaN\"",
    "\"Infinity\"",
    "\"0x10\"",
    "\"1e3\"",
    "\"true\"",
    "\"null\"",
    "\"1 OR 1=1\"",
    "\"<script>\"",
    "\"../../etc/passwd\"",
    "\"\\u0000\"",
    "\"%s%n\"",
];

/// Values of the wrong type for text.
fn not_text() -> Vec<String> {
    NEITHER.iter().chain(&NUMBERS).chain(&["null"]).map(|&value| value.to_owned()).collect()
}

/// Values of the wrong type for a number.
fn not_a_number() -> Vec<String> {
    NEITHER.iter().chain(&TEXTS).chain(&["null"]).map(|&value| value.to_owned()).collect()
}

/// Values that are no unsigned integer: wrong type, negative, with a fraction, or past what 64 bits hold.
fn not_an_integer() -> Vec<String> {
    let numbers = ["-1", "1.5", "1e300", "18446744073709551616", "-9223372036854775808", "1.15e1", "0.1", "-1e-300"];
    not_a_number().into_iter().chain(numbers.map(str::to_owned)).collect()
}

fn bad_ids() -> Vec<String> {
    let long = "x".repeat(129);
    let longer = "y".repeat(20_000);
    let texts = [
        "",
        " ",
        "a b",
        "a\\n",
        "\\u0000",
        "é",
        "\\u200b",
        "a\\tb",
        "\\ud83d\\ude00",
        "名",
        "a\\u007f",
        &long,
        &longer,
    ];
    let texts = texts.into_iter().map(|text| format!("\"{text}\""));
    not_text().into_iter().chain(texts).collect()
}

fn bad_languages() -> Vec<String> {
    let texts = ["", "e", "eng", "EN", "e1", "  ", "xx", "é", "e\\u0000", "en-GB", "en_US", "zz", "\\u0435n"];
    not_text().into_iter().chain(texts.into_iter().map(|text| format!("\"{text}\""))).collect()
}

fn bad_formats() -> Vec<String> {
    let long = "pcm".repeat(2_000);
    let texts =
        ["", "pcm", "PCM_S16LE", "pcm_s16le ", "pcm_s16be", "mp3", "opus", "wav", "pcm_s24le", "\\u0000", &long];
    not_text().into_iter().chain(texts.into_iter().map(|text| format!("\"{text}\""))).collect()
}

fn chain(one: Vec<String>, other: &[&str]) -> Vec<String> {
    one.into_iter().chain(other.iter().map(|&value| value.to_owned())).collect()
}

/// Bad values of each field of `stream:init`.
fn init_values() -> Vec<(&'static str, Vec<String>)> {
    let long = format!("\"{}\"", "v".repeat(5_000));
    let many_hints = format!("[{}]", vec!["\"x\""; 201].join(","));
    let long_hint = format!("[\"{}\"]", "h".repeat(101));
    let hints = ["true", "7", "\"Gutenberg\"", "{}", "[7]", "[null]", "[[\"x\"]]", "[{}]", "[true]", "[\"x\",1.5]"];
    let rates = ["0", "1", "7999", "192001", "4294967295", "4294967296", "-8000", "8000.5"];
    let resumes = [
        "true",
        "7",
        "\"x\"",
        "{}",
        "[7]",
        "{\"session_id\":7}",
        "{\"session_id\":null}",
        "{\"session_id\":\"\"}",
        "{\"session_id\":\"a b\"}",
        "{\"session_id\":[]}",
        "{\"last_sequence_received\":1}",
        "{\"session_id\":\"s\",\"last_sequence_received\":-1}",
        "{\"session_id\":\"s\",\"last_sequence_received\":\"1\"}",
        "{\"session_id\":\"s\",\"last_sequence_received\":1.5}",
        "{\"session_id\":\"s\",\"last_sequence_received\":{}}",
    ];
    let encodings = ["\"\"", "\"hex\"", "\"BASE64\"", "\"Binary\"", "\"base64url\"", "\"none\""];
    vec![
        ("source_language", bad_languages()),
        ("target_language", bad_languages()),
        ("voice_profile", chain(not_text(), &["\"\"", "\"nobody\"", "\"french_female_1\"", "\"\\u0000\"", &long])),
        ("chunk_duration_ms", chain(not_a_number(), &["0", "-1", "-0.0", "30001", "1e300", "-1e300"])),
        ("sample_rate_hz", chain(not_an_integer(), &rates)),
        ("channels", chain(not_an_integer(), &["0", "3", "255", "65535", "65536", "4294967296"])),
        ("format", bad_formats()),
        ("domain_hints", chain(Vec::new(), &[&hints[..], &[&many_hints, &long_hint]].concat())),
        (
            "first_sequence_number",
            chain(
                Vec::new(),
                &[
                    "true",
                    "\"0\"",
                    "[]",
                    "{}",
                    "-1",
                    "0.5",
                    "9007199254740992",
                    "18446744073709551616",
                    "1e300",
                    "\"\"",
                ],
            ),
        ),
        ("resume", chain(Vec::new(), &resumes)),
        ("audio_encoding", chain(not_text(), &encodings).into_iter().filter(|value| value != "null").collect()),
    ]
}

/// Bad values of each field of `fragment:data`.
fn fragment_values() -> Vec<(&'static str, Vec<String>)> {
    let rates = ["0", "1", "7999", "16000", "44100", "4294967295", "4294967296"];
    vec![
        ("fragment_id", bad_ids()),
        ("stream_id", bad_ids()),
        ("sequence_number", chain(not_an_integer(), &["9007199254740992", "18446744073709551615", "-2"])),
        ("timestamp", not_a_number()),
        ("audio", chain(not_text(), &["\"\""])),
        ("sample_rate", chain(not_an_integer(), &rates)),
        ("channels", chain(not_an_integer(), &["0", "2", "3", "255", "65535", "65536"])),
        ("format", chain(bad_formats(), &["\"pcm_f32le\""])),
        (
            "duration_ms",
            chain(not_a_number(), &["0", "-0.0", "-100", "1e300", "1e-300", "49", "151", "1000", "-1e300"]),
        ),
    ]
}

/// Text that is not the base64 of 100 ms of audio, in every way that people get it wrong.
fn bad_base64() -> Vec<String> {
    let good = BASE64.encode(pcm(1, 0));
    let half = &good[..good.len() / 2];
    let mut bad: Vec<String> = [
        "=",
        "==",
        "===",
        "====",
        "A",
        "AA",
        "AAA",
        "AA=",
        "A===",
        "A==A",
        "AA=A",
        "=AAA",
        "AAAA=",
        "AAAA==",
        "AAAAA===",
        "AB==",
        "AAB=",
        "AAAA\\n",
        " AAAA",
        "AAAA ",
        "AA AA",
        "AA\\nAA",
        "AA\\r\\nAA",
        "AA-_",
        "-___",
        "____",
        "AAA*",
        "!!!!",
        "AAA\\u0000",
        "AAAé",
        "名名名名",
        "data:audio/wav;base64,AAAA",
        "0x00000000",
        "AAAA,BBBB",
        "%41%41%41%41",
        "AAAA&#61;",
        "{\\\"audio\\\":1}",
        "AAAA\\tAAAA",
        "AAAA.AAAA",
        "AAAA:AAAA",
        "AAAA|AAAA",
        "null",
        "undefined",
        "[object Object]",
    ]
    .map(str::to_owned)
    .into();
    bad.extend([
        format!("{good}="),
        format!("{good}\\n"),
        format!("={good}"),
        good.replace('A', "-"),
        format!("{half}={half}"),
    ]);
    for wrong in
        ['-', '_', '*', '.', ',', '~', '?', '#', '@', '$', '(', ')', '<', '>', '[', ']', '{', '}', '|', '^', ';', '\'']
    {
        bad.push(format!("{}{wrong}{}", &half[1..], half));
    }
    bad
}

/// 100 ms at 8 kHz whose first two samples tell the fake recogniser what to do.
pub fn pcm(instruction: i16, number: i16) -> Vec<u8> {
    let mut pcm = vec![0; 1_600];
    pcm[..2].copy_from_slice(&instruction.to_le_bytes());
    pcm[2..4].copy_from_slice(&number.to_le_bytes());
    pcm
}

/// All of it. `STREAM` in a message is replaced by the connection's stream.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, values) in init_values() {
        let refusal = Expect::Refusal(INIT_CODES, field);
        for value in values {
            let message = event("stream:init", &object(&with(init(), field, &value)));
            let case = Case::text("stream:init, a wrong value", Stage::Connected, message).expecting(refusal);
            cases.push(case.noting(field, &value));
        }
    }
    for (field, _) in init() {
        let message = event("stream:init", &object(&without(init(), field)));
        let refusal = Expect::Refusal(INIT_CODES, field);
        cases.push(Case::text("stream:init, a field missing", Stage::Connected, message).expecting(refusal));
    }
    let good = || fragment("STREAM", "bad", 0, &pcm(1, 0));
    for (field, values) in fragment_values() {
        let refusal = Expect::Refusal(FRAGMENT_CODES, field);
        for value in values {
            let expect = match (field, value.as_str()) {
                // What differs in these is the length: either field may be blamed.
                (
                    "sample_rate" | "channels" | "format",
                    "1" | "7999" | "16000" | "44100" | "4294967295" | "2" | "\"pcm_f32le\"",
                ) => Expect::Refusal(FRAGMENT_CODES, ""),
                _ => refusal,
            };
            let message = event("fragment:data", &object(&with(good(), field, &value)));
            let case = Case::text("fragment:data, a wrong value", Stage::Streaming, message).expecting(expect);
            cases.push(case.noting(field, &value));
        }
        let message = event("fragment:data", &object(&without(good(), field)));
        cases.push(Case::text("fragment:data, a field missing", Stage::Streaming, message).expecting(refusal));
    }
    for text in bad_base64() {
        let message = event("fragment:data", &object(&with(good(), "audio", &format!("\"{text}\""))));
        let refusal = Expect::Refusal(FRAGMENT_CODES, "audio");
        cases.push(Case::text("fragment:data, bad base64", Stage::Streaming, message).expecting(refusal));
    }
    for bytes in [1, 3, 5, 7, 1_599, 1_601, 2, 798, 2_402, 16_000] {
        let message =
            event("fragment:data", &object(&with(good(), "audio", &format!("\"{}\"", BASE64.encode(vec![0; bytes])))));
        let refusal = Expect::Refusal(FRAGMENT_CODES, "audio");
        cases.push(Case::text("fragment:data, a wrong length", Stage::Streaming, message).expecting(refusal));
    }
    cases
}
