//! Starts the service, and ends it when it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum_server::tls_rustls::RustlsConfig;
use slog::{Logger, info};
use sts_actors::events::{EventBus, EventSender, Subscriber};
use sts_actors::gpu::{GpuBoard, GpuMonitorActor, GpuMonitorSettings};
use sts_actors::history::EventHistory;
use sts_actors::metrics::{Metrics, MetricsActor};
use sts_actors::registry::{Mailbox, MailboxSeries, Registry};
use sts_actors::stage::{self, StageConfig};
use sts_actors::stream::Stages;
use sts_protocol::{Stage, VoiceProfiles};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

use super::event_log::EventLog;
use super::factories::Engines;
use super::supervisors::{LastResort, Supervisors};
use crate::access::Tokens;
use crate::config::Config;
use crate::gateway::{self, Backend, DrainGateway, GatewayActor, GatewaySettings, TakeCensus};
use crate::logging::{self, Log};
use crate::ops::{self, Plane};
use crate::traces::Traces;

/// Niceness of inference threads: low enough that they still get every idle cycle, high enough to let go at once.
const INFERENCE_NICE: i32 = 10;

/// How long an engine may take to be built, weights read from a slow disk included.
const ENGINE_START_LIMIT: Duration = Duration::from_secs(300);
/// Stuck threads of a stage, each with its weights, past which the process had better be replaced.
const MAX_ABANDONED_THREADS: usize = 4;

/// How long the end of the service waits for what translators on the network have to put away.
const TRANSLATORS_CLOSE_LIMIT: Duration = Duration::from_secs(6);

/// What libtorch's libraries read from the environment when they are loaded, which is before `main`.
const LIBRARY_SETTINGS: [(&str, &str); 2] = [
    // Idle threads sleep rather than spin: beside any other busy thread, spinning ones make a call several times slower.
    ("OMP_WAIT_POLICY", "PASSIVE"),
    // Fragments differ in length, and a compiled convolution is kept for each: by default a thousand, 400 MB of them.
    ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128"),
];

/// Where the service listens.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// The data plane.
    pub workers: SocketAddr,
    /// The control plane.
    pub operators: SocketAddr,
}

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

