//! FFmpeg's programs as processes of their own.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// Lines of what a program complains of that are passed on.
const COMPLAINTS: usize = 5;

/// A file's path as FFmpeg is to take it: never an option, and never a protocol of its own choosing.
pub(crate) fn local(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// A file as an input. What it may name in turn (a playlist's entries, a reference's target) is on no network.
pub(super) fn input(path: &Path) -> [OsString; 4] {
    ["-protocol_whitelist".into(), "file".into(), "-i".into(), local(path)]
}

/// Runs one of FFmpeg's programs to its end, and gives what it wrote to its standard output.
///
/// It is killed when the future is dropped, and a Ctrl-C meant for this process does not reach it.
///
/// # Errors
/// It is not there, or it failed; then with the last that it complained of.
pub(super) async fn run<I: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = I>,
) -> anyhow::Result<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let Output { status, stdout, stderr } = command
        .output()
        .await
        .with_context(|| format!("{program} cannot be run; on Debian and Ubuntu the package ffmpeg has it"))?;
    if !status.success() {
        let complaints = String::from_utf8_lossy(&stderr);
        let mut last: Vec<&str> = complaints.lines().rev().take(COMPLAINTS).collect();
        last.reverse();
        bail!("{program} failed ({status}): {}", last.join("; "));
    }
    Ok(stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_says_what_the_program_complained_of() {
        let error = run("sh", ["-c", "echo first >&2; echo no such thing >&2; exit 3"]).await.expect_err("it fails");
        let text = format!("{error:#}");
        assert!(text.contains("exit status: 3") && text.ends_with("first; no such thing"), "{text}");
    }

    #[tokio::test]
    async fn a_missing_program_is_named_with_its_package() {
        let error = run("no-such-program", ["-version"]).await.expect_err("it is not there");
        assert!(format!("{error:#}").contains("the package ffmpeg"), "{error:#}");
    }

    #[test]
    fn a_path_is_neither_an_option_nor_a_protocol() {
        assert_eq!(local(Path::new("-i")), "file:-i");
        assert_eq!(local(Path::new("concat:a|b")), "file:concat:a|b");
    }
}
