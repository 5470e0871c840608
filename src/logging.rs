//! The log: JSON lines on standard error, written by a thread of its own so that nothing waits for them.

use std::str::FromStr;

use slog::{Drain, FnValue, Level, LevelFilter, Logger, PushFnValue, Record, o};
use slog_async::OverflowStrategy;

/// Records that may wait to be written; past this they are dropped and their number is logged.
const CAPACITY: usize = 4_096;

/// Keeps the writing thread alive; dropping it writes what still waits.
pub struct LogGuard(#[allow(dead_code, reason = "held for its Drop")] slog_async::AsyncGuard);

/// Starts the log. `level` is one of slog's names, as `info`.
///
/// # Errors
/// A sentence, when the level is not known.
pub fn start(level: &str) -> Result<(Logger, LogGuard), String> {
    let level = Level::from_str(level).map_err(|()| format!("'{level}' is no log level"))?;
    let json = slog_json::Json::new(std::io::stderr())
        .add_key_value(o!(
            "timestamp" => FnValue(|_: &Record| humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string()),
            "level" => FnValue(|record: &Record| record.level().as_str().to_lowercase()),
            "message" => PushFnValue(|record: &Record, serializer| serializer.emit(record.msg())),
        ))
        .build();
    let (asynchronous, guard) = slog_async::Async::new(LevelFilter::new(json, level).fuse())
        .chan_size(CAPACITY)
        .overflow_strategy(OverflowStrategy::DropAndReport)
        .build_with_guard();
    Ok((Logger::root(asynchronous.fuse(), o!()), LogGuard(guard)))
}

/// Has panics logged, a line each: what, where, on which thread. No backtrace: writing one takes a worker longer than
/// many a fragment, and fragments wait for that.
pub fn log_panics(log: &Logger) {
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied());
        let text: String = text.unwrap_or("without a message").chars().take(500).collect();
        let location = panic.location().map(ToString::to_string);
        let thread = std::thread::current().name().map(str::to_owned);
        slog::error!(log, "panicked: {}", text; "location" => location, "thread" => thread);
    }));
}
