//! docs/observability.md names every series and every key of the log, and none that there is not.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::metrics::{exercise, scrape};
use crate::support::{Service, root};

fn document() -> String {
    std::fs::read_to_string(root().join("docs/observability.md")).expect("a document")
}

/// What the rows of the tables in a section begin with, in backticks.
fn first_cells<'a>(document: &'a str, section: &str) -> BTreeSet<&'a str> {
    let (_, rest) = document.split_once(&format!("\n## {section}\n")).expect("the section");
    let section = rest.split("\n## ").next().expect("there is always one");
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split(", ")).filter_map(|name| name.strip_prefix('`')?.strip_suffix('`')).collect()
}

#[tokio::test]
async fn every_series_is_documented_and_every_documented_one_is_there() {
    let service = Service::fake(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    let _worker = exercise(&service).await;
    let (text, document) = (scrape(&service), document());
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let documented = first_cells(&document, "Metrics");
    let is_of_this_machine =
        |name: &&&str| !["sts_gpu_", "sts_translator_"].iter().any(|other| name.starts_with(other));
    assert_eq!(there.difference(&documented).collect::<Vec<_>>(), Vec::<&&str>::new(), "not documented");
    assert_eq!(
        documented.difference(&there).filter(is_of_this_machine).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "not there"
    );
}

#[tokio::test]
async fn every_key_of_the_log_is_documented() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let service = Service::fake_logging_to(&log, &[("LOG_LEVEL", "debug")]);
    let mut worker = exercise(&service).await;
    // Its translation is too long.
    assert_eq!(worker.dub(40, 30).await["status"], "success");
    drop(worker);
    let command = |path: &str| reqwest::Client::new().post(format!("http://{}/api/v1{path}", service.operators)).send();
    assert!(command("/stages/tts/restart?mode=all").await.expect("an answer").status().is_success());
    assert!(command("/stages/tts/dance").await.expect("an answer").status().is_client_error());
    service.signal(libc::SIGTERM);
    assert_eq!(service.wait(), Some(0));
    let document = document();
    let documented = first_cells(&document, "The log");
    let text = std::fs::read_to_string(&log).expect("a log");
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        for key in record.as_object().expect("an object").keys() {
            assert!(documented.contains(key.as_str()), "`{key}` of {line}");
        }
    }
}
