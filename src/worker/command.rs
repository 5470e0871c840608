//! `sts worker`: what a person can ask for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use isolang::Language;
use sts_models::translate::breaker::BreakerOptions;
use sts_protocol::{AudioFormat, AudioSpec};

use super::location::Location;
use super::metrics::{self, Metrics};
use super::output::OutputSettings;
use super::programme::Programme;
use super::run::{Settings, Worker};
use crate::client::{BedArgs, CourierOptions, CutArgs, DispatchOptions, StreamRequest, usual_voice};
use crate::logging;
use crate::media::bed::{Bed, BedMode};
use crate::media::cutter::Cutter;

/// What a piece takes at least, from its last frame to its dub: less latency than this and the longest piece makes no sense.
const LEAST_PROCESSING_MS: u64 = 1_000;

/// `sts worker`.
#[derive(clap::Args, Debug)]
pub struct WorkerArgs {
    /// The programme: a file, or a URL with rtmp, rtsp, srt, udp, tcp, http or https (HLS)
    #[arg(long)]
    pub input: String,
    /// Where the dubbed programme goes: a file, or such a URL
    #[arg(long)]
    pub output: String,
    /// Language of the dub (ISO 639-1)
    #[arg(long)]
    pub to: String,
    /// Language of the programme (ISO 639-1)
    #[arg(long, default_value = "en")]
    pub from: String,
    /// Voice profile, by its name in voices.json; default: the first that speaks the language
    #[arg(long)]
    pub voice: Option<String>,
    /// The service, as http://HOST:PORT
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    pub url: String,
    /// Token to show to the service
    #[arg(long, env = "STS_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How much later the output is than the input, ms, steadily; a dub that is not there by then is not heard
    #[arg(long, default_value_t = 15_000)]
    pub latency_ms: u64,
    /// Where fragments end
    #[command(flatten)]
    pub cut: CutArgs,
    /// The original under the dub
    #[command(flatten)]
    pub bed: BedArgs,
    /// Frames of sound a second, Hz
    #[arg(long, default_value_t = 48_000)]
    pub sample_rate: u32,
    /// Channels of the sound, 1 or 2
    #[arg(long, default_value_t = 2)]
    pub channels: u16,
    /// Bits a second of the output's sound, in thousands
    #[arg(long, default_value_t = 160)]
    pub audio_kbps: u32,
    /// Fragments in flight, at most as many as the service allows
    #[arg(long, default_value_t = 3)]
    pub in_flight: usize,
    /// How often a fragment is tried again that failed or was refused and may come right, while there is time
    #[arg(long, default_value_t = 5)]
    pub retries: usize,
    /// Failures of a stage in a row after which nothing is sent for a while
    #[arg(long, default_value_t = 3)]
    pub breaker_failures: usize,
    /// How long nothing is sent then, s; doubled, up to eightfold, each time that the fragment sent next fails there too
    #[arg(long, default_value_t = 5)]
    pub breaker_rest_s: u64,
    /// How long an input on the network may stay away before the programme counts as over, s
    #[arg(long, default_value_t = 60)]
    pub patience_s: u64,
    /// How long an input or output may do nothing before it is begun anew, s
    #[arg(long, default_value_t = 10)]
    pub stall_s: u64,
    /// Names and terms of the programme, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub hints: Vec<String>,
    /// The stream's name; default: one of its own
    #[arg(long)]
    pub stream_id: Option<String>,
    /// Where /metrics and /health are served, as 127.0.0.1:8002
    #[arg(long)]
    pub metrics_addr: Option<String>,
    /// Write what was done here at the end, as JSON
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// Where the weights are: with silero-vad among them pauses are known from noise, without what is quiet is taken
    #[arg(long, env = "MODELS_DIR", default_value = "models/store")]
    pub models_dir: PathBuf,
    /// error, warning, info or debug
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

impl WorkerArgs {
    fn spec(&self) -> anyhow::Result<AudioSpec> {
        if !(8_000..=48_000).contains(&self.sample_rate) {
            bail!("--sample-rate {}: 8000 to 48000", self.sample_rate);
        }
        if !matches!(self.channels, 1 | 2) {
            bail!("--channels {}: 1 or 2", self.channels);
        }
        Ok(AudioSpec { sample_rate_hz: self.sample_rate, channels: self.channels, format: AudioFormat::PcmS16le })
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let source = Location::parse(&self.input).context("--input")?;
        let target = Location::parse(&self.output).context("--output")?;
        if source == target {
            bail!("--output is the input itself");
        }
        target.as_output(false).context("--output")?;
        let spec = self.spec()?;
        let least = self.cut.lengths()?.longest_ms as u64 + LEAST_PROCESSING_MS;
        if self.latency_ms < least || self.latency_ms > 600_000 {
            bail!("--latency-ms {}: {least} (--chunk-ms and {LEAST_PROCESSING_MS}) to 600000", self.latency_ms);
        }
        if self.in_flight == 0 || self.breaker_failures == 0 {
            bail!("--in-flight and --breaker-failures must be at least 1");
        }
        let first_rest = Duration::from_secs(self.breaker_rest_s.clamp(1, 3_600));
        let breaker = BreakerOptions {
            failures_in_a_row: self.breaker_failures,
            first_rest,
            longest_rest: first_rest * 8,
            ..BreakerOptions::default()
        };
        let dispatch = DispatchOptions {
            in_flight: self.in_flight,
            retries: self.retries,
            back_off: Duration::from_millis(250),
            breaker: Some(breaker),
        };
        let language = Language::from_639_1(&self.to).map_or("und", |language| language.to_639_3());
        Ok(Settings {
            source,
            output: OutputSettings { target, spec, bitrate_kbps: self.audio_kbps, language: language.to_owned() },
            latency: Duration::from_millis(self.latency_ms),
            patience: Duration::from_secs(self.patience_s),
            stall: Duration::from_secs(self.stall_s.max(1)),
            courier: CourierOptions { dispatch, silence: Duration::from_millis(self.latency_ms), patience: None },
            report: self.report.clone(),
        })
    }

