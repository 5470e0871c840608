//! The service misbehaves: the programme goes on.

use std::time::Duration;

use serde_json::Value;

use crate::scene::Worker;
use crate::support::Service;
use crate::support::film::{Film, run_up, sound};
use crate::support::messages::RATE_HZ;
use crate::support::process::free_port;
use crate::support::signal::{Heard, heard, longest_silence, noise};

/// For so many seconds a stage fails.
const FAILING: usize = 30;

/// What was heard in each second of what the worker made of these orders to the fakes, its report and its log; without a
/// hole and in its time.
fn dub(
    orders: &[(i16, i16)],
    url: &str,
    arguments: &[&str],
    meanwhile: impl FnOnce(&Worker),
) -> (Vec<Heard>, Value, Vec<Value>) {
    let source = noise(orders);
    let film = Film::with_pictures("film.mkv", &source, "25");
    let out = film.beside("out.mkv");
    let worker = Worker::start(&film.path.to_string_lossy(), &out.to_string_lossy(), url, arguments);
    meanwhile(&worker);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    assert_eq!(report["output_ms"], orders.len() as f64 * 1_000.0, "{report}");
    let (played, late) = (sound(&out, 0), (run_up(&out) * RATE_HZ as f64) as usize);
    let silence = longest_silence(&played[late + 500..late + orders.len() * RATE_HZ - 500]);
    assert!(silence < 0.04, "silence of {silence} s");
    let heard = heard(&played, &source, late);
    assert_eq!(heard.len(), orders.len());
    assert!(!heard.contains(&Heard::Mixture), "each second is the dub or the original in its place: {heard:?}");
    (heard, report, log)
}

fn count(heard: &[Heard], what: Heard) -> usize {
    heard.iter().filter(|heard| **heard == what).count()
}

#[test]
fn a_service_that_is_killed_and_comes_back_costs_only_what_it_was_away_for() {
    let port = free_port().to_string();
    let environment = [("PORT", port.as_str())];
    let service = Service::fake(&environment);
    let url = service.url();
    let (heard, report, log) = dub(&[(1, 5); 24], &url, &[], |worker| {
        worker.wait_for_pieces(4);
        drop(service);
        worker.wait_for_message("the service is away", 1);
        std::thread::sleep(Duration::from_secs(4));
        let service = Service::fake(&environment);
        worker.wait_for_pieces(22);
        drop(service);
    });
    assert!(report["service_lost"].as_u64() >= Some(1), "{report}");
    let first = heard.iter().position(|heard| *heard == Heard::Original).expect("it was away");
    let back = heard[first..].iter().position(|heard| *heard == Heard::Dub).expect("it came back") + first;
    // What was dubbed as it went is heard; and no more than it was away for, with what was in flight, is the original's.
    assert!(first >= 4 && back - first <= 10, "{heard:?}");
    assert!(heard[back..20].iter().all(|heard| *heard == Heard::Dub), "{heard:?}\n{log:#?}");
}

#[test]
fn a_service_that_hangs_for_a_while_is_gone_on_with() {
    let service = Service::fake(&[]);
    let url = service.url();
    let (heard, report, log) = dub(&[(1, 5); 16], &url, &[], |worker| {
        worker.wait_for_pieces(4);
        service.signal(libc::SIGSTOP);
        std::thread::sleep(Duration::from_secs(5));
        service.signal(libc::SIGCONT);
        worker.wait_for_pieces(15);
    });
    assert!((2..=8).contains(&count(&heard, Heard::Original)), "{heard:?}");
    assert_eq!(heard[14], Heard::Dub, "{heard:?} {report}");
    let resumed = log.iter().any(|line| line["message"] == "the service is there" && line["resumed"] == true);
    assert!(resumed, "the stream that was lost goes on: {log:#?}");
}

#[test]
fn a_stage_that_fails_is_left_alone_and_comes_back() {
    let service = Service::fake(&[]);
    // The translator fails for half a minute, in a way that does not pass by itself.
    let mut orders = vec![(1, 5); 4];
    orders.extend([(23, 5); FAILING]);
    orders.extend([(1, 5); 14]);
    let (heard, report, log) = dub(&orders, &service.url(), &["--breaker-rest-s", "1"], |_| {});
    let states: Vec<&str> = log
        .iter()
        .filter(|line| line["message"] == "a breaker changed" && line["stage"] == "translation")
        .filter_map(|line| line["state"].as_str())
        .collect();
    assert!(states.starts_with(&["open", "half_open"]) && states.ends_with(&["half_open", "closed"]), "{states:?}");
    assert!(report["breakers_opened"].as_u64() >= Some(1), "{report}");
    assert!(heard[..4].iter().all(|heard| *heard == Heard::Dub), "{heard:?}");
    let (failing, after) = heard[4..].split_at(FAILING);
    assert!(failing.iter().all(|heard| *heard == Heard::Original), "{heard:?}");
    // The longest rest is eight times the first.
    assert!(after[10..].iter().all(|heard| *heard == Heard::Dub), "{heard:?}");
    // While it was open nothing was sent for the translator to fail on.
    assert!(report["failed"].as_u64() < Some(FAILING as u64 / 2), "{report}");
}

#[test]
fn what_may_come_right_is_tried_again_within_its_time() {
    let service = Service::fake(&[]);
    // Each panics the first time that it is met, and the service's own retries are none.
    let service_that_gives_up = Service::fake(&[("STAGE_RETRIES", "0")]);
    let orders: Vec<(i16, i16)> = (0..8).map(|number| (4, number)).collect();
    let arguments = ["--breaker-failures", "100"];
    let (heard, report, _) = dub(&orders, &service_that_gives_up.url(), &arguments, |_| {});
    assert!(report["retries"].as_u64() >= Some(1), "{report}");
    assert!(count(&heard, Heard::Dub) >= 6, "{heard:?} {report}");
    drop(service);
}

#[test]
fn pressure_is_obeyed_and_nothing_is_refused() {
    // One in flight is as many as it bears at ease; each takes 300 ms.
    let thresholds = [
        ("BACKPRESSURE_THRESHOLD_LOW", "0"),
        ("BACKPRESSURE_THRESHOLD_MEDIUM", "1"),
        ("BACKPRESSURE_THRESHOLD_HIGH", "2"),
        ("BACKPRESSURE_THRESHOLD_CRITICAL", "2"),
    ];
    let service = Service::fake(&thresholds);
    let (heard, report, log) = dub(&[(1, 300); 12], &service.url(), &[], |worker| {
        let mut worst = 0.0f64;
        while worker.log().iter().filter(|line| line["message"] == "put out").count() < 8 {
            worst = worst.max(worker.metric("sts_worker_backpressure"));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(worst, 1.0, "it was asked to slow down");
        assert_eq!(worker.metric("sts_worker_retries_total"), 0.0);
    });
    assert_eq!((count(&heard, Heard::Dub), &report["retries"]), (12, &0.into()), "{report}\n{log:#?}");
}

#[test]
fn without_a_service_the_original_is_heard() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let (heard, report, _) = dub(&[(1, 5); 6], &url, &[], |_| {});
    assert_eq!(count(&heard, Heard::Original), 6, "{heard:?} {report}");
}
