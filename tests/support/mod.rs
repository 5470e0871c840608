//! Starting services and clients for the black-box tests.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod film;
pub mod messages;
pub mod operator;
pub mod polling;
pub mod process;
pub mod raw;
pub mod signal;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Of real engines on a slow machine.
const WIDE_LIMITS: [(&str, &str); 3] =
    [("ASR_TIMEOUT_MS", "60000"), ("TRANSLATION_TIMEOUT_MS", "60000"), ("TTS_TIMEOUT_MS", "60000")];

/// A service in a process of its own; killed when dropped.
pub struct Service {
    child: Child,
    /// Of the data plane.
    pub address: String,
    /// Of the control plane.
    pub operators: String,
}

impl Service {
    /// The real service over fake engines, on free ports.
    pub fn fake(environment: &[(&str, &str)]) -> Self {
        let service = Self::fake_unchecked(environment);
        service.wait_until_ready(Duration::from_secs(10));
        service
    }

    /// The same, with its log in a file.
    pub fn fake_logging_to(log: &Path, environment: &[(&str, &str)]) -> Self {
        let service = Self::fake_logging_unchecked(log, environment);
        service.wait_until_ready(Duration::from_secs(10));
        service
    }

    /// The same, with this as its standard error.
    pub fn fake_on(standard_error: impl Into<Stdio>, environment: &[(&str, &str)]) -> Self {
        let service = Self::start_fake(Self::fake_command(environment).stderr(standard_error));
        service.wait_until_ready(Duration::from_secs(10));
        service
    }

    /// The same, listening but perhaps not ready yet.
    pub fn fake_logging_unchecked(log: &Path, environment: &[(&str, &str)]) -> Self {
        let log = std::fs::File::create(log).expect("a file");
        Self::start_fake(Self::fake_command(environment).stderr(log))
    }

    /// The same, listening but perhaps not ready yet.
    pub fn fake_unchecked(environment: &[(&str, &str)]) -> Self {
        Self::start_fake(&mut Self::fake_command(environment))
    }

    /// What the same says when it does not start, and its exit status.
    pub fn fake_output(environment: &[(&str, &str)]) -> Output {
        Self::fake_command(environment).output().expect("the fake service starts")
    }

    /// The real service over real engines that can be sabotaged (`tests/fakes/sabotaged_service.rs`). Its limits are wide.
    pub fn sabotaged(environment: &[(&str, &str)]) -> Self {
        let mut command = Self::example_command("sabotaged-service", environment);
        command.env("MODELS_DIR", models_dir()).envs(WIDE_LIMITS);
        let service = Self::start_fake(&mut command);
        service.wait_until_ready(Duration::from_secs(120));
        service
    }

    fn fake_command(environment: &[(&str, &str)]) -> Command {
        Self::example_command("fake-service", environment)
    }

    fn example_command(name: &str, environment: &[(&str, &str)]) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_sts")).with_file_name("examples").join(name);
        assert!(program.exists(), "{} is missing: cargo build --release --examples", program.display());
        let mut command = Command::new(program);
        command.env("PORT", "0").env("OPS_PORT", "0").env("LOG_LEVEL", "error").envs(environment.iter().copied());
        command
    }

    fn start_fake(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the fake service starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut address = |prefix: &str| {
            let line = lines.next().expect("it says where it listens").expect("in UTF-8");
            line.strip_prefix(prefix).expect("it says where it listens").to_owned()
        };
        let (workers, operators) = (address("listening on "), address("operators on "));
        Self { child, address: workers, operators }
    }

    /// `sts serve` with the real models, on a port of this test's own and the next. Its limits are wide: what is tested
    /// is not how fast this machine is, nor what else runs on it.
    pub fn real(port: u16) -> Self {
        Self::real_with(port, &[])
    }

    /// The same, with other settings.
    pub fn real_with(port: u16, environment: &[(&str, &str)]) -> Self {
        let [address, operators] = [port, port + 1].map(|port| format!("127.0.0.1:{port}"));
        let child = Command::new(env!("CARGO_BIN_EXE_sts"))
            .args(["serve", "--port", &port.to_string(), "--ops-port", &(port + 1).to_string()])
            .env("MODELS_DIR", models_dir())
            .env("LOG_LEVEL", "warning")
            .envs(WIDE_LIMITS)
            .envs(environment.iter().copied())
            .spawn()
            .expect("sts starts");
        let service = Self { child, address, operators };
        service.wait_until_ready(Duration::from_secs(120));
        service
    }

    fn wait_until_ready(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            match get(&self.address, "/health/ready") {
                Some(answer) if answer.starts_with("HTTP/1.1 200") => return,
                answer => assert!(Instant::now() < deadline, "not ready in time: {answer:?}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: libc::c_int) {
        let id = libc::pid_t::try_from(self.child.id()).expect("a process id");
        // SAFETY: the process is ours and has not been waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "the signal cannot be sent");
    }

    /// Resident set and its anonymous part, KiB.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says so");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        (field("VmRSS:"), field("RssAnon:"))
    }

    /// Waits for the process to end by itself.
    pub fn wait(mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the service did not end in time");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the weights are.
pub fn models_dir() -> PathBuf {
    std::env::var_os("STS_MODELS_DIR").map_or_else(|| root().join("models/store"), PathBuf::from)
}

/// A plain HTTP request: status line, headers and body. `None` while nobody listens.
pub fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The interpreter that has python-socketio.
pub fn python() -> Command {
    let path = root().join("tests/interop/.venv/bin/python");
    assert!(path.exists(), "python-socketio is missing: make test-clients");
    Command::new(path)
}

/// Node, where socket.io-client is found.
pub fn node() -> Command {
    assert!(
        root().join("tests/interop/node_modules/socket.io-client").exists(),
        "socket.io-client is missing: make test-clients"
    );
    Command::new("node")
}

/// Runs a client to its end, and shows what it said when it failed.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the client starts");
    assert!(
        output.status.success(),
        "{command:?} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
