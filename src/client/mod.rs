//! A streaming worker for files: cuts a recording or a film's sound, sends the fragments through a real Socket.IO
//! connection, and puts the dubs together again.
//!
//! | file | concept |
//! | --- | --- |
//! | `dub.rs` | what a person can ask for, and the order of things |
//! | `programme.rs` | the film or recording in, and out again with its dubs |
//! | `recording.rs` | WAV files in and out |
//! | `cut.rs` | where to cut |
//! | `connection.rs` | the Socket.IO client |
//! | `course.rs` | the course of one language's dub |
//! | `own_service.rs` | a service for whoever has none |
//! | `report.rs` | report.json, and the table on the screen |

mod connection;
mod course;
mod cut;
mod dub;
mod own_service;
mod programme;
mod recording;
mod report;

pub use cut::cut;
pub use dub::{DubArgs, run};
