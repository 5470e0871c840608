//! The course of a dub: connect, send with a bounded number in flight, take results in order, put them together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::connection::{Connection, Received};
use super::cut::cut;
use super::recording::Recording;
use super::report::{FragmentReport, Report};
use crate::config::{Config, SettingFlags};
use crate::{logging, service};

/// How long the service may be silent while something is owed.
const PATIENCE: Duration = Duration::from_secs(60);

/// `sts dub`.
#[derive(clap::Args, Debug)]
pub struct DubArgs {
    /// The recording, a WAV file
    pub input: PathBuf,
    /// Language of the dub (ISO 639-1)
    #[arg(long)]
    pub to: String,
    /// Language of the recording (ISO 639-1)
    #[arg(long, default_value = "en")]
    pub from: String,
    /// Voice profile, by its name in voices.json; default: the first that speaks the language
    #[arg(long)]
    pub voice: Option<String>,
    /// Where to write the dub
    #[arg(long)]
    pub out: PathBuf,
    /// The service, as http://HOST:PORT; default: start one on a free port
    #[arg(long)]
    pub url: Option<String>,
    /// Token to show to the service
    #[arg(long, env = "STS_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Write figures and texts of every fragment here, as JSON
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// Longest fragment, ms
    #[arg(long, default_value_t = 6_000)]
    pub chunk_ms: usize,
    /// Shortest fragment, ms: cuts are made at the quietest moment between the two; equal to the longest: blindly
    #[arg(long, default_value_t = 4_500)]
    pub shortest_ms: usize,
    /// Fragments in flight; 1 shows the latency of each alone
    #[arg(long, default_value_t = 2)]
    pub in_flight: usize,
    /// Names and terms of the programme, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub hints: Vec<String>,
    /// Settings of the service, when it is started here
    #[command(flatten)]
    pub settings: SettingFlags,
}

