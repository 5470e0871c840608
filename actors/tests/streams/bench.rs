//! A stream's actor on its own arbiter, over honest fake stages, with a connection that does as it is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use actix::{Actor, Arbiter, Context, Handler};
use bytes::Bytes;
use sts_actors::events::{EventBus, LifecycleEvent};
use sts_actors::job::{
    AsrInput, AsrOutput, Dub, SpeechWindow, TranslationInput, TranslationOutput, TtsInput, TtsOutput,
};
use sts_actors::registry::{ActorKind, Listing, Mailbox, Registry};
use sts_actors::stage::{self, StageConfig, StageEngine, StageFailure};
use sts_actors::stream::{
    Identity, Offer, Outlet, STREAM_MAILBOX, SendError, Session, Stages, StreamActor, StreamSettings,
};
use sts_protocol::{
    AudioFormat, AudioSpec, ErrorCode, ErrorMessage, Fragment, FragmentAck, FragmentProcessed, ServiceMessage, Stage,
    StreamInit, VoiceProfiles,
};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a connection was given, and that it was closed.
#[derive(Debug)]
pub enum Heard {
    Message(Box<ServiceMessage>),
    Closed,
}

/// The test's end of a connection.
pub struct Line {
    pub number: u64,
    state: Arc<LineState>,
    heard: mpsc::Receiver<Heard>,
}

struct LineState {
    /// Messages that it still takes.
    room: AtomicUsize,
    is_broken: AtomicBool,
}

struct RecordingOutlet {
    state: Arc<LineState>,
    heard: Mutex<mpsc::Sender<Heard>>,
}

impl RecordingOutlet {
    fn tell(&self, heard: Heard) {
        // A test that has heard enough has hung up.
        let _ = self.heard.lock().expect("not poisoned").send(heard);
    }
}

impl Outlet for RecordingOutlet {
    fn send(&self, message: &ServiceMessage) -> Result<(), SendError> {
        if self.state.is_broken.load(Ordering::SeqCst) {
            return Err(SendError::Closed);
        }
        let take_one = |room: usize| room.checked_sub(1);
        match self.state.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one) {
            Ok(_) => {
                self.tell(Heard::Message(Box::new(message.clone())));
                Ok(())
            }
            Err(_) => Err(SendError::Full),
        }
    }

    fn close(&self) {
        self.tell(Heard::Closed);
    }
}

impl Line {
    /// A connection that takes this many messages for now.
    pub fn with_room(number: u64, room: usize) -> (Self, Box<dyn Outlet>) {
        let state = Arc::new(LineState { room: AtomicUsize::new(room), is_broken: AtomicBool::new(false) });
        let (sender, heard) = mpsc::channel();
        let outlet = RecordingOutlet { state: Arc::clone(&state), heard: Mutex::new(sender) };
        (Self { number, state, heard }, Box::new(outlet))
    }

    /// A connection that takes everything.
    pub fn open(number: u64) -> (Self, Box<dyn Outlet>) {
        Self::with_room(number, usize::MAX)
    }

    pub fn make_room(&self, room: usize) {
        self.state.room.store(room, Ordering::SeqCst);
    }

    pub fn break_off(&self) {
        self.state.is_broken.store(true, Ordering::SeqCst);
    }

    pub fn next(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).expect("the stream says something")
    }

    pub fn message(&self) -> ServiceMessage {
        match self.next() {
            Heard::Message(message) => *message,
            Heard::Closed => panic!("the connection was closed"),
        }
    }

    pub fn ready(&self) -> sts_protocol::StreamReady {
        match self.message() {
            ServiceMessage::Ready(ready) => ready,
            other => panic!("not ready, but {other:?}"),
        }
    }

    pub fn ack(&self) -> String {
        match self.message() {
            ServiceMessage::Ack(ack) => ack.fragment_id,
            other => panic!("no ack, but {other:?}"),
        }
    }

    pub fn error(&self) -> ErrorMessage {
        match self.message() {
            ServiceMessage::Error(error) => error,
            other => panic!("no error, but {other:?}"),
        }
    }

    /// The next result, whatever else comes before it.
    pub fn result(&self) -> FragmentProcessed {
        loop {
            if let ServiceMessage::Processed(processed) = self.message() {
                return *processed;
            }
        }
    }

    pub fn complete(&self) -> sts_protocol::StreamComplete {
        loop {
            if let ServiceMessage::Complete(complete) = self.message() {
                return complete;
            }
        }
    }

    /// Waits for the connection to be closed; gives what it heard before.
    pub fn closed(&self) -> Vec<ServiceMessage> {
        let mut before = Vec::new();
        loop {
            match self.next() {
                Heard::Message(message) => before.push(*message),
                Heard::Closed => return before,
            }
        }
    }

    pub fn has_heard_nothing(&self) -> bool {
        self.heard.try_recv().is_err()
    }
}

