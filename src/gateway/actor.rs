//! The gateway actor: the only place that knows which connection feeds which stream.

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::SendError;
use actix::{Actor, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, Message, MessageResult};
use sts_actors::events::LifecycleEvent;
use sts_actors::registry::{ActorKind, Listing, Mailbox, Observed, Registration};
use sts_actors::stream::{
    Attach, Close, Detach, End, Identity, Offer, OnReply, Outlet, Pause, Resume, STREAM_MAILBOX, Session, StreamActor,
    Tell, no_such_session,
};
use sts_actors::takes_letters;
use sts_protocol::{ErrorCode, Fragment, Refusal, ServiceMessage, StreamInit, VoiceProfile};
use uuid::Uuid;

use super::admission::Peer;
use super::{Backend, GatewaySettings};
use crate::access::TokenId;

const MAILBOX: usize = 4_096;
/// Arbiters that stream actors are spread over; they do little but pass messages on.
const STREAM_ARBITERS: usize = 2;

/// The directory of connections and streams.
pub struct GatewayActor {
    settings: GatewaySettings,
    backend: Backend,
    connections: HashMap<u64, Connection>,
    pub(super) streams: HashMap<Arc<str>, Stream>,
    arbiters: Vec<Arbiter>,
    next_stream: u64,
    draining: bool,
    registration: Registration,
}

struct Connection {
    peer: Peer,
    /// Until a stream takes it over.
    outlet: Option<Box<dyn Outlet>>,
    /// The stream that it feeds, by name and key: a later stream of the same name is another.
    stream: Option<(Arc<str>, u64)>,
}

pub(super) struct Stream {
    key: u64,
    pub(super) address: Mailbox<StreamActor>,
    session_id: String,
    token: Option<TokenId>,
    connection: Option<u64>,
}

impl GatewayActor {
    /// Starts the actor on an arbiter.
    pub fn start_on(arbiter: &ArbiterHandle, settings: GatewaySettings, backend: Backend) -> Mailbox<Self> {
        let listing = Listing::new("gateway", ActorKind::Gateway, MAILBOX);
        backend.registry.clone().start_on(arbiter, listing, move |registration| Self {
            settings,
            backend,
            connections: HashMap::new(),
            streams: HashMap::new(),
            arbiters: (0..STREAM_ARBITERS).map(|_| Arbiter::new()).collect(),
            next_stream: 0,
            draining: false,
            registration,
        })
    }

    fn open(&mut self, connection: u64, init: StreamInit, context: &mut Context<Self>) -> Result<(), Refusal> {
        let Some(found) = self.connections.get(&connection) else { return Ok(()) };
        let peer = found.peer.clone();
        if found.stream.is_some() {
            return Err(Refusal::new(ErrorCode::InvalidConfig, "this connection has a stream already"));
        }
        if let Some(resume) = &init.resume {
            return self.reattach(&peer, &resume.session_id, resume.last_sequence_received);
        }
        let replaced = self.replaceable(&peer)?;
        self.check_admission(peer.token, replaced)?;
        let voice = self.backend.capabilities.check(&init, &self.backend.voices)?;
        let Some(outlet) = self.connections.get_mut(&connection).and_then(|connection| connection.outlet.take()) else {
            return Ok(());
        };
        if let Some(earlier) = self.streams.remove(&peer.stream_id) {
            earlier.address.do_send(Close { reason: "replaced" });
        }
        let gateway = self.registration.mailbox(context.address());
        let stream = self.start_stream(&peer, init, voice, outlet, gateway);
        let key = stream.key;
        self.streams.insert(Arc::clone(&peer.stream_id), stream);
        self.bind(connection, Some((peer.stream_id, key)));
        Ok(())
    }

