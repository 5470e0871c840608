//! `sts worker` with a programme that lasts for as long as any test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::support::film::Film;
use crate::support::messages::RATE_HZ;
use crate::support::{Service, models_dir};

/// Longer than anything waits for here.
const LENGTH_S: usize = 300;

/// A worker in a process of its own; killed when dropped.
pub struct Channel {
    child: Child,
    /// Where its metrics are.
    pub address: String,
    _film: Film,
}

impl Channel {
    /// Begins to dub a recording by this service.
    pub fn start(service: &Service) -> Self {
        let film = Film::make("programme.wav", &vec![0; LENGTH_S * RATE_HZ * 2], &[]);
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
        command.args(["worker", "--to", "es", "--url", &service.url(), "--metrics-addr", &address]);
        command.args(["--chunk-ms", "1000", "--shortest-ms", "1000", "--latency-ms", "5000", "--bed", "none"]);
        command.args(["--sample-rate", "16000", "--channels", "1", "--models-dir"]).arg(models_dir());
        command.arg("--input").arg(&film.path).arg("--output").arg(film.beside("dubbed.mkv"));
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        Self { child, address, _film: film }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
