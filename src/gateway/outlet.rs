//! A socket as a stream sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use socketioxide::extract::SocketRef;
use socketioxide::{SendError as SocketSendError, SocketError};
use sts_actors::stream::{Outlet, SendError};
use sts_protocol::{ErrorMessage, ServiceMessage};

use super::transport::Transports;

/// How often, and after which pauses, an error is sent again to a connection that is just opening.
const OPENING_TRIES: u32 = 50;
const OPENING_PAUSE: Duration = Duration::from_millis(10);

/// Between which moments a connection's client may be spoken to: the handlers stand before it is told that it is
/// connected, and messages may come in after it was told goodbye.
#[derive(Clone, Debug, Default)]
pub struct Phase(Arc<PhaseFlags>);

#[derive(Debug, Default)]
struct PhaseFlags {
    opened: AtomicBool,
    closing: AtomicBool,
}

impl Phase {
    /// From now on it may.
    pub fn open(&self) {
        self.0.opened.store(true, Ordering::Release);
    }

    fn is_open(&self) -> bool {
        self.0.opened.load(Ordering::Acquire)
    }

    /// Notes the goodbye, and says whether it is the first.
    fn close(&self) -> bool {
        !self.0.closing.swap(true, Ordering::AcqRel)
    }

    fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }
}

/// Sends to one socket without waiting.
#[derive(Clone)]
pub struct SocketOutlet {
    socket: SocketRef,
    phase: Phase,
    transports: Transports,
}

impl SocketOutlet {
    /// A socket of this process.
    pub(super) fn new(socket: SocketRef, phase: Phase, transports: Transports) -> Self {
        Self { socket, phase, transports }
    }

    /// Tells of a refused message. A connection that is too full to be told of its own mistakes sends and does not
    /// listen: it is closed. One that is not open yet is told a moment later.
    pub(super) fn send_error(&self, message: ErrorMessage) {
        let message = ServiceMessage::Error(message);
        if self.phase.is_closing() || self.send(&message).is_ok() {
            return;
        }
        if self.phase.is_open() {
            self.close();
            return;
        }
        let outlet = self.clone();
        tokio::spawn(async move {
            for _ in 0..OPENING_TRIES {
                tokio::time::sleep(OPENING_PAUSE).await;
                if outlet.send(&message).is_ok() {
                    return;
                }
            }
        });
    }

    fn emit(&self, event: &str, data: &impl Serialize) -> Result<(), SendError> {
        self.socket.emit(event, data).map_err(|error| match error {
            SocketSendError::Socket(SocketError::InternalChannelFull) => SendError::Full,
            // Not open yet is like full: there will be room.
            _ if !self.phase.is_open() => SendError::Full,
            _ => SendError::Closed,
        })
    }
}

impl Outlet for SocketOutlet {
    fn send(&self, message: &ServiceMessage) -> Result<(), SendError> {
        let event = message.event();
        match message {
            ServiceMessage::Ready(ready) => self.emit(event, ready),
            ServiceMessage::Ack(ack) => self.emit(event, ack),
            ServiceMessage::Processed(processed) => self.emit(event, processed),
            ServiceMessage::Backpressure(backpressure) => self.emit(event, backpressure),
            ServiceMessage::Complete(complete) => self.emit(event, complete),
            ServiceMessage::Error(error) => self.emit(event, error),
        }
    }

    fn close(&self) {
        if self.phase.close() {
            self.transports.close(&self.socket);
        }
    }
}