    fn start_stream(
        &mut self,
        peer: &Peer,
        init: StreamInit,
        voice: Arc<VoiceProfile>,
        outlet: Box<dyn Outlet>,
        gateway: Mailbox<Self>,
    ) -> Stream {
        self.next_stream += 1;
        let (key, connection) = (self.next_stream, peer.connection);
        let session_id = Uuid::new_v4().to_string();
        let identity = Identity {
            stream_id: Arc::clone(&peer.stream_id),
            worker_id: Arc::clone(&peer.worker_id),
            session_id: session_id.clone(),
            voice,
        };
        let session = Session::new(identity, init, self.settings.stream.clone());
        let (stages, events) = (self.backend.stages.clone(), self.backend.events.clone());
        let stream_id = Arc::clone(&peer.stream_id);
        let gone = Box::new(move || gateway.do_send(StreamStopped { stream_id, key }));
        let arbiter = self.arbiters[key as usize % self.arbiters.len()].handle();
        let listing = Listing::new(format!("stream:{}", peer.stream_id), ActorKind::Stream, STREAM_MAILBOX);
        let address = self.backend.registry.start_on(&arbiter, listing, move |registration| {
            StreamActor::new(key, session, stages, events, (connection, outlet), gone, registration)
        });
        Stream { key, address, session_id, token: peer.token, connection: Some(connection) }
    }

    /// Whether there is a stream of this name that may make way: one that has lost its worker, and belongs to the
    /// same token.
    fn replaceable(&self, peer: &Peer) -> Result<bool, Refusal> {
        match self.streams.get(&peer.stream_id) {
            None => Ok(false),
            Some(stream) if stream.connection.is_none() && stream.token == peer.token => Ok(true),
            Some(_) => {
                let message = format!("`stream_id` {} is in use; to go on with it, send `resume`", peer.stream_id);
                Err(Refusal::new(ErrorCode::InvalidConfig, message))
            }
        }
    }

    fn check_admission(&self, token: Option<TokenId>, replaces: bool) -> Result<(), Refusal> {
        let overloaded = |message: String| Err(Refusal::new(ErrorCode::ServiceOverloaded, message));
        if self.draining {
            return overloaded("the service is draining".to_owned());
        }
        let open = self.streams.len() - usize::from(replaces);
        if open >= self.settings.limits.max_streams {
            return overloaded(format!("{open} streams are open, the limit"));
        }
        let of_token = self.streams.values().filter(|stream| stream.token == token).count() - usize::from(replaces);
        if token.is_some() && of_token >= self.settings.limits.max_streams_per_token {
            return overloaded(format!("{of_token} streams of this token are open, the limit"));
        }
        match self.backend.unready() {
            Some(reason) => overloaded(reason),
            None => Ok(()),
        }
    }

    /// Gives a stream its new connection. What does not fit is always told as `STREAM_NOT_FOUND`, so that a stranger
    /// learns nothing about streams of others.
    fn reattach(&mut self, peer: &Peer, session_id: &str, last_received: Option<u64>) -> Result<(), Refusal> {
        let stream = self
            .streams
            .get_mut(&peer.stream_id)
            .filter(|stream| stream.session_id == session_id && stream.token == peer.token)
            .ok_or_else(no_such_session)?;
        let connection = peer.connection;
        let outlet = self.connections.get_mut(&connection).and_then(|connection| connection.outlet.take());
        let Some(outlet) = outlet else { return Ok(()) };
        let (key, earlier) = (stream.key, stream.connection.replace(connection));
        // By-passing the bound: there is one for each connection, and those are bounded.
        stream.address.do_send(Attach::new(connection, outlet, last_received));
        if let Some(earlier) = earlier {
            self.bind(earlier, None);
        }
        self.bind(connection, Some((Arc::clone(&peer.stream_id), key)));
        Ok(())
    }

