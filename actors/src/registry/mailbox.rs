//! An actor's address, by which messages are counted.

use std::sync::Arc;

use actix::dev::ToEnvelope;
use actix::prelude::SendError;
use actix::{Actor, Addr, Context, Handler, MailboxError, Message};

use super::entry::Entry;
use super::letter::Letter;

/// Sends an actor messages, and counts them while they wait.
pub struct Mailbox<A: Actor<Context = Context<A>>> {
    address: Addr<A>,
    entry: Arc<Entry>,
}

impl<A: Actor<Context = Context<A>>> Clone for Mailbox<A> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), entry: Arc::clone(&self.entry) }
    }
}

impl<A: Actor<Context = Context<A>>> Mailbox<A> {
    pub(super) fn new(address: Addr<A>, entry: Arc<Entry>) -> Self {
        Self { address, entry }
    }

    /// Whether the actor is there.
    pub fn connected(&self) -> bool {
        self.address.connected()
    }

    /// Sends a message whether or not there is room.
    pub fn do_send<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Letter<M>>,
        A::Context: ToEnvelope<A, Letter<M>>,
    {
        self.address.do_send(Letter::new(message, &self.entry));
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    /// There is none, or the actor is gone; with the message.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Letter<M>>,
        A::Context: ToEnvelope<A, Letter<M>>,
    {
        self.address.try_send(Letter::new(message, &self.entry)).map_err(|error| match error {
            SendError::Full(letter) => SendError::Full(letter.take_back()),
            SendError::Closed(letter) => SendError::Closed(letter.take_back()),
        })
    }

    /// Sends a message once there is room, and waits for the answer.
    ///
    /// # Errors
    /// The actor is gone.
    pub fn send<M>(&self, message: M) -> impl Future<Output = Result<M::Result, MailboxError>> + use<A, M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Letter<M>>,
        A::Context: ToEnvelope<A, Letter<M>>,
    {
        self.address.send(Letter::new(message, &self.entry))
    }
}