/// The recogniser stands before it until it is opened.
#[derive(Default)]
pub struct Gate {
    is_shut: Mutex<bool>,
    moved: Condvar,
    reached: AtomicUsize,
    passed: AtomicUsize,
}

impl Gate {
    pub fn shut(&self) {
        *self.is_shut.lock().expect("not poisoned") = true;
    }

    pub fn open(&self) {
        *self.is_shut.lock().expect("not poisoned") = false;
        self.moved.notify_all();
    }

    /// Fragments that got to the gate.
    pub fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }

    /// Fragments that got past it.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        self.reached.fetch_add(1, Ordering::SeqCst);
        let is_shut = self.is_shut.lock().expect("not poisoned");
        drop(self.moved.wait_while(is_shut, |is_shut| *is_shut).expect("not poisoned"));
        self.passed.fetch_add(1, Ordering::SeqCst);
    }
}

/// An engine that makes its answers up: words for any audio, capitals for words, a tone's worth of bytes for capitals.
struct FakeEngine(Arc<Gate>);

impl StageEngine<AsrInput, AsrOutput> for FakeEngine {
    fn name(&self) -> String {
        "fake-recognizer".to_owned()
    }

    fn process(&mut self, batch: &[AsrInput]) -> Vec<Result<AsrOutput, StageFailure>> {
        self.0.pass();
        let window = Some(SpeechWindow { start_ms: 0.0, end_ms: 1.0 });
        batch.iter().map(|input| Ok(AsrOutput { text: format!("words {}", input.pcm[0]), window })).collect()
    }
}

impl StageEngine<TranslationInput, TranslationOutput> for FakeEngine {
    fn name(&self) -> String {
        "fake-translator".to_owned()
    }

    fn process(&mut self, batch: &[TranslationInput]) -> Vec<Result<TranslationOutput, StageFailure>> {
        batch
            .iter()
            .map(|input| {
                let (text, engine) = (input.text.to_uppercase(), "fake".to_owned());
                Ok(TranslationOutput { text, engine, can_be_shorter: false })
            })
            .collect()
    }
}

impl StageEngine<TtsInput, TtsOutput> for FakeEngine {
    fn name(&self) -> String {
        "fake-synthesizer".to_owned()
    }

    fn process(&mut self, batch: &[TtsInput]) -> Vec<Result<TtsOutput, StageFailure>> {
        let dub = |input: &TtsInput| {
            let pcm = Bytes::from(vec![1; input.frames * input.spec.bytes_per_frame()]);
            Ok(TtsOutput::Dub(Dub::at_ease(pcm)))
        };
        batch.iter().map(dub).collect()
    }
}

fn stage_config(stage: Stage) -> StageConfig {
    StageConfig {
        stage,
        workers: 1,
        max_batch: 1,
        linger: Duration::ZERO,
        queue_capacity: 16,
        timeout: Duration::from_secs(60),
        retries: 0,
        nice: 0,
        start_timeout: Duration::from_secs(60),
        max_abandoned_threads: 8,
    }
}

fn fake_stages(registry: &Registry, gate: &Arc<Gate>) -> Stages {
    let events = sts_actors::events::EventSender::silent;
    let (for_asr, for_translation, for_tts) = (Arc::clone(gate), Arc::clone(gate), Arc::clone(gate));
    let asr: stage::EngineFactory<AsrInput, AsrOutput> =
        Arc::new(move || Ok(Box::new(FakeEngine(Arc::clone(&for_asr)))));
    let translation: stage::EngineFactory<TranslationInput, TranslationOutput> =
        Arc::new(move || Ok(Box::new(FakeEngine(Arc::clone(&for_translation)))));
    let tts: stage::EngineFactory<TtsInput, TtsOutput> =
        Arc::new(move || Ok(Box::new(FakeEngine(Arc::clone(&for_tts)))));
    Stages {
        asr: stage::start(registry, stage_config(Stage::Asr), asr, events()).0,
        translation: stage::start(registry, stage_config(Stage::Translation), translation, events()).0,
        tts: stage::start(registry, stage_config(Stage::Tts), tts, events()).0,
    }
}

struct Listener(mpsc::Sender<LifecycleEvent>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<LifecycleEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        // A test that has heard enough has hung up.
        let _ = self.0.send(event);
    }
}

