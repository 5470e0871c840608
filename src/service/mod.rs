//! The service put together: engines behind stages, actors over them, the gateway before them.
//!
//! | file | concept |
//! | --- | --- |
//! | `engines.rs` | the models' three traits as the stages' one |
//! | `factories.rs` | which engine stands behind each stage |
//! | `capabilities.rs` | languages, pairs and voices that a stream may ask for |
//! | `event_log.rs` | lifecycle events as log lines |
//! | `run.rs` | start, readiness, draining |

mod capabilities;
mod engines;
mod event_log;
mod factories;
mod run;

pub use capabilities::Capabilities;
pub use factories::{Engines, recognizer, synthesizer, translator};
pub use run::{Listening, prepare_process, serve};
