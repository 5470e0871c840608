//! A socket as a stream sees it.

use serde::Serialize;
use socketioxide::extract::SocketRef;
use socketioxide::{SendError as SocketSendError, SocketError};
use sts_actors::stream::{Outlet, SendError};
use sts_protocol::ServiceMessage;

/// Sends to one socket without waiting.
pub struct SocketOutlet(pub SocketRef);

impl SocketOutlet {
    fn emit(&self, event: &str, data: &impl Serialize) -> Result<(), SendError> {
        self.0.emit(event, data).map_err(|error| match error {
            SocketSendError::Socket(SocketError::InternalChannelFull) => SendError::Full,
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
        // Already closed, or too full to be told: the connection ends either way.
        let _ = self.0.clone().disconnect();
    }
}
