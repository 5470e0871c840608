//! The handshake, and events off a socket: decoded on the connection's own task and handed on in order.
//!
//! Handlers are plain closures that do their work before they return: socketioxide runs a future of its own for each
//! message, and such futures overtake one another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use actix::Addr;
use serde::Deserialize;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use sts_actors::stream::{OnReply, Outlet};
use sts_protocol::event::from_worker;
use sts_protocol::payload::check_id;
use sts_protocol::{ErrorCode, ErrorMessage, Fragment, FragmentAck, Payload, Refusal, ServiceMessage, StreamInit};
use uuid::Uuid;

use super::GatewaySettings;
use super::actor::{Command, Connected, Event, GatewayActor};
use super::outlet::SocketOutlet;

/// Worker tokens; compared in constant time, and never printed.
#[derive(Clone, Default)]
pub struct Tokens(Arc<[String]>);

impl Tokens {
    /// These tokens.
    pub fn new(tokens: Vec<String>) -> Self {
        Self(tokens.into())
    }

    /// Whether everybody may connect.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which token this is; `None` when it is none of them.
    fn find(&self, offered: &str) -> Option<usize> {
        let mut found = None;
        for (index, token) in self.0.iter().enumerate() {
            if constant_time_eq(token.as_bytes(), offered.as_bytes()) {
                found = Some(index);
            }
        }
        found
    }
}

fn constant_time_eq(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(one.len() ^ other.len(), |sum, (a, b)| sum | usize::from(a ^ b));
    std::hint::black_box(difference) == 0
}

/// The Socket.IO `auth` payload; browsers cannot set headers.
#[derive(Debug, Default, Deserialize)]
struct Auth {
    token: Option<String>,
    stream_id: Option<String>,
    worker_id: Option<String>,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Unique in the process.
    pub connection: u64,
    /// From the handshake, or generated.
    pub stream_id: Arc<str>,
    /// From the handshake, or generated.
    pub worker_id: Arc<str>,
    /// Which of the configured tokens it showed.
    pub token: Option<usize>,
}

/// Takes connections in the default namespace.
pub fn register(io: &SocketIo, gateway: Addr<GatewayActor>, settings: &GatewaySettings) {
    let max_fragment_bytes = settings.max_fragment_bytes;
    let admission = Admission {
        tokens: settings.tokens.clone(),
        open: Arc::new(AtomicUsize::new(0)),
        max_connections: settings.max_connections,
    };
    let released = Arc::clone(&admission.open);
    let on_connect = move |socket: SocketRef| {
        if let Some(peer) = socket.extensions.get::<Peer>() {
            attend(&socket, peer, &gateway, max_fragment_bytes, &released);
        }
        async {}
    };
    let guard = move |socket: SocketRef, auth: TryData<Auth>| {
        let admitted = admission.admit(&socket, auth.0.unwrap_or_default());
        async move { admitted }
    };
    io.ns("/", on_connect.with(guard));
}

/// Decides who may come in.
#[derive(Clone)]
struct Admission {
    tokens: Tokens,
    open: Arc<AtomicUsize>,
    max_connections: usize,
}

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

impl Admission {
    fn admit(&self, socket: &SocketRef, auth: Auth) -> Result<(), Refusal> {
        let header = |name: &str| socket.req_parts().headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let token = match auth.token.as_deref().or(bearer) {
            _ if self.tokens.is_empty() => None,
            Some(offered) => Some(self.tokens.find(offered).ok_or_else(unauthorized)?),
            None => return Err(unauthorized()),
        };
        let id = |field: &str, from_header: Option<&str>, from_auth: Option<String>| -> Result<Arc<str>, Refusal> {
            match from_header.map(str::to_owned).or(from_auth) {
                Some(id) => check_id(field, &id, ErrorCode::InvalidConfig).map(|()| id.into()),
                None => Ok(Uuid::new_v4().to_string().into()),
            }
        };
        let peer = Peer {
            connection: NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed),
            stream_id: id("stream_id", header("x-stream-id"), auth.stream_id)?,
            worker_id: id("worker_id", header("x-worker-id"), auth.worker_id)?,
            token,
        };
        let open = self.open.fetch_add(1, Ordering::AcqRel);
        if open >= self.max_connections {
            self.open.fetch_sub(1, Ordering::AcqRel);
            let message = format!("{open} connections are open, the limit is {}", self.max_connections);
            return Err(Refusal::new(ErrorCode::ServiceOverloaded, message));
        }
        socket.extensions.insert(peer);
        Ok(())
    }
}

