//! The series at `/metrics`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::polling::{Outcome, Worker as PollingWorker};
use crate::support::{Service, get};
use crate::worker::Worker;

/// What `/metrics` says.
pub fn scrape(service: &Service) -> String {
    let answer = get(&service.address, "/metrics").expect("metrics");
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

/// Makes every kind of series appear that needs something to happen, but for those that need a GPU.
pub async fn exercise(service: &Service) -> Worker {
    let mut worker = Worker::open(&service.address, "exercised").await;
    assert_eq!(worker.dub(1, 1).await["status"], "success");
    assert_eq!(worker.dub(23, 1).await["status"], "failed");
    assert_eq!(worker.dub(4, 77).await["status"], "success", "after a panic");
    let refused = PollingWorker::connect(&service.url(), json!({"stream_id": "not an id"})).await;
    assert!(matches!(refused, Outcome::Refused(_)));
    // Its series are there as long as it is.
    worker
}

fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: docker/system-packages.sh tests");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn names_and_help_are_as_prometheus_wants_them() {
    let service = Service::fake(&[]);
    let _worker = exercise(&service).await;
    let text = scrape(&service);
    let (is_fine, said) = promtool(&["check", "metrics"], &text);
    assert!(is_fine && said.trim().is_empty(), "{said}\n{text}");
    let (is_fine, said) = promtool(&["check", "metrics"], "# TYPE badName counter\nbadName 1\n");
    assert!(!is_fine, "the check can fail: {said}");
}

#[tokio::test]
async fn one_stream_adds_few_series() {
    let service = Service::fake(&[]);
    let cardinalities = |text: &str| -> Vec<(String, usize)> {
        let (_, table) = promtool(&["check", "metrics", "--extended"], text);
        let row = |line: &str| {
            let mut cells = line.split_whitespace();
            Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
        };
        table.lines().filter_map(row).collect()
    };
    let before: usize = cardinalities(&scrape(&service)).iter().map(|(_, count)| count).sum();
    let _worker = exercise(&service).await;
    let after = cardinalities(&scrape(&service));
    let of = |name: &str| after.iter().find(|(metric, _)| metric == name).map_or(0, |(_, count)| *count);
    assert!(before > 100 && of("sts_refusals_total") == sts_protocol::ErrorCode::ALL.len(), "{after:?}");
    // A success and a failure, each with its buckets, sum and count; the stages' first work has some besides.
    assert!(of("sts_fragment_processing_seconds") <= 2 * 17, "{after:?}");
    let sum: usize = after.iter().map(|(_, count)| count).sum();
    assert!(sum < before + 250, "from {before} to {after:?}");
}

#[tokio::test]
async fn every_series_of_the_contract_is_there() {
    let service = Service::fake(&[]);
    let _worker = exercise(&service).await;
    let text = scrape(&service);
    for series in [
        r#"sts_fragment_processing_seconds_bucket{status="success",stream_id="exercised",le="1"}"#,
        "sts_asr_duration_seconds_count 3",
        "sts_translation_duration_seconds_count 3",
        "sts_tts_duration_seconds_count 2",
        r#"sts_fragments_in_flight{stream_id="exercised"} 0"#,
        r#"sts_fragment_errors_total{error_code="INTERNAL",stage="translation"} 1"#,
        r#"sts_stage_queue_depth{stage="asr"} 0"#,
        r#"sts_stage_workers{stage="tts"} 1"#,
        r#"sts_stage_batch_size_sum{stage="asr"} 3"#,
        r#"sts_stage_restarts_total{reason="panic",stage="asr"} 1"#,
        "sts_panics_total 1",
        "sts_fragments_received_total 3",
        r#"sts_fragments_processed_total{status="success"} 2"#,
        r#"sts_refusals_total{error_code="INVALID_CONFIG"} 1"#,
        r#"sts_streams{state="active"} 1"#,
        r#"sts_stage_engine_info{engine="fake-recognizer",stage="asr"} 1"#,
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(series), "{series} is missing in {text}");
    }
    assert!(!text.contains("sts_gpu_"), "this service has no GPU");
}

#[tokio::test]
async fn what_second_translations_come_to_is_counted() {
    let service = Service::fake(&[]);
    let mut worker = Worker::open(&service.address, "hasty").await;
    // By the fakes' orders: the second fits, is shorter, is longer, is not there.
    for (order, words) in [
        (40, "WORDS 30 ORDER 40 AGAIN"),
        (41, "WORDS 30 ORDER 41 AGAIN"),
        (42, "WORDS 30 ORDER 42"),
        (43, "WORDS 30 ORDER 43"),
    ] {
        let processed = worker.dub(order, 30).await;
        assert_eq!(
            (&processed["status"], &processed["translated_text"]),
            (&json!("success"), &json!(words)),
            "{order}"
        );
    }
    let text = scrape(&service);
    for (outcome, count) in [("fits", 1), ("shorter", 1), ("none", 2)] {
        let series = format!("sts_translation_retranslations_total{{outcome=\"{outcome}\"}} {count}");
        assert!(text.contains(&series), "{series} is missing in {text}");
    }
    // Both stages had each fragment twice.
    assert!(
        text.contains("sts_translation_duration_seconds_count 8") && text.contains("sts_tts_duration_seconds_count 8")
    );
    let unhurried = Service::fake(&[("RETRANSLATE_ABOVE", "0")]);
    let mut worker = Worker::open(&unhurried.address, "unhurried").await;
    assert_eq!(worker.dub(40, 30).await["translated_text"], "WORDS 30 ORDER 40");
    assert!(scrape(&unhurried).contains("sts_translation_retranslations_total{outcome=\"fits\"} 0"));
}
