//! The actor of one stream: it feeds the session with what comes in, and does what the session wants done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, MessageResult};
use sts_protocol::{EngineNames, FragmentAck, Refusal, ServiceMessage, Stage, fragment::QueuedStatus};

use super::messages::{Answer, Attach, Close, Detach, Drain, Drained, End, Offer, OnReply, Pause, Resume, Tell};
use super::observation::ObserveStream;
use super::outlet::{Connection, Flushed, MAX_BACKLOG, Outlet, Waiting};
use super::session::{Effect, Session, SessionState};
use crate::events::{EventSender, LifecycleEvent};
use crate::job::{AsrInput, AsrOutput, TranslationInput, TranslationOutput, TtsInput, TtsOutput};
use crate::registry::{Observed, Registration};
use crate::stage::{Cancellation, Job, Place, Reply, StageHandle, Started, Ticket};
use crate::takes_letters;

const TICK: Duration = Duration::from_millis(100);
/// Each may hold a fragment's audio; more than this wait only when the stream's thread is starved.
pub const STREAM_MAILBOX: usize = 64;

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
    opened_at: Instant,
    session: Session,
    stages: Stages,
    events: EventSender,
    connection: Option<Connection>,
    /// In the recogniser's queue, for the fragment that is being taken.
    place: Option<Place<Job<AsrInput, AsrOutput>>>,
    cancellation: Cancellation,
    gone: Option<StreamGone>,
    registration: Registration,
}

impl StreamActor {
    /// An actor for a session that was just opened. `key` is unique in the process; `gone` is called once the actor is
    /// no more, however it ended.
    pub fn new(
        key: u64,
        session: Session,
        stages: Stages,
        events: EventSender,
        connection: (u64, Box<dyn Outlet>),
        gone: StreamGone,
        registration: Registration,
    ) -> Self {
        let connection = Some(Connection::new(connection.0, connection.1));
        Self {
            key,
            opened_at: Instant::now(),
            session,
            stages,
            events,
            connection,
            place: None,
            cancellation: Cancellation::default(),
            gone: Some(gone),
            registration,
        }
    }

    /// Does what the session wants done, until it wants nothing more.
    fn perform(&mut self, context: &mut Context<Self>) {
        loop {
            for effect in self.session.take_effects() {
                match effect {
                    Effect::Send(message) => self.send(message),
                    Effect::Deliver(number) => self.queue(Waiting::Result(number)),
                    Effect::Publish(event) => self.publish(event),
                    Effect::Recognize(number, input) => {
                        let (stage, place) = (self.stages.asr.clone(), self.place.take());
                        self.submit(&stage, place, number, input, context);
                    }
                    Effect::Translate(number, input) => {
                        let stage = self.stages.translation.clone();
                        self.submit(&stage, None, number, input, context);
                    }
                    Effect::Synthesize(number, input) => {
                        let stage = self.stages.tts.clone();
                        self.submit(&stage, None, number, input, context);
                    }
                    Effect::Cancel => self.cancellation.cancel(),
                    Effect::Close => {
                        self.hang_up();
                        context.stop();
                    }
                }
            }
            self.flush();
            if !self.session.has_effects() {
                return;
            }
        }
    }

    fn submit<I, O>(
        &mut self,
        stage: &StageHandle<I, O>,
        place: Option<Place<Job<I, O>>>,
        number: u64,
        input: I,
        context: &mut Context<Self>,
    ) where
        O: Send + 'static,
        Self: Handler<Answer<O>>,
    {
        let address = self.registration.mailbox(context.address());
        // The answer passes by the mailbox' bound: there is one for each fragment in flight, and those are bounded.
        let reply: Reply<O> = Box::new(move |report| address.do_send(Answer { number, report }));
        let ticket = Ticket::new(self.cancellation.clone(), reply);
        let ticket = match self.tell_start(stage.stage, number) {
            Some(started) => ticket.telling(started),
            None => ticket,
        };
        let submitted = match place {
            Some(place) => {
                place.submit(self.key, input, ticket);
                Ok(())
            }
            None => stage.submit(self.key, input, ticket),
        };
        if let Err(failure) = submitted {
            self.session.not_submitted(number, stage.stage, failure, Instant::now());
        }
    }

    fn publish(&self, event: LifecycleEvent) {
        match &event {
            LifecycleEvent::FragmentRefused { code, .. } => self.registration.note_error(code.as_str()),
            LifecycleEvent::FragmentProcessed { failure: Some((stage, code)), .. } => {
                self.registration.note_error(&format!("{} in {}", code.as_str(), stage.as_str()));
            }
            _ => {}
        }
        self.events.publish(event);
    }

    /// Publishes that a worker begins with a fragment, from the worker's thread.
    fn tell_start(&self, stage: Stage, sequence_number: u64) -> Option<Started> {
        let (fragment_id, trace) = self.session.name_of(sequence_number)?;
        let (stream_id, events) = (Arc::clone(&self.session.identity().stream_id), self.events.clone());
        Some(Box::new(move |queued| {
            let (stream_id, fragment_id) = (Arc::clone(&stream_id), Arc::clone(&fragment_id));
            let started =
                LifecycleEvent::StageStarted { stage, stream_id, fragment_id, sequence_number, trace, queued };
            events.publish(started);
        }))
    }

    fn send(&mut self, message: ServiceMessage) {
        self.queue(Waiting::Message(Box::new(message)));
    }

    /// Without a connection nothing waits: results are kept for a replay, and the rest says nothing to a later one.
    fn queue(&mut self, waiting: Waiting) {
        if let Some(connection) = &mut self.connection {
            connection.push(waiting);
        }
    }

