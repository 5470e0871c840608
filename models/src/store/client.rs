//! Runs a registry's own client, and watches the bytes arrive.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::StoreError;
use super::progress::Task;

/// How often the growing files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A client program, and Debian's package that has it.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The program.
    pub program: &'static str,
    /// Where Debian has it.
    pub debian_package: &'static str,
}

impl Client {
    /// Runs the client to its end. Whatever it writes below `folder` counts as progress.
    ///
    /// # Errors
    /// [`StoreError::ClientMissing`] when there is no such program; [`StoreError::Source`] with its last words
    /// when it fails.
    pub fn run(self, command: &mut Command, folder: &Path, what: &str, task: &Task) -> Result<(), StoreError> {
        let failed = |why: String| StoreError::Source { source_name: what.to_owned(), why };
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| match error.kind() {
            ErrorKind::NotFound => self.missing(),
            _ => failed(format!("{} cannot be started: {error}", self.program)),
        })?;
        let mut errors = child.stderr.take();
        let words = std::thread::spawn(move || {
            let mut words = Vec::new();
            // What was read before an error is still worth showing.
            let _ = errors.as_mut().map(|errors| errors.read_to_end(&mut words));
            String::from_utf8_lossy(&words).into_owned()
        });
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => task.reach(bytes_below(folder)),
                Err(error) => return Err(failed(error.to_string())),
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let words = words.join().unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        if words.contains("No module named pip") {
            return Err(self.missing());
        }
        let last: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = last[last.len().saturating_sub(3)..].join(" / ");
        Err(failed(format!("{} ended with {status}: {last}", self.program)))
    }

    fn missing(self) -> StoreError {
        StoreError::ClientMissing { program: self.program, debian_package: self.debian_package }
    }
}

/// Size of all files below a folder. Files that vanish meanwhile count as nothing.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::super::progress::Progress;
    use super::*;

    fn run(program: &'static str, arguments: &[&str]) -> Result<(), StoreError> {
        let client = Client { program, debian_package: "some-package" };
        let task = Progress::Silent.begin("x", 1);
        client.run(Command::new(program).args(arguments), &std::env::temp_dir(), "x", &task)
    }

    #[test]
    fn a_missing_client_is_named_with_its_package() {
        let error = run("no-such-client", &[]).expect_err("there is no such program").to_string();
        assert_eq!(error, "no-such-client is not installed; it is in Debian's package some-package");
    }

    #[test]
    fn a_failing_client_is_quoted() {
        let error = run("sh", &["-c", "echo no such version >&2; exit 3"]).expect_err("it fails").to_string();
        assert!(error.contains("no such version") && error.contains("exit status: 3"), "{error}");
    }
}
