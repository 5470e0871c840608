//! What the machine's GPUs are doing: read every few seconds, told as events, and kept for whoever asks.
//!
//! | file | concept |
//! | --- | --- |
//! | `reading.rs` | what is read of a GPU, and the trait of whoever can read it |
//! | `board.rs` | the last readings, for any thread |
//! | `series.rs` | the readings as Prometheus series |
//! | `monitor.rs` | the actor that has them read, and outlives a driver that fails or hangs |

mod board;
mod monitor;
mod reading;
mod series;

pub use board::{GpuBoard, GpuObservation};
pub use monitor::{GpuMonitorActor, GpuMonitorSettings};
pub use reading::{GpuIdentity, GpuOpener, GpuReader, GpuReading, GpusUnread, SweptGpu};
pub(crate) use series::GpuSeries;
