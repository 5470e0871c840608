//! A worker's connection, as a stream sees it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sts_protocol::ServiceMessage;

/// Messages other than first deliveries that wait for a slow connection; past this it is cut, and the worker may
/// resume. Results need no bound of their own: a stream takes no fragment while too many wait.
pub(super) const MAX_BACKLOG: usize = 256;

/// Why a message could not be handed to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Its buffer is full; later there may be room.
    Full,
    /// It is gone.
    Closed,
}

/// The connection of a stream's worker.
pub trait Outlet: Send {
    /// Sends without waiting.
    ///
    /// # Errors
    /// [`SendError`]; the message was not sent.
    fn send(&self, message: &ServiceMessage) -> Result<(), SendError>;
    /// Ends the connection.
    fn close(&self);
}

/// What waits for room in a connection.
pub(super) enum Waiting {
    /// A message.
    Message(Box<ServiceMessage>),
    /// The result of this number; it is encoded only when its turn comes, for its audio is large.
    Result(u64),
}

/// The connection that a stream has now, and what waits for it.
pub(super) struct Connection {
    /// A late farewell of an earlier connection must not detach the stream.
    pub(super) number: u64,
    outlet: Box<dyn Outlet>,
    waiting: VecDeque<Waiting>,
    /// Since when the head of the queue has not moved.
    stalled_since: Option<Instant>,
}

/// How a flush ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Nothing waits.
    Empty,
    /// The connection takes no more for now.
    Full,
    /// The connection is gone.
    Broken,
}

impl Connection {
    pub(super) fn new(number: u64, outlet: Box<dyn Outlet>) -> Self {
        Self { number, outlet, waiting: VecDeque::new(), stalled_since: None }
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// What waits.
    pub(super) fn backlog(&self) -> usize {
        self.waiting.len()
    }

    /// How long the head of the queue has not moved.
    pub(super) fn stalled_for(&self, now: Instant) -> Duration {
        self.stalled_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Sends what waits, in order, as far as the connection takes it. `encode` gives the message of a result, or
    /// nothing when it is no longer kept; `sent` hears of each message that was handed over.
    pub(super) fn flush<S>(
        &mut self,
        now: Instant,
        stream: &mut S,
        encode: impl Fn(&S, u64) -> Option<ServiceMessage>,
        sent: impl Fn(&mut S, &ServiceMessage),
    ) -> Flushed {
        while let Some(head) = self.waiting.pop_front() {
            let message = match head {
                Waiting::Message(message) => *message,
                Waiting::Result(number) => match encode(stream, number) {
                    Some(message) => message,
                    None => continue,
                },
            };
            match self.outlet.send(&message) {
                Ok(()) => {
                    self.stalled_since = None;
                    sent(stream, &message);
                }
                Err(SendError::Full) => {
                    // Kept as it is: to encode it anew at each attempt would cost more than it holds.
                    self.waiting.push_front(Waiting::Message(Box::new(message)));
                    self.stalled_since.get_or_insert(now);
                    return Flushed::Full;
                }
                Err(SendError::Closed) => return Flushed::Broken,
            }
        }
        Flushed::Empty
    }

    pub(super) fn close(&self) {
        self.outlet.close();
    }
}
