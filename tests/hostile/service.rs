//! The service under attack: its log is read for panics, and /proc for what it holds.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::support::{Service, get};

/// The real service over fake engines, watched.
pub struct Target {
    service: Service,
    log: PathBuf,
    _directory: tempfile::TempDir,
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Holdings {
    pub resident_kib: u64,
    pub threads: u64,
    pub descriptors: usize,
}

impl Target {
    /// Starts it, with its settings in environment variables.
    pub fn start(environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log");
        let service = Service::fake_logging_to(&log, environment);
        Self { service, log, _directory: directory }
    }

    /// Where workers connect.
    pub fn address(&self) -> &str {
        &self.service.address
    }

    /// Whether `/health/ready` answers 200.
    pub fn is_ready(&self) -> bool {
        get(self.address(), "/health/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log in UTF-8")
    }

    /// What it holds now.
    pub fn holdings(&self) -> Holdings {
        let process = format!("/proc/{}", self.service.id());
        let status = fs::read_to_string(format!("{process}/status")).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
        };
        let descriptors = fs::read_dir(format!("{process}/fd")).expect("it runs").count();
        Holdings { resident_kib: field("VmRSS:"), threads: field("Threads:"), descriptors }
    }

    /// Waits until it holds no more descriptors than before, give or take a few, and returns what it holds then.
    pub fn settle(&self, before: Holdings) -> Holdings {
        const LIMIT: Duration = Duration::from_secs(20);
        let deadline = Instant::now() + LIMIT;
        loop {
            let now = self.holdings();
            if now.descriptors <= before.descriptors + 2 {
                return now;
            }
            assert!(Instant::now() < deadline, "{now:?} after {LIMIT:?}, {before:?} before");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