    fn bind(&mut self, connection: u64, stream: Option<(Arc<str>, u64)>) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.stream = stream;
        }
    }

    fn stream_of(&self, connection: u64) -> Option<&Stream> {
        let (stream_id, key) = self.connections.get(&connection)?.stream.as_ref()?;
        self.streams.get(stream_id).filter(|stream| stream.key == *key)
    }

    fn offer(&self, connection: u64, fragment: Fragment, on_reply: OnReply) -> Result<(), Refusal> {
        let fragment_id = fragment.fragment_id.clone();
        let refused = |on_reply: OnReply, refusal: Refusal| {
            let refusal = refusal.about(&fragment_id);
            on_reply(Err(&refusal.clone().into_message(None)));
            Err(refusal)
        };
        let Some(stream) = self.stream_of(connection) else { return refused(on_reply, no_stream()) };
        let bound = self.connections.get(&connection).and_then(|connection| connection.stream.as_ref());
        if bound.is_none_or(|(stream_id, _)| **stream_id != *fragment.stream_id) {
            let message = "`stream_id` is not the stream of this connection";
            return refused(on_reply, Refusal::new(ErrorCode::StreamNotFound, message));
        }
        if self.draining {
            return refused(on_reply, Refusal::new(ErrorCode::ServiceOverloaded, "the service is draining"));
        }
        match stream.address.try_send(Offer { fragment, on_reply }) {
            Ok(()) => Ok(()),
            Err(SendError::Full(offer)) => refused(offer.on_reply, overfull()),
            Err(SendError::Closed(offer)) => refused(offer.on_reply, no_stream()),
        }
    }

    /// Hands a message without an answer to a connection's stream.
    fn pass<M>(&self, connection: u64, message: M) -> Result<(), Refusal>
    where
        M: Message<Result = ()> + Send + 'static,
        StreamActor: Handler<M>,
    {
        let stream = self.stream_of(connection).ok_or_else(no_stream)?;
        stream.address.try_send(message).map_err(|error| match error {
            SendError::Full(_) => overfull(),
            SendError::Closed(_) => no_stream(),
        })
    }

    fn leave(&mut self, connection: u64, farewell: bool) {
        let Some(left) = self.connections.remove(&connection) else { return };
        self.tell_disconnected(&left.peer, if farewell { "farewell" } else { "broken" });
        let stream = left.stream.and_then(|(stream_id, _)| self.streams.get_mut(&stream_id));
        if let Some(stream) = stream.filter(|stream| stream.connection == Some(connection)) {
            stream.connection = None;
            stream.address.do_send(Detach { connection, farewell });
        }
    }

    /// Shows a connection out that has not opened a stream in time, and forgets it: one that broke while it was being
    /// opened says no farewell.
    fn expire(&mut self, connection: u64) {
        if self.connections.get(&connection).is_none_or(|found| found.stream.is_some()) {
            return;
        }
        let Some(Connection { outlet: Some(outlet), peer, .. }) = self.connections.remove(&connection) else { return };
        self.tell_disconnected(&peer, "no_init");
        let limit = self.settings.limits.init_timeout.as_millis();
        let refusal = Refusal::new(ErrorCode::StreamNotFound, format!("no stream:init came within {limit} ms"));
        // One that cannot be told is closed all the same.
        let _ = outlet.send(&ServiceMessage::Error(refusal.into_message(None)));
        outlet.close();
    }

    fn tell_disconnected(&self, peer: &Peer, reason: &'static str) {
        self.backend.events.publish(LifecycleEvent::WorkerDisconnected {
            stream_id: Arc::clone(&peer.stream_id),
            worker_id: Arc::clone(&peer.worker_id),
            reason,
            connections: self.connections.len(),
        });
    }

    /// Tells a connection that its message was refused, by way of its stream when it has one.
    fn refuse(&self, connection: u64, refusal: Refusal) {
        let Some(found) = self.connections.get(&connection) else { return };
        self.backend.events.publish(LifecycleEvent::Refused { what: "message", code: refusal.code });
        let message = refusal.into_message(found.stream.as_ref().map(|(stream_id, _)| &**stream_id));
        match (&found.outlet, self.stream_of(connection)) {
            // An outlet that cannot take it is closing or overfull: the worker learns from what does not come.
            (Some(outlet), _) => drop(outlet.send(&ServiceMessage::Error(message))),
            (None, Some(stream)) => drop(stream.address.try_send(Tell(ServiceMessage::Error(message)))),
            (None, None) => {}
        }
    }
}

fn no_stream() -> Refusal {
    Refusal::new(ErrorCode::StreamNotFound, "this connection has no stream; send stream:init first")
}

fn overfull() -> Refusal {
    Refusal::new(ErrorCode::ServiceOverloaded, "the stream has more messages than it can take")
}