/// Dubs a recording.
///
/// # Errors
/// What went wrong, for a person.
pub fn run(mut args: DubArgs) -> anyhow::Result<()> {
    let recording = Recording::read(&args.input)?;
    if args.in_flight == 0 || args.chunk_ms == 0 {
        bail!("--in-flight and --chunk-ms must be at least 1");
    }
    let voices = sts_protocol::VoiceProfiles::parse(crate::config::DEFAULT_VOICES).map_err(anyhow::Error::msg)?;
    if args.voice.is_none() {
        args.voice = voices.for_language(&args.to).map(|(name, _)| name.to_owned()).next();
    }
    let voice = args.voice.clone().ok_or_else(|| anyhow!("no voice speaks '{}'; name one by --voice", args.to))?;
    let own_service = match &args.url {
        Some(_) => None,
        None => Some(OwnService::start(&args.settings)?),
    };
    let url = match (&args.url, &own_service) {
        (Some(url), _) => url.clone(),
        (None, Some(service)) => format!("http://{}", service.address),
        (None, None) => bail!("no service"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let outcome = runtime.block_on(async {
        wait_until_ready(&url, own_service.is_some()).await?;
        Dub::new(&args, &recording, voice).run(&url).await
    });
    runtime.shutdown_background();
    drop(own_service);
    let (dubbed, report) = outcome?;
    dubbed.write(&args.out)?;
    if let Some(path) = &args.report {
        std::fs::write(path, serde_json::to_string_pretty(&report)?).with_context(|| path.display().to_string())?;
    }
    println!("{}", report.table());
    println!("{}", args.out.display());
    Ok(())
}

/// A service of this process's own, on a free port.
struct OwnService {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
}

impl OwnService {
    fn start(flags: &SettingFlags) -> anyhow::Result<Self> {
        let environment = |name: &str| match name {
            "PORT" | "OPS_PORT" => Some("0".to_owned()),
            // Nobody else is to reach it: it needs no secrets, and nothing that goes with them.
            "HOST"
            | "OPS_HOST"
            | "WORKER_TOKENS"
            | "WORKER_TOKENS_FILE"
            | "OPS_TOKENS"
            | "OPS_TOKENS_FILE"
            | "TLS_CERTIFICATE_PATH"
            | "TLS_KEY_PATH" => None,
            // Whoever dubs a file wants to see the dub; LOG_LEVEL=info brings the log back.
            "LOG_LEVEL" => Some(std::env::var(name).unwrap_or_else(|_| "error".to_owned())),
            name => std::env::var(name).ok(),
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
async fn wait_until_ready(url: &str, own: bool) -> anyhow::Result<()> {
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

/// A fragment that was sent.
struct Sent {
    frames: std::ops::Range<usize>,
    at: Instant,
    ack_ms: Option<f64>,
}

struct Dub<'a> {
    args: &'a DubArgs,
    recording: &'a Recording,
    voice: String,
    stream_id: String,
    sent: Vec<Sent>,
    fragments: Vec<FragmentReport>,
    dubbed: Vec<u8>,
}

impl<'a> Dub<'a> {
    fn new(args: &'a DubArgs, recording: &'a Recording, voice: String) -> Self {
        let stream_id = format!("dub-{}", uuid::Uuid::new_v4());
        Self { args, recording, voice, stream_id, sent: Vec::new(), fragments: Vec::new(), dubbed: Vec::new() }
    }

    async fn run(mut self, url: &str) -> anyhow::Result<(Recording, Report)> {
        let mut connection = Connection::open(url, &self.stream_id, "sts-dub", self.args.token.as_deref()).await?;
        let engines = self.init(&mut connection).await?;
        let mono = self.recording.spec.decode_mono(&self.recording.pcm);
        let stretches = cut(&mono, self.recording.spec.sample_rate_hz, self.args.shortest_ms, self.args.chunk_ms);
        let style =
            ProgressStyle::with_template("{bar:40} {pos}/{len} fragments  {elapsed} (about {eta} left)  {msg}")?;
        let bar = ProgressBar::new(stretches.len() as u64).with_style(style);
        let started = Instant::now();
        let total = stretches.len();
        let mut waiting = stretches.into_iter();
        while self.fragments.len() < total {
            while self.sent.len() - self.fragments.len() < self.args.in_flight {
                let Some(frames) = waiting.next() else { break };
                self.send(&connection, frames).await?;
            }
            let received = connection.next(PATIENCE).await?;
            self.take(received)?;
            bar.set_position(self.fragments.len() as u64);
        }
        let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
        bar.finish_and_clear();
        connection.send("stream:end", json!({})).await?;
        while connection.next(PATIENCE).await?.event != "stream:complete" {}
        connection.close().await;
        let dubbed = Recording { spec: self.recording.spec, pcm: self.dubbed };
        Ok((dubbed, Report::new(self.fragments, elapsed_ms, engines)))
    }

    async fn init(&self, connection: &mut Connection) -> anyhow::Result<Value> {
        let spec = self.recording.spec;
        let init = json!({
            "source_language": self.args.from, "target_language": self.args.to, "voice_profile": self.voice,
            "chunk_duration_ms": self.args.chunk_ms, "sample_rate_hz": spec.sample_rate_hz, "channels": spec.channels,
            "format": spec.format, "first_sequence_number": 0, "domain_hints": self.args.hints,
        });
        connection.send("stream:init", init).await?;
        let answer = connection.next(PATIENCE).await?;
        match answer.event.as_str() {
            "stream:ready" => Ok(answer.data["engines"].clone()),
            _ => bail!("the service did not open the stream: {}", answer.data),
        }
    }

    async fn send(&mut self, connection: &Connection, frames: std::ops::Range<usize>) -> anyhow::Result<()> {
        let spec = self.recording.spec;
        let number = self.sent.len();
        let width = spec.bytes_per_frame();
        let audio = BASE64.encode(&self.recording.pcm[frames.start * width..frames.end * width]);
        let data = json!({
            "fragment_id": format!("{}-{number}", self.stream_id), "stream_id": self.stream_id,
            "sequence_number": number, "timestamp": spec.duration_ms(frames.start), "audio": audio,
            "sample_rate": spec.sample_rate_hz, "channels": spec.channels, "format": spec.format,
            "duration_ms": spec.duration_ms(frames.len()),
        });
        let at = Instant::now();
        connection.send("fragment:data", data).await?;
        self.sent.push(Sent { frames, at, ack_ms: None });
        Ok(())
    }

    fn take(&mut self, received: Received) -> anyhow::Result<()> {
        let Received { event, data, at } = received;
        match event.as_str() {
            "fragment:ack" => {
                let number =
                    data["fragment_id"].as_str().and_then(|id| id.rsplit('-').next()).and_then(|n| n.parse().ok());
                if let Some(sent) = number.and_then(|number: usize| self.sent.get_mut(number)) {
                    sent.ack_ms.get_or_insert(at.duration_since(sent.at).as_secs_f64() * 1000.0);
                }
                Ok(())
            }
            "fragment:processed" => self.take_result(&data, at),
            "error" => bail!("the service answered {}: {}", data["code"], data["message"]),
            "disconnected" | "connection_error" => bail!("the connection broke: {event} {data}"),
            _ => Ok(()),
        }
    }

    fn take_result(&mut self, data: &Value, at: Instant) -> anyhow::Result<()> {
        let number = self.fragments.len();
        let sent = self.sent.get(number).ok_or_else(|| anyhow!("a result came for a fragment that was not sent"))?;
        if data["sequence_number"] != json!(number) {
            bail!("result {} came where {number} was due", data["sequence_number"]);
        }
        let spec = self.recording.spec;
        let width = spec.bytes_per_frame();
        let original = &self.recording.pcm[sent.frames.start * width..sent.frames.end * width];
        // Where there is no dub the original stands in, so that what follows keeps its time.
        let pcm = match data["dubbed_audio"].as_str() {
            Some(audio) => BASE64.decode(audio).context("dubbed_audio")?,
            None => original.to_vec(),
        };
        let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
        let stage_timings: BTreeMap<String, f64> = data["stage_timings"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.clone(), v.as_f64()?)))
            .collect();
        let error = data["error"].as_object();
        self.fragments.push(FragmentReport {
            sequence_number: number as u64,
            status: text("status"),
            transcript: text("transcript"),
            translated_text: text("translated_text"),
            original_duration_ms: spec.duration_ms(sent.frames.len()),
            dubbed_duration_ms: spec.duration_ms(pcm.len() / width),
            speed_ratio: data["metadata"]["speed_ratio"].as_f64(),
            ack_ms: sent.ack_ms.unwrap_or(f64::NAN),
            latency_ms: at.duration_since(sent.at).as_secs_f64() * 1000.0,
            stage_timings,
            error: error.map(|error| format!("{} {}", error["code"].as_str().unwrap_or_default(), error["message"])),
        });
        self.dubbed.extend_from_slice(&pcm);
        Ok(())
    }
}