/// Runs the service until SIGTERM or SIGINT, or until `stop` is told; then drains it. `listening` hears the addresses.
///
/// # Errors
/// What kept it from starting.
pub fn serve(
    config: Config,
    engines: Engines,
    log: Log,
    listening: oneshot::Sender<Listening>,
    stop: Option<oneshot::Receiver<()>>,
) -> anyhow::Result<()> {
    logging::log_panics(&log);
    tch::set_num_threads(config.torch_threads as i32);
    let data_plane =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("gateway").enable_all().build()?;
    // The handle alone goes in: a runtime must not be dropped inside another's context.
    let sockets = data_plane.handle().clone();
    let system = actix::System::new();
    let outcome = system.block_on(async move {
        let (drain_asked, hopeless) = (Arc::new(Notify::new()), Arc::new(OnceLock::new()));
        let last_resort = LastResort { drain: Arc::clone(&drain_asked), hopeless: Arc::clone(&hopeless) };
        let registry = Registry::default();
        let history = EventHistory::start_in(&registry);
        let listeners: [Subscriber; 2] = [last_resort.start_in(&registry).into(), history.clone().into()];
        let traces = config.traces_endpoint.as_deref().map(Traces::start).transpose();
        let traces = traces.map_err(|error| anyhow::anyhow!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))?;
        let (backend, supervisors, gpus) =
            start_backend(&config, &engines, &log, traces.as_ref(), registry, listeners)?;
        let log = log.logger;
        let settings = gateway_settings(&config)?;
        let tls = match &config.tls {
            Some(files) => Some(files.load().await.with_context(|| format!("{files:?}"))?),
            None => None,
        };
        let ops_tokens = Tokens::new(&config.ops_tokens.read().map_err(anyhow::Error::msg)?);
        let secrets = Secrets {
            tokens: [(settings.tokens.clone(), "worker"), (ops_tokens.clone(), "operator")],
            tls: tls.clone(),
        };
        let actor = gateway::start(&settings, &backend);
        let (shut, shutdown) = oneshot::channel::<()>();
        let address = SocketAddr::new(config.host, config.port);
        let (bound, was_bound) = oneshot::channel();
        let (serving_actor, serving_log, serving_backend) = (actor.clone(), log.clone(), backend.clone());
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
            if let Err(error) = gateway::serve(listener, serving_actor, settings, serving_backend, tls, shutdown).await
            {
                slog::error!(serving_log, "the listener failed"; "error" => %error);
            }
        });
        let address = was_bound.await??;
        let plane = Plane {
            gateway: actor.clone(),
            backend,
            supervisors,
            gpus,
            translators: engines.translators.clone(),
            history,
            weights: Arc::clone(&engines.weights),
            tokens: ops_tokens,
            drain: Arc::clone(&drain_asked),
            started: Instant::now(),
        };
        let ops_address = SocketAddr::new(config.ops_host, config.ops_port);
        let (ops_address, ops_server) =
            ops::start(ops_address, plane).with_context(|| format!("control plane, {ops_address}"))?;
        info!(log, "listening"; "address" => %address, "tls" => config.tls.is_some(), "ops_address" => %ops_address);
        if !config.host.is_loopback() && config.tls.is_none() {
            slog::warn!(log, "tokens and audio travel unencrypted; set TLS_CERTIFICATE_PATH, or have a proxy do TLS");
        }
        let _ = listening.send(Listening { workers: address, operators: ops_address });
        wait_for_the_end(stop, &drain_asked, || secrets.reload(&config, &log)).await?;
        drain(&actor, &log, config.drain_timeout).await;
        let _ = shut.send(());
        let _ = tokio::time::timeout(Duration::from_secs(5), server).await;
        ops_server.stop(false).await;
        let translators = engines.translators.clone();
        let _ = tokio::time::timeout(TRANSLATORS_CLOSE_LIMIT, tokio::task::spawn_blocking(move || translators.close()))
            .await;
        if let Some(traces) = traces {
            traces.finish();
        }
        info!(log, "stopped");
        if let Some(reason) = hopeless.get() {
            anyhow::bail!("{reason}");
        }
        Ok(())
    });
    data_plane.shutdown_background();
    actix::System::try_current().inspect(actix::System::stop);
    outcome
}

/// Waits for SIGTERM or SIGINT, for an operator's drain, or for `stop`; at each SIGHUP, reloads.
async fn wait_for_the_end<R: Future<Output = ()>>(
    stop: Option<oneshot::Receiver<()>>,
    drain_asked: &Notify,
    reload: impl Fn() -> R,
) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    let told = async {
        match stop {
            Some(stop) => drop(stop.await),
            None => std::future::pending().await,
        }
    };
    tokio::pin!(told);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = drain_asked.notified() => return Ok(()),
            () = &mut told => return Ok(()),
            _ = hang_up.recv() => reload().await,
        }
    }
}

