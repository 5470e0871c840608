//! The actor that has the GPUs read. The reading itself is done by a thread, as the driver may block for seconds, or for
//! ever: while it does, nothing else waits, and no second thread is sent after the first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext as _, AsyncContext as _, Context, Handler, Message};

use super::board::GpuBoard;
use super::reading::{GpuOpener, GpuReader, GpusUnread, SweptGpu};
use crate::events::{EventSender, LifecycleEvent};
use crate::registry::{ActorKind, Listing, Mailbox, Observed, Registration, Registry};
use crate::takes_letters;

/// One sweep at a time is answered.
const MAILBOX: usize = 16;

/// Sweeps that fail one after the other come at up to this many intervals.
const LONGEST_BACKOFF: u32 = 12;

/// How often the GPUs are read.
#[derive(Clone, Copy, Debug)]
pub struct GpuMonitorSettings {
    /// From one sweep to the next.
    pub interval: Duration,
    /// How long the driver may take before it is said that it does not answer.
    pub patience: Duration,
}

impl Default for GpuMonitorSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), patience: Duration::from_secs(4) }
    }
}

/// Reads the GPUs again and again, and tells what it read. Ends by itself where there are none.
pub struct GpuMonitorActor {
    settings: GpuMonitorSettings,
    opener: GpuOpener,
    events: EventSender,
    board: GpuBoard,
    /// To the thread that reads.
    requests: Option<mpsc::Sender<()>>,
    /// A sweep is under way since then.
    asked: Option<Instant>,
    due: Instant,
    failures: u32,
    /// Why nothing could be read, as it was last told.
    told: Option<String>,
    registration: Registration,
}

impl GpuMonitorActor {
    /// Starts a monitor that reads by what `opener` gives, and shows its readings on `board`.
    pub fn start_in(
        registry: &Registry,
        settings: GpuMonitorSettings,
        opener: GpuOpener,
        events: EventSender,
        board: GpuBoard,
    ) -> Mailbox<Self> {
        registry.start(Listing::new("gpu-monitor", ActorKind::Monitor, MAILBOX), |registration| Self {
            settings,
            opener,
            events,
            board,
            requests: None,
            asked: None,
            due: Instant::now(),
            failures: 0,
            told: None,
            registration,
        })
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        match self.asked {
            Some(asked) if asked.elapsed() >= self.settings.patience => self.lose_all("the driver does not answer"),
            Some(_) => {}
            None if Instant::now() >= self.due => self.ask(context),
            None => {}
        }
    }

    fn ask(&mut self, context: &mut Context<Self>) {
        let requests = self.requests.take().unwrap_or_else(|| self.start_reading(context));
        let now = Instant::now();
        (self.asked, self.due) = (Some(now), now + self.settings.interval);
        if requests.send(()).is_ok() {
            self.requests = Some(requests);
        } else {
            // No thread could be had: as a driver that fails.
            self.conclude(Err(GpusUnread::Failed("no thread to read GPUs with".to_owned())), context);
        }
    }

    fn start_reading(&self, context: &mut Context<Self>) -> mpsc::Sender<()> {
        let (requests, asked) = mpsc::channel();
        let (opener, monitor) = (self.opener.clone(), self.registration.mailbox(context.address()));
        // Without a thread the receiver is gone, which the sender will tell.
        let _ = std::thread::Builder::new().name("gpu-monitor".to_owned()).spawn(move || {
            let mut reader = None;
            while asked.recv().is_ok() {
                let swept = sweep(&mut reader, &opener);
                monitor.do_send(Swept(swept));
            }
        });
        requests
    }

    fn conclude(&mut self, swept: Result<Vec<SweptGpu>, GpusUnread>, context: &mut Context<Self>) {
        self.asked = None;
        match swept {
            Ok(gpus) => {
                (self.failures, self.told) = (0, None);
                self.note(gpus);
            }
            Err(GpusUnread::Absent(reason)) => {
                self.events.publish(LifecycleEvent::GpusAbsent { reason });
                context.stop();
            }
            Err(GpusUnread::Failed(error)) => {
                self.registration.note_error(&error);
                self.failures = self.failures.saturating_add(1);
                let intervals = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX).min(LONGEST_BACKOFF);
                self.due = Instant::now() + self.settings.interval * intervals;
                self.lose_all(&error);
            }
        }
    }

    fn note(&self, gpus: Vec<SweptGpu>) {
        for gone in self.board.readable() {
            if !gpus.iter().any(|swept| swept.gpu == gone) {
                self.lose(gone, "it is no longer there");
            }
        }
        for SweptGpu { gpu, outcome } in gpus {
            match outcome {
                Ok((identity, reading)) => {
                    let name = identity.name.clone();
                    if self.board.note(gpu, identity, reading) {
                        self.events.publish(LifecycleEvent::GpuFound { gpu, name });
                    }
                    self.events.publish(LifecycleEvent::GpuRead { gpu, reading });
                }
                Err(error) => self.lose(gpu, &error),
            }
        }
    }

    fn lose(&self, gpu: u32, error: &str) {
        if self.board.lose(gpu, error) {
            self.events.publish(LifecycleEvent::GpuLost { gpu, error: error.to_owned() });
        }
    }

    /// Nothing can be read: said of each GPU that was there, and once where there was none.
    fn lose_all(&mut self, error: &str) {
        let readable = self.board.readable();
        if readable.is_empty() && self.told.as_deref() != Some(error) {
            self.events.publish(LifecycleEvent::GpusUnreadable { error: error.to_owned() });
        }
        for gpu in readable {
            self.lose(gpu, error);
        }
        self.told = Some(error.to_owned());
    }
}

/// Opens what is not open, and reads. A panic of the driver's binding is a failure as any other.
fn sweep(reader: &mut Option<Box<dyn GpuReader>>, opener: &GpuOpener) -> Result<Vec<SweptGpu>, GpusUnread> {
    let attempt = AssertUnwindSafe(|| {
        let mut open = match reader.take() {
            Some(open) => open,
            None => opener()?,
        };
        let gpus = open.sweep()?;
        *reader = Some(open);
        Ok(gpus)
    });
    catch_unwind(attempt).unwrap_or_else(|_| Err(GpusUnread::Failed("the reading panicked".to_owned())))
}

impl Actor for GpuMonitorActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.ask(context);
        // Finer than the interval, so that the driver's silence is noticed when patience ends.
        context.run_interval((self.settings.interval / 10).max(Duration::from_millis(1)), Self::tick);
    }
}

impl Observed for GpuMonitorActor {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({"readable": self.board.readable(), "failures": self.failures, "reading": self.asked.is_some()})
    }
}

takes_letters!(GpuMonitorActor);

/// From the thread: what it read.
#[derive(Message)]
#[rtype(result = "()")]
struct Swept(Result<Vec<SweptGpu>, GpusUnread>);

impl Handler<Swept> for GpuMonitorActor {
    type Result = ();

    fn handle(&mut self, Swept(swept): Swept, context: &mut Self::Context) {
        self.conclude(swept, context);
    }
}
