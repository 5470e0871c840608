//! Records as JSON, a line each. A full disk or a closed pipe costs lines, and nothing else: they are counted, and the
//! log says how many once it can be written again.

use std::io::{self, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::IntCounterVec;
use slog::{Drain, FnValue, Level, Never, OwnedKVList, PushFnValue, Record, b, o, record_static};
use slog_json::Json;

/// Why a record is not in the log: it could not be written.
pub(super) const REASON: &str = "unwritable";

/// Records that are not in the log.
#[derive(Clone)]
pub(super) struct Lost {
    counted: IntCounterVec,
    /// Those that the log itself has not told of yet.
    untold: Arc<AtomicU64>,
}

// Counters, which no panic leaves half done.
impl RefUnwindSafe for Lost {}
impl UnwindSafe for Lost {}

impl Lost {
    pub(super) fn count(&self, reason: &str) {
        self.counted.with_label_values(&[reason]).inc();
        self.untold.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes records.
pub(super) struct Lines {
    json: Json<WholeLines>,
    lost: Lost,
}

// What is half done when a record panics is one line in the buffer, and the next one begins anew.
impl RefUnwindSafe for Lines {}

impl Lines {
    pub(super) fn to(output: impl Write + Send + 'static, dropped: &IntCounterVec) -> Self {
        let lines = WholeLines { line: Vec::new(), output: Box::new(output), is_torn: false };
        let json = Json::new(lines)
            .add_key_value(o!(
                "message" => PushFnValue(|record: &Record, serializer| serializer.emit(record.msg())),
                "level" => FnValue(|record: &Record| record.level().as_str().to_lowercase()),
            ))
            .set_flush(true)
            .build();
        Self { json, lost: Lost { counted: dropped.clone(), untold: Arc::default() } }
    }

    pub(super) fn lost(&self) -> Lost {
        self.lost.clone()
    }

    /// Says how many records were dropped since it last did.
    fn tell(&self, count: u64) -> io::Result<()> {
        let timestamp = humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string();
        let record = record_static!(Level::Warning, "");
        let message = format_args!("log records were dropped");
        self.json.log(&Record::new(&record, &message, b!("count" => count)), &o!("timestamp" => timestamp).into())?;
        self.lost.untold.fetch_sub(count, Ordering::Relaxed);
        Ok(())
    }
}

impl Drain for Lines {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), Never> {
        let untold = self.lost.untold.load(Ordering::Relaxed);
        let told = if untold == 0 { Ok(()) } else { self.tell(untold) };
        if told.and_then(|()| self.json.log(record, values)).is_err() {
            self.lost.count(REASON);
        }
        Ok(())
    }
}

/// Hands each line on as a whole, so that lines of several processes mix well, and one that went wrong ends.
struct WholeLines {
    line: Vec<u8>,
    output: Box<dyn Write + Send>,
    /// A part of the last line was written.
    is_torn: bool,
}

impl Write for WholeLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        if self.is_torn {
            line.insert(0, b'\n');
        }
        let written = self.hand_on(&line);
        line.clear();
        self.line = line;
        written
    }
}

impl WholeLines {
    fn hand_on(&mut self, line: &[u8]) -> io::Result<()> {
        let mut left = line;
        while !left.is_empty() {
            match self.output.write(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    left = &left[written..];
                    self.is_torn = !left.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.flush()
    }
}
