//! `sts ctl`: the control plane from a shell.
//!
//! | file | concept |
//! | --- | --- |
//! | `mod.rs` | what can be typed |
//! | `api.rs` | asking the control plane |
//! | `follow.rs` | events as they happen |
//! | `table.rs` | answers for people |

mod api;
mod follow;
mod table;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use api::{Api, Ask};

/// `sts ctl`.
#[derive(Args, Debug)]
pub struct CtlArgs {
    /// The control plane, as http://HOST:PORT
    #[arg(long, env = "STS_OPS_URL", default_value = "http://127.0.0.1:8001")]
    url: String,
    /// One of the service's OPS_TOKENS
    #[arg(long, env = "STS_OPS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print JSON, as into a pipe, even on a terminal
    #[arg(long, global = true, conflicts_with = "table")]
    json: bool,
    /// Print a table, as on a terminal, even into a pipe
    #[arg(long, global = true)]
    table: bool,
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
    /// Show every stream: state, load, fragments, times, last error
    Streams,
    /// Look at one stream, or end it
    Stream {
        /// What to do
        #[command(subcommand)]
        command: StreamCommand,
    },
    /// Show every actor: mailbox, messages handled, restarts, last error
    Actors,
    /// Show what each GPU does
    Gpus,
    /// Show the translators, and whether they are left alone
    Translators,
    /// Show what happened last
    Events {
        /// Go on showing what happens
        #[arg(long, short)]
        follow: bool,
        /// Only these kinds: fragment, error, stream, stage, gpu, actor
        #[arg(long, value_delimiter = ',')]
        kind: Vec<String>,
        /// At most this many of the last ones
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show the log's level, or change it
    LogLevel {
        /// critical, error, warning, info, debug or trace
        level: Option<String>,
    },
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

/// What can be done with one stream.
#[derive(Subcommand, Debug)]
enum StreamCommand {
    /// Show it
    Show {
        /// Its id
        stream_id: String,
    },
    /// Finish and deliver what was accepted of it, and end it
    Drain {
        /// Its id
        stream_id: String,
    },
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

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::All => "all",
        }
    }
}

impl CtlCommand {
    /// What it asks the control plane.
    fn ask(&self) -> Ask {
        let stage = |stage: &StageName, action: &str| Ask::new(Method::POST, &["stages", stage.as_str(), action]);
        match self {
            Self::Service => Ask::new(Method::GET, &["service"]),
            Self::Stages => Ask::new(Method::GET, &["stages"]),
            Self::Streams => Ask::new(Method::GET, &["streams"]),
            Self::Stream { command: StreamCommand::Show { stream_id } } => {
                Ask::new(Method::GET, &["streams", stream_id])
            }
            Self::Stream { command: StreamCommand::Drain { stream_id } } => {
                Ask::new(Method::POST, &["streams", stream_id, "drain"])
            }
            Self::Actors => Ask::new(Method::GET, &["actors"]),
            Self::Gpus => Ask::new(Method::GET, &["gpus"]),
            Self::Translators => Ask::new(Method::GET, &["translators"]),
            Self::Events { kind, limit, .. } => {
                let ask = Ask::new(Method::GET, &["events"]).with("limit", limit);
                if kind.is_empty() { ask } else { ask.with("kind", kind.join(",")) }
            }
            Self::LogLevel { level: None } => Ask::new(Method::GET, &["log"]),
            Self::LogLevel { level: Some(level) } => Ask::new(Method::PUT, &["log"]).saying(json!({"level": level})),
            Self::Restart { stage: name, mode } => stage(name, "restart").with("mode", mode.as_str()),
            Self::Scale { stage: name, workers } => {
                Ask::new(Method::PUT, &["stages", name.as_str(), "workers"]).saying(json!({"workers": workers}))
            }
            Self::Reload { stage: name, path } => stage(name, "reload").saying(json!({"path": path})),
            Self::Pause { stage: name } => stage(name, "pause"),
            Self::Resume { stage: name } => stage(name, "resume"),
            Self::Drain => Ask::new(Method::POST, &["service", "drain"]),
        }
    }
}

/// Does it, and prints the answer: a table for a person at a terminal, JSON for everybody else.
///
/// # Errors
/// The control plane cannot be reached, or has refused; with its reason.
pub fn run(args: &CtlArgs) -> anyhow::Result<()> {
    let for_people = args.table || !args.json && std::io::stdout().is_terminal();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let api = Api::new(&args.url, args.token.as_deref())?;
        match &args.command {
            CtlCommand::Events { follow: true, .. } => follow::follow(&api, &args.command.ask(), for_people).await,
            CtlCommand::Streams => print(&args.command, &api.every_stream().await?, for_people),
            command => print(command, &api.ask(&command.ask()).await?, for_people),
        }
    })
}

fn print(command: &CtlCommand, answer: &Value, for_people: bool) -> anyhow::Result<()> {
    let text = if for_people { table::render(command, answer) } else { format!("{answer:#}") };
    // Whoever reads may have enough before the end.
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
