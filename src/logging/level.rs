//! From which severity on records are kept.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slog::{Level, Record};

/// The tag of records that are kept at every level.
pub const AUDIT: &str = "audit";

/// The least severe level that is kept; shared by all clones, and read for each record.
#[derive(Clone, Debug)]
pub struct LogLevel(Arc<AtomicUsize>);

impl LogLevel {
    /// Keeps records of this level and more severe ones.
    pub fn new(level: Level) -> Self {
        Self(Arc::new(AtomicUsize::new(level.as_usize())))
    }

    /// The level as it is now.
    pub fn get(&self) -> Level {
        Level::from_usize(self.0.load(Ordering::Relaxed)).unwrap_or(Level::Info)
    }

    /// Changes it for all who log, libraries included, from the next record on.
    pub fn set(&self, level: Level) {
        self.0.store(level.as_usize(), Ordering::Relaxed);
        log::set_max_level(for_libraries(level));
    }

    /// Its name, as settings and the control plane have it.
    pub fn name(&self) -> String {
        self.get().as_str().to_lowercase()
    }

    pub(super) fn keeps(&self, record: &Record) -> bool {
        record.level().as_usize() <= self.0.load(Ordering::Relaxed) || record.tag() == AUDIT
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self::new(Level::Info)
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        parse(name).map(Self::new)
    }
}

/// Reads a level's name: `critical`, `error`, `warning`, `info`, `debug` or `trace`.
///
/// # Errors
/// A sentence, when it is none of them.
pub fn parse(name: &str) -> Result<Level, String> {
    Level::from_str(name).map_err(|()| format!("'{name}' is no log level"))
}

/// What libraries are asked for at a level: their critical records are called errors.
pub(super) fn for_libraries(level: Level) -> log::LevelFilter {
    match level {
        Level::Critical | Level::Error => log::LevelFilter::Error,
        Level::Warning => log::LevelFilter::Warn,
        Level::Info => log::LevelFilter::Info,
        Level::Debug => log::LevelFilter::Debug,
        Level::Trace => log::LevelFilter::Trace,
    }
}
