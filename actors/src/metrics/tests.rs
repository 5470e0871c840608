use std::time::Duration;

use sts_protocol::{ErrorCode, FragmentStatus, Severity, Stage, StageTimings};

use super::streams::MAX_LABELLED_STREAMS;
use super::*;

fn processed(stream: &str) -> LifecycleEvent {
    LifecycleEvent::FragmentProcessed {
        stream_id: stream.into(),
        fragment_id: "f".into(),
        sequence_number: 0,
        trace: None,
        status: FragmentStatus::Success,
        timings: StageTimings::default(),
        processing: Duration::from_millis(900),
        failure: None,
        in_flight: 0,
    }
}

fn opened(stream: &str) -> LifecycleEvent {
    LifecycleEvent::StreamOpened { stream_id: stream.into(), worker_id: "w".into() }
}

fn received(stream: &str, in_flight: usize) -> LifecycleEvent {
    LifecycleEvent::FragmentReceived {
        stream_id: stream.into(),
        fragment_id: "f".into(),
        sequence_number: 0,
        trace: None,
        in_flight,
    }
}

fn skipped(stream: &str) -> LifecycleEvent {
    LifecycleEvent::GapSkipped { stream_id: stream.into(), count: 2 }
}

fn closed(stream: &str) -> LifecycleEvent {
    LifecycleEvent::StreamClosed { stream_id: stream.into(), reason: "ended" }
}

fn after(events: &[LifecycleEvent]) -> String {
    let metrics = Metrics::new("1.2.3").expect("names are valid");
    events.iter().for_each(|event| metrics.record(event));
    metrics.encode().expect("encodes")
}

