//! A stream: the session's state machine, its reorder queue, and the actor that drives both.

mod actor;
mod outcome;
mod reorder;
mod session;
mod settings;
mod statistics;

#[cfg(test)]
mod session_tests;

pub use actor::{
    Attach, Detach, End, Offer, OnReply, Outlet, Pause, Resume, SendError, Stages, StreamActor, StreamGone, Tell,
};
pub use reorder::Reorder;
pub use session::{Effect, Identity, Session, SessionState};
pub use settings::StreamSettings;
pub use statistics::Statistics;