    /// Sends what waits as far as the connection takes it, and cuts one that takes too little.
    fn flush(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let now = Instant::now();
        let sent = |session: &mut Session, message: &ServiceMessage| session.sent(message, now);
        let flushed = connection.flush(now, &mut self.session, Session::result, sent);
        let is_too_slow = || {
            connection.backlog() > MAX_BACKLOG + self.session.unsent()
                || connection.stalled_for(now) >= self.session.settings().stall_timeout
        };
        if flushed == Flushed::Broken || flushed == Flushed::Full && is_too_slow() {
            self.hang_up();
            self.session.detach(false, now);
        }
    }

    fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        let message = refusal.into_message(Some(&self.session.identity().stream_id));
        self.send(ServiceMessage::Error(message));
    }

    fn answer(&mut self, done: Result<(), Refusal>, context: &mut Context<Self>) {
        if let Err(refusal) = done {
            self.refuse(refusal);
        }
        self.perform(context);
    }
}

impl Actor for StreamActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let ready = self.session.ready(self.stages.engines(), false);
        self.send(ServiceMessage::Ready(ready));
        self.perform(context);
        context.run_interval(TICK, |actor, context| {
            actor.session.tick(Instant::now());
            actor.perform(context);
        });
    }
}

impl Observed for StreamActor {
    fn observable_state(&self) -> serde_json::Value {
        let seen = self.session.observe(self.opened_at, Instant::now());
        serde_json::json!({"state": seen.state, "attached": seen.attached, "in_flight": seen.in_flight,
            "unsent": seen.unsent, "level": seen.level, "fragments": seen.fragments})
    }
}

takes_letters!(StreamActor);

/// However the actor ends, by its session, with its arbiter or by a panic, it leaves nothing behind.
impl Drop for StreamActor {
    fn drop(&mut self) {
        self.session.close("stopped");
        for effect in self.session.take_effects() {
            if let Effect::Publish(event) = effect {
                self.events.publish(event);
            }
        }
        self.cancellation.cancel();
        self.hang_up();
        if let Some(gone) = self.gone.take() {
            gone();
        }
    }
}

impl Handler<Offer> for StreamActor {
    type Result = ();

    fn handle(&mut self, Offer { fragment, on_reply }: Offer, context: &mut Self::Context) {
        let fragment_id = fragment.fragment_id.clone();
        // Kept before it is promised: other streams take places at the same time.
        self.place = self.stages.asr.reserve();
        match self.session.accept(fragment, self.place.is_some(), Instant::now()) {
            Ok(()) => self.acknowledge(fragment_id, on_reply),
            Err(refusal) => {
                on_reply(Err(&refusal.clone().into_message(Some(&self.session.identity().stream_id))));
                self.refuse(refusal);
            }
        }
        self.perform(context);
        // One that was there already needs none.
        self.place = None;
    }
}

impl StreamActor {
    fn acknowledge(&mut self, fragment_id: String, on_reply: OnReply) {
        let ack = FragmentAck { fragment_id, status: QueuedStatus::Queued, timestamp: milliseconds_since_epoch() };
        on_reply(Ok(&ack));
        self.send(ServiceMessage::Ack(ack));
    }
}

fn milliseconds_since_epoch() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Handler<Pause> for StreamActor {
    type Result = ();

    fn handle(&mut self, _: Pause, context: &mut Self::Context) {
        let done = self.session.pause();
        self.answer(done, context);
    }
}

impl Handler<Resume> for StreamActor {
    type Result = ();

    fn handle(&mut self, _: Resume, context: &mut Self::Context) {
        let done = self.session.resume();
        self.answer(done, context);
    }
}

impl Handler<End> for StreamActor {
    type Result = ();

    fn handle(&mut self, _: End, context: &mut Self::Context) {
        let done = self.session.end(Instant::now());
        self.answer(done, context);
    }
}

impl Handler<Drain> for StreamActor {
    type Result = MessageResult<Drain>;

    fn handle(&mut self, _: Drain, context: &mut Self::Context) -> Self::Result {
        let in_flight = self.session.in_flight();
        let ended = self.session.end(Instant::now());
        self.perform(context);
        MessageResult(ended.map(|()| Drained { in_flight }))
    }
}

impl Handler<ObserveStream> for StreamActor {
    type Result = MessageResult<ObserveStream>;

    fn handle(&mut self, _: ObserveStream, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.session.observe(self.opened_at, Instant::now()))
    }
}

impl Handler<Tell> for StreamActor {
    type Result = ();

    fn handle(&mut self, Tell(message): Tell, context: &mut Self::Context) {
        self.send(message);
        self.perform(context);
    }
}

impl Handler<Close> for StreamActor {
    type Result = ();

    fn handle(&mut self, close: Close, context: &mut Self::Context) {
        self.session.close(close.reason);
        self.perform(context);
    }
}

impl Handler<Attach> for StreamActor {
    type Result = ();

    fn handle(&mut self, mut attach: Attach, context: &mut Self::Context) {
        if self.session.state() == SessionState::Closed {
            return;
        }
        // The connection that was there is over in any case: whoever sent this has given the stream to the new one.
        self.hang_up();
        match self.session.attach(attach.last_received, self.stages.engines()) {
            Ok(()) => {
                self.connection = attach.take_outlet().map(|outlet| Connection::new(attach.connection, outlet));
            }
            Err(refusal) => {
                attach.refuse(refusal);
                self.session.detach(false, Instant::now());
            }
        }
        self.perform(context);
    }
}

impl Handler<Detach> for StreamActor {
    type Result = ();

    fn handle(&mut self, detach: Detach, context: &mut Self::Context) {
        if self.connection.as_ref().is_some_and(|connection| connection.number == detach.connection) {
            self.hang_up();
            self.session.detach(detach.farewell, Instant::now());
            self.perform(context);
        }
    }
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
