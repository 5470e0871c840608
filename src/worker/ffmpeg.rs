//! FFmpeg as a process that runs for as long as a programme does.
//!
//! It needs no watching over its parent's death: it hears of it by its pipes, which end then, and ends by that.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::location::Location;

/// Lines of what it complains of that are passed on.
const COMPLAINTS: usize = 5;
/// The longest of them, in characters.
const LONGEST: usize = 300;
/// How long it may take to end once its input has.
const ENDING: Duration = Duration::from_secs(20);

/// The command, with these arguments. It is killed when its child is dropped, and no Ctrl-C reaches it.
pub(super) fn command(arguments: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"]).args(arguments);
    command.stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
    command
}

/// Starts it.
///
/// # Errors
/// It is not there.
pub(super) fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command.spawn().context("ffmpeg cannot be run; on Debian and Ubuntu the package ffmpeg has it")
}

/// The last that a process complained of.
pub(super) struct Complaints {
    last: Arc<Mutex<VecDeque<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Complaints {
    /// Listens to it, for as long as it lives. What it says of the place it works on is redacted.
    pub(super) fn of(child: &mut Child, location: Location) -> Self {
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let heard = Arc::clone(&last);
        let stderr = child.stderr.take();
        let task = tokio::spawn(async move {
            let Some(stderr) = stderr else { return };
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let line: String = location.redacted(&line).chars().take(LONGEST).collect();
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                if heard.len() == COMPLAINTS {
                    heard.pop_front();
                }
                heard.push_back(line);
            }
        });
        Self { last, task }
    }

    /// How the process ended; waits for that, and kills it when it takes too long.
    ///
    /// # Errors
    /// It failed; with what it complained of last.
    pub(super) async fn outcome(self, child: &mut Child) -> anyhow::Result<()> {
        let status = match tokio::time::timeout(ENDING, child.wait()).await {
            Ok(status) => status?,
            Err(_) => {
                child.kill().await?;
                return Err(anyhow!("ffmpeg did not end within {} s", ENDING.as_secs()));
            }
        };
        // Its last words may still be on their way.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.task).await;
        let last: Vec<String> = self.last.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        if status.success() { Ok(()) } else { Err(anyhow!("ffmpeg failed ({status}): {}", last.join("; "))) }
    }
}
