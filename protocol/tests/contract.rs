//! Types, schemas, samples and documents say the same, and say it of every event, field, value and error code.

#[path = "../contract/mod.rs"]
mod contract;
#[path = "wire/mod.rs"]
mod wire;

use contract::catalogue::{self, Field};
use contract::samples::{self, Refused, Sample};
use contract::{generated, read, root, witnesses};
use jsonschema::Validator;
use serde_json::{Value, json};
use sts_protocol::event::{EVENTS, Event, Sender};
use sts_protocol::{
    Backpressure, ErrorCode, ErrorMessage, Fragment, FragmentAck, FragmentProcessed, Payload, Refusal, StreamComplete,
    StreamInit, StreamReady, schema,
};

#[test]
fn generated_files_are_up_to_date() {
    let listed = witnesses::listed(&read("docs/protocol.md"));
    for (name, paths) in &listed {
        for path in paths {
            let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
            assert!(witnesses::mentions(&text, name), "docs/protocol.md lists {path} for {name}: it does not name it");
        }
    }
    for file in generated(&listed) {
        let there = std::fs::read_to_string(root().join(&file.path)).unwrap_or_default();
        let command = "cargo run -p sts-protocol --example schemas";
        assert!(there == file.text, "{} is not what the types and samples give: {command}", file.path);
    }
}

