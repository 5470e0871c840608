//! The service under attack: its standard error is read for panics, and /proc for what it holds.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::support::get;

/// A service in a process of its own; killed when dropped.
pub struct Service {
    child: Child,
    pub address: String,
    said: Arc<Mutex<String>>,
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Holdings {
    pub resident_kib: u64,
    pub threads: u64,
    pub descriptors: usize,
}

impl Service {
    /// The real service over fake engines, on a free port.
    pub fn start(environment: &[(&str, &str)]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_sts")).with_file_name("examples").join("fake-service");
        assert!(program.exists(), "{} is missing: cargo build --release --examples", program.display());
        let mut command = Command::new(program);
        command.env("PORT", "0").env("LOG_LEVEL", "error").env("RUST_BACKTRACE", "0").envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the fake service starts");
        let said = Arc::new(Mutex::new(String::new()));
        let (mut stderr, heard) = (child.stderr.take().expect("stderr is piped"), Arc::clone(&said));
        std::thread::spawn(move || {
            let mut chunk = [0; 4_096];
            while let Ok(bytes @ 1..) = stderr.read(&mut chunk) {
                heard.lock().expect("nobody panics here").push_str(&String::from_utf8_lossy(&chunk[..bytes]));
            }
        });
        let stdout = child.stdout.take().expect("stdout is piped");
        let line = BufReader::new(stdout).lines().next().expect("it says where it listens").expect("in UTF-8");
        let address = line.strip_prefix("listening on ").expect("it says where it listens").to_owned();
        let service = Self { child, address, said };
        service.wait_for("readiness", Duration::from_secs(10), |service| service.is_ready());
        service
    }

    /// Whether `/health/ready` answers 200.
    pub fn is_ready(&self) -> bool {
        get(&self.address, "/health/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        self.said.lock().expect("nobody panics here").clone()
    }

    /// What it holds now.
    pub fn holdings(&self) -> Holdings {
        let process = format!("/proc/{}", self.child.id());
        let status = std::fs::read_to_string(format!("{process}/status")).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
        };
        let descriptors = std::fs::read_dir(format!("{process}/fd")).expect("it runs").count();
        Holdings { resident_kib: field("VmRSS:"), threads: field("Threads:"), descriptors }
    }

    /// Waits until something is true of the service.
    pub fn wait_for(&self, what: &str, limit: Duration, is_true: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + limit;
        while !is_true(self) {
            assert!(Instant::now() < deadline, "{what}: not within {limit:?}; {:?}", self.holdings());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
