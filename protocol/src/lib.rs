//! What a streaming worker and the service say to each other: one type for every message, and its validation.
//!
//! No I/O and no actors here: whoever changes the wire format changes this crate and nothing else.
//!
//! | module | concept |
//! | --- | --- |
//! | [`stream`] | `stream:init` and what else is about a whole stream |
//! | [`fragment`] | `fragment:data`, `fragment:ack`, `fragment:processed` |
//! | [`backpressure`] | levels of load and the `backpressure` event |
//! | [`error`] | error codes, the `error` event, refusals |
//! | [`audio`] | sample formats, base64 or attachments, PCM to samples and back |
//! | [`voice`] | voice profiles |
//! | [`trace`] | where a fragment stands in a distributed trace |
//! | [`event`] | every event: its name, who sends it, its type |
//! | [`schema`] | the JSON Schemas of all messages |
//! | [`payload`] | an event's argument as it comes off the socket |
//! | `rules` | what a field may hold: check and schema of each kind of field |

pub mod audio;
pub mod backpressure;
pub mod error;
pub mod event;
pub mod fragment;
pub mod payload;
mod rules;
pub mod schema;
pub mod stream;
pub mod trace;
pub mod voice;

pub use audio::{AudioEncoding, AudioFormat, AudioPayload, AudioSpec};
pub use backpressure::{Action, Backpressure, Severity, Thresholds};
pub use error::{ErrorCode, ErrorMessage, Refusal, Stage};
pub use event::ServiceMessage;
pub use fragment::{
    Asset, Assets, Fragment, FragmentAck, FragmentData, FragmentError, FragmentProcessed, FragmentStatus, Metadata,
    StageTimings,
};
pub use payload::Payload;
pub use stream::{EngineNames, Resume, StreamComplete, StreamEnd, StreamInit, StreamReady, StreamResume};
pub use trace::TraceContext;
pub use voice::{VoiceProfile, VoiceProfiles};
