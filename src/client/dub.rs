//! `sts dub`: a recording or a film in, the same in other languages out.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sts_models::vad::Vad;
use tokio_util::sync::CancellationToken;

use super::arguments::{BedArgs, CutArgs, usual_voice};
use super::course::Course;
use super::own_service::{OwnService, wait_until_ready};
use super::programme::{self, Dub};
use super::recording::Recording;
use super::report::Report;
use crate::config::{Config, SettingFlags, environment_without_listening};
use crate::media::bed::BedMode;
use crate::media::container::Container;
use crate::media::cutter::Cutter;

/// `sts dub`.
#[derive(clap::Args, Debug)]
pub struct DubArgs {
    /// The recording or film: a WAV file, or whatever FFmpeg reads
    pub input: PathBuf,
    /// Languages of the dubs (ISO 639-1), separated by commas; the first plays by itself
    #[arg(long, value_delimiter = ',', required = true)]
    pub to: Vec<String>,
    /// Language of the recording (ISO 639-1)
    #[arg(long, default_value = "en")]
    pub from: String,
    /// Voice profiles, by their names in voices.json, one a language; default: the first that speaks it
    #[arg(long, value_delimiter = ',')]
    pub voice: Vec<String>,
    /// Where to write the dub; its ending says how; default: beside the input, as talk.dubbed.mp4
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The original under the dub
    #[command(flatten)]
    pub bed: BedArgs,
    /// Write subtitles beside the output, SRT and WebVTT in each language, also where it is no film
    #[arg(long)]
    pub subtitles: bool,
    /// The service, as http://HOST:PORT; default: start one on a free port
    #[arg(long)]
    pub url: Option<String>,
    /// Token to show to the service
    #[arg(long, env = "STS_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Write figures and texts of every fragment here, as JSON; of several languages, an object of reports by language
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// Where fragments end
    #[command(flatten)]
    pub cut: CutArgs,
    /// Fragments in flight, at most as many as the service allows; 1 shows the latency of each alone
    #[arg(long, default_value_t = 2)]
    pub in_flight: usize,
    /// How often a fragment is tried again that failed or was refused and may come right
    #[arg(long, default_value_t = 2)]
    pub retries: usize,
    /// How long to try for the service where it is lost, s
    #[arg(long, default_value_t = 30)]
    pub patience_s: u64,
    /// Names and terms of the programme, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub hints: Vec<String>,
    /// Settings of the service, when it is started here
    #[command(flatten)]
    pub settings: SettingFlags,
}

impl DubArgs {
    /// Where the dub goes.
    pub(super) fn output(&self) -> PathBuf {
        let ending = self.input.extension().unwrap_or("wav".as_ref());
        self.out.clone().unwrap_or_else(|| {
            let mut name = self.input.file_stem().unwrap_or("dub".as_ref()).to_owned();
            name.push(".dubbed.");
            name.push(ending);
            self.input.with_file_name(name)
        })
    }

    fn check(&self, output: &Path) -> anyhow::Result<()> {
        if self.in_flight == 0 {
            bail!("--in-flight must be at least 1");
        }
        self.cut.lengths()?;
        self.bed.settings(BedMode::Duck)?;
        let mut languages = self.to.clone();
        languages.sort();
        languages.dedup();
        if languages.len() < self.to.len() {
            bail!("--to {}: a language is there twice", self.to.join(","));
        }
        if !Container::of(output)?.holds_video && self.to.len() > 1 {
            bail!("{} has room for one language; --to {} wants several", output.display(), self.to.join(","));
        }
        if std::fs::canonicalize(output)
            .is_ok_and(|there| std::fs::canonicalize(&self.input).is_ok_and(|input| input == there))
        {
            bail!("{} is the input itself", output.display());
        }
        Ok(())
    }

    /// A voice for each language.
    fn voices(&self) -> anyhow::Result<Vec<String>> {
        if !self.voice.is_empty() && self.voice.len() != self.to.len() {
            bail!("--voice names {} voices for {} languages", self.voice.len(), self.to.len());
        }
        if !self.voice.is_empty() {
            return Ok(self.voice.clone());
        }
        self.to.iter().map(|language| usual_voice(language)).collect()
    }
}

