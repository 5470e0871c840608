//! Starts the service, and ends it when it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use slog::{Logger, info};
use sts_actors::events::{EventBus, EventSender};
use sts_actors::metrics::{Metrics, MetricsActor};
use sts_actors::stage::{self, StageConfig};
use sts_actors::stream::Stages;
use sts_protocol::{Stage, VoiceProfiles};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::event_log::EventLog;
use super::factories::Engines;
use crate::config::Config;
use crate::gateway::{self, Backend, DrainGateway, GatewayActor, GatewaySettings, IsIdle, Tokens};

/// Niceness of inference threads: low enough that they still get every idle cycle, high enough to let go at once.
const INFERENCE_NICE: i32 = 10;

/// What libtorch's libraries read from the environment when they are loaded, which is before `main`.
const LIBRARY_SETTINGS: [(&str, &str); 2] = [
    // Idle threads sleep rather than spin: beside any other busy thread, spinning ones make a call several times slower.
    ("OMP_WAIT_POLICY", "PASSIVE"),
    // Fragments differ in length, and a compiled convolution is kept for each: by default a thousand, 400 MB of them.
    ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128"),
];

/// Starts the program once more with these settings, but for those that the operator has chosen.
pub fn prepare_process() {
    use std::os::unix::process::CommandExt as _;
    let unset: Vec<_> = LIBRARY_SETTINGS.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    if unset.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    // Only comes back when it fails; then the service is slower under load and larger, and still right.
    let _ = std::process::Command::new(program).args(std::env::args_os().skip(1)).envs(unset).exec();
}

/// Runs the service until SIGTERM or SIGINT, or until `stop` is told; then drains it. `listening` hears the address.
///
/// # Errors
/// What kept it from starting.
pub fn serve(
    config: Config,
    engines: Engines,
    log: Logger,
    listening: oneshot::Sender<SocketAddr>,
    stop: Option<oneshot::Receiver<()>>,
) -> anyhow::Result<()> {
    tch::set_num_threads(config.torch_threads as i32);
    let data_plane =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("gateway").enable_all().build()?;
    // The handle alone goes in: a runtime must not be dropped inside another's context.
    let sockets = data_plane.handle().clone();
    let system = actix::System::new();
    let outcome = system.block_on(async move {
        let backend = start_backend(&config, &engines, &log)?;
        let settings = gateway_settings(&config);
        let actor = gateway::start(&settings, &backend);
        let (shut, shutdown) = oneshot::channel::<()>();
        let address = SocketAddr::new(config.host, config.port);
        let (bound, was_bound) = oneshot::channel();
        let (serving_actor, serving_log) = (actor.clone(), log.clone());
        let server = sockets.spawn(async move {
            let listener = match TcpListener::bind(address).await {
                Ok(listener) => listener,
                Err(error) => return drop(bound.send(Err(anyhow::anyhow!("{address}: {error}")))),
            };
            let local = listener.local_addr().map_err(anyhow::Error::from);
            if bound.send(local).is_err() {
                return;
            }
            let shutdown = async move { drop(shutdown.await) };
            if let Err(error) = gateway::serve(listener, serving_actor, settings, backend, shutdown).await {
                slog::error!(serving_log, "the listener failed"; "error" => %error);
            }
        });
        let address = was_bound.await??;
        info!(log, "listening"; "address" => %address);
        let _ = listening.send(address);
        wait_for_the_end(stop).await?;
        drain(&actor, &log, config.stream.end_timeout + Duration::from_secs(10)).await;
        let _ = shut.send(());
        let _ = tokio::time::timeout(Duration::from_secs(5), server).await;
        info!(log, "stopped");
        anyhow::Ok(())
    });
    data_plane.shutdown_background();
    actix::System::try_current().inspect(actix::System::stop);
    outcome
}

async fn wait_for_the_end(stop: Option<oneshot::Receiver<()>>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = async {
        match stop {
            Some(stop) => drop(stop.await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = told => {}
    }
    Ok(())
}

/// Lets every stream finish what it has accepted.
async fn drain(gateway: &Addr<GatewayActor>, log: &Logger, limit: Duration) {
    info!(log, "draining");
    gateway.do_send(DrainGateway);
    let idle = async {
        while !gateway.send(IsIdle).await.unwrap_or(true) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(limit, idle).await.is_err() {
        slog::warn!(log, "draining took too long; what is left is given up");
    }
}

fn gateway_settings(config: &Config) -> GatewaySettings {
    GatewaySettings {
        max_fragment_bytes: config.max_fragment_bytes,
        max_connections: config.max_connections,
        max_streams: config.max_streams,
        tokens: Tokens::new(config.worker_tokens.clone()),
        stream: config.stream.clone(),
    }
}

fn start_backend(config: &Config, engines: &Engines, log: &Logger) -> anyhow::Result<Backend> {
    let metrics = Metrics::new()?;
    let subscribers =
        vec![MetricsActor(Arc::clone(&metrics)).start().recipient(), EventLog(log.clone()).start().recipient()];
    let events = EventBus::start_with(subscribers);
    let voices = VoiceProfiles::parse(&config.voices).map_err(anyhow::Error::msg)?;
    let stages = start_stages(config, engines, &events);
    let capabilities = engines.capabilities.clone();
    Ok(Backend { stages, capabilities, voices: Arc::new(voices), events, metrics, log: log.clone() })
}

fn start_stages(config: &Config, engines: &Engines, events: &EventSender) -> Stages {
    let settings = |stage: Stage, index: usize| StageConfig {
        stage,
        workers: config.workers[index],
        max_batch: engines.max_batch[index],
        linger: Duration::ZERO,
        // Recognition decides about admission; what it has let in must find room in the later stages.
        queue_capacity: if stage == Stage::Asr { config.queue_capacity } else { config.queue_capacity * 8 },
        timeout: config.timeouts[index],
        retries: config.stage_retries,
        nice: INFERENCE_NICE,
    };
    let (asr, _) = stage::start(settings(Stage::Asr, 0), Arc::clone(&engines.asr), events.clone());
    let (translation, _) =
        stage::start(settings(Stage::Translation, 1), Arc::clone(&engines.translation), events.clone());
    let (tts, _) = stage::start(settings(Stage::Tts, 2), Arc::clone(&engines.tts), events.clone());
    Stages { asr, translation, tts }
}
