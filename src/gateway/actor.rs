//! The gateway actor: the only place that knows which connection feeds which stream.

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, Addr, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, Message, MessageResult};
use sts_actors::stream::{Attach, Detach, End, Identity, Offer, OnReply, Outlet, Pause, Resume, Session, StreamActor};
use sts_protocol::{ErrorCode, Fragment, Refusal, ServiceMessage, StreamInit};
use uuid::Uuid;

use super::connection::Peer;
use super::{Backend, GatewaySettings};

const MAILBOX: usize = 4_096;
/// Arbiters that stream actors are spread over; they do little but pass messages on.
const STREAM_ARBITERS: usize = 2;

/// The directory of connections and streams.
pub struct GatewayActor {
    settings: GatewaySettings,
    backend: Backend,
    connections: HashMap<u64, Connection>,
    streams: HashMap<Arc<str>, Stream>,
    arbiters: Vec<Arbiter>,
    next_stream: u64,
    draining: bool,
}

struct Connection {
    peer: Peer,
    /// Until a stream takes it over.
    outlet: Option<Box<dyn Outlet>>,
    /// For errors about messages that never reach a stream.
    stream: Option<Arc<str>>,
}

struct Stream {
    key: u64,
    address: Addr<StreamActor>,
    session_id: String,
    token: Option<usize>,
    connection: Option<u64>,
}

impl GatewayActor {
    /// Starts the actor on an arbiter.
    pub fn start_on(arbiter: &ArbiterHandle, settings: GatewaySettings, backend: Backend) -> Addr<Self> {
        Self::start_in_arbiter(arbiter, move |context| {
            context.set_mailbox_capacity(MAILBOX);
            Self {
                settings,
                backend,
                connections: HashMap::new(),
                streams: HashMap::new(),
                arbiters: (0..STREAM_ARBITERS).map(|_| Arbiter::new()).collect(),
                next_stream: 0,
                draining: false,
            }
        })
    }

    fn open(&mut self, connection: u64, init: StreamInit, context: &mut Context<Self>) -> Result<(), Refusal> {
        let Some(peer) = self.connections.get(&connection).map(|connection| connection.peer.clone()) else {
            return Ok(());
        };
        if self.connections.get(&connection).is_some_and(|connection| connection.stream.is_some()) {
            return Err(Refusal::new(ErrorCode::InvalidConfig, "this connection has a stream already"));
        }
        if let Some(resume) = init.resume.clone() {
            return self.reattach(&peer, &resume.session_id, resume.last_sequence_received);
        }
        if self.streams.contains_key(&peer.stream_id) {
            let message = format!("`stream_id` {} is in use; to go on with it, send `resume`", peer.stream_id);
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        }
        self.check_admission()?;
        let voice = self.backend.capabilities.check(&init, &self.backend.voices)?;
        let Some(outlet) = self.connections.get_mut(&connection).and_then(|connection| connection.outlet.take()) else {
            return Ok(());
        };
        self.next_stream += 1;
        let key = self.next_stream;
        let session_id = Uuid::new_v4().to_string();
        let identity = Identity {
            stream_id: Arc::clone(&peer.stream_id),
            worker_id: Arc::clone(&peer.worker_id),
            session_id: session_id.clone(),
            voice,
        };
        let session = Session::new(identity, init, self.settings.stream.clone());
        let (stages, events) = (self.backend.stages.clone(), self.backend.events.clone());
        let gateway = context.address();
        let stream_id = Arc::clone(&peer.stream_id);
        let gone = Box::new(move || gateway.do_send(StreamStopped { stream_id, key }));
        let arbiter = self.arbiters[key as usize % self.arbiters.len()].handle();
        let address = StreamActor::start_in_arbiter(&arbiter, move |_| {
            StreamActor::new(key, session, stages, events, (connection, outlet), gone)
        });
        let stream = Stream { key, address, session_id, token: peer.token, connection: Some(connection) };
        self.streams.insert(Arc::clone(&peer.stream_id), stream);
        self.bind(connection, peer.stream_id);
        Ok(())
    }

    fn check_admission(&self) -> Result<(), Refusal> {
        let overloaded = |message: String| Err(Refusal::new(ErrorCode::ServiceOverloaded, message));
        if self.draining {
            return overloaded("the service is draining".to_owned());
        }
        if self.streams.len() >= self.settings.max_streams {
            return overloaded(format!("{} streams are open, the limit", self.streams.len()));
        }
        match self.backend.unready() {
            Some(reason) => overloaded(reason),
            None => Ok(()),
        }
    }

    /// Gives a stream its new connection. What does not fit is always told as `STREAM_NOT_FOUND`, so that a stranger
    /// learns nothing about streams of others.
    fn reattach(&mut self, peer: &Peer, session_id: &str, last_received: Option<u64>) -> Result<(), Refusal> {
        let not_found = || Refusal::new(ErrorCode::StreamNotFound, "no such session, or its grace has run out");
        let stream = self
            .streams
            .get_mut(&peer.stream_id)
            .filter(|stream| stream.session_id == session_id && stream.token == peer.token)
            .ok_or_else(not_found)?;
        let connection = peer.connection;
        let outlet = self.connections.get_mut(&connection).and_then(|connection| connection.outlet.take());
        let Some(outlet) = outlet else { return Ok(()) };
        let earlier = stream.connection.replace(connection);
        stream.address.do_send(Attach { connection, outlet, last_received });
        if let Some(earlier) = earlier.and_then(|earlier| self.connections.get_mut(&earlier)) {
            earlier.stream = None;
        }
        self.bind(connection, Arc::clone(&peer.stream_id));
        Ok(())
    }

