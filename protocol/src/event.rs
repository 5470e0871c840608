//! Names of events, what each carries, and the sum of all that the service sends.

use schemars::{Schema, SchemaGenerator};

use crate::backpressure::Backpressure;
use crate::error::ErrorMessage;
use crate::fragment::{FragmentAck, FragmentData, FragmentProcessed};
use crate::stream::{Pause, StreamComplete, StreamEnd, StreamInit, StreamReady, StreamResume};

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

    /// All of these.
    pub const ALL: [&str; 5] = [STREAM_INIT, FRAGMENT_DATA, STREAM_PAUSE, STREAM_RESUME, STREAM_END];
}

/// Events from the service to the worker.
pub mod from_service {
    /// The stream is open.
    pub const STREAM_READY: &str = "stream:ready";
    /// A fragment was accepted.
    pub const FRAGMENT_ACK: &str = "fragment:ack";
    /// A fragment is done.
    pub const FRAGMENT_PROCESSED: &str = "fragment:processed";
    /// The level of load changed.
    pub const BACKPRESSURE: &str = "backpressure";
    /// The stream is over.
    pub const STREAM_COMPLETE: &str = "stream:complete";
    /// Something was refused or went wrong.
    pub const ERROR: &str = "error";
}

/// Who sends an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The streaming worker.
    Worker,
    /// The service.
    Service,
}

/// One event of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its name on the wire.
    pub name: &'static str,
    /// Who sends it.
    pub sender: Sender,
    /// The name of its argument's type, here and in its schema.
    pub message: &'static str,
    /// The schema document that its type is in; see [`crate::schema::documents`].
    pub document: &'static str,
    /// What it says, in a sentence.
    pub summary: &'static str,
    /// The events that may answer it. None answers what the service sends.
    pub answers: &'static [&'static str],
    /// Its argument's schema.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Every event of the contract.
pub const EVENTS: [Event; 11] = [
    Event {
        name: from_worker::STREAM_INIT,
        sender: Sender::Worker,
        message: "StreamInit",
        document: "stream",
        summary: "Opens a stream, or goes on with one whose connection broke.",
        answers: &[from_service::STREAM_READY, from_service::ERROR],
        schema: SchemaGenerator::subschema_for::<StreamInit>,
    },
    Event {
        name: from_worker::FRAGMENT_DATA,
        sender: Sender::Worker,
        message: "FragmentData",
        document: "fragment",
        summary: "Brings a few seconds of audio.",
        answers: &[from_service::FRAGMENT_ACK, from_service::FRAGMENT_PROCESSED, from_service::ERROR],
        schema: SchemaGenerator::subschema_for::<FragmentData>,
    },
    Event {
        name: from_worker::STREAM_PAUSE,
        sender: Sender::Worker,
        message: "StreamPause",
        document: "stream",
        summary: "Announces that no audio comes for a while; work in flight is finished.",
        answers: &[from_service::ERROR],
        schema: SchemaGenerator::subschema_for::<Pause>,
    },
    Event {
        name: from_worker::STREAM_RESUME,
        sender: Sender::Worker,
        message: "StreamResume",
        document: "stream",
        summary: "Announces that audio comes again.",
        answers: &[from_service::ERROR],
        schema: SchemaGenerator::subschema_for::<StreamResume>,
    },
    Event {
        name: from_worker::STREAM_END,
        sender: Sender::Worker,
        message: "StreamEnd",
        document: "stream",
        summary: "Ends the stream: what is in flight is delivered, then the sums.",
        answers: &[from_service::STREAM_COMPLETE, from_service::ERROR],
        schema: SchemaGenerator::subschema_for::<StreamEnd>,
    },
    Event {
        name: from_service::STREAM_READY,
        sender: Sender::Service,
        message: "StreamReady",
        document: "stream",
        summary: "The stream is open.",
        answers: &[],
        schema: SchemaGenerator::subschema_for::<StreamReady>,
    },
    Event {
        name: from_service::FRAGMENT_ACK,
        sender: Sender::Service,
        message: "FragmentAck",
        document: "fragment",
        summary: "A fragment was accepted; exactly one `fragment:processed` will follow.",
        answers: &[],
        schema: SchemaGenerator::subschema_for::<FragmentAck>,
    },
    Event {
        name: from_service::FRAGMENT_PROCESSED,
        sender: Sender::Service,
        message: "FragmentProcessed",
        document: "fragment",
        summary: "A fragment's dub, or why there is none; in order of `sequence_number`.",
        answers: &[],
        schema: SchemaGenerator::subschema_for::<FragmentProcessed>,
    },
    Event {
        name: from_service::BACKPRESSURE,
        sender: Sender::Service,
        message: "Backpressure",
        document: "backpressure",
        summary: "The stream's level of load changed.",
        answers: &[],
        schema: SchemaGenerator::subschema_for::<Backpressure>,
    },
    Event {
        name: from_service::STREAM_COMPLETE,
        sender: Sender::Service,
        message: "StreamComplete",
        document: "stream",
        summary: "The stream is over; the connection closes 5 s later.",
        answers: &[],
        schema: SchemaGenerator::subschema_for::<StreamComplete>,
    },
    Event {
        name: from_service::ERROR,
        sender: Sender::Service,
        message: "ErrorMessage",
        document: "error",
        summary: "Something was refused or went wrong; the stream goes on.",
        answers: &[],
        schema: SchemaGenerator::subschema_for::<ErrorMessage>,
    },
];

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
            Self::Ready(_) => from_service::STREAM_READY,
            Self::Ack(_) => from_service::FRAGMENT_ACK,
            Self::Processed(_) => from_service::FRAGMENT_PROCESSED,
            Self::Backpressure(_) => from_service::BACKPRESSURE,
            Self::Complete(_) => from_service::STREAM_COMPLETE,
            Self::Error(_) => from_service::ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_the_worker_is_listed() {
        let of_worker: Vec<&str> =
            EVENTS.iter().filter(|event| event.sender == Sender::Worker).map(|event| event.name).collect();
        assert_eq!(of_worker, from_worker::ALL);
    }

    #[test]
    fn messages_have_the_names_of_their_events() {
        let messages = [
            ServiceMessage::Ready(StreamReady {
                session_id: "3f2b".into(),
                stream_id: "s".into(),
                worker_id: "w".into(),
                max_inflight: 3,
                capabilities: StreamReady::capabilities(),
                engines: crate::EngineNames::default(),
                formats: crate::AudioFormat::ALL.into(),
                resumed: false,
                next_sequence_number: None,
            }),
            ServiceMessage::Ack(FragmentAck {
                fragment_id: "f".into(),
                status: crate::fragment::QueuedStatus::Queued,
                timestamp: 0,
            }),
            ServiceMessage::Backpressure(crate::Thresholds::default().event("s", crate::Severity::Low, 0)),
            ServiceMessage::Complete(StreamComplete::default()),
            ServiceMessage::Error(crate::Refusal::new(crate::ErrorCode::Internal, "a bug").into_message(Some("s"))),
        ];
        let names = messages.each_ref().map(ServiceMessage::event);
        assert_eq!(names, ["stream:ready", "fragment:ack", "backpressure", "stream:complete", "error"]);
        for name in names {
            assert!(EVENTS.iter().any(|event| event.name == name && event.sender == Sender::Service));
        }
    }
}
