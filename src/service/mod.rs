//! The service put together: engines behind stages, actors over them, the gateway before them.
//!
//! | file | concept |
//! | --- | --- |
//! | `engines.rs` | the models' three traits as the stages' one |
//! | `factories.rs` | which engine stands behind each stage |
//! | `capabilities.rs` | languages, pairs and voices that a stream may ask for |
//! | `event_log.rs` | lifecycle events as log lines |
//! | `nvml.rs` | the GPUs as NVIDIA's library sees them |
//! | `remotes.rs` | the translators on the network, and the time that each has |
//! | `translators.rs` | the translators that the settings name, as one |
//! | `supervisors.rs` | the stages' supervisors, and what new engines are built from |
//! | `run.rs` | start, readiness, draining |

mod capabilities;
mod engines;
mod event_log;
mod factories;
mod nvml;
mod remotes;
mod run;
mod supervisors;
mod translators;

pub use capabilities::Capabilities;
pub use factories::{Engines, recognizer, synthesizer, translators};
pub use run::{Listening, prepare_process, serve};
pub use supervisors::{LastResort, StageFactory, Supervisors, WeightsChoice};
pub use translators::Translators;
