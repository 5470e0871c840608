//! The real service over honest fake engines: sockets, actors, stages and supervision are the shipped ones; only
//! what a model would do is made up, and it misbehaves on demand. What a fragment can ask for is in `instruction.rs`, and
//! what befalls them without that in `faults.rs` and `gpus.rs`.
//!
//! With `FAKE_SILENCE` it tells no lifecycle event to anybody, to measure what telling them costs.

mod engines;
mod faults;
mod gpus;
mod instruction;

use std::process::ExitCode;

use sts::config::{Config, Problems, SettingFlags};

fn main() -> ExitCode {
    let environment = |name: &str| std::env::var(name).ok();
    let mut config = match Config::load(&SettingFlags::default(), environment, None) {
        Ok(config) => config,
        Err(Problems(problems)) => {
            eprintln!("{}", problems.join("\n"));
            return ExitCode::from(2);
        }
    };
    config.tells_events = std::env::var_os("FAKE_SILENCE").is_none();
    let (log, _guard) = sts::logging::start(&config.log_level).expect("the level was checked");
    let engines = match engines::fake(&config) {
        Ok(engines) => engines,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let (listening, address) = tokio::sync::oneshot::channel::<sts::service::Listening>();
    std::thread::spawn(move || {
        if let Ok(address) = address.blocking_recv() {
            println!("listening on {}\noperators on {}", address.workers, address.operators);
        }
    });
    match sts::service::serve(config, engines, log, listening, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
