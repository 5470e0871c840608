//! A disk that has no room for the log.

use crate::scene::{Stream, assert_success};
use crate::support::{Service, get};

#[tokio::test]
async fn a_full_disk_costs_lines_of_the_log_and_no_fragment() {
    let service = Service::fake_logging_to("/dev/full".as_ref(), &[("LOG_LEVEL", "debug")]);
    let mut stream = Stream::open(&service.address, "no-room").await;
    for _ in 0..50 {
        stream.succeed().await;
    }
    // A worker that is lost is logged, too.
    stream.send(17, 1).await.expect("it is accepted");
    assert_success(&stream.result().await);
    assert_eq!(stream.end().await["success_count"], 51);
    let health = get(&service.address, "/health/ready").expect("it listens");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    let metrics = get(&service.address, "/metrics").expect("it listens");
    let dropped =
        metrics.lines().find_map(|line| line.strip_prefix("sts_log_records_dropped_total{reason=\"unwritable\"} "));
    assert!(
        dropped.and_then(|count| count.parse().ok()).is_some_and(|count: u64| count > 100),
        "{dropped:?} lines lost"
    );
    service.signal(libc::SIGTERM);
    assert_eq!(service.wait(), Some(0), "it ends in good order");
}
