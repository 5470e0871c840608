//! The generated part of docs/asyncapi.yaml: the channel, the operations and the messages.

use std::fmt::Write as _;

use sts_protocol::event::{EVENTS, Event, Sender};

/// What stands between the marks.
pub fn block() -> String {
    let mut text = String::from(
        "channels:\n  namespace:\n    address: /\n    description: The default namespace of Socket.IO.\n    messages:\n",
    );
    let mut line = |line: String| writeln!(text, "{line}").expect("text can be written to");
    for Event { message, .. } in &EVENTS {
        line(format!("      {message}:\n        $ref: '#/components/messages/{message}'"));
    }
    line("\noperations:".to_owned());
    for event in &EVENTS {
        let Event { message, summary, .. } = event;
        // Said from the side of the service, as AsyncAPI has it.
        let (verb, action) = match event.sender {
            Sender::Worker => ("on", "receive"),
            Sender::Service => ("emit", "send"),
        };
        line(format!("  {verb}{message}:\n    action: {action}\n    summary: {}", quoted(summary)));
        line("    channel:\n      $ref: '#/channels/namespace'\n    messages:".to_owned());
        line(format!("      - $ref: '#/channels/namespace/messages/{message}'"));
        if !event.answers.is_empty() {
            line("    reply:\n      channel:\n        $ref: '#/channels/namespace'\n      messages:".to_owned());
        }
        for answer in EVENTS.iter().filter(|answer| event.answers.contains(&answer.name)) {
            line(format!("        - $ref: '#/channels/namespace/messages/{}'", answer.message));
        }
    }
    line("\ncomponents:\n  messages:".to_owned());
    for Event { name, message, document, summary, .. } in &EVENTS {
        line(format!("    {message}:\n      name: {}\n      title: {message}", quoted(name)));
        line(format!("      summary: {}", quoted(summary)));
        line("      contentType: application/json".to_owned());
        line(format!("      payload:\n        $ref: '../protocol/schemas/{document}.json#/$defs/{message}'"));
    }
    text
}

/// A scalar of YAML's.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
