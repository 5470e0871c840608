//! Names of events, and the sum of all that the service sends.

use crate::backpressure::Backpressure;
use crate::error::ErrorMessage;
use crate::fragment::{FragmentAck, FragmentProcessed};
use crate::stream::{StreamComplete, StreamReady};

/// Events from the worker to the service.
pub mod from_worker {
    /// Opens a stream.
    pub const STREAM_INIT: &str = "stream:init";
    /// Brings audio.
    pub const FRAGMENT_DATA: &str = "fragment:data";
    /// Stops taking audio for a while.
    pub const STREAM_PAUSE: &str = "stream:pause";
    /// Takes audio again.
    pub const STREAM_RESUME: &str = "stream:resume";
    /// Ends the stream.
    pub const STREAM_END: &str = "stream:end";
}

/// Everything that the service sends to a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceMessage {
    /// The stream is open.
    Ready(StreamReady),
    /// A fragment was accepted.
    Ack(FragmentAck),
    /// A fragment is done. Boxed: it is much larger than the rest.
    Processed(Box<FragmentProcessed>),
    /// The level of load changed.
    Backpressure(Backpressure),
    /// The stream is over.
    Complete(StreamComplete),
    /// Something was refused or went wrong.
    Error(ErrorMessage),
}

impl ServiceMessage {
    /// The event's name on the wire.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Ready(_) => "stream:ready",
            Self::Ack(_) => "fragment:ack",
            Self::Processed(_) => "fragment:processed",
            Self::Backpressure(_) => "backpressure",
            Self::Complete(_) => "stream:complete",
            Self::Error(_) => "error",
        }
    }
}
