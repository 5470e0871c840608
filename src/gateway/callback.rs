//! The acknowledgement callback of one message, answered once and for sure.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use socketioxide::adapter::Adapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};

/// How often, and after which pauses, an answer is sent again to a connection whose buffer is full: a callback that
/// never comes leaves a client waiting for it.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);

/// Answers a message whose sender asked for it by a callback; nothing for one whose sender did not.
pub(super) struct Callback<A: Adapter> {
    socket: Arc<Socket<A>>,
    id: Option<i64>,
}

impl<A: Adapter> FromMessageParts<A> for Callback<A> {
    type Error = Infallible;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, id: &Option<i64>) -> Result<Self, Infallible> {
        Ok(Self { socket: Arc::clone(socket), id: *id })
    }
}

impl<A: Adapter> Callback<A> {
    /// Answers; later, when the connection has no room now.
    pub(super) fn answer(self, data: &impl Serialize) {
        if self.id.is_none() || self.send(data) == Sent::Over {
            return;
        }
        // Written out, for the original does not live so long.
        let Ok(data) = serde_json::to_value(data) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            for _ in 0..TRIES {
                tokio::time::sleep(PAUSE).await;
                if self.send(&data) == Sent::Over {
                    return;
                }
            }
        });
    }

    fn send(&self, data: &impl Serialize) -> Sent {
        let mut unread = Value::Str(Default::default(), None);
        let Ok(sender) = AckSender::from_message_parts(&self.socket, &mut unread, &self.id);
        match sender.send(data) {
            Err(SendError::Socket(SocketError::InternalChannelFull)) => Sent::NoRoom,
            _ => Sent::Over,
        }
    }
}

/// What came of an attempt.
#[derive(PartialEq, Eq)]
enum Sent {
    /// The connection has no room now.
    NoRoom,
    /// It is done, or the connection is gone: there is nothing more to try.
    Over,
}
