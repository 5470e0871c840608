//! What must hold for any input. Each module is the body of one fuzz target: `check` takes whatever bytes there are,
//! and panics when something that must hold does not.
//!
//! | module | what a stranger reaches by it | input |
//! | --- | --- | --- |
//! | [`message`] | Socket.IO frames → JSON → `stream:init`, `fragment:data` | a text frame and its attachments, split by 0x1E |
//! | [`fields`] | the same two events, field by field, against an oracle | structured |
//! | [`audio`] | base64, PCM to samples and back | structured |
//! | [`reorder`] | the reorder queue against a model | structured: a list of operations |
//!
//! Both the fuzzer and `tests/replay.rs` call these, so that what the fuzzer once found is tested without it.

pub mod audio;
pub mod fields;
pub mod message;
pub mod reorder;

mod refusal;

/// What a target does with an input.
pub type Check = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Check); 4] =
    [("message", message::check), ("fields", fields::check), ("audio", audio::check), ("reorder", reorder::check)];
