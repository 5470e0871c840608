//! A worker in a process of its own, an RTMP server, a publisher and a player.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::process::{Nginx, PATIENCE, Process};
use crate::support::{get, models_dir};

/// `sts worker`.
pub struct Worker {
    process: Process,
    log: Arc<Mutex<Vec<Value>>>,
    report: PathBuf,
    _folder: tempfile::TempDir,
}

impl Worker {
    /// One that cuts every second into 16 kHz mono, and whose further arguments are these.
    pub fn start(input: &str, output: &str, service: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let report = folder.path().join("report.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
        command.args(["worker", "--input", input, "--output", output, "--url", service, "--to", "es"]);
        command.args(["--metrics-addr", "127.0.0.1:0", "--log-level", "debug", "--models-dir"]).arg(models_dir());
        command.arg("--report").arg(&report);
        if !arguments.contains(&"--chunk-ms") {
            command.args(["--chunk-ms", "1000", "--shortest-ms", "1000", "--latency-ms", "3000"]);
            command.args(["--sample-rate", "16000", "--channels", "1", "--bed", "none"]);
        }
        let mut process = Process::start(command.args(arguments).stderr(Stdio::piped()).stdout(Stdio::null()));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, heard) = (BufReader::new(process.0.stderr.take().expect("piped")).lines(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let entry = serde_json::from_str(&line).unwrap_or(Value::String(line));
                heard.lock().expect("nobody panics with it").push(entry);
            }
        });
        Self { process, log, report, _folder: folder }
    }

    /// What it logged so far.
    pub fn log(&self) -> Vec<Value> {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// Waits until it says this for the `count`th time.
    pub fn wait_for_message(&self, message: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.log().iter().filter(|line| line["message"] == message).count() < count {
            assert!(Instant::now() < deadline, "'{message}' {count} times: {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until so many pieces have been put out.
    pub fn wait_for_pieces(&self, count: usize) {
        self.wait_for_message("put out", count);
    }

    /// The value of a metric.
    pub fn metric(&self, name: &str) -> f64 {
        self.wait_for_message("metrics are served", 1);
        let log = self.log();
        let line = log.iter().find(|line| line["message"] == "metrics are served").expect("it was waited for");
        let answer = get(line["address"].as_str().expect("an address"), "/metrics").expect("it answers");
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {answer}"))
    }

    pub fn signal(&self, signal: libc::c_int) {
        self.process.signal(signal);
    }

    /// Waits until it ends by itself: its exit status and its report.
    pub fn finish(mut self) -> (Option<i32>, Value, Vec<Value>) {
        let status = self.process.wait();
        let report = std::fs::read(&self.report).ok().and_then(|text| serde_json::from_slice(&text).ok());
        (status, report.unwrap_or_default(), self.log())
    }
}

/// nginx with its RTMP module, on a port of its own.
pub struct RtmpServer(Nginx);

impl RtmpServer {
    pub fn start() -> Self {
        Self(Nginx::start(|port, _| {
            format!(
                "rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; \
                 application live {{ live on; idle_streams off; drop_idle_publisher 5s; }} \
                 application es {{ live on; idle_streams off; }} }} }}"
            )
        }))
    }

    pub fn come_back(&mut self) {
        self.0.come_back();
    }

    /// Gone, and its workers with it.
    pub fn go_away(&mut self) {
        self.0.go_away();
    }

    pub fn url(&self, application: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{application}/talk", self.0.port)
    }
}

/// Publishes a film as it is, at its own pace.
pub fn publish(film: &Path, url: &str) -> Process {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-re", "-i"]).arg(film);
    Process::start(command.args(["-c", "copy", "-f", "flv", url]))
}

/// Records what a player gets, from the first that there is to the end, whenever that comes.
pub struct Player {
    process: Process,
    path: PathBuf,
}

impl Player {
    pub fn start(url: &str, path: &Path) -> Self {
        let script = format!(
            "for attempt in $(seq 600); do \
             ffmpeg -nostdin -v error -y -rw_timeout 8000000 -i '{url}' -c copy '{0}' 2>/dev/null; \
             [ -s '{0}' ] && exit 0; sleep 0.2; done; exit 1",
            path.display()
        );
        let mut command = Command::new("sh");
        Self { process: Process::start(command.args(["-c", &script])), path: path.to_owned() }
    }

    /// Waits until nothing more comes.
    pub fn finish(mut self) -> PathBuf {
        assert_eq!(self.process.wait(), Some(0), "nothing was played");
        self.path.clone()
    }
}
