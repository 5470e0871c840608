//! A service of this process's own, for whoever has none.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use indicatif::ProgressBar;
use tokio::sync::oneshot;

use crate::config::{Config, SettingFlags, environment_without_listening};
use crate::{logging, service};

/// A service of this process's own, on a free port.
pub(super) struct OwnService {
    /// Where it listens.
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
}

impl OwnService {
    pub(super) fn start(flags: &SettingFlags) -> anyhow::Result<Self> {
        let environment = |name: &str| match name {
            "PORT" | "OPS_PORT" => Some("0".to_owned()),
            // Whoever dubs a file wants to see the dub; LOG_LEVEL=info brings the log back.
            "LOG_LEVEL" => Some(std::env::var(name).unwrap_or_else(|_| "error".to_owned())),
            // Nobody else is to reach it.
            name => environment_without_listening(name),
        };
        let config = Config::load(flags, environment, None).map_err(|problems| anyhow!(problems.0.join("\n")))?;
        let engines = service::Engines::real(&config).map_err(anyhow::Error::msg)?;
        let (log, guard) = logging::start(&config.log_level).map_err(anyhow::Error::msg)?;
        let (listening, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("service".into()).spawn(move || {
            let _guard = guard;
            service::serve(config, engines, log, listening, Some(stopped))
        })?;
        match address.blocking_recv() {
            Ok(listening) => Ok(Self { address: listening.workers, stop: Some(stop), thread: Some(thread) }),
            Err(_) => Err(match thread.join() {
                Ok(Err(error)) => error,
                _ => anyhow!("the service did not start"),
            }),
        }
    }
}

impl Drop for OwnService {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // Its outcome does not matter any more: the dub is there or its error is on the way.
            let _ = thread.join();
        }
    }
}

/// Waits for `/health/ready`, for as long as a service that is loading its models may take.
pub(super) async fn wait_until_ready(url: &str, own: bool) -> anyhow::Result<()> {
    let limit = Duration::from_secs(if own { 120 } else { 30 });
    let spinner = ProgressBar::new_spinner().with_message("waiting for the service");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let deadline = Instant::now() + limit;
    loop {
        let reason = match super::connection::health(url).await {
            Ok(None) => break,
            Ok(Some(reason)) => reason,
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() > deadline {
            bail!("{url} is not ready after {} s: {reason}", limit.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    spinner.finish_and_clear();
    Ok(())
}