fn unauthorized() -> Refusal {
    Refusal::new(ErrorCode::Unauthorized, "a valid token is needed, as auth.token or Authorization: Bearer")
}

/// Registers the handlers of one connection.
fn attend(
    socket: &SocketRef,
    peer: Peer,
    gateway: &Addr<GatewayActor>,
    max_fragment_bytes: usize,
    open: &Arc<AtomicUsize>,
) {
    let line = Line { connection: peer.connection, gateway: gateway.clone() };
    gateway.do_send(Connected { peer, outlet: Box::new(SocketOutlet(socket.clone())) });

    let init = line.clone();
    socket.on(from_worker::STREAM_INIT, move |socket: SocketRef, data: TryData<Payload>| {
        match read(data, ErrorCode::InvalidConfig).and_then(StreamInit::read) {
            Ok(stream) => init.tell(&socket, Event::Init(Box::new(stream))),
            Err(refusal) => refuse(&socket, refusal),
        }
        async {}
    });
    let data_line = line.clone();
    socket.on(from_worker::FRAGMENT_DATA, move |socket: SocketRef, data: TryData<Payload>, ack: AckSender| {
        let fragment = read(data, ErrorCode::InvalidFragment).and_then(|data| Fragment::read(data, max_fragment_bytes));
        match fragment {
            Ok(fragment) => data_line.tell(&socket, Event::Fragment(fragment, reply_by(ack))),
            Err(refusal) => {
                let message = refusal.into_message(None);
                reply_by(ack)(Err(&message));
                send_error(&socket, message);
            }
        }
        async {}
    });
    for (event, make) in [
        (from_worker::STREAM_PAUSE, (|| Event::Pause) as fn() -> Event),
        (from_worker::STREAM_RESUME, (|| Event::Resume) as fn() -> Event),
        (from_worker::STREAM_END, (|| Event::End) as fn() -> Event),
    ] {
        let line = line.clone();
        socket.on(event, move |socket: SocketRef| {
            line.tell(&socket, make());
            async {}
        });
    }
    let open = Arc::clone(open);
    socket.on_disconnect(move |_: SocketRef| {
        open.fetch_sub(1, Ordering::AcqRel);
        // By-passing the bound: a farewell must not be lost, and there is one for each connection.
        line.gateway.do_send(Command { connection: line.connection, event: Event::Gone });
        async {}
    });
}

fn read(data: TryData<Payload>, code: ErrorCode) -> Result<Payload, Refusal> {
    data.0.map_err(|error| Refusal::new(code, format!("the event cannot be read: {error}")))
}

/// The way from one connection to the gateway actor.
#[derive(Clone)]
struct Line {
    connection: u64,
    gateway: Addr<GatewayActor>,
}

impl Line {
    fn tell(&self, socket: &SocketRef, event: Event) {
        if self.gateway.try_send(Command { connection: self.connection, event }).is_err() {
            refuse(
                socket,
                Refusal::new(ErrorCode::ServiceOverloaded, "the service has more messages than it can take"),
            );
        }
    }
}

fn reply_by(ack: AckSender) -> OnReply {
    // A reply that cannot be sent is no loss: the same is told by an event.
    Box::new(|reply: Result<&FragmentAck, &ErrorMessage>| {
        let _ = match reply {
            Ok(accepted) => ack.send(accepted),
            Err(error) => ack.send(error),
        };
    })
}

fn refuse(socket: &SocketRef, refusal: Refusal) {
    send_error(socket, refusal.into_message(None));
}

fn send_error(socket: &SocketRef, message: ErrorMessage) {
    // A connection that is too full to be told of its own mistake learns it from what does not come.
    let _ = SocketOutlet(socket.clone()).send(&ServiceMessage::Error(message));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart() {
        let tokens = Tokens::new(vec!["old-secret".into(), "new-secret".into()]);
        assert_eq!(tokens.find("new-secret"), Some(1));
        for wrong in ["", "new-secre", "new-secretx", "NEW-SECRET"] {
            assert_eq!(tokens.find(wrong), None);
        }
    }
}
