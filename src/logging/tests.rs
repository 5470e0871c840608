use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use slog::{Level, info};

use super::*;

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn total(log: &Log, reason: &str) -> u64 {
    log.dropped.with_label_values(&[reason]).get()
}

#[test]
fn a_record_is_one_line_of_json_with_its_time_level_and_message() {
    let memory = Memory::default();
    let before = std::time::SystemTime::now() - Duration::from_millis(1);
    let (log, guard) = write_to(memory.clone(), LogLevel::default());
    info!(log.logger.new(o!("stream_id" => "s")), "said {}", "so"; "count" => 3, "nothing" => None::<u8>);
    drop(guard);
    let [line] = &memory.lines()[..] else { panic!("one line: {:?}", memory.lines()) };
    assert_eq!((&line["level"], &line["message"]), (&"info".into(), &"said so".into()));
    assert_eq!((&line["stream_id"], &line["count"], line.get("nothing")), (&"s".into(), &3.into(), None));
    assert_eq!(line.get("target"), None, "it is our own");
    let timestamp = humantime::parse_rfc3339(line["timestamp"].as_str().expect("a text")).expect("RFC 3339");
    assert!((before..=std::time::SystemTime::now()).contains(&timestamp), "{line}");
}

#[test]
fn what_a_stranger_wrote_is_cut_and_escaped() {
    let memory = Memory::default();
    let (log, guard) = write_to(memory.clone(), LogLevel::default());
    let hostile = format!("\n{{\"level\":\"critical\"}}\r\u{1b}[31m\u{0}\"{}", "é".repeat(1 << 20));
    info!(log.logger, "{}", hostile; "id" => &hostile, "displayed" => %hostile, "debugged" => ?hostile);
    drop(guard);
    let [line] = &memory.lines()[..] else { panic!("one line") };
    assert_eq!(line["level"], "info");
    for key in ["message", "id", "displayed", "debugged"] {
        let text = line[key].as_str().expect("a text");
        assert!((1_000..=1_024).contains(&text.len()), "{key}: {} bytes", text.len());
    }
    let raw = memory.0.lock().expect("no panic").clone();
    assert!(raw[..raw.len() - 1].iter().all(|&byte| byte >= 0x20), "control characters are escaped");
}

#[test]
fn the_level_can_be_changed_while_records_are_made() {
    let memory = Memory::default();
    let (log, guard) = write_to(memory.clone(), "warning".parse().expect("a level"));
    info!(log.logger, "too early");
    log.level.set(Level::Debug);
    info!(log.logger, "wanted");
    assert_eq!(log.level.name(), "debug");
    log.level.set(Level::Critical);
    slog::error!(log.logger, "too late");
    drop(guard);
    assert_eq!(memory.lines().iter().map(|line| line["message"].clone()).collect::<Vec<_>>(), ["wanted"]);
    assert!("loud".parse::<LogLevel>().is_err());
}

/// Takes a part of the first line, then fails for a while, and recovers.
struct Failing {
    writes: usize,
    memory: Memory,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        match self.writes {
            1 => self.memory.write(&bytes[..7]),
            2..=4 => Err(io::ErrorKind::StorageFull.into()),
            _ => self.memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_told_of_later() {
    let memory = Memory::default();
    let (log, guard) = write_to(Failing { writes: 0, memory: memory.clone() }, LogLevel::default());
    // The first is torn; the second and the third fail by way of the line that tells of those before.
    for number in 1..=5 {
        info!(log.logger, "record {}", number);
    }
    drop(guard);
    let text = String::from_utf8(memory.0.lock().expect("no panic").clone()).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0].len()), (4, 7), "{text}");
    let line = |index: usize| serde_json::from_str::<Value>(lines[index]).expect("whole lines after the torn one");
    assert_eq!((&line(1)["message"], &line(1)["count"]), (&"log records were dropped".into(), &3.into()), "{text}");
    assert_eq!([line(2)["message"].clone(), line(3)["message"].clone()], ["record 4", "record 5"]);
    assert_eq!(total(&log, lines::REASON), 3);
}

/// Says when a line comes, and takes it only when it is told to.
struct Stuck {
    came: Sender<()>,
    go_on: Receiver<()>,
    memory: Memory,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.came.send(());
        let _ = self.go_on.recv();
        self.memory.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_does_not_read_costs_records_and_no_time() {
    let memory = Memory::default();
    let ((came, first_line), (go_on, gate)) = (channel(), channel());
    let (log, guard) = write_to(Stuck { came, go_on: gate, memory: memory.clone() }, LogLevel::default());
    info!(log.logger, "first");
    first_line.recv().expect("it is being written");
    // Would never come to an end if any of them waited for room.
    for number in 0..5_000 {
        info!(log.logger, "record {}", number);
    }
    assert_eq!(total(&log, queue::REASON), 5_000 - 4_096);
    drop(go_on);
    drop(guard);
    let lines = memory.lines();
    assert_eq!(lines.len(), 1 + 1 + 4_096);
    assert_eq!((&lines[1]["message"], &lines[1]["count"]), (&"log records were dropped".into(), &904.into()));
}

#[test]
fn the_end_does_not_wait_for_a_reader_that_does_not_read() {
    let ((came, _first_line), (_go_on, gate)) = (channel(), channel());
    let (log, guard) = write_to(Stuck { came, go_on: gate, memory: Memory::default() }, LogLevel::default());
    info!(log.logger, "never read");
    let (done, ended) = channel();
    std::thread::spawn(move || {
        drop(guard);
        let _ = done.send(());
    });
    ended.recv_timeout(Duration::from_secs(60)).expect("the guard gives up");
}