/// What can be exchanged while the service runs.
struct Secrets {
    /// Tokens of workers, and of operators.
    tokens: [(Tokens, &'static str); 2],
    tls: Option<RustlsConfig>,
}

impl Secrets {
    /// Reads tokens and certificate anew. What cannot be read leaves what was there in use.
    async fn reload(&self, config: &Config, log: &Logger) {
        for ((tokens, whose), source) in self.tokens.iter().zip([&config.worker_tokens, &config.ops_tokens]) {
            match source.read() {
                Ok(read) if read.is_empty() && !tokens.is_empty() => {
                    slog::error!(log, "no token is left; the old ones stay"; "whose" => *whose);
                }
                Ok(read) => {
                    tokens.replace(&read);
                    info!(log, "tokens read anew"; "whose" => *whose, "count" => read.len());
                }
                Err(error) => {
                    slog::error!(log, "tokens cannot be read; the old ones stay"; "whose" => *whose, "error" => error);
                }
            }
        }
        let (Some(files), Some(tls)) = (&config.tls, &self.tls) else { return };
        match files.reload(tls).await {
            Ok(()) => info!(log, "certificate read anew"),
            Err(error) => slog::error!(log, "the certificate cannot be read; the old one stays"; "error" => %error),
        }
    }
}

/// Lets every stream finish what it has accepted.
async fn drain(gateway: &Mailbox<GatewayActor>, log: &Logger, limit: Duration) {
    gateway.do_send(DrainGateway);
    let idle = async {
        while gateway.send(TakeCensus).await.is_ok_and(|census| census.streams > 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(limit, idle).await.is_err() {
        slog::warn!(log, "draining took too long; what is left is given up");
    }
}

fn gateway_settings(config: &Config) -> anyhow::Result<GatewaySettings> {
    let tokens = config.worker_tokens.read().map_err(anyhow::Error::msg)?;
    Ok(GatewaySettings {
        limits: config.limits,
        tokens: Tokens::new(&tokens),
        origins: config.origins.clone(),
        stream: config.stream.clone(),
    })
}

fn start_backend(
    config: &Config,
    engines: &Engines,
    log: &Log,
    traces: Option<&Traces>,
    registry: Registry,
    listeners: [Subscriber; 2],
) -> anyhow::Result<(Backend, Supervisors, GpuBoard)> {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"))?;
    metrics.register(Box::new(log.dropped.clone()))?;
    metrics.register(Box::new(log.panics.clone()))?;
    metrics.register(Box::new(engines.translators.series()))?;
    metrics.register(Box::new(MailboxSeries::new(registry.clone())?))?;
    let mut subscribers: Vec<Subscriber> = vec![
        MetricsActor::start_with(&registry, Arc::clone(&metrics)).into(),
        EventLog::start_in(&registry, log.logger.clone()).into(),
    ];
    subscribers.extend(listeners);
    if let Some(traces) = traces {
        metrics.register(Box::new(traces.counted()))?;
        subscribers.push(traces.listen_in(&registry).into());
    }
    let events = if config.tells_events { EventBus::start_with(&registry, subscribers) } else { EventSender::silent() };
    registry.tell(events.clone());
    engines.translators.report_to(events.clone());
    let voices = VoiceProfiles::parse(&config.voices).map_err(anyhow::Error::msg)?;
    let (stages, supervisors) = start_stages(config, engines, &registry, &events);
    let (opener, gpus) = (Arc::clone(&engines.gpus), GpuBoard::default());
    GpuMonitorActor::start_in(&registry, GpuMonitorSettings::default(), opener, events.clone(), gpus.clone());
    let capabilities = engines.capabilities.clone();
    let (logger, log_level) = (log.logger.clone(), log.level.clone());
    let backend = Backend {
        stages,
        capabilities,
        voices: Arc::new(voices),
        events,
        metrics,
        registry,
        log: logger,
        log_level,
        traces: traces.is_some(),
    };
    Ok((backend, supervisors, gpus))
}

fn start_stages(
    config: &Config,
    engines: &Engines,
    registry: &Registry,
    events: &EventSender,
) -> (Stages, Supervisors) {
    let settings = |stage: Stage, index: usize| StageConfig {
        stage,
        workers: config.workers[index],
        max_batch: engines.max_batch[index],
        linger: if stage == Stage::Translation { engines.translators.linger() } else { Duration::ZERO },
        // Recognition decides about admission; what it has let in must find room in the later stages.
        queue_capacity: if stage == Stage::Asr { config.queue_capacity } else { config.queue_capacity * 8 },
        timeout: config.timeouts[index],
        start_timeout: ENGINE_START_LIMIT,
        max_abandoned_threads: MAX_ABANDONED_THREADS,
        retries: config.stage_retries,
        nice: INFERENCE_NICE,
    };
    let (asr, asr_supervisor) = stage::start(registry, settings(Stage::Asr, 0), engines.asr.clone(), events.clone());
    let (translation, translation_supervisor) =
        stage::start(registry, settings(Stage::Translation, 1), engines.translation.clone(), events.clone());
    let (tts, tts_supervisor) = stage::start(registry, settings(Stage::Tts, 2), engines.tts.clone(), events.clone());
    let supervisors = Supervisors { asr: asr_supervisor, translation: translation_supervisor, tts: tts_supervisor };
    (Stages { asr, translation, tts }, supervisors)
}
