//! `sts ctl`: the control plane from a shell.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A restart waits until its workers are warm, which may take as long as their weights take to be read.
const PATIENCE: Duration = Duration::from_secs(600);

/// `sts ctl`.
#[derive(Args, Debug)]
pub struct CtlArgs {
    /// The control plane, as http://HOST:PORT
    #[arg(long, env = "STS_OPS_URL", default_value = "http://127.0.0.1:8001")]
    url: String,
    /// One of the service's OPS_TOKENS
    #[arg(long, env = "STS_OPS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// What to do
    #[command(subcommand)]
    command: CtlCommand,
}

/// What can be done.
#[derive(Subcommand, Debug)]
enum CtlCommand {
    /// Show the service's state
    Service,
    /// Show every stage: queue, workers, latencies, last error
    Stages,
    /// Replace a stage's workers while streams run
    Restart {
        /// Which stage
        stage: StageName,
        /// One after the other, or all at once
        #[arg(long, default_value = "rolling")]
        mode: Mode,
    },
    /// Set a stage's number of workers
    Scale {
        /// Which stage
        stage: StageName,
        /// How many
        workers: usize,
    },
    /// Have a stage load other weights
    Reload {
        /// Which stage
        stage: StageName,
        /// Their directory, on the service's machine
        path: PathBuf,
    },
    /// Hold a stage's jobs back
    Pause {
        /// Which stage
        stage: StageName,
    },
    /// Hand a stage's jobs out again
    Resume {
        /// Which stage
        stage: StageName,
    },
    /// Take nothing new, finish and deliver what was accepted, and end the process
    Drain,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StageName {
    Asr,
    Translate,
    Tts,
}

impl StageName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asr => "asr",
            Self::Translate => "translate",
            Self::Tts => "tts",
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Rolling,
    All,
}

impl CtlCommand {
    /// Method, path under the API's root, and body.
    fn request(&self) -> (Method, String, Option<Value>) {
        let stage = |stage: &StageName, action: &str| format!("stages/{}/{action}", stage.as_str());
        match self {
            Self::Service => (Method::GET, "service".to_owned(), None),
            Self::Stages => (Method::GET, "stages".to_owned(), None),
            Self::Restart { stage: name, mode: Mode::Rolling } => {
                (Method::POST, stage(name, "restart?mode=rolling"), None)
            }
            Self::Restart { stage: name, mode: Mode::All } => (Method::POST, stage(name, "restart?mode=all"), None),
            Self::Scale { stage: name, workers } => {
                (Method::PUT, stage(name, "workers"), Some(json!({"workers": workers})))
            }
            Self::Reload { stage: name, path } => (Method::POST, stage(name, "reload"), Some(json!({"path": path}))),
            Self::Pause { stage: name } => (Method::POST, stage(name, "pause"), None),
            Self::Resume { stage: name } => (Method::POST, stage(name, "resume"), None),
            Self::Drain => (Method::POST, "service/drain".to_owned(), None),
        }
    }
}

/// Does it, and prints the answer as JSON.
///
/// # Errors
/// The control plane cannot be reached, or has refused; with its reason.
pub fn run(args: &CtlArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(ask(args))?;
    println!("{answer:#}");
    Ok(())
}

async fn ask(args: &CtlArgs) -> anyhow::Result<Value> {
    let (method, path, body) = args.command.request();
    let url = format!("{}/api/v1/{path}", args.url.trim_end_matches('/'));
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let mut request: RequestBuilder = client.request(method, &url);
    if let Some(token) = &args.token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = &body {
        request = request.json(body);
    }
    let answer = request.send().await.with_context(|| format!("{} cannot be reached", args.url))?;
    let status = answer.status();
    let said: Value = answer.json().await.with_context(|| format!("{url} gave no JSON; is this the control plane?"))?;
    if !status.is_success() {
        bail!("{}: {}", said["code"].as_str().unwrap_or(status.as_str()), said["message"].as_str().unwrap_or_default());
    }
    Ok(said)
}
