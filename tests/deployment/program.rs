//! What the program itself says: its settings, its flags, its ports, what it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use regex::Regex;
use sts::config::{Config, Problems, SettingFlags};
use sts_models::store::HUB_VARIABLE;

/// What a command's `--help` says.
fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sts")).args([command, "--help"]).output().expect("sts starts");
    assert!(output.status.success(), "there is no sts {command}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Environment variables that a command's help names.
pub fn variables_of(command: &str) -> BTreeSet<String> {
    let help = help(command);
    let variable = Regex::new(r"\[env:\s+([A-Z0-9_]+)").expect("a pattern");
    variable.captures_iter(&help).map(|found| found[1].to_owned()).collect()
}

/// Every variable that `sts serve` and `sts models` look at.
pub fn settings() -> BTreeSet<String> {
    let mut names = variables_of("serve");
    assert!(names.len() > 50 && names.contains("WORKER_TOKENS_FILE"), "{names:?}");
    names.insert(HUB_VARIABLE.to_owned());
    names
}

/// Names that no part of the program looks at.
pub fn unknown<'a>(names: impl IntoIterator<Item = &'a str>, known: &BTreeSet<String>) -> Vec<&'a str> {
    names.into_iter().filter(|name| !known.contains(*name)).collect()
}

/// What the program makes of an environment. Token files are where they are only once deployed, so that one is put in
/// the place of each, with `token` in it.
///
/// # Errors
/// Everything that it finds wrong.
pub fn load(environment: &BTreeMap<String, String>, token: &str) -> Result<Config, Problems> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), token).expect("written");
    let here = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let find = |name: &str| {
        let value = environment.get(name)?;
        Some(if name.ends_with("_TOKENS_FILE") { here(file.path()) } else { value.clone() })
    };
    Config::load(&SettingFlags::default(), find, None)
}

/// The settings as they are when nothing is set.
pub fn defaults() -> Config {
    load(&BTreeMap::new(), "").expect("nothing is wrong with nothing")
}

/// How long a process may take from SIGTERM to its end: its drain, and the time that a connection outlives its
/// `stream:complete`.
pub fn time_to_drain(config: &Config) -> Duration {
    config.drain_timeout + Duration::from_secs(5)
}

/// Flags of `sts worker` that are not known to it.
pub fn unknown_worker_flags<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let help = help("worker");
    let known: BTreeSet<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    let flags = arguments.into_iter().filter(|argument| argument.starts_with("--"));
    flags.filter(|flag| !known.contains(flag.split('=').next().unwrap_or_default())).collect()
}