    fn bind(&mut self, connection: u64, stream_id: Arc<str>) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.stream = Some(stream_id);
        }
    }

    fn stream_of(&self, connection: u64) -> Result<&Stream, Refusal> {
        self.connections
            .get(&connection)
            .and_then(|connection| connection.stream.as_ref())
            .and_then(|stream_id| self.streams.get(stream_id))
            .ok_or_else(|| {
                Refusal::new(ErrorCode::StreamNotFound, "this connection has no stream; send stream:init first")
            })
    }

    fn offer(&self, connection: u64, fragment: Fragment, on_reply: OnReply) -> Result<(), Refusal> {
        let fragment_id = fragment.fragment_id.clone();
        let refused = |on_reply: OnReply, refusal: Refusal| {
            let refusal = refusal.about(&fragment_id);
            on_reply(Err(&refusal.clone().into_message(None)));
            Err(refusal)
        };
        let stream = match self.stream_of(connection) {
            Ok(stream) => stream,
            Err(refusal) => return refused(on_reply, refusal),
        };
        let bound = self.connections.get(&connection).and_then(|connection| connection.stream.as_deref());
        if bound != Some(fragment.stream_id.as_str()) {
            let message = "`stream_id` is not the stream of this connection";
            return refused(on_reply, Refusal::new(ErrorCode::StreamNotFound, message));
        }
        if self.draining {
            return refused(on_reply, Refusal::new(ErrorCode::ServiceOverloaded, "the service is draining"));
        }
        stream.address.try_send(Offer { fragment, on_reply }).map_err(|_| {
            Refusal::new(ErrorCode::ServiceOverloaded, "the stream has more messages than it can take")
                .about(fragment_id)
        })
    }

    fn leave(&mut self, connection: u64) {
        let Some(left) = self.connections.remove(&connection) else { return };
        slog::info!(self.backend.log, "disconnected"; "worker_id" => %left.peer.worker_id, "stream_id" => %left.peer.stream_id);
        let stream = left.stream.and_then(|stream_id| self.streams.get_mut(&stream_id));
        if let Some(stream) = stream.filter(|stream| stream.connection == Some(connection)) {
            stream.connection = None;
            stream.address.do_send(Detach { connection });
        }
    }

    /// Tells a connection that its message was refused, by way of its stream's outlet when it has one.
    fn refuse(&self, connection: u64, refusal: Refusal) {
        let Some(found) = self.connections.get(&connection) else { return };
        let message = refusal.into_message(found.stream.as_deref());
        match (&found.outlet, found.stream.as_ref().and_then(|stream_id| self.streams.get(stream_id))) {
            // An outlet that cannot take it is closing or overfull: the worker learns from what does not come.
            (Some(outlet), _) => drop(outlet.send(&ServiceMessage::Error(message))),
            (None, Some(stream)) => stream.address.do_send(sts_actors::stream::Tell(ServiceMessage::Error(message))),
            (None, None) => {}
        }
    }
}

impl Actor for GatewayActor {
    type Context = Context<Self>;
}

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
    Gone,
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

/// Asks whether no stream is left.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct IsIdle;

impl Handler<Connected> for GatewayActor {
    type Result = ();

    fn handle(&mut self, Connected { peer, outlet }: Connected, _: &mut Self::Context) {
        slog::info!(self.backend.log, "connected"; "worker_id" => %peer.worker_id, "stream_id" => %peer.stream_id);
        let connection = peer.connection;
        self.connections.insert(connection, Connection { peer, outlet: Some(outlet), stream: None });
    }
}

impl Handler<Command> for GatewayActor {
    type Result = ();

    fn handle(&mut self, Command { connection, event }: Command, context: &mut Self::Context) {
        let done = match event {
            Event::Init(init) => self.open(connection, *init, context),
            Event::Fragment(fragment, on_reply) => self.offer(connection, fragment, on_reply),
            Event::Pause => self.stream_of(connection).map(|stream| stream.address.do_send(Pause)),
            Event::Resume => self.stream_of(connection).map(|stream| stream.address.do_send(Resume)),
            Event::End => self.stream_of(connection).map(|stream| stream.address.do_send(End)),
            Event::Gone => {
                self.leave(connection);
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
            self.streams.remove(&stopped.stream_id);
        }
    }
}

impl Handler<DrainGateway> for GatewayActor {
    type Result = ();

    fn handle(&mut self, _: DrainGateway, _: &mut Self::Context) {
        self.draining = true;
        for stream in self.streams.values() {
            stream.address.do_send(End);
        }
    }
}

impl Handler<IsIdle> for GatewayActor {
    type Result = MessageResult<IsIdle>;

    fn handle(&mut self, _: IsIdle, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.streams.is_empty())
    }
}