    fn request(&self) -> anyhow::Result<StreamRequest> {
        let name = || format!("worker-{}", uuid::Uuid::new_v4());
        Ok(StreamRequest {
            url: self.url.clone(),
            token: self.token.clone(),
            stream_id: self.stream_id.clone().unwrap_or_else(name),
            worker_id: "sts-worker".to_owned(),
            source_language: self.from.clone(),
            target_language: self.to.clone(),
            voice_profile: self.voice.clone().map_or_else(|| usual_voice(&self.to), Ok)?,
            chunk_ms: self.cut.chunk_ms,
            spec: self.spec()?,
            hints: self.hints.clone(),
        })
    }

    fn programme(&self, log: &slog::Logger) -> anyhow::Result<Programme> {
        let spec = self.spec()?;
        // One thread is enough for a few milliseconds a fragment, and leaves the others to whoever infers beside.
        tch::set_num_threads(1);
        let detector = match Cutter::detector(&self.models_dir) {
            Ok(detector) => Some(detector),
            Err(error) => {
                slog::warn!(log, "no detector of speech: cuts fall where it is quiet"; "error" => %error);
                None
            }
        };
        let cutter = Cutter::new(spec.sample_rate_hz, self.cut.lengths()?, detector);
        let bed = Bed::new(self.bed.settings(BedMode::Duck)?, spec.sample_rate_hz, spec.channels)?;
        Ok(Programme::new(spec, cutter, bed))
    }
}

/// Dubs a programme while it comes.
///
/// # Errors
/// What went wrong, for a person.
pub fn run(args: &WorkerArgs) -> anyhow::Result<()> {
    let (settings, request) = (args.settings()?, args.request()?);
    let (log, _guard) = logging::start(&args.log_level).map_err(|error| anyhow::anyhow!("--log-level: {error}"))?;
    let logger = log.logger.new(slog::o!("stream_id" => request.stream_id.clone()));
    let programme = args.programme(&logger)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let metrics = Metrics::new()?;
        let _server = match &args.metrics_addr {
            Some(address) => {
                let (bound, server) = metrics::serve(metrics.clone(), address).await?;
                slog::info!(logger, "metrics are served"; "address" => %bound);
                Some(server)
            }
            None => None,
        };
        Worker::new(settings, request, programme, metrics, logger).run().await
    });
    runtime.shutdown_background();
    outcome
}
