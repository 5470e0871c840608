//! The way to a service through a real Socket.IO connection, for whoever has something dubbed; and `sts dub`, which cuts a
//! recording or a film's sound, and puts the dubs together again.
//!
//! | file | concept |
//! | --- | --- |
//! | `arguments.rs` | what a person can ask for of any dub |
//! | `dub.rs` | what a person can ask for, and the order of things |
//! | `programme.rs` | the film or recording in, and out again with its dubs |
//! | `recording.rs` | WAV files in and out |
//! | `connection.rs` | the Socket.IO client |
//! | `dispatch.rs` | what is sent when, and how often again: state, without a connection |
//! | `back_off.rs` | how long to wait before the next attempt |
//! | `stream.rs` | a stream that is kept open, as whoever has something dubbed sees it |
//! | `opening.rs` | opening a stream |
//! | `courier.rs` | its connection: opened, lost, resumed or opened anew |
//! | `course.rs` | the course of one language's dub |
//! | `own_service.rs` | a service for whoever has none |
//! | `report.rs` | report.json, and the table on the screen |

mod arguments;
mod back_off;
mod connection;
mod courier;
mod course;
mod dispatch;
mod dub;
mod opening;
mod own_service;
mod programme;
mod recording;
mod report;
mod stream;

pub use arguments::{BedArgs, CutArgs, usual_voice};
pub use back_off::back_off;
pub use dispatch::{Decision, DispatchOptions, Fate};
pub use dub::{DubArgs, run};
pub use report::median;
pub use stream::{Answer, CourierOptions, News, Order, Standing, Stream, StreamRequest};
