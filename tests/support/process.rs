//! Programs beside the service, and nginx among them.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything that must come is waited for.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A process that is killed when dropped.
pub struct Process(pub Child);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("it starts"))
    }

    pub fn signal(&self, signal: libc::c_int) {
        // SAFETY: the process is ours and has not been waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(self.0.id() as i32, signal) }, 0);
    }

    pub fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody has.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// nginx, on a port of its own.
pub struct Nginx {
    process: Option<Process>,
    /// Where it listens.
    pub port: u16,
    /// Where its files are.
    pub folder: tempfile::TempDir,
}

impl Nginx {
    /// With this in its configuration, which is told the port and the folder.
    pub fn start(configuration: impl FnOnce(u16, &Path) -> String) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
        let path = folder.path();
        let whole = format!(
            "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n\
             daemon off; worker_processes 1; pid {0}/pid; error_log {0}/log info;\n\
             {1}\
             events {{ worker_connections 64; }}\n\
             {2}\n",
            path.display(),
            // SAFETY: it only reads the process's own identity.
            if unsafe { libc::geteuid() } == 0 { "user root;\n" } else { "" },
            configuration(port, path),
        );
        std::fs::write(path.join("nginx.conf"), whole).expect("written");
        let mut server = Self { process: None, port, folder };
        server.come_back();
        server
    }

    pub fn come_back(&mut self) {
        let folder = self.folder.path();
        let log = std::fs::File::create(folder.join("stderr")).expect("a file");
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(folder.join("nginx.conf")).arg("-p").arg(folder).stderr(log);
        self.process = Some(Process::start(&mut command));
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let complaints = std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx does not listen: {complaints}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Gone, and its workers with it.
    pub fn go_away(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(libc::SIGTERM);
            process.wait();
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.go_away();
    }
}
