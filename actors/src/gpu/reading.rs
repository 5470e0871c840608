//! What is read of a GPU, and who can read it.

use std::sync::Arc;

use serde::Serialize;

/// Which GPU it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GpuIdentity {
    /// Its model, as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// The same over restarts and changes of the order.
    pub uuid: String,
}

/// What one GPU was doing at one moment. What a card does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct GpuReading {
    /// Share of the time in which something ran on it, 0 to 100.
    pub utilization_percent: Option<f64>,
    /// Memory in use by all processes.
    pub memory_used_bytes: Option<u64>,
    /// Memory that there is.
    pub memory_total_bytes: Option<u64>,
    /// Temperature of the chip, °C.
    pub temperature_celsius: Option<f64>,
    /// What it draws, W.
    pub power_watts: Option<f64>,
}

/// One GPU of a sweep over all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptGpu {
    /// Its number on this machine; the `gpu` label of its series.
    pub gpu: u32,
    /// What was read; the error is a sentence.
    pub outcome: Result<(GpuIdentity, GpuReading), String>,
}

/// Why no GPU could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpusUnread {
    /// There is no driver here, and so nothing to read, now or later.
    #[error("no GPU is watched: {0}")]
    Absent(String),
    /// There is one, and it does not do its work; it may again.
    #[error("{0}")]
    Failed(String),
}

/// Reads every GPU of the machine. A call may take long or never return: it has a thread of its own.
pub trait GpuReader {
    /// All GPUs, one after the other.
    ///
    /// # Errors
    /// When not even their number can be had. The reader is then opened anew.
    fn sweep(&mut self) -> Result<Vec<SweptGpu>, GpusUnread>;
}

/// Gives a reader; called on the thread that will use it, and again after a sweep that failed.
pub type GpuOpener = Arc<dyn Fn() -> Result<Box<dyn GpuReader>, GpusUnread> + Send + Sync>;
