//! What a person can type.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::sync::oneshot;

use crate::client::{self, DubArgs};
use crate::config::{Config, Problems, SettingFlags, environment_without_listening};
use crate::ctl::{self, CtlArgs};
use crate::doctor::DoctorArgs;
use crate::eval::command::EvalCommand;
use crate::weights::ModelsCommand;
use crate::worker::{self, WorkerArgs};
use crate::{doctor, eval, logging, service, weights};

/// Exit status for wrong settings.
const WRONG_SETTINGS: u8 = 2;

/// Dubs live speech: fragments in over Socket.IO, the same spoken in another language out, exactly as long.
#[derive(Parser, Debug)]
#[command(name = "sts", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the service
    ///
    /// Every setting can be given as a flag, as an environment variable, or as a key of a TOML file; a flag wins over
    /// the environment, and that over the file.
    #[command(
        after_help = "Example:\n  sts serve --port 8000 --device auto\n  WORKER_TOKENS=$(openssl rand -hex 16) sts serve --host 0.0.0.0"
    )]
    Serve(ServeArgs),
    /// Dub a recording through the service
    #[command(
        after_help = "Example:\n  sts dub talk.wav --to es --voice spanish_male_1 --out talk.es.wav --report talk.json"
    )]
    Dub(Box<DubArgs>),
    /// Dub a live programme while it comes: from a file or URL to another, steadily later
    #[command(
        after_help = "Example:\n  sts worker --input rtmp://localhost/live/talk --output rtmp://localhost/es/talk --to es --metrics-addr 127.0.0.1:8002"
    )]
    Worker(Box<WorkerArgs>),
    /// Fetch, list and verify the weights
    #[command(after_help = "Example:\n  sts models fetch\n  sts models list")]
    Models {
        /// What to do
        #[command(subcommand)]
        command: ModelsCommand,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Say what is missing or wrong on this machine, and how to mend it
    #[command(after_help = "Exit status 0 when `sts serve` can start with these settings, else 1.")]
    Doctor {
        #[command(flatten)]
        args: DoctorArgs,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Measure the engines on recordings and texts with known answers
    #[command(after_help = "Example:\n  sts eval asr --manifest tests/audio/english/manifest.jsonl --cut-ms 6000")]
    Eval {
        /// What to measure
        #[command(subcommand)]
        command: EvalCommand,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Look at a running service and command it: stages, streams, actors, events, the log's level, drain
    #[command(
        after_help = "Example:\n  sts ctl stages\n  sts ctl restart tts --mode rolling\n  sts ctl events --follow"
    )]
    Ctl(CtlArgs),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  sts completions bash > ~/.local/share/bash-completion/completions/sts")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `sts serve`.
#[derive(clap::Args, Debug)]
struct ServeArgs {
    /// TOML file with settings
    #[arg(long, env = "STS_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingFlags,
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(args) => return serve(&args),
        Command::Dub(args) => {
            service::prepare_process();
            client::run(*args)
        }
        Command::Worker(args) => {
            service::prepare_process();
            worker::run(&args)
        }
        Command::Models { command, settings: flags } => match settings(&flags, environment_without_listening, None) {
            Ok(config) => weights::run(command, &config),
            Err(code) => return code,
        },
        Command::Doctor { args, settings: flags } => match settings(&flags, environment, None) {
            Ok(config) => match needs(&config) {
                Ok(needs) => return doctor::run(&args, &needs),
                Err(error) => Err(error),
            },
            Err(code) => return code,
        },
        Command::Eval { command, settings: flags } => {
            service::prepare_process();
            match settings(&flags, environment_without_listening, None) {
                Ok(config) => eval::command::run(command, &config),
                Err(code) => return code,
            }
        }
        Command::Ctl(args) => ctl::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "sts", &mut std::io::stdout());
            Ok(())
        }
    };
    report(outcome)
}

fn report(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Unlike eprintln, which panics when nobody can be told.
            let _ = writeln!(std::io::stderr(), "sts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads the settings from flags, environment and file; says everything that is wrong with them.
fn settings(
    flags: &SettingFlags,
    environment: fn(&str) -> Option<String>,
    file: Option<&std::path::Path>,
) -> Result<Config, ExitCode> {
    Config::load(flags, environment, file).map_err(|Problems(problems)| {
        for problem in problems {
            eprintln!("sts: {problem}");
        }
        ExitCode::from(WRONG_SETTINGS)
    })
}

/// What the service needs with these settings, for `sts doctor`.
fn needs(config: &Config) -> anyhow::Result<doctor::Needs> {
    let translators = service::Translators::ask_each(config).map_err(anyhow::Error::msg)?;
    Ok(doctor::Needs {
        device: config.device,
        artifacts: weights::artifacts(config)?,
        fetch_command: "sts models fetch".to_owned(),
        espeak: true,
        // English to Spanish goes over Portuguese; Debian's package has had both names for the pair.
        apertium_pairs: vec![vec!["pt-es".to_owned(), "por-spa".to_owned()]],
        addresses: vec![format!("{}:{}", config.host, config.port), format!("{}:{}", config.ops_host, config.ops_port)],
        voices: None,
        translators: translators.into_iter().map(|(name, answer)| doctor::AskedTranslator { name, answer }).collect(),
    })
}

fn serve(args: &ServeArgs) -> ExitCode {
    service::prepare_process();
    let config = match settings(&args.settings, environment, args.config.as_deref()) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let (log, _guard) = match logging::start(&config.log_level) {
        Ok(log) => log,
        Err(error) => return report(Err(anyhow::anyhow!(error))),
    };
    let engines = match service::Engines::real(&config) {
        Ok(engines) => engines,
        Err(error) => {
            eprintln!("sts: {error}");
            return ExitCode::from(WRONG_SETTINGS);
        }
    };
    let (listening, _) = oneshot::channel();
    report(service::serve(config, engines, log, listening, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
