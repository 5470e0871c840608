//! The GPU monitor in the running service: with made-up GPUs, without one, and, where there is one, with the real one.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Service, get};

/// Two sweeps, and some more: nobody measures here how soon.
const PATIENCE: Duration = Duration::from_secs(40);

/// Asks until the answer is what is wanted.
fn wait_for<T: std::fmt::Debug>(what: &str, ask: impl Fn() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not come: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn metrics(service: &Service) -> String {
    get(&service.address, "/metrics").expect("it listens")
}

fn gpus(service: &Service) -> Value {
    let answer = get(&service.operators, "/api/v1/gpus").expect("it listens");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body.get(body.find('[').expect("a list")..=body.rfind(']').expect("its end")).expect("a list"))
        .expect("JSON")
}

#[test]
fn gpus_are_shown_as_they_come_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gpus.json");
    let tell = |gpus: Value| {
        // At once, so that no sweep reads half of it.
        let next = folder.path().join("next.json");
        std::fs::write(&next, gpus.to_string()).and_then(|()| std::fs::rename(&next, &file)).expect("written");
    };
    let first = json!({"gpu": 0, "utilization_percent": 37, "memory_used_bytes": 1024, "memory_total_bytes": 4096,
        "temperature_celsius": 55, "power_watts": 123.5});
    tell(json!([first, {"gpu": 1, "utilization_percent": 1}]));
    let service = Service::fake(&[("FAKE_GPUS", file.to_str().expect("UTF-8"))]);
    let text = wait_for("the series", || metrics(&service), |text| text.contains("sts_gpu_"));
    for series in [
        "sts_gpu_utilization_percent{gpu=\"0\"} 37\n",
        "sts_gpu_utilization_percent{gpu=\"1\"} 1\n",
        "sts_gpu_memory_used_bytes{gpu=\"0\"} 1024\n",
        "sts_gpu_memory_total_bytes{gpu=\"0\"} 4096\n",
        "sts_gpu_temperature_celsius{gpu=\"0\"} 55\n",
        "sts_gpu_power_watts{gpu=\"0\"} 123.5\n",
    ] {
        assert!(text.contains(series), "{series} is missing in {text}");
    }
    assert!(!text.contains("sts_gpu_power_watts{gpu=\"1\"}"), "it does not tell");
    let shown = gpus(&service);
    assert_eq!((&shown[0]["gpu"], &shown[0]["reading"]["power_watts"]), (&json!(0), &json!(123.5)), "{shown}");
    assert_eq!((&shown[1]["name"], &shown[1]["uuid"]), (&json!("Fake GPU"), &json!("GPU-fake-1")), "{shown}");

    tell(json!([{"gpu": 0, "error": "it fell off the bus"}, {"gpu": 1, "utilization_percent": 2}]));
    let text = wait_for("the loss", || metrics(&service), |text| !text.contains("gpu=\"0\""));
    assert!(text.contains("sts_gpu_utilization_percent{gpu=\"1\"}"), "the other one stays: {text}");
    let shown = gpus(&service);
    assert_eq!((&shown[0]["reading"], &shown[0]["error"]), (&Value::Null, &json!("it fell off the bus")), "{shown}");
}

#[test]
fn without_a_gpu_the_series_are_absent_and_the_list_is_empty() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let service = Service::fake_logging_to(log.path(), &[("LOG_LEVEL", "debug")]);
    let read_log = || std::fs::read_to_string(log.path()).expect("a log");
    wait_for("the line", read_log, |log| log.contains("no gpu is watched"));
    assert!(!metrics(&service).contains("sts_gpu_"));
    assert_eq!(gpus(&service), json!([]));
    assert_eq!(read_log().to_lowercase().matches("gpu").count(), 2, "one line, and FAKE_GPUS in it: {}", read_log());
}

#[test]
#[ignore = "needs a GPU"]
fn a_real_gpu_is_read_by_nvml() {
    let service = Service::real(18_767);
    let text = wait_for("the series", || metrics(&service), |text| text.contains("sts_gpu_"));
    assert!(text.contains("sts_gpu_utilization_percent{gpu=\"0\"}"), "{text}");
    let shown = gpus(&service);
    let told = std::process::Command::new("nvidia-smi")
        .args(["--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"])
        .output()
        .expect("nvidia-smi is there");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    let (uuid, mebibytes) = told.lines().next().and_then(|line| line.split_once(", ")).expect("a line a GPU");
    assert_eq!(shown[0]["uuid"], uuid, "{shown}");
    let total = shown[0]["reading"]["memory_total_bytes"].as_f64().expect("a number") / f64::from(1 << 20);
    let expected: f64 = mebibytes.trim().parse().expect("a number");
    assert!((total - expected).abs() < 1024.0, "{total} MiB by NVML, {expected} MiB by nvidia-smi");
    let reading = &shown[0]["reading"];
    assert!(reading["temperature_celsius"].as_f64().is_some_and(|celsius| (1.0..120.0).contains(&celsius)), "{shown}");
}
