//! Answers for people.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

use super::CtlCommand;

/// What an answer says, as a table.
pub(super) fn render(command: &CtlCommand, answer: &Value) -> String {
    match command {
        CtlCommand::Stages => stages(answer),
        CtlCommand::Streams => streams(answer),
        CtlCommand::Actors => actors(answer),
        CtlCommand::Events { .. } => list(&answer["events"]).iter().map(event_line).collect::<Vec<_>>().join("\n"),
        CtlCommand::Gpus => gpus(answer),
        CtlCommand::Translators => translators(answer),
        _ => facts(answer),
    }
}

/// An event in one line.
pub(super) fn event_line(event: &Value) -> String {
    let mut line = format!("{}  {}", text(&event["timestamp"]), text(&event["event"]));
    let told = ["number", "timestamp", "event", "kind"];
    for (name, value) in event.as_object().into_iter().flatten().filter(|(name, _)| !told.contains(&name.as_str())) {
        line.push_str(&format!("  {name}={}", text(value)));
    }
    line
}

fn stages(answer: &Value) -> String {
    let columns = [
        "stage",
        "engine",
        "state",
        "workers",
        "queue",
        "oldest",
        "waiting p95",
        "work p50",
        "work p95",
        "restarts",
        "last error",
    ];
    rows(&columns, list(answer), |stage| {
        let state = match (&stage["paused"], &stage["restarting"]) {
            (Value::Bool(true), _) => "paused",
            (_, Value::Bool(true)) => "restarting",
            _ => "running",
        };
        let restarts = stage["restarts"].as_object().into_iter().flatten();
        let restarts: u64 = restarts.filter_map(|(_, count)| count.as_u64()).sum();
        let latencies = &stage["latencies"];
        vec![
            text(&stage["stage"]),
            text(&stage["engine"]),
            state.to_owned(),
            format!("{} of {}", stage["workers_ready"], stage["workers_wanted"]),
            format!("{} of {}", stage["queue_depth"], stage["queue_capacity"]),
            milliseconds(&stage["oldest_job_ms"]),
            milliseconds(&latencies["queued_ms"]["p95"]),
            milliseconds(&latencies["worked_ms"]["p50"]),
            milliseconds(&latencies["worked_ms"]["p95"]),
            restarts.to_string(),
            text(&stage["last_error"]),
        ]
    })
}

fn streams(answer: &Value) -> String {
    let columns = [
        "stream",
        "worker",
        "state",
        "level",
        "in flight",
        "received",
        "ok",
        "partial",
        "failed",
        "skipped",
        "p50",
        "p95",
        "last error",
    ];
    let mut said = rows(&columns, list(&answer["streams"]), |stream| {
        let (fragments, error) = (&stream["fragments"], &stream["last_error"]);
        let error = match error {
            Value::Null => String::new(),
            error => {
                format!("{}, {} ago: {}", text(&error["code"]), milliseconds(&error["ms_ago"]), text(&error["message"]))
            }
        };
        vec![
            text(&stream["stream_id"]),
            text(&stream["worker_id"]),
            text(&stream["state"]),
            text(&stream["level"]),
            text(&stream["in_flight"]),
            text(&fragments["received"]),
            text(&fragments["success"]),
            text(&fragments["partial"]),
            text(&fragments["failed"]),
            text(&fragments["skipped"]),
            milliseconds(&stream["processing_ms"]["p50"]),
            milliseconds(&stream["processing_ms"]["p95"]),
            error,
        ]
    });
    for silent in list(&answer["unanswered"]) {
        said.push_str(&format!("\n{} did not answer in time", text(silent)));
    }
    said
}

fn actors(answer: &Value) -> String {
    let columns = ["actor", "kind", "mailbox", "handled", "restarts", "last error", "state"];
    rows(&columns, list(answer), |actor| {
        let state = if actor["alive"] == false { "LOST".to_owned() } else { text(&actor["state"]) };
        vec![
            text(&actor["actor"]),
            text(&actor["kind"]),
            format!("{} of {}", actor["mailbox_depth"], actor["mailbox_capacity"]),
            text(&actor["messages_handled"]),
            text(&actor["restarts"]),
            text(&actor["last_error"]),
            state,
        ]
    })
}

fn gpus(answer: &Value) -> String {
    let columns = ["gpu", "name", "in use %", "memory", "of", "\u{b0}C", "W", "error"];
    rows(&columns, list(answer), |gpu| {
        let reading = &gpu["reading"];
        vec![
            text(&gpu["gpu"]),
            text(&gpu["name"]),
            text(&reading["utilization_percent"]),
            gibibytes(&reading["memory_used_bytes"]),
            gibibytes(&reading["memory_total_bytes"]),
            text(&reading["temperature_celsius"]),
            text(&reading["power_watts"]),
            text(&gpu["error"]),
        ]
    })
}

fn translators(answer: &Value) -> String {
    rows(&["translator", "breaker", "rests", "last error"], list(answer), |translator| {
        vec![
            text(&translator["engine"]),
            text(&translator["breaker"]),
            milliseconds(&translator["rest_ms"]),
            text(&translator["last_error"]),
        ]
    })
}

/// Names and values, for a single thing.
fn facts(answer: &Value) -> String {
    let mut table = empty_table();
    for (name, value) in answer.as_object().into_iter().flatten() {
        table.add_row([name.clone(), text(value)]);
    }
    table.to_string()
}

fn rows(columns: &[&str], things: &[Value], row: impl Fn(&Value) -> Vec<String>) -> String {
    let mut table = empty_table();
    table.set_header(columns.to_vec());
    for thing in things {
        table.add_row(row(thing));
    }
    table.to_string()
}

fn empty_table() -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn gibibytes(value: &Value) -> String {
    value.as_f64().map(|bytes| format!("{:.1} GiB", bytes / f64::from(1 << 30))).unwrap_or_default()
}

fn milliseconds(value: &Value) -> String {
    match value.as_f64() {
        None => String::new(),
        Some(ms) if ms < 1_000.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{:.1} s", ms / 1_000.0),
    }
}

/// A value in a few words. What strangers have named must not move the cursor of a terminal.
fn text(value: &Value) -> String {
    let said = match value {
        Value::Null => String::new(),
        Value::String(said) => said.clone(),
        other => other.to_string(),
    };
    said.chars().map(|shown| if shown.is_control() { '\u{fffd}' } else { shown }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_strangers_have_named_cannot_move_the_cursor() {
        let event = json!({"number": 1, "timestamp": "now", "event": "stream_opened", "kind": "stream",
            "stream_id": "\u{1b}[2Jx\r"});
        assert_eq!(event_line(&event), "now  stream_opened  stream_id=\u{fffd}[2Jx\u{fffd}");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(
            [json!(0.4), json!(999), json!(61_500), Value::Null].each_ref().map(milliseconds),
            ["0 ms", "999 ms", "61.5 s", ""]
        );
    }
}
