//! The actor of one stream: it feeds the session with what comes in, and does what the session wants done.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message};
use sts_protocol::{EngineNames, ErrorMessage, Fragment, FragmentAck, Refusal, ServiceMessage, fragment::QueuedStatus};

use super::session::{Effect, Session, SessionState};
use crate::events::EventSender;
use crate::job::{AsrInput, AsrOutput, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use crate::stage::{Cancellation, Reply, StageHandle, StageReport};

const TICK: Duration = Duration::from_millis(100);
const MAILBOX: usize = 256;
/// Messages that wait for a slow connection; past this the connection is cut, and the worker may resume.
const MAX_BACKLOG: usize = 256;

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

/// The three stages.
#[derive(Clone)]
pub struct Stages {
    /// Recognition.
    pub asr: StageHandle<AsrInput, AsrOutput>,
    /// Translation.
    pub translation: StageHandle<TranslationInput, TranslationOutput>,
    /// Synthesis.
    pub tts: StageHandle<TtsInput, TtsOutput>,
}

impl Stages {
    /// Names of the engines.
    pub fn engines(&self) -> EngineNames {
        EngineNames {
            asr: self.asr.engine_name(),
            translation: self.translation.engine_name(),
            tts: self.tts.engine_name(),
        }
    }
}

/// Tells whoever keeps the directory of streams that one is gone.
pub type StreamGone = Box<dyn FnOnce() + Send>;

/// One stream.
pub struct StreamActor {
    key: u64,
    session: Session,
    stages: Stages,
    events: EventSender,
    outlet: Option<Box<dyn Outlet>>,
    /// Which connection `outlet` is: a late farewell of an earlier one must not detach the stream.
    connection: u64,
    backlog: VecDeque<ServiceMessage>,
    cancellation: Cancellation,
    gone: Option<StreamGone>,
}

impl StreamActor {
    /// An actor for a session that was just opened; `key` is unique in the process, `gone` is called when it stops.
    pub fn new(
        key: u64,
        session: Session,
        stages: Stages,
        events: EventSender,
        connection: (u64, Box<dyn Outlet>),
        gone: StreamGone,
    ) -> Self {
        Self {
            key,
            session,
            stages,
            events,
            connection: connection.0,
            outlet: Some(connection.1),
            backlog: VecDeque::new(),
            cancellation: Cancellation::default(),
            gone: Some(gone),
        }
    }

    fn perform(&mut self, context: &mut Context<Self>) {
        loop {
            let effects = self.session.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Send(message) => self.send(message),
                    Effect::Publish(event) => self.events.publish(event),
                    Effect::Recognize(number, input) => {
                        let stage = self.stages.asr.clone();
                        self.submit(&stage, number, input, context);
                    }
                    Effect::Translate(number, input) => {
                        let stage = self.stages.translation.clone();
                        self.submit(&stage, number, input, context);
                    }
                    Effect::Synthesize(number, input) => {
                        let stage = self.stages.tts.clone();
                        self.submit(&stage, number, input, context);
                    }
                    Effect::Close(delay) => self.close_after(delay, context),
                }
            }
        }
    }

    fn submit<I, O>(&mut self, stage: &StageHandle<I, O>, number: u64, input: I, context: &mut Context<Self>)
    where
        O: Send + 'static,
        Self: Handler<Answer<O>>,
    {
        let address = context.address();
        // The answer passes by the mailbox' bound: there is one for each fragment in flight, and those are bounded.
        let reply: Reply<O> = Box::new(move |report| address.do_send(Answer { number, report }));
        if let Err(failure) = stage.submit(self.key, input, self.cancellation.clone(), reply) {
            self.session.not_submitted(number, stage.stage, failure, Instant::now());
        }
    }

    fn send(&mut self, message: ServiceMessage) {
        self.backlog.push_back(message);
        self.flush();
    }

    /// Sends what waits, in order, as far as the connection takes it.
    fn flush(&mut self) {
        let Some(outlet) = &self.outlet else {
            self.backlog.clear();
            return;
        };
        while let Some(message) = self.backlog.front() {
            match outlet.send(message) {
                Ok(()) => drop(self.backlog.pop_front()),
                Err(SendError::Full) if self.backlog.len() <= MAX_BACKLOG => return,
                Err(SendError::Full | SendError::Closed) => {
                    outlet.close();
                    self.lose_connection();
                    return;
                }
            }
        }
    }

    /// What was not sent is dropped: results are kept for a replay, and the rest says nothing to a later connection.
    fn lose_connection(&mut self) {
        self.outlet = None;
        self.backlog.clear();
        self.session.detach(Instant::now());
    }

    fn close_after(&mut self, delay: Duration, context: &mut Context<Self>) {
        self.cancellation.cancel();
        if delay.is_zero() || self.outlet.is_none() {
            self.finish(context);
        } else {
            context.run_later(delay, |actor, context| actor.finish(context));
        }
    }

    fn finish(&mut self, context: &mut Context<Self>) {
        if let Some(outlet) = self.outlet.take() {
            outlet.close();
        }
        context.stop();
    }
}