/// Dubs a recording.
///
/// # Errors
/// What went wrong, for a person.
pub fn run(args: DubArgs) -> anyhow::Result<()> {
    let (output, voices) = (args.output(), args.voices()?);
    args.check(&output)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let recording = runtime.block_on(programme::read(&args.input, &output))?;
    let own_service = match &args.url {
        Some(_) => None,
        None => Some(OwnService::start(&args.settings)?),
    };
    let url = match (&args.url, &own_service) {
        (Some(url), _) => url.clone(),
        (None, Some(service)) => format!("http://{}", service.address),
        (None, None) => bail!("no service"),
    };
    let outcome = runtime.block_on(async {
        wait_until_ready(&url, own_service.is_some()).await?;
        let interruption = CancellationToken::new();
        let interrupted = interruption.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.cancel();
            }
            // Whoever asks twice does not want the file either.
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
        let dubs = dub(&args, &recording, &voices, &url, &interruption).await?;
        programme::write(&args, &recording, &dubs, &output).await?;
        anyhow::Ok(dubs)
    });
    runtime.shutdown_background();
    drop(own_service);
    let dubs = outcome?;
    if let Some(path) = &args.report {
        std::fs::write(path, report_json(&dubs)?).with_context(|| path.display().to_string())?;
    }
    for dub in &dubs {
        if dubs.len() > 1 {
            println!("{}:", dub.language);
        }
        println!("{}", dub.report.table());
    }
    println!("{}", output.display());
    let incomplete = dubs.iter().filter(|dub| dub.report.fragments.len() < dub.pieces.len());
    let told: Vec<String> = incomplete
        .map(|dub| {
            let why = dub.failure.as_ref().map_or_else(|| "interrupted".to_owned(), |failure| format!("{failure:#}"));
            format!("{} of {} in '{}' ({why})", dub.report.fragments.len(), dub.pieces.len(), dub.language)
        })
        .collect();
    if !told.is_empty() {
        bail!("not whole: fragments dubbed: {}; the original stands where there is no dub", told.join(", "));
    }
    Ok(())
}

fn report_json(dubs: &[Dub]) -> anyhow::Result<String> {
    Ok(match dubs {
        [only] => serde_json::to_string_pretty(&only.report)?,
        several => {
            let by_language = several.iter().map(|dub| (dub.language.clone(), json!(dub.report)));
            serde_json::to_string_pretty(&by_language.collect::<serde_json::Map<_, _>>())?
        }
    })
}

/// The detector of speech, where its weights are. Without it cuts fall where it is quiet.
fn detector(args: &DubArgs) -> Option<Vad> {
    let config = Config::load(&args.settings, environment_without_listening, None).ok()?;
    Cutter::detector(&config.models_dir).ok()
}

/// Dubs into one language after the other. All streams are opened first, so that a pair that cannot be had is told before
/// any work is done.
async fn dub(
    args: &DubArgs,
    recording: &Recording,
    voices: &[String],
    url: &str,
    interruption: &CancellationToken,
) -> anyhow::Result<Vec<Dub>> {
    let mono = recording.spec.decode_mono(&recording.pcm);
    let mut cutter = Cutter::new(recording.spec.sample_rate_hz, args.cut.lengths()?, detector(args));
    let stretches = cutter.cut(&mono)?;
    let mut courses = Vec::new();
    for (language, voice) in args.to.iter().zip(voices) {
        courses.push((language, Course::open(args, recording, &stretches, language, voice, url).await?));
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} fragments  {elapsed} (about {eta} left)  {msg}")?;
    let bar = ProgressBar::new((stretches.len() * courses.len()) as u64).with_style(style);
    let mut dubs = Vec::new();
    for (language, course) in courses {
        bar.set_message(language.clone());
        let started = Instant::now();
        let (pieces, engines, failure) = course.run(&bar, interruption).await;
        let fragments = pieces.iter().filter_map(|piece| piece.report.clone()).collect();
        let report = Report::new(fragments, started.elapsed().as_secs_f64() * 1000.0, engines);
        dubs.push(Dub { language: language.clone(), pieces, report, failure });
    }
    bar.finish_and_clear();
    // Where nothing came of anything there is nothing to keep.
    if dubs.iter().all(|dub| dub.report.fragments.is_empty())
        && let Some(failure) = dubs.iter_mut().find_map(|dub| dub.failure.take())
    {
        return Err(failure);
    }
    Ok(dubs)
}
