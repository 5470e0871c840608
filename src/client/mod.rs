//! A streaming worker for files: cuts a recording, sends the fragments through a real Socket.IO connection, and puts
//! the dubs together again.
//!
//! | file | concept |
//! | --- | --- |
//! | `recording.rs` | WAV files in and out |
//! | `cut.rs` | where to cut |
//! | `connection.rs` | the Socket.IO client |
//! | `dub.rs` | the course of a dub |
//! | `report.rs` | report.json, and the table on the screen |

mod connection;
mod cut;
mod dub;
mod recording;
mod report;

pub use dub::{DubArgs, run};
