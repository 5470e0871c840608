//! `sts doctor`: what is missing or wrong on this machine, one line each, and how to mend it.
//!
//! The checks are pure functions over [`Machine`], the view of the computer that they are given; [`ThisMachine`] is
//! the real one. Where libtorch itself is missing, the program does not start, and the loader's message says so.

mod hardware;
mod machine;
mod service;
mod software;
mod translators;

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use sts_models::{DeviceChoice, EngineError};

pub use machine::{Machine, ThisMachine};

/// Arguments of `sts doctor`.
#[derive(Clone, Debug, clap::Args)]
pub struct DoctorArgs {
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// Not there or not as good as it could be, and the service can start all the same.
    Optional,
    /// The service cannot start, or not work, until this is mended.
    Bad,
}

impl State {
    /// What an absence means: it stops the service when the thing is needed.
    fn absent(needed: bool) -> Self {
        if needed { Self::Bad } else { Self::Optional }
    }

    fn sign(self) -> char {
        match self {
            Self::Good => '✓',
            Self::Optional => '–',
            Self::Bad => '✗',
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it is as it should be.
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// How to mend it; none when there is nothing to mend.
    pub remedy: Option<String>,
}

impl Finding {
    fn good(what: &str, detail: impl Into<String>) -> Self {
        Self { what: what.to_owned(), state: State::Good, detail: detail.into(), remedy: None }
    }

    fn not_good(what: &str, state: State, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.to_owned(), state, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    /// Something that is not there and that nobody has to mend.
    fn not_there(what: &str, detail: impl Into<String>) -> Self {
        Self { what: what.to_owned(), state: State::Optional, detail: detail.into(), remedy: None }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}: {}", self.state.sign(), self.what, self.detail)?;
        match &self.remedy {
            Some(remedy) => write!(formatter, " → {remedy}"),
            None => Ok(()),
        }
    }
}

/// How an artifact of the model store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactState {
    /// There and complete.
    Complete,
    /// Not there.
    Missing,
    /// There and not what it should be, with what is wrong.
    Damaged(String),
}

/// An artifact of the model store, as whoever keeps the store sees it.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Name, as `whisper-base`.
    pub name: String,
    /// Whether the service needs it with its present settings.
    pub needed: bool,
    /// How it is.
    pub state: ArtifactState,
}

/// A translator on the network, as it answered.
#[derive(Clone, Debug)]
pub struct AskedTranslator {
    /// Its name in the settings, as `deepl`.
    pub name: &'static str,
    /// What it says of itself, or why it does not serve.
    pub answer: Result<String, EngineError>,
}

/// What the service needs with its present settings.
#[derive(Clone, Debug)]
pub struct Needs {
    /// Where the engines are to run; a GPU that was asked for by name is needed.
    pub device: DeviceChoice,
    /// The model store's contents.
    pub artifacts: Vec<Artifact>,
    /// Command that fetches what the store lacks, for the remedy.
    pub fetch_command: String,
    /// Whether speech is made by an engine that needs espeak-ng for its phonemes.
    pub espeak: bool,
    /// Apertium pairs that translation goes through; each is a list of names for the same pair, as
    /// `["pt-es", "por-spa"]`, of which one has to be installed.
    pub apertium_pairs: Vec<Vec<String>>,
    /// Translators on the network that the settings name.
    pub translators: Vec<AskedTranslator>,
    /// Addresses that the service will listen on, as `127.0.0.1:8000`.
    pub addresses: Vec<String>,
    /// The file of voice profiles; none when the built-in one is used.
    pub voices: Option<PathBuf>,
}

/// Looks at everything, in the order in which it is worth mending.
pub fn examine(machine: &dyn Machine, needs: &Needs) -> Vec<Finding> {
    let mut findings = hardware::check(machine, needs.device);
    findings.extend(software::check(machine, needs));
    findings.extend(needs.translators.iter().map(translators::finding));
    findings.extend(service::check(machine, needs));
    findings
}

/// Whether `sts serve` can start.
pub fn can_serve(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.state != State::Bad)
}

/// Looks at this machine and prints what was found; success when `sts serve` can start.
pub fn run(args: &DoctorArgs, needs: &Needs) -> ExitCode {
    let findings = examine(&ThisMachine, needs);
    let able = can_serve(&findings);
    if args.json {
        println!("{}", serde_json::json!({ "can_serve": able, "findings": findings }));
    } else {
        print!("{}", page(&findings));
    }
    if able { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The findings for a person, one a line, and the verdict.
fn page(findings: &[Finding]) -> String {
    let mut page: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    page += &match bad {
        0 => "sts serve can start\n".to_owned(),
        1 => "sts serve cannot start before the line marked ✗ is mended\n".to_owned(),
        _ => format!("sts serve cannot start before the {bad} lines marked ✗ are mended\n"),
    };
    page
}

#[cfg(test)]
#[path = "doctor/doctor_tests.rs"]
mod tests;