#[test]
fn schemas_are_valid_draft_2020_12() {
    for document in schema::documents() {
        jsonschema::draft202012::meta::validate(&document.schema).expect("the meta-schema takes it");
        assert_eq!(document.schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}

#[test]
fn every_event_has_a_type_a_schema_and_samples() {
    for event in &EVENTS {
        assert!(document(event)["$defs"][event.message].is_object(), "{}: no schema", event.name);
        let samples = samples::load(event).samples;
        assert!(samples.iter().any(|sample| sample.refused.is_none()), "{}: no valid sample", event.name);
        for answer in event.answers {
            assert!(EVENTS.iter().any(|event| event.name == *answer && event.sender == Sender::Service), "{answer}");
        }
    }
}

#[test]
fn schema_and_decoder_agree_on_every_sample() {
    let mut wrong = Vec::new();
    for event in &EVENTS {
        let validator = validator(event);
        let samples = samples::load(event);
        for sample in &samples.samples {
            let place = format!("{}:{} ({})", samples.path, sample.line, sample.name);
            let schema_accepts = validator.is_valid(&sample.argument);
            if schema_accepts != sample.schema_accepts {
                wrong.push(format!("{place}: the schema's verdict is {schema_accepts}"));
            }
            let payload = wire::payload(event.name, &sample.argument, &sample.attachments);
            let decoded = payload.and_then(|payload| decode(event, payload, samples.max_fragment_bytes));
            wrong.extend(complaint(&decoded, sample.refused.as_ref()).map(|complaint| format!("{place}: {complaint}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Samples are chosen; this is not: whatever stands in whatever field, the two say the same of it.
#[test]
fn schema_and_decoder_agree_on_any_value_of_any_field() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for event in &EVENTS {
        let validator = validator(event);
        let samples = samples::load(event);
        let bases = samples.samples.iter().filter(|sample| sample.refused.is_none() && sample.attachments.is_empty());
        for base in bases.map(|sample| &sample.argument) {
            for pointer in pointers(base, "") {
                for value in any_values() {
                    let mut argument = base.clone();
                    *argument.pointer_mut(&pointer).expect("the pointer is of the base") = value.clone();
                    let schema_accepts = validator.is_valid(&argument);
                    let decoded = wire::payload(event.name, &argument, &[])
                        .and_then(|payload| decode(event, payload, samples.max_fragment_bytes));
                    compared += 1;
                    if schema_accepts != decoded.is_ok() && !no_schema_can_tell(event, schema_accepts, &decoded) {
                        let says = decoded.err().map_or("taken".to_owned(), |refusal| refusal.to_string());
                        wrong.push(format!("{} {pointer} = {value:.60}: {schema_accepts}, {says}", event.name));
                    }
                }
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(compared > 10_000, "only {compared} arguments");
}

/// Whether the refusal is about the audio's length, which a schema cannot relate to other fields, or about a
/// placeholder without its attachment.
fn no_schema_can_tell(event: &Event, schema_accepts: bool, decoded: &Result<Option<Value>, Refusal>) -> bool {
    let about = |field: &str| decoded.as_ref().is_err_and(|refusal| refusal.message.starts_with(field));
    let of_fragments = event.message == "FragmentData" && (about("`audio`") || about("`duration_ms`"));
    schema_accepts && (of_fragments || about("`dubbed_audio`: invalid type: map"))
}

/// Every place in an argument, itself among them.
fn pointers(value: &Value, here: &str) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (format!("{here}/{name}"), value)).collect(),
        Value::Array(items) => {
            items.iter().take(2).enumerate().map(|(at, item)| (format!("{here}/{at}"), item)).collect()
        }
        _ => Vec::new(),
    };
    let below = inner.iter().flat_map(|(pointer, value)| pointers(value, pointer));
    std::iter::once(here.to_owned()).chain(below).collect()
}

fn any_values() -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(false),
        json!([]),
        json!([null]),
        json!(["en"]),
        json!([1]),
        json!([[[]]]),
        json!({}),
        json!({"a": 1}),
        json!({"session_id": "x"}),
        json!({"pcm_s16le": null}),
        json!({"asr": null}),
        json!({"TIMEOUT": []}),
        json!({"_placeholder": true, "num": 0}),
    ];
    let numbers =
        [-0.0, 0.5, 1.0, 1.5, -1.0, 8_000.0, 30_000.0, 30_000.1, 192_001.0, 9_007_199_254_740_992.0, 2e19, 1e300];
    values.extend(numbers.map(Value::from));
    values.extend([0, 1, 2, 3, 10, 16_000, (1 << 53) - 1, 1 << 53, u64::MAX].map(Value::from));
    values.extend([-1, i64::MIN].map(Value::from));
    let texts = [
        "",
        "a",
        "en",
        "EN",
        "eng",
        "e n",
        "é",
        "a\n",
        "\u{0}",
        "\u{7f}",
        "7",
        "pcm_s16le",
        "pcm_f32le",
        "base64",
        "binary",
        "AAAA",
        "AAA=",
        "AAB=",
        "AA==",
        "AB==",
        "A===",
        "=",
        "AAA",
        "queued",
        "success",
        "partial",
        "failed",
        "asr",
        "TIMEOUT",
        "timeout",
        "low",
        "none",
        "pause",
    ];
    values.extend(texts.map(Value::from));
    values.extend([100, 101, 128, 129, 200, 201].map(|length| Value::from("x".repeat(length))));
    values.extend([100, 101, 200, 201].map(|length| Value::from("ü".repeat(length))));
    values.extend([200, 201].map(|length| json!(vec!["x"; length])));
    values
}

/// Reads an argument as the one who gets it does; what came of it, as it would be sent again.
fn decode(event: &Event, payload: Payload, max_bytes: usize) -> Result<Option<Value>, Refusal> {
    fn again<T: serde::Serialize + serde::de::DeserializeOwned>(payload: Payload) -> Result<Option<Value>, Refusal> {
        payload.decode::<T>(ErrorCode::Internal).map(|message| serde_json::to_value(message).ok())
    }
    match event.message {
        "StreamInit" => StreamInit::read(payload).map(|_| None),
        "FragmentData" => Fragment::read(payload, max_bytes).map(|_| None),
        "StreamPause" => sts_protocol::stream::Pause::read(Some(payload)).map(|_| None),
        "StreamResume" | "StreamEnd" => Ok(None),
        "StreamReady" => again::<StreamReady>(payload),
        "FragmentAck" => again::<FragmentAck>(payload),
        "FragmentProcessed" => {
            let processed: FragmentProcessed = payload.decode(ErrorCode::Internal)?;
            processed.check().map_err(|message| Refusal::new(ErrorCode::Internal, message))?;
            Ok(serde_json::to_value(processed).ok())
        }
        "Backpressure" => again::<Backpressure>(payload),
        "StreamComplete" => again::<StreamComplete>(payload),
        "ErrorMessage" => again::<ErrorMessage>(payload),
        other => panic!("no decoder for {other}"),
    }
}

/// What is wrong with a verdict.
fn complaint(decoded: &Result<Option<Value>, Refusal>, refused: Option<&Refused>) -> Option<String> {
    match (decoded, refused) {
        (Ok(_), None) => None,
        (Ok(_), Some(_)) => Some("the decoder takes it".to_owned()),
        (Err(refusal), None) => Some(format!("the decoder refuses it: {refusal}")),
        (Err(refusal), Some(refused)) => {
            let right_code = refused.code.as_ref().is_none_or(|code| refusal.code.as_str() == code);
            (!right_code || !names(&refusal.message, &refused.field)).then(|| format!("the decoder says: {refusal}"))
        }
    }
}

/// Whether a refusal names the field, or for a missing one the object that it is missing from.
fn names(message: &str, field: &str) -> bool {
    if field.is_empty() {
        return message.contains("an object");
    }
    let missing = match field.rsplit_once('.') {
        Some((object, name)) => message.starts_with(&format!("`{object}`: missing field `{name}`")),
        None => message.starts_with(&format!("missing field `{field}`")),
    };
    missing || message.starts_with(&format!("`{field}`"))
}

#[test]
fn what_the_service_sends_is_written_as_it_is_read() {
    for event in EVENTS.iter().filter(|event| event.sender == Sender::Service) {
        let samples = samples::load(event);
        let valid = samples.samples.iter().filter(|sample| sample.refused.is_none() && sample.attachments.is_empty());
        for sample in valid {
            let payload = wire::payload(event.name, &sample.argument, &[]).expect("it is an object");
            let again = decode(event, payload, 0).expect("it is valid").expect("it can be written");
            let place = format!("{}:{}", samples.path, sample.line);
            assert_eq!(as_floats(&again), as_floats(&sample.argument), "{place}");
            assert!(validator(event).is_valid(&again), "{place}");
        }
    }
}

/// The value with `1` and `1.0` alike, as JSON has them.
fn as_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(as_floats).collect(),
        Value::Object(fields) => {
            // Nothing skipped and not resumed are left out.
            let kept = fields.iter().filter(|(_, value)| **value != json!(false) && **value != json!([]));
            kept.map(|(name, value)| (name.clone(), as_floats(value))).collect()
        }
        other => other.clone(),
    }
}

#[test]
fn every_field_has_its_samples() {
    let mut missing = Vec::new();
    for event in &EVENTS {
        let samples = samples::load(event).samples;
        for field in catalogue::fields(&document(event), event.message) {
            let lacking = lacking_samples(&field, &samples);
            missing.extend(lacking.into_iter().map(|what| format!("{} {}: no sample {what}", event.name, field.path)));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What samples a field lacks: valid with it, without it, and refused for its absence, its type, each of its bounds.
fn lacking_samples(field: &Field, samples: &[Sample]) -> Vec<String> {
    let valid = || samples.iter().filter(|sample| sample.refused.is_none());
    let refused_for_it = || {
        let named = |sample: &&Sample| sample.refused.as_ref().is_some_and(|refused| field.is_named_by(&refused.field));
        samples.iter().filter(named)
    };
    let violates = |schema: &Value| {
        let validator = jsonschema::draft202012::new(schema).expect("a part of a valid schema");
        refused_for_it().any(|sample| field.values_in(&sample.argument).iter().any(|value| !validator.is_valid(value)))
    };
    let mut lacking = Vec::new();
    let mut need = |there: bool, what: &str| {
        if !there {
            lacking.push(what.to_owned());
        }
    };
    need(valid().any(|sample| !field.values_in(&sample.argument).is_empty()), "with it");
    if field.required {
        need(refused_for_it().any(|sample| field.values_in(&sample.argument).is_empty()), "in which it is missing");
    } else if field.has_name() {
        let without = |sample: &Sample| {
            let (parents, values) = (field.parents_in(&sample.argument), field.values_in(&sample.argument));
            !parents.is_empty() && values.is_empty()
        };
        need(valid().any(without), "without it");
    }
    if let Some(types) = field.types() {
        need(violates(&types), "with a value of the wrong type");
    }
    for bound in field.bounds() {
        need(violates(&bound), &format!("that breaks {bound}"));
    }
    lacking
}

#[test]
fn every_named_value_has_a_valid_sample() {
    let mut missing = Vec::new();
    for event in &EVENTS {
        let samples = samples::load(event).samples;
        for field in catalogue::fields(&document(event), event.message) {
            // The codes of `error` are those of a failed fragment, too.
            let values = field.values().into_iter().filter(|_| field.path != "error.code");
            for (value, _) in values {
                let there = samples
                    .iter()
                    .any(|sample| sample.refused.is_none() && field.values_in(&sample.argument).contains(&&value));
                if !there {
                    missing.push(format!("{} {}: {value}", event.name, field.path));
                }
            }
        }
    }
    assert!(missing.is_empty(), "no valid sample has\n{}", missing.join("\n"));
}

#[test]
fn errors_in_samples_are_as_retryable_as_their_code() {
    let event = EVENTS.iter().find(|event| event.message == "ErrorMessage").expect("it is an event");
    let mut seen = Vec::new();
    for sample in samples::load(event).samples.into_iter().filter(|sample| sample.refused.is_none()) {
        let error: ErrorMessage = serde_json::from_value(sample.argument).expect("a valid sample");
        if error.code != ErrorCode::InvalidFragment || error.retryable {
            assert_eq!(error.retryable, error.code.retryable(), "{}", sample.name);
        }
        seen.push(error.code);
    }
    assert!(ErrorCode::ALL.iter().all(|code| seen.contains(code)));
}

/// An event or a code that the decoder itself does not bring about needs a test of those who do.
#[test]
fn every_event_and_error_code_is_named_by_a_test() {
    let refused_in_samples: Vec<String> = EVENTS
        .iter()
        .flat_map(|event| samples::load(event).samples)
        .filter_map(|sample| sample.refused?.code)
        .collect();
    let unnamed: Vec<String> = witnesses::find()
        .into_iter()
        .filter(|(name, paths)| paths.is_empty() && !refused_in_samples.contains(name))
        .map(|(name, _)| name)
        .collect();
    assert!(unnamed.is_empty(), "no test under tests/ or actors/ names {unnamed:?}");
}

fn document(event: &Event) -> Value {
    let documents = schema::documents().into_iter();
    documents.map(|document| document.schema).find(|schema| schema["title"] == event.document).expect("it is there")
}

/// A validator of an event's argument, by the file that is shipped.
fn validator(event: &Event) -> Validator {
    let mut schema: Value =
        serde_json::from_str(&read(&format!("protocol/schemas/{}.json", event.document))).expect("a schema is JSON");
    schema["$ref"] = json!(format!("#/$defs/{}", event.message));
    jsonschema::draft202012::new(&schema).expect("a valid schema")
}
