//! What an operator can set about every stream.

use std::time::Duration;

use sts_protocol::Thresholds;

/// Limits and bounds that hold for each stream.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Levels of load.
    pub thresholds: Thresholds,
    /// How long a missing sequence number is waited for once a later result is ready.
    pub gap_timeout: Duration,
    /// How far past the next number to emit a fragment may be.
    pub reorder_window: u64,
    /// How long a stream outlives its connection.
    pub resume_grace: Duration,
    /// How long `stream:end` waits for work in flight.
    pub end_timeout: Duration,
    /// How long the connection stays after `stream:complete`.
    pub close_delay: Duration,
    /// How long a connection may take nothing while something waits for it; then it is cut, and the worker may resume.
    pub stall_timeout: Duration,
    /// Results kept after they were handed to a connection, which may break before they arrive: at most this many. It
    /// should be more than fit into a connection's buffer. Results that wait to be handed over are kept besides; there
    /// are never more of them than the critical threshold.
    pub replay_results: usize,
    /// … and at most this many bytes of audio, but for the newest result.
    pub replay_bytes: usize,
    /// Largest duration variance of a success, as a fraction.
    pub variance_success_max: f64,
    /// Largest duration variance of a partial, as a fraction.
    pub variance_partial_max: f64,
    /// Words that would be spoken faster than this multiple of the voice's own rate are translated again, where the
    /// translator can do it shorter; `None` for never.
    pub retranslate_above: Option<f64>,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            thresholds: Thresholds::default(),
            gap_timeout: Duration::from_millis(2_000),
            reorder_window: 1_000,
            resume_grace: Duration::from_millis(30_000),
            end_timeout: Duration::from_secs(30),
            close_delay: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            replay_results: 128,
            replay_bytes: 16 << 20,
            variance_success_max: 0.10,
            variance_partial_max: 0.20,
            retranslate_above: Some(1.3),
        }
    }
}
