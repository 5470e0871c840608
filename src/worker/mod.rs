//! `sts worker`: a live programme in, the same in another language out, steadily later.
//!
//! ```text
//!            sound                       pieces                     dubs
//!  input ───────────────▶ programme ───────────────▶ courier ◀────────────▶ service
//!    │                        │ ▲                        │
//!    │ pictures               │ └────────────────────────┘
//!    └───────▶ wait ──────────┴──▶ output, when each is due
//! ```
//!
//! | file | concept |
//! | --- | --- |
//! | `command.rs` | what a person can ask for |
//! | `run.rs` | the worker itself: what happens when any part does something |
//! | `programme.rs` | what has come and is not out yet: pieces, dubs, gaps |
//! | `pace.rs` | when each frame is due |
//! | `ledger.rs` | what became of each piece, counted |
//! | `outlet.rs` | an output while there is one |
//! | `attempts.rs` | when a part that was lost may be begun anew |
//! | `pictures.rs` | pictures until they are due |
//! | `location.rs` | where a programme comes from or goes to |
//! | `ffmpeg.rs` | FFmpeg as a process that runs for as long as a programme does |
//! | `input.rs` | the one that reads |
//! | `output.rs` | the one that writes |
//! | `transport_stream.rs` | how pictures travel between them |
//! | `first_time.rs` | when the first picture is shown that came without a time |
//! | `metrics.rs` | the worker's own metrics |
//! | `report.rs` | what it did, told at its end |
//!
//! Where to cut (`media::cutter`), how the original lies under the dub (`media::bed`) and the way to the service
//! (`client::stream`) are those of `sts dub`.

mod attempts;
mod command;
mod ffmpeg;
mod first_time;
mod input;
mod ledger;
mod location;
mod metrics;
mod outlet;
mod output;
mod pace;
mod pictures;
mod programme;
mod report;
mod run;
mod transport_stream;

pub use command::{WorkerArgs, run};
