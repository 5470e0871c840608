//! The bounded queue before the writing thread. Nobody waits for room in it.

use slog::{Drain, Never, OwnedKVList, Record};
use slog_async::{AsyncCore, AsyncGuard};

use super::lines::{Lines, Lost};

/// Records that may wait to be written.
const CAPACITY: usize = 4_096;
/// Why a record is not in the log: so many waited already.
pub(super) const REASON: &str = "queue_full";

pub(super) struct Queue {
    core: AsyncCore,
    lost: Lost,
}

impl Queue {
    /// Starts the thread that writes these lines.
    pub(super) fn before(lines: Lines) -> (Self, AsyncGuard) {
        let lost = lines.lost();
        let core = AsyncCore::custom(lines).thread_name("log".to_owned()).chan_size(CAPACITY).blocking(false);
        let (core, guard) = core.build_with_guard();
        (Self { core, lost }, guard)
    }
}

impl Drain for Queue {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), Never> {
        if self.core.log(record, values).is_err() {
            self.lost.count(REASON);
        }
        Ok(())
    }
}
