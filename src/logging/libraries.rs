//! What libraries say by `log`, and by `tracing`: without a subscriber of its own, that hands its events to `log` (its
//! feature of that name). Their records carry the `target` that they came with.

use super::{Log, level};

/// Has libraries heard by this log, from its level on.
pub(super) fn listen(log: &Log) {
    slog_scope::set_global_logger(log.logger.clone()).cancel_reset();
    // A second log in one process takes the place of the first, and the way to it is there already.
    let _ = slog_stdlog::init();
    log::set_max_level(level::for_libraries(log.level.get()));
}
