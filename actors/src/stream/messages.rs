//! What others say to a stream's actor.

use actix::Message;
use sts_protocol::{ErrorCode, ErrorMessage, Fragment, FragmentAck, Refusal, ServiceMessage};

use super::outlet::Outlet;
use crate::stage::StageReport;

/// Takes the acknowledgement, or the error that comes in its place, to a client that asked for it by a callback.
pub type OnReply = Box<dyn FnOnce(Result<&FragmentAck, &ErrorMessage>) + Send>;

/// `fragment:data`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Offer {
    /// The fragment.
    pub fragment: Fragment,
    /// Set when the client used an acknowledgement callback.
    pub on_reply: OnReply,
}

/// `stream:pause`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Pause;

/// `stream:resume`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Resume;

/// An operator wants the stream to finish what it has accepted, deliver it, and end.
#[derive(Message)]
#[rtype(result = "Result<Drained, Refusal>")]
pub struct Drain;

/// What a drain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Fragments that were accepted and are yet to be answered.
    pub in_flight: usize,
}

/// `stream:end`, from the worker or from a service that drains.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End;

/// Something to tell the worker that is not the session's own, as a refusal of what never reached it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tell(pub ServiceMessage);

/// The stream is over now, whatever is in flight: another has its place, or somebody wants it gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close {
    /// Why, as `replaced`.
    pub reason: &'static str,
}

/// The worker is back on another connection.
///
/// A stream that is over by then tells the new connection so ([`no_such_session`]) and closes it, even when its actor
/// has stopped and never sees this.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach {
    pub(super) connection: u64,
    pub(super) last_received: Option<u64>,
    outlet: Option<Box<dyn Outlet>>,
}

impl Attach {
    /// The new connection's number, the connection, and the last result that the worker has.
    pub fn new(connection: u64, outlet: Box<dyn Outlet>, last_received: Option<u64>) -> Self {
        Self { connection, last_received, outlet: Some(outlet) }
    }

    pub(super) fn take_outlet(&mut self) -> Option<Box<dyn Outlet>> {
        self.outlet.take()
    }

    /// Tells the new connection why it gets no stream, and closes it.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if let Some(outlet) = self.outlet.take() {
            // A connection that cannot take it is closed all the same.
            let _ = outlet.send(&ServiceMessage::Error(refusal.into_message(None)));
            outlet.close();
        }
    }
}

impl Drop for Attach {
    fn drop(&mut self) {
        self.refuse(no_such_session());
    }
}

/// Why a resume that does not fit is refused; the same whatever does not fit, so that a stranger learns nothing.
pub fn no_such_session() -> Refusal {
    Refusal::new(ErrorCode::StreamNotFound, "no such session, or its grace has run out")
}

/// A connection is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detach {
    /// Its number.
    pub connection: u64,
    /// Whether the worker said goodbye, rather than the connection having broken. A stream whose `stream:complete` was
    /// sent is then over at once; any other waits for its worker all the same.
    pub farewell: bool,
}

/// A stage's answer for a fragment.
pub(super) struct Answer<O> {
    pub(super) number: u64,
    pub(super) report: StageReport<O>,
}

impl<O> Message for Answer<O> {
    type Result = ();
}
