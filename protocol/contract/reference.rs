//! The generated part of docs/protocol.md.

use std::fmt::Write as _;

use serde_json::Value;
use sts_protocol::ErrorCode;
use sts_protocol::event::{EVENTS, Event, Sender};
use sts_protocol::schema::Document;

use super::Witnesses;
use super::catalogue::{self, Field};
use super::samples::{self, Samples};

/// Every event, field, named value and error code, each with its schema and what tests it.
pub fn block(witnesses: &Witnesses) -> String {
    let documents = sts_protocol::schema::documents();
    let mut text = String::new();
    events(&mut text, witnesses);
    codes(&mut text, witnesses, &documents);
    for event in &EVENTS {
        fields(&mut text, event, &documents);
    }
    values(&mut text, &documents);
    text
}

fn line(text: &mut String, line: impl std::fmt::Display) {
    writeln!(text, "{line}").expect("text can be written to");
}

/// What stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn tests(witnesses: &Witnesses, name: &str) -> String {
    let links = witnesses.get(name).into_iter().flatten().map(|path| {
        let file = path.rsplit('/').next().unwrap_or(path);
        format!("[{file}](../{path})")
    });
    links.collect::<Vec<_>>().join(", ")
}

fn schema_link(document: &str, pointer: &str, label: &str) -> String {
    format!("[{label}](../protocol/schemas/{document}.json#{pointer})")
}

fn events(text: &mut String, witnesses: &Witnesses) {
    line(text, "\n### Events\n\n| event | from | what | may be answered by | schema | samples | tests |");
    line(text, "| --- | --- | --- | --- | --- | --- | --- |");
    for event in &EVENTS {
        let sender = match event.sender {
            Sender::Worker => "worker",
            Sender::Service => "service",
        };
        let answers: Vec<String> = event.answers.iter().map(|name| format!("`{name}`")).collect();
        let schema = schema_link(event.document, &format!("/$defs/{}", event.message), event.message);
        let count = samples::load(event).samples.len();
        let samples = format!("[{count}](../{})", samples::path(event));
        let tests = tests(witnesses, event.name);
        let (name, summary, answers) = (event.name, cell(event.summary), answers.join(", "));
        line(text, format_args!("| `{name}` | {sender} | {summary} | {answers} | {schema} | {samples} | {tests} |"));
    }
}

fn codes(text: &mut String, witnesses: &Witnesses, documents: &[Document]) {
    let document = documents.iter().find(|document| document.name == "error").expect("there is one of errors");
    let fields = catalogue::fields(&document.schema, "ErrorMessage");
    let code = fields.iter().find(|field| field.path == "code").expect("an error has a code");
    line(text, "\n### Error codes\n\n| code | retryable | what | schema | sample | tests |");
    line(text, "| --- | --- | --- | --- | --- | --- |");
    let event = EVENTS.iter().find(|event| event.message == "ErrorMessage").expect("it is an event");
    let samples = samples::load(event);
    for (index, (value, description)) in code.values().into_iter().enumerate() {
        let name = value.as_str().unwrap_or_default();
        let retryable = ErrorCode::ALL.iter().any(|code| code.as_str() == name && code.retryable());
        let schema = schema_link("error", &format!("/$defs/ErrorCode/oneOf/{index}"), "ErrorCode");
        let (sample, tests) = (sample_link(code, &value, &samples), tests(witnesses, name));
        let (retryable, description) = (if retryable { "yes" } else { "no" }, cell(&description));
        line(text, format_args!("| `{name}` | {retryable} | {description} | {schema} | {sample} | {tests} |"));
    }
}

/// A link to the first valid sample in which the field has the value.
fn sample_link(field: &Field, value: &Value, samples: &Samples) -> String {
    let sample = samples
        .samples
        .iter()
        .find(|sample| sample.refused.is_none() && field.values_in(&sample.argument).contains(&value));
    sample.map(|sample| format!("[line {}](../{}#L{})", sample.line, samples.path, sample.line)).unwrap_or_default()
}

fn fields(text: &mut String, event: &Event, documents: &[Document]) {
    let document = documents.iter().find(|document| document.name == event.document).expect("events name theirs");
    let fields = catalogue::fields(&document.schema, event.message);
    if fields.is_empty() {
        return;
    }
    let samples = samples::load(event);
    line(
        text,
        format_args!("\n### `{}`: fields\n\n| field | holds | required | what | schema | samples |", event.name),
    );
    line(text, "| --- | --- | --- | --- | --- | --- |");
    for field in &fields {
        let schema = schema_link(event.document, &field.pointer, "schema");
        let refused: Vec<usize> = samples
            .samples
            .iter()
            .filter(|sample| sample.refused.as_ref().is_some_and(|refused| field.is_named_by(&refused.field)))
            .map(|sample| sample.line)
            .collect();
        let samples = match (refused.first(), refused.last()) {
            (Some(first), Some(last)) => {
                format!("[{} refused, lines {first} to {last}](../{}#L{first})", refused.len(), samples.path)
            }
            _ => String::new(),
        };
        let required = if field.required { "yes" } else { "no" };
        let (path, kind, description) = (&field.path, cell(&field.kind()), cell(&field.description));
        line(text, format_args!("| `{path}` | {kind} | {required} | {description} | {schema} | {samples} |"));
    }
}

fn values(text: &mut String, documents: &[Document]) {
    line(text, "\n### Named values\n\n| event | field | value | what | schema | sample |");
    line(text, "| --- | --- | --- | --- | --- | --- |");
    for event in &EVENTS {
        let document = documents.iter().find(|document| document.name == event.document).expect("events name theirs");
        let samples = samples::load(event);
        for field in catalogue::fields(&document.schema, event.message) {
            // The error codes have a table of their own.
            let values = field.values().into_iter().filter(|_| !field.path.ends_with("code"));
            for (value, description) in values {
                let schema = schema_link(event.document, &field.pointer, "schema");
                let sample = sample_link(&field, &value, &samples);
                let (name, path, description) = (event.name, &field.path, cell(&description));
                line(text, format_args!("| `{name}` | `{path}` | `{value}` | {description} | {schema} | {sample} |"));
            }
        }
    }
}
