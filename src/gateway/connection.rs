//! Events off a socket: counted, decoded on the connection's own task and handed on in order.
//!
//! Handlers are plain closures that do their work before they return: socketioxide runs a future of its own for each
//! message, and such futures overtake one another.

use std::num::NonZeroU32;
use std::sync::Arc;

use actix::prelude::SendError;
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{Event as EventName, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::DisconnectReason;
use sts_actors::events::{EventSender, LifecycleEvent};
use sts_actors::registry::Mailbox;
use sts_actors::stream::{OnReply, Outlet};
use sts_protocol::event::from_worker;
use sts_protocol::stream::Pause;
use sts_protocol::{ErrorCode, ErrorMessage, Fragment, FragmentAck, Payload, Refusal, StreamInit, TraceContext};
use uuid::Uuid;

use super::actor::{Command, Connected, Event, GatewayActor};
use super::admission::{Admission, Auth, Peer, Places};
use super::allowance::{Allowance, Verdict};
use super::budget::ByteBudget;
use super::callback::Callback;
use super::outlet::{Phase, SocketOutlet};
use super::transport::Transports;
use super::{Backend, GatewaySettings};

/// Takes connections in the default namespace.
///
/// A connection's handlers are registered before its client is told that it is connected: socketioxide drops events that
/// have no handler, and a quick client's `stream:init` is there before a connect handler has run.
pub(super) fn register(
    io: &SocketIo,
    gateway: Mailbox<GatewayActor>,
    settings: &GatewaySettings,
    backend: &Backend,
    transports: Transports,
) {
    let admission = Admission::new(settings);
    let terms = Terms {
        max_fragment_bytes: settings.limits.max_fragment_bytes,
        max_messages_per_second: settings.limits.max_messages_per_second,
        budget: ByteBudget::new(settings.limits.max_buffered_bytes),
        events: backend.events.clone(),
        traces: backend.traces,
    };
    let on_connect = |socket: SocketRef| {
        if let Some(phase) = socket.extensions.get::<Phase>() {
            phase.open();
        }
        async {}
    };
    let guard = move |socket: SocketRef, auth: TryData<Payload>| {
        let auth = auth.0.map_err(|error| unreadable(ErrorCode::InvalidConfig, "`auth`", &error));
        let admitted = auth.and_then(Auth::read).and_then(|auth| admission.admit(socket.req_parts(), auth));
        let verdict = admitted.map(|(peer, places)| {
            socket.extensions.insert(Arc::new(places));
            attend(&socket, peer, &gateway, &terms, &transports);
        });
        if let Err(refusal) = &verdict {
            terms.events.publish(LifecycleEvent::Refused { what: "connection", code: refusal.code });
            transports.dismiss(&socket);
        }
        async move { verdict }
    };
    io.ns("/", on_connect.with(guard));
}

/// What holds for each connection.
#[derive(Clone)]
struct Terms {
    max_fragment_bytes: usize,
    max_messages_per_second: NonZeroU32,
    budget: ByteBudget,
    events: EventSender,
    /// Whether fragments that come without a trace get one.
    traces: bool,
}

/// Registers the handlers of one connection.
fn attend(socket: &SocketRef, peer: Peer, gateway: &Mailbox<GatewayActor>, terms: &Terms, transports: &Transports) {
    let phase = Phase::default();
    socket.extensions.insert(phase.clone());
    let line = Line {
        connection: peer.connection,
        gateway: gateway.clone(),
        allowance: Arc::new(Allowance::new(terms.max_messages_per_second)),
        phase,
        transports: transports.clone(),
        events: terms.events.clone(),
    };
    let trace = peer.trace;
    gateway.do_send(Connected { peer, outlet: Box::new(line.outlet(socket)) });

    let init = line.clone();
    socket.on(from_worker::STREAM_INIT, move |socket: SocketRef, data: TryData<Payload>| {
        init.take(&socket, || {
            let stream = read(data, ErrorCode::InvalidConfig).and_then(StreamInit::read)?;
            Ok(Event::Init(Box::new(stream)))
        });
        async {}
    });
    take_fragments(socket, line.clone(), terms, trace);
    let pause = line.clone();
    socket.on(from_worker::STREAM_PAUSE, move |socket: SocketRef, data: TryData<Payload>| {
        pause.take(&socket, || Pause::read(data.0.ok()).map(|_| Event::Pause));
        async {}
    });
    for (event, make) in [
        (from_worker::STREAM_RESUME, (|| Event::Resume) as fn() -> Event),
        (from_worker::STREAM_END, (|| Event::End) as fn() -> Event),
    ] {
        let line = line.clone();
        socket.on(event, move |socket: SocketRef| {
            line.take(&socket, || Ok(make()));
            async {}
        });
    }
    let unknown = line.clone();
    socket.on_fallback(move |socket: SocketRef, EventName(name): EventName, ack: Callback<LocalAdapter>| {
        unknown.take(&socket, || {
            let refusal = unknown_event(&name);
            reply_by(ack)(Err(&refusal.clone().into_message(None)));
            Err(refusal)
        });
        async {}
    });
    socket.on_disconnect(move |socket: SocketRef, reason: DisconnectReason| {
        socket.extensions.remove::<Arc<Places>>();
        line.transports.forget(&socket.id.to_string());
        let farewell = matches!(reason, DisconnectReason::ClientNSDisconnect);
        if farewell {
            // Nothing more is to come over it; a client that goes on all the same is told so by the end.
            line.transports.dismiss(&socket);
        }
        // By-passing the bound: a farewell must not be lost, and there is one for each connection.
        line.gateway.do_send(Command { connection: line.connection, event: Event::Gone { farewell } });
        async {}
    });
}

fn take_fragments(socket: &SocketRef, line: Line, terms: &Terms, trace: Option<TraceContext>) {
    let (max_fragment_bytes, budget, traces) = (terms.max_fragment_bytes, terms.budget.clone(), terms.traces);
    let begin_trace = move || traces.then(|| TraceContext::begin(Uuid::new_v4().as_u128()));
    socket.on(
        from_worker::FRAGMENT_DATA,
        move |socket: SocketRef, data: TryData<Payload>, ack: Callback<LocalAdapter>| {
            let on_reply = reply_by(ack);
            let fragment = line.admit_message(&socket).and_then(|()| {
                let mut fragment =
                    read(data, ErrorCode::InvalidFragment).and_then(|data| Fragment::read(data, max_fragment_bytes))?;
                // The fragment's own trace, or else its connection's, or else a new one where traces are exported.
                fragment.trace = fragment.trace.or(trace).or_else(begin_trace);
                match budget.reserve(fragment.pcm.len()) {
                    Some(reservation) => Ok((fragment, reservation)),
                    None => {
                        let message = "the service holds as much audio as it can";
                        Err(Refusal::new(ErrorCode::ServiceOverloaded, message).about(&fragment.fragment_id))
                    }
                }
            });
            match fragment {
                Ok((fragment, reservation)) => {
                    // The stream answers when it has taken the audio over or let it go.
                    let on_reply: OnReply = Box::new(move |reply| {
                        on_reply(reply);
                        drop(reservation);
                    });
                    line.tell(&socket, Event::Fragment(fragment, on_reply));
                }
                Err(refusal) => {
                    line.tell_refused(&refusal);
                    let message = refusal.into_message(None);
                    on_reply(Err(&message));
                    line.outlet(&socket).send_error(message);
                }
            }
            async {}
        },
    );
}

fn read(data: TryData<Payload>, code: ErrorCode) -> Result<Payload, Refusal> {
    data.0.map_err(|error| unreadable(code, "the event", &error))
}

fn unreadable(code: ErrorCode, what: &str, error: &dyn std::error::Error) -> Refusal {
    // The parser quotes what it could not read, which may be long.
    let reason: String = error.to_string().chars().take(200).collect();
    Refusal::new(code, format!("{what} cannot be read: {reason}"))
}

fn unknown_event(name: &str) -> Refusal {
    let shown: String = name.chars().take(64).collect();
    let message = format!("there is no event '{shown}'; these are: {}", from_worker::ALL.join(", "));
    Refusal::new(ErrorCode::InvalidConfig, message)
}

/// The way from one connection to the gateway actor. The handlers hold it, and the socket holds them: so it must not
/// hold the socket.
#[derive(Clone)]
struct Line {
    connection: u64,
    gateway: Mailbox<GatewayActor>,
    allowance: Arc<Allowance>,
    phase: Phase,
    transports: Transports,
    events: EventSender,
}

impl Line {
    fn tell_refused(&self, refusal: &Refusal) {
        self.events.publish(LifecycleEvent::Refused { what: "message", code: refusal.code });
    }

    fn outlet(&self, socket: &SocketRef) -> SocketOutlet {
        SocketOutlet::new(socket.clone(), self.phase.clone(), self.transports.clone())
    }

    /// Counts a message and, if it may pass, hands on what it says.
    fn take(&self, socket: &SocketRef, event: impl FnOnce() -> Result<Event, Refusal>) {
        match self.admit_message(socket).and_then(|()| event()) {
            Ok(event) => self.tell(socket, event),
            Err(refusal) => {
                self.tell_refused(&refusal);
                self.outlet(socket).send_error(refusal.into_message(None));
            }
        }
    }

    fn admit_message(&self, socket: &SocketRef) -> Result<(), Refusal> {
        match self.allowance.spend() {
            Verdict::Pass => Ok(()),
            Verdict::Refuse(refusal) => Err(refusal),
            Verdict::Close(refusal) => {
                let outlet = self.outlet(socket);
                outlet.send_error(refusal.clone().into_message(None));
                outlet.close();
                Err(refusal)
            }
        }
    }

    fn tell(&self, socket: &SocketRef, event: Event) {
        let command = Command { connection: self.connection, event };
        let Err(SendError::Full(command) | SendError::Closed(command)) = self.gateway.try_send(command) else { return };
        let mut refusal = Refusal::new(ErrorCode::ServiceOverloaded, "the service has more messages than it can take");
        if let Event::Fragment(fragment, on_reply) = command.event {
            refusal = refusal.about(fragment.fragment_id);
            on_reply(Err(&refusal.clone().into_message(None)));
        }
        self.tell_refused(&refusal);
        self.outlet(socket).send_error(refusal.into_message(None));
    }
}

fn reply_by(ack: Callback<LocalAdapter>) -> OnReply {
    Box::new(|reply: Result<&FragmentAck, &ErrorMessage>| match reply {
        Ok(accepted) => ack.answer(accepted),
        Err(error) => ack.answer(error),
    })
}
