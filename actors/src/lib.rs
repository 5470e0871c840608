//! Streams as actors, pools of stage workers, and the lifecycle events that both publish.
//!
//! | module | concept |
//! | --- | --- |
//! | [`stream`] | one actor a stream: session state machine, reorder queue, replay, statistics |
//! | [`stage`] | one pool a stage: bounded fair queue, worker threads, supervisor |
//! | [`job`] | what travels between the two |
//! | [`events`] | what happened, for whoever counts, logs or watches |
//! | [`history`] | the subscriber that remembers the last of them |
//! | [`metrics`] | the subscriber that counts |
//! | [`registry`] | which actors there are, and what waits in their mailboxes |
//! | [`gpu`] | what the machine's GPUs are doing |
//!
//! Nothing here knows a model or a socket: an engine is a [`stage::StageEngine`], a connection an [`stream::Outlet`].

pub mod events;
pub mod gpu;
pub mod history;
pub mod job;
pub mod metrics;
pub mod registry;
pub mod stage;
pub mod stream;
mod translators;