#[test]
fn a_streams_series_leave_with_it() {
    let life = |stream| [opened(stream), received(stream, 1), skipped(stream), processed(stream)];
    let open = after(&[life("one"), life("two")].concat());
    for series in [
        r#"sts_fragments_in_flight{stream_id="one"} 0"#,
        "sts_sequence_numbers_skipped_total 4",
        r#"sts_fragment_processing_seconds_count{status="success",stream_id="one"} 1"#,
    ] {
        assert!(open.contains(series), "{series} is missing in {open}");
    }
    let text = after(&[&life("one")[..], &life("two"), &[closed("one")]].concat());
    assert!(!text.contains(r#"stream_id="one""#) && text.contains(r#"stream_id="two""#), "{text}");
}

#[test]
fn no_late_event_brings_a_series_back() {
    let text = after(&[opened("one"), closed("one"), received("one", 3), processed("one"), skipped("one")]);
    assert!(!text.contains(r#"stream_id="one""#), "{text}");
    assert!(!text.contains("sts_fragments_in_flight{"), "nothing is in flight: {text}");
    assert!(text.contains(r#"_count{status="success",stream_id="other"} 1"#), "it is counted all the same: {text}");
}

#[test]
fn a_stream_that_takes_anothers_place_keeps_its_series() {
    let events = [opened("one"), opened("one"), closed("one"), received("one", 2)];
    assert!(after(&events).contains(r#"sts_fragments_in_flight{stream_id="one"} 2"#));
    assert!(!after(&[&events[..], &[closed("one")]].concat()).contains(r#"stream_id="one""#));
}

#[test]
fn streams_past_the_bound_are_counted_together() {
    let many: Vec<String> = (0..MAX_LABELLED_STREAMS + 3).map(|index| format!("stream-{index}")).collect();
    let mut events: Vec<_> = many.iter().flat_map(|stream| [opened(stream), received(stream, 2)]).collect();
    let labelled = |text: &str| text.matches("sts_fragments_in_flight{stream_id=\"stream-").count();
    let text = after(&events);
    assert_eq!(labelled(&text), MAX_LABELLED_STREAMS);
    assert!(text.contains(r#"sts_fragments_in_flight{stream_id="other"} 6"#), "{text}");
    events.extend(many.iter().map(|stream| closed(stream)));
    let text = after(&events);
    assert_eq!(labelled(&text), 0);
    assert!(text.contains(r#"sts_fragments_in_flight{stream_id="other"} 0"#), "{text}");
}

#[test]
fn a_stream_that_is_called_other_is_one_of_them() {
    let text = after(&[opened("other"), received("other", 1), opened("one"), received("one", 1), closed("other")]);
    assert!(text.contains(r#"sts_fragments_in_flight{stream_id="other"} 0"#), "{text}");
}

#[test]
fn stages_and_failures_are_counted() {
    let finished = LifecycleEvent::StageFinished {
        stage: Stage::Translation,
        stream_id: "one".into(),
        fragment_id: "f".into(),
        sequence_number: 0,
        trace: None,
        queued: Duration::ZERO,
        worked: Duration::from_millis(20),
        batch: 3,
        failure: None,
    };
    let LifecycleEvent::FragmentProcessed { stream_id, fragment_id, sequence_number, processing, in_flight, .. } =
        processed("one")
    else {
        unreachable!("that is what it makes")
    };
    let failed = LifecycleEvent::FragmentProcessed {
        stream_id,
        fragment_id,
        sequence_number,
        trace: None,
        status: FragmentStatus::Failed,
        timings: StageTimings::default(),
        processing,
        failure: Some((Stage::Asr, ErrorCode::Timeout)),
        in_flight,
    };
    let lost = LifecycleEvent::WorkerLost { stage: Stage::Tts, reason: "panic", error: String::new() };
    let opened_breaker =
        LifecycleEvent::BreakerChanged { engine: "deepl".into(), state: "open", level: 2, reason: String::new() };
    let used = LifecycleEvent::TranslatorUsed { engine: "deepl".into(), used: 7, limit: 500_000 };
    let text = after(&[opened("one"), finished, failed, lost, opened_breaker, used]);
    for series in [
        "sts_translation_duration_seconds_count 1",
        r#"sts_stage_batch_size_sum{stage="translation"} 3"#,
        r#"sts_fragment_errors_total{error_code="TIMEOUT",stage="asr"} 1"#,
        r#"sts_stage_restarts_total{reason="panic",stage="tts"} 1"#,
        r#"sts_translator_breaker_state{engine="deepl"} 2"#,
        r#"sts_translator_characters_used{engine="deepl"} 7"#,
        r#"sts_translator_characters_limit{engine="deepl"} 500000"#,
    ] {
        assert!(text.contains(series), "{series} is missing in {text}");
    }
}

#[test]
fn streams_are_counted_by_what_they_do_and_how_loaded_they_are() {
    let changed = |stream: &str, state| LifecycleEvent::StreamChanged { stream_id: stream.into(), state };
    let events = [
        opened("one"),
        opened("two"),
        opened("three"),
        changed("two", "paused"),
        LifecycleEvent::StreamDetached { stream_id: "two".into() },
        changed("three", "ending"),
        LifecycleEvent::BackpressureChanged { stream_id: "one".into(), severity: Severity::High, in_flight: 7 },
    ];
    let text = after(&events);
    for series in [
        r#"sts_streams{state="active"} 1"#,
        r#"sts_streams{state="paused"} 0"#,
        r#"sts_streams{state="detached"} 1"#,
        r#"sts_streams{state="ending"} 1"#,
        r#"sts_backpressure_streams{severity="high"} 1"#,
        r#"sts_backpressure_streams{severity="low"} 2"#,
    ] {
        assert!(text.contains(series), "{series} is missing in {text}");
    }
    let attached = LifecycleEvent::StreamAttached { stream_id: "two".into(), worker_id: "w".into() };
    let text = after(&[&events[..], &[attached, closed("one"), closed("three")]].concat());
    assert!(text.contains(r#"sts_streams{state="paused"} 1"#), "what it was before: {text}");
    assert!(text.contains(r#"sts_streams{state="active"} 0"#) && text.contains(r#"severity="high"} 0"#), "{text}");
}

#[test]
fn a_stage_shows_its_load_and_one_engine() {
    let metrics = Metrics::new("1.2.3").expect("names are valid");
    let load = |engine: &str, oldest_job| StageLoad {
        stage: Stage::Asr,
        engine: engine.to_owned(),
        queue_depth: 3,
        queue_capacity: 64,
        oldest_job,
        is_paused: true,
        workers_ready: 1,
        workers_wanted: 2,
        stuck_threads: 1,
    };
    metrics.observe_stage(&load("whisper-base", Some(Duration::from_millis(1_500))));
    let text = metrics.encode().expect("encodes");
    for series in [
        r#"sts_stage_queue_depth{stage="asr"} 3"#,
        r#"sts_stage_queue_capacity{stage="asr"} 64"#,
        r#"sts_stage_oldest_job_age_seconds{stage="asr"} 1.5"#,
        r#"sts_stage_workers{stage="asr"} 1"#,
        r#"sts_stage_workers_wanted{stage="asr"} 2"#,
        r#"sts_stage_stuck_threads{stage="asr"} 1"#,
        r#"sts_stage_paused{stage="asr"} 1"#,
        r#"sts_stage_engine_info{engine="whisper-base",stage="asr"} 1"#,
        r#"sts_build_info{version="1.2.3"} 1"#,
    ] {
        assert!(text.contains(series), "{series} is missing in {text}");
    }
    metrics.observe_stage(&load("whisper-large", None));
    let text = metrics.encode().expect("encodes");
    assert!(!text.contains("whisper-base") && text.contains("whisper-large"), "{text}");
    assert!(text.contains(r#"sts_stage_oldest_job_age_seconds{stage="asr"} 0"#), "{text}");
}

#[test]
fn connections_and_refusals_are_counted_by_code() {
    let connected = |connections| LifecycleEvent::WorkerConnected {
        stream_id: "one".into(),
        worker_id: "w".into(),
        address: None,
        connections,
    };
    let refused = |what| LifecycleEvent::Refused { what, code: ErrorCode::Unauthorized };
    let gone = LifecycleEvent::WorkerDisconnected {
        stream_id: "one".into(),
        worker_id: "w".into(),
        reason: "broken",
        connections: 1,
    };
    let text =
        after(&[connected(1), connected(2), gone, refused("connection"), refused("message"), LifecycleEvent::Draining]);
    for series in [
        "sts_connections 1",
        r#"sts_refusals_total{error_code="UNAUTHORIZED"} 2"#,
        r#"sts_refusals_total{error_code="TIMEOUT"} 0"#,
        "sts_draining 1",
    ] {
        assert!(text.contains(series), "{series} is missing in {text}");
    }
}