/// A stream's actor and all that a test needs of its surroundings.
pub struct Bench {
    pub stream: Mailbox<StreamActor>,
    pub arbiter: Arbiter,
    pub gate: Arc<Gate>,
    pub events: mpsc::Receiver<LifecycleEvent>,
    gone: mpsc::Receiver<()>,
    runtime: tokio::runtime::Handle,
}

/// Runs `test` beside an actix system in which a stream has been opened over `outlet`.
pub fn with_stream(settings: StreamSettings, outlet: Box<dyn Outlet>, test: impl FnOnce(Bench) + Send + 'static) {
    actix::System::new().block_on(async move {
        let gate = Arc::new(Gate::default());
        let registry = Registry::default();
        let stages = fake_stages(&registry, &gate);
        let (heard, events) = mpsc::channel();
        let bus = EventBus::start_with(&registry, vec![Listener(heard).start().recipient()]);
        let (gone_sender, gone) = mpsc::channel();
        let on_gone = Box::new(move || {
            // A test that has heard enough has hung up.
            let _ = gone_sender.send(());
        });
        let arbiter = Arbiter::new();
        let listing = Listing::new("stream:s", ActorKind::Stream, STREAM_MAILBOX);
        let stream = registry.start_on(&arbiter.handle(), listing, move |registration| {
            StreamActor::new(7, session(settings), stages, bus, (1, outlet), on_gone, registration)
        });
        let runtime = tokio::runtime::Handle::current();
        let bench = Bench { stream, arbiter, gate, events, gone, runtime };
        tokio::task::spawn_blocking(move || test(bench)).await.expect("the test passes");
    });
}

fn session(settings: StreamSettings) -> Session {
    let init = serde_json::json!({"source_language": "en", "target_language": "es", "voice_profile": "v",
        "chunk_duration_ms": 1, "sample_rate_hz": 16000, "channels": 1, "format": "pcm_s16le"});
    let voices = VoiceProfiles::parse(r#"{"v": {"language": "es", "engine": "fake", "voice": "v"}}"#).expect("valid");
    let identity = Identity {
        stream_id: "s".into(),
        worker_id: "w".into(),
        session_id: "session".into(),
        voice: voices.select("v", "es").expect("it is there").clone().into(),
    };
    Session::new(identity, StreamInit::read(init.into()).expect("valid"), settings)
}

/// A fragment of 1 ms; every byte of its audio is its number.
pub fn fragment(number: u64) -> Fragment {
    Fragment {
        fragment_id: format!("f{number}"),
        stream_id: "s".into(),
        sequence_number: number,
        timestamp_ms: 0.0,
        spec: AudioSpec { sample_rate_hz: 16_000, channels: 1, format: AudioFormat::PcmS16le },
        pcm: Bytes::from(vec![number as u8; 32]),
        trace: None,
    }
}

impl Bench {
    /// Offers a fragment; gives what its callback is told.
    pub fn offer(&self, number: u64) -> mpsc::Receiver<Result<FragmentAck, ErrorMessage>> {
        let (sender, receiver) = mpsc::channel();
        let on_reply = Box::new(move |reply: Result<&FragmentAck, &ErrorMessage>| {
            drop(sender.send(reply.cloned().map_err(Clone::clone)));
        });
        self.stream.do_send(Offer { fragment: fragment(number), on_reply });
        receiver
    }

    /// Sends a message and waits for what comes of it.
    pub fn ask<M>(&self, message: M) -> M::Result
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
        StreamActor: Handler<M>,
    {
        self.runtime.block_on(self.stream.send(message)).expect("the stream lives")
    }

    /// Offers a fragment and waits for the answer.
    pub fn accept(&self, number: u64) -> Result<(), ErrorCode> {
        let reply = self.offer(number).recv_timeout(PATIENCE).expect("every offer is answered");
        reply.map(drop).map_err(|error| error.code)
    }

    /// Waits until the stream is gone, once and for all; gives why it was closed.
    pub fn wait_until_gone(&self) -> &'static str {
        self.gone.recv_timeout(PATIENCE).expect("the directory is told");
        wait_until("the actor stops", || !self.stream.connected());
        let mut reasons = Vec::new();
        while let Ok(event) = self.events.recv_timeout(PATIENCE) {
            if let LifecycleEvent::StreamClosed { reason, .. } = event {
                reasons.push(reason);
                break;
            }
        }
        assert!(self.gone.try_recv().is_err(), "the directory is told once");
        let [reason] = reasons[..] else { panic!("closed once: {reasons:?}") };
        reason
    }
}

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: that did not happen");
        std::thread::yield_now();
    }
}
