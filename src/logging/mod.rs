//! The log: JSON lines on standard error, written by a thread of its own so that nothing waits for them.
//!
//! | file | concept |
//! | --- | --- |
//! | `level.rs` | from which severity on records are kept; can be changed while the service runs |
//! | `bounded.rs` | when a record was made, and how much of it is kept |
//! | `queue.rs` | the bounded queue before the writing thread |
//! | `lines.rs` | records as lines, and what becomes of those that cannot be written |
//! | `libraries.rs` | what libraries say by `log` and `tracing` |

mod bounded;
mod level;
mod libraries;
mod lines;
mod queue;

use std::time::Duration;

use prometheus::{IntCounter, IntCounterVec, Opts};
use slog::{Drain, Logger, o};

pub use level::{AUDIT, LogLevel};

use bounded::Bounded;
use lines::Lines;
use queue::Queue;

/// How long the end of the process waits for lines that nobody takes.
const FAREWELL: Duration = Duration::from_secs(2);

/// The log, and what can be seen and moved of it.
#[derive(Clone)]
pub struct Log {
    /// Takes records.
    pub logger: Logger,
    /// Which ones are kept.
    pub level: LogLevel,
    /// Counts those that were to be kept and are not in the log.
    pub dropped: IntCounterVec,
    /// Counts panics, those included that cost no more than a worker.
    pub panics: IntCounter,
}

impl Log {
    /// A log that nobody reads.
    pub fn silent() -> Self {
        Self {
            logger: Logger::root(slog::Discard, o!()),
            level: LogLevel::default(),
            dropped: dropped(),
            panics: panics(),
        }
    }
}

/// Keeps the writing thread alive; dropping it writes what still waits, as far as somebody takes it.
pub struct LogGuard(Option<slog_async::AsyncGuard>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        let guard = self.0.take();
        let (done, written) = std::sync::mpsc::channel();
        // On a thread that can be left behind: a full pipe without a reader would hold the process for ever.
        std::thread::spawn(move || {
            drop(guard);
            let _ = done.send(());
        });
        let _ = written.recv_timeout(FAREWELL);
    }
}

/// Starts the log. `level` is one of slog's names, as `info`.
///
/// # Errors
/// A sentence, when the level is not known.
pub fn start(level: &str) -> Result<(Log, LogGuard), String> {
    let (log, guard) = write_to(std::io::stderr(), level.parse()?);
    libraries::listen(&log);
    Ok((log, guard))
}

fn write_to(output: impl std::io::Write + Send + 'static, level: LogLevel) -> (Log, LogGuard) {
    let dropped = dropped();
    let (queue, guard) = Queue::before(Lines::to(output, &dropped));
    let level_now = level.clone();
    let kept = slog::Filter::new(Bounded(queue), move |record: &slog::Record| level_now.keeps(record));
    let logger = Logger::root(kept.fuse(), o!());
    (Log { logger, level, dropped, panics: panics() }, LogGuard(Some(guard)))
}

fn dropped() -> IntCounterVec {
    let name = "sts_log_records_dropped_total";
    let options = Opts::new(name, "Log records that are not in the log: nobody took them, or they cannot be written.");
    let dropped = IntCounterVec::new(options, &["reason"]).expect("the name is one that Prometheus takes");
    for reason in [queue::REASON, lines::REASON] {
        dropped.with_label_values(&[reason]).reset();
    }
    dropped
}

fn panics() -> IntCounter {
    IntCounter::new("sts_panics_total", "Panics, those included that cost no more than a stage's worker.")
        .expect("the name is one that Prometheus takes")
}

/// Has panics counted and logged, a line each: what, where, on which thread. No backtrace: writing one takes a worker longer than
/// many a fragment, and fragments wait for that.
pub fn log_panics(log: &Log) {
    let Log { logger, panics, .. } = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        panics.inc();
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied());
        let text: String = text.unwrap_or("without a message").chars().take(500).collect();
        let location = panic.location().map(ToString::to_string);
        let thread = std::thread::current().name().map(str::to_owned);
        slog::error!(logger, "panicked: {}", text; "location" => location, "thread" => thread);
    }));
}

#[cfg(test)]
mod tests;