impl Actor for StreamActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        let ready = self.session.ready(self.stages.engines(), false);
        self.send(ServiceMessage::Ready(ready));
        self.perform(context);
        context.run_interval(TICK, |actor, context| {
            actor.flush();
            actor.session.tick(Instant::now());
            actor.perform(context);
        });
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.cancellation.cancel();
        if let Some(gone) = self.gone.take() {
            gone();
        }
    }
}

/// Takes the acknowledgement, or the error that comes in its place, to a client that asked for it by a callback.
pub type OnReply = Box<dyn FnOnce(Result<&FragmentAck, &ErrorMessage>) + Send>;

/// `fragment:data`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Offer {
    /// The fragment.
    pub fragment: Fragment,
    /// Set when the client used an acknowledgement callback.
    pub on_reply: OnReply,
}

impl Handler<Offer> for StreamActor {
    type Result = ();

    fn handle(&mut self, offer: Offer, context: &mut Self::Context) {
        let fragment_id = offer.fragment.fragment_id.clone();
        let has_room = self.stages.asr.has_room();
        match self.session.accept(offer.fragment, has_room, Instant::now()) {
            Ok(()) => {
                let ack =
                    FragmentAck { fragment_id, status: QueuedStatus::Queued, timestamp: milliseconds_since_epoch() };
                (offer.on_reply)(Ok(&ack));
                self.send(ServiceMessage::Ack(ack));
            }
            Err(refusal) => self.refuse(refusal, offer.on_reply),
        }
        self.perform(context);
    }
}

impl StreamActor {
    fn refuse(&mut self, refusal: Refusal, on_reply: OnReply) {
        let message = refusal.into_message(Some(&self.session.identity().stream_id));
        on_reply(Err(&message));
        self.send(ServiceMessage::Error(message));
    }
}

fn milliseconds_since_epoch() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `stream:pause`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Pause;

/// `stream:resume`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Resume;

/// `stream:end`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End;

/// Something to tell the worker that is not the session's own, as a refusal of what never reached it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tell(pub ServiceMessage);

impl Handler<Tell> for StreamActor {
    type Result = ();

    fn handle(&mut self, Tell(message): Tell, context: &mut Self::Context) {
        self.send(message);
        self.perform(context);
    }
}

/// The worker is back on another connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach {
    /// The new connection's number.
    pub connection: u64,
    /// The new connection.
    pub outlet: Box<dyn Outlet>,
    /// The last result that the worker has.
    pub last_received: Option<u64>,
}

/// A connection is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detach {
    /// Its number.
    pub connection: u64,
}

impl Handler<Pause> for StreamActor {
    type Result = ();

    fn handle(&mut self, _: Pause, context: &mut Self::Context) {
        self.session.pause();
        self.perform(context);
    }
}

impl Handler<Resume> for StreamActor {
    type Result = ();

    fn handle(&mut self, _: Resume, context: &mut Self::Context) {
        self.session.resume();
        self.perform(context);
    }
}

impl Handler<End> for StreamActor {
    type Result = ();

    fn handle(&mut self, _: End, context: &mut Self::Context) {
        self.session.end(Instant::now());
        self.perform(context);
    }
}

impl Handler<Attach> for StreamActor {
    type Result = ();

    fn handle(&mut self, attach: Attach, context: &mut Self::Context) {
        if self.session.state() == SessionState::Closed {
            attach.outlet.close();
            return;
        }
        if let Some(earlier) = self.outlet.replace(attach.outlet) {
            earlier.close();
        }
        self.connection = attach.connection;
        self.backlog.clear();
        self.session.attach(attach.last_received, self.stages.engines());
        self.perform(context);
    }
}

impl Handler<Detach> for StreamActor {
    type Result = ();

    fn handle(&mut self, detach: Detach, context: &mut Self::Context) {
        if detach.connection == self.connection && self.outlet.is_some() {
            self.lose_connection();
            self.perform(context);
        }
    }
}

/// A stage's answer for a fragment.
struct Answer<O> {
    number: u64,
    report: StageReport<O>,
}

impl<O> Message for Answer<O> {
    type Result = ();
}

impl Handler<Answer<AsrOutput>> for StreamActor {
    type Result = ();

    fn handle(&mut self, answer: Answer<AsrOutput>, context: &mut Self::Context) {
        self.session.recognized(answer.number, answer.report, Instant::now());
        self.perform(context);
    }
}

impl Handler<Answer<TranslationOutput>> for StreamActor {
    type Result = ();

    fn handle(&mut self, answer: Answer<TranslationOutput>, context: &mut Self::Context) {
        self.session.translated(answer.number, answer.report, Instant::now());
        self.perform(context);
    }
}

impl Handler<Answer<TtsOutput>> for StreamActor {
    type Result = ();

    fn handle(&mut self, answer: Answer<TtsOutput>, context: &mut Self::Context) {
        self.session.synthesized(answer.number, answer.report, Instant::now());
        self.perform(context);
    }
}
