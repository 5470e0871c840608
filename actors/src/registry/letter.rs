//! A message on its way to an actor, counted for as long as it waits.

use std::sync::Arc;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Handler, Message};

use super::entry::Entry;

/// A message, and the place that it takes up in the mailbox. However it ends, handled or dropped with the mailbox of an
/// actor that has stopped, the place is free again.
pub struct Letter<M> {
    message: M,
    place: Place,
}

struct Place(Arc<Entry>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count_out();
    }
}

impl<M> Letter<M> {
    pub(super) fn new(message: M, entry: &Arc<Entry>) -> Self {
        entry.count_in();
        Self { message, place: Place(Arc::clone(entry)) }
    }

    /// Takes the message out, to be handled.
    pub fn open(self) -> M {
        self.place.0.count_handled();
        self.message
    }

    /// Takes the message out of a letter that was not sent.
    pub(super) fn take_back(self) -> M {
        self.message
    }
}

impl<M: Message> Message for Letter<M> {
    type Result = M::Result;
}

/// The answer to a message that came in a letter.
pub struct Opened<A: Handler<M>, M: Message>(<A as Handler<M>>::Result);

impl<A: Handler<M>, M: Message> Opened<A, M> {
    /// The answer.
    pub fn new(answer: <A as Handler<M>>::Result) -> Self {
        Self(answer)
    }
}

impl<A: Handler<M>, M: Message> MessageResponse<A, Letter<M>> for Opened<A, M> {
    fn handle(self, context: &mut <A as Actor>::Context, asker: Option<OneshotSender<M::Result>>) {
        self.0.handle(context, asker);
    }
}
