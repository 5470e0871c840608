//! A stream: the session's state machine, its reorder queue, and the actor that drives both.
//!
//! | file | concept |
//! | --- | --- |
//! | `session.rs` | the state machine; facts go in, effects come out |
//! | `session/` | its parts: admission, pipeline, delivery, life, observed |
//! | `reorder.rs` | results come in any order and leave in theirs |
//! | `replay.rs`, `given_up.rs`, `outcome.rs`, `statistics.rs` | what a session keeps of fragments that are done |
//! | `actor.rs`, `messages.rs` | the actor, and what others say to it |
//! | `observation.rs` | how a stream is, for whoever looks |
//! | `outlet.rs` | a connection, and what waits for room in it |

mod actor;
mod given_up;
mod messages;
mod observation;
mod outcome;
mod outlet;
mod reorder;
mod replay;
mod said;
mod session;
mod settings;
mod statistics;

#[cfg(test)]
mod retranslation_tests;
#[cfg(test)]
mod session_properties;
#[cfg(test)]
mod session_tests;

pub use actor::{STREAM_MAILBOX, Stages, StreamActor, StreamGone};
pub use messages::{Attach, Close, Detach, Drain, Drained, End, Offer, OnReply, Pause, Resume, Tell, no_such_session};
pub use observation::{
    FragmentCounts, LastError, ObserveStream, ProcessingTimes, StageTimes, StreamObservation, StreamState,
};
pub use outlet::{Outlet, SendError};
pub use reorder::Reorder;
pub use session::{Effect, Identity, Session, SessionState};
pub use settings::StreamSettings;
pub use statistics::Statistics;