impl Actor for GatewayActor {
    type Context = Context<Self>;
}

impl Observed for GatewayActor {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({"connections": self.connections.len(), "streams": self.streams.len(), "draining": self.draining})
    }
}

takes_letters!(GatewayActor);

/// A connection was made.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Connected {
    /// Who.
    pub peer: Peer,
    /// The way to it.
    pub outlet: Box<dyn Outlet>,
}

/// Something came over a connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Command {
    /// Which connection.
    pub connection: u64,
    /// What.
    pub event: Event,
}

/// What can come over a connection.
pub enum Event {
    /// `stream:init`.
    Init(Box<StreamInit>),
    /// `fragment:data`.
    Fragment(Fragment, OnReply),
    /// `stream:pause`.
    Pause,
    /// `stream:resume`.
    Resume,
    /// `stream:end`.
    End,
    /// The connection is over.
    Gone {
        /// The worker said goodbye, rather than the connection having broken.
        farewell: bool,
    },
}

/// A stream's actor has stopped.
#[derive(Message)]
#[rtype(result = "()")]
struct StreamStopped {
    stream_id: Arc<str>,
    key: u64,
}

/// Takes nothing new, and ends every stream once what it has accepted is done.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DrainGateway;

/// Asks how many are here.
#[derive(Message)]
#[rtype(result = "Census")]
pub struct TakeCensus;

/// Who is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Census {
    /// Connections of workers.
    pub connections: usize,
    /// Streams, those included that wait for their worker.
    pub streams: usize,
    /// Whether nothing new is taken.
    pub draining: bool,
}

impl Handler<Connected> for GatewayActor {
    type Result = ();

    fn handle(&mut self, Connected { peer, outlet }: Connected, context: &mut Self::Context) {
        let connection = peer.connection;
        let (stream_id, worker_id, address) = (Arc::clone(&peer.stream_id), Arc::clone(&peer.worker_id), peer.address);
        self.connections.insert(connection, Connection { peer, outlet: Some(outlet), stream: None });
        let connections = self.connections.len();
        self.backend.events.publish(LifecycleEvent::WorkerConnected { stream_id, worker_id, address, connections });
        context.run_later(self.settings.limits.init_timeout, move |actor, _| actor.expire(connection));
    }
}

impl Handler<Command> for GatewayActor {
    type Result = ();

    fn handle(&mut self, Command { connection, event }: Command, context: &mut Self::Context) {
        let done = match event {
            Event::Init(init) => self.open(connection, *init, context),
            Event::Fragment(fragment, on_reply) => self.offer(connection, fragment, on_reply),
            Event::Pause => self.pass(connection, Pause),
            Event::Resume => self.pass(connection, Resume),
            Event::End => self.pass(connection, End),
            Event::Gone { farewell } => {
                self.leave(connection, farewell);
                Ok(())
            }
        };
        if let Err(refusal) = done {
            self.refuse(connection, refusal);
        }
    }
}

impl Handler<StreamStopped> for GatewayActor {
    type Result = ();

    fn handle(&mut self, stopped: StreamStopped, _: &mut Self::Context) {
        if self.streams.get(&stopped.stream_id).is_some_and(|stream| stream.key == stopped.key) {
            let stream = self.streams.remove(&stopped.stream_id);
            if let Some(connection) = stream.and_then(|stream| stream.connection) {
                self.bind(connection, None);
            }
        }
    }
}

impl Handler<DrainGateway> for GatewayActor {
    type Result = ();

    fn handle(&mut self, _: DrainGateway, _: &mut Self::Context) {
        self.draining = true;
        self.backend.events.publish(LifecycleEvent::Draining);
        for stream in self.streams.values() {
            stream.address.do_send(End);
        }
    }
}

impl Handler<TakeCensus> for GatewayActor {
    type Result = MessageResult<TakeCensus>;

    fn handle(&mut self, _: TakeCensus, _: &mut Self::Context) -> Self::Result {
        MessageResult(Census {
            connections: self.connections.len(),
            streams: self.streams.len(),
            draining: self.draining,
        })
    }
}
