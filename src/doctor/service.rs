//! What `sts serve` itself needs: models, voices, addresses, open files.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::{Artifact, ArtifactState, Finding, Machine, Needs, State};

/// A stream takes a socket; engines and logs take a few dozen files.
const ENOUGH_OPEN_FILES: u64 = 4_096;
const LEAST_OPEN_FILES: u64 = 256;

/// Everything about the service.
pub(super) fn check(machine: &dyn Machine, needs: &Needs) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        needs.artifacts.iter().map(|artifact| model(artifact, &needs.fetch_command)).collect();
    findings.push(voices(machine, needs.voices.as_deref()));
    findings.extend(needs.addresses.iter().map(|address| listening(machine, address)));
    findings.push(open_files(machine));
    findings
}

fn model(artifact: &Artifact, fetch_command: &str) -> Finding {
    let what = format!("model {}", artifact.name);
    let (detail, state) = match &artifact.state {
        ArtifactState::Complete => return Finding::good(&what, "complete"),
        ArtifactState::Missing => ("missing".to_owned(), State::absent(artifact.needed)),
        ArtifactState::Damaged(reason) => (format!("damaged: {reason}"), State::absent(artifact.needed)),
    };
    Finding::not_good(&what, state, detail, fetch_command)
}

/// The file of profiles has to be an object of objects that each name a language and a voice; whether the engine has
/// the voice is for the engine to say.
fn voices(machine: &dyn Machine, path: Option<&Path>) -> Finding {
    const WHAT: &str = "voice profiles";
    let Some(path) = path else {
        return Finding::good(WHAT, "built in");
    };
    let bad = |detail: String| {
        let remedy = "correct the file, or unset VOICE_PROFILES_PATH to use the built-in profiles";
        Finding::not_good(WHAT, State::Bad, format!("{}: {detail}", path.display()), remedy)
    };
    let text = match machine.read(path) {
        Ok(text) => text,
        Err(error) => return bad(format!("cannot be read: {error}")),
    };
    let profiles = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(profiles)) if !profiles.is_empty() => profiles,
        Ok(_) => return bad("is not an object of profiles by name".to_owned()),
        Err(error) => return bad(format!("is not JSON: {error}")),
    };
    for (name, profile) in &profiles {
        for field in ["language", "engine", "voice"] {
            if !profile[field].is_string() {
                return bad(format!("profile '{name}' has no text '{field}'"));
            }
        }
    }
    Finding::good(WHAT, format!("{} in {}", profiles.len(), path.display()))
}

fn listening(machine: &dyn Machine, address: &str) -> Finding {
    let what = format!("address {address}");
    match machine.listen(address) {
        Ok(()) => Finding::good(&what, "free"),
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => "stop what listens there (ss -ltnp shows it), or choose another port",
                ErrorKind::PermissionDenied => "choose a port from 1024 on",
                ErrorKind::AddrNotAvailable => "choose an address of this machine",
                _ => "choose another address",
            };
            Finding::not_good(&what, State::Bad, error.to_string(), remedy)
        }
    }
}

fn open_files(machine: &dyn Machine) -> Finding {
    const WHAT: &str = "open files";
    let limit = match machine.open_file_limit() {
        Ok(limit) => limit,
        Err(error) => return Finding::not_there(WHAT, format!("the limit is unknown: {error}")),
    };
    let number = |value: u64| if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() };
    let detail = format!("{}, can be raised to {}", number(limit.soft), number(limit.hard));
    let remedy = || format!("ulimit -n {}", limit.hard.min(65_536));
    match limit.soft {
        0..LEAST_OPEN_FILES => Finding::not_good(WHAT, State::Bad, detail, remedy()),
        LEAST_OPEN_FILES..ENOUGH_OPEN_FILES => Finding::not_good(WHAT, State::Optional, detail, remedy()),
        _ => Finding::good(WHAT, detail),
    }
}
