//! `sts worker` with a programme that lasts for as long as any test.

use std::process::{Command, Stdio};

use crate::support::film::Film;
use crate::support::messages::RATE_HZ;
use crate::support::process::{Process, free_port};
use crate::support::{Service, models_dir};

/// Longer than anything waits for here.
const LENGTH_S: usize = 300;

/// A worker in a process of its own; killed when dropped.
pub struct Channel {
    _process: Process,
    /// Where its metrics are.
    pub address: String,
    _film: Film,
}

impl Channel {
    /// Begins to dub a recording by this service.
    pub fn start(service: &Service) -> Self {
        let film = Film::make("programme.wav", &vec![0; LENGTH_S * RATE_HZ * 2], &[]);
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
        command.args(["worker", "--to", "es", "--url", &service.url(), "--metrics-addr", &address]);
        command.args(["--chunk-ms", "1000", "--shortest-ms", "1000", "--latency-ms", "5000", "--bed", "none"]);
        command.args(["--sample-rate", "16000", "--channels", "1", "--models-dir"]).arg(models_dir());
        command.arg("--input").arg(&film.path).arg("--output").arg(film.beside("dubbed.mkv"));
        let process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        Self { _process: process, address, _film: film }
    }
}
