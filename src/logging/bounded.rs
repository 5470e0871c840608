//! Stamps each record with the time at which it was made, and cuts what is too long: what waits for the writing thread
//! is then bounded in bytes, and a stranger's text cannot fill the disk. Escaping is left to the JSON writer.

use std::fmt::{Arguments, Write as _};
use std::time::SystemTime;

use slog::{BorrowedKV, Drain, KV, Key, OwnedKVList, Record, RecordStatic, Serializer, o};

/// Bytes of a message, or of one value, that are kept.
const MAX_TEXT: usize = 1_024;

/// Hands records on with a timestamp, and no longer than they may be.
pub(super) struct Bounded<D>(pub(super) D);

impl<D: Drain> Drain for Bounded<D> {
    type Ok = D::Ok;
    type Err = D::Err;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<D::Ok, D::Err> {
        let facts = Facts { record, values };
        let record_static = RecordStatic { location: record.location(), tag: "", level: record.level() };
        let mut message = Short::default();
        // Stops at the bound, which is no failure of ours.
        let _ = message.write_fmt(*record.msg());
        let timestamp = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        self.0.log(
            &Record::new(&record_static, &format_args!("{}", message.text()), BorrowedKV(&facts)),
            &o!("timestamp" => timestamp).into(),
        )
    }
}

/// The values of a record and of its logger, each bounded.
struct Facts<'a> {
    record: &'a Record<'a>,
    values: &'a OwnedKVList,
}

impl KV for Facts<'_> {
    fn serialize(&self, _: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        let mut bounded = Cutting(serializer);
        // Where a library's record came from.
        if !self.record.tag().is_empty() {
            bounded.emit_str("target", self.record.tag())?;
        }
        self.record.kv().serialize(self.record, &mut bounded)?;
        self.values.serialize(self.record, &mut bounded)
    }
}

/// Cuts texts, and leaves out what is not there.
struct Cutting<'a>(&'a mut dyn Serializer);

macro_rules! pass {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(&mut self, key: Key, value: $type) -> slog::Result {
            self.0.$name(key, value)
        })*
    };
}

impl Serializer for Cutting<'_> {
    pass!(emit_usize: usize, emit_isize: isize, emit_bool: bool, emit_char: char, emit_u8: u8, emit_i8: i8,
        emit_u16: u16, emit_i16: i16, emit_u32: u32, emit_i32: i32, emit_f32: f32, emit_u64: u64, emit_i64: i64,
        emit_f64: f64, emit_u128: u128, emit_i128: i128);

    fn emit_str(&mut self, key: Key, value: &str) -> slog::Result {
        self.0.emit_str(key, cut(value))
    }

    fn emit_arguments(&mut self, key: Key, value: &Arguments) -> slog::Result {
        let mut short = Short::default();
        let _ = short.write_fmt(*value);
        self.0.emit_str(key, short.text())
    }

    fn emit_unit(&mut self, _: Key) -> slog::Result {
        Ok(())
    }

    fn emit_none(&mut self, _: Key) -> slog::Result {
        Ok(())
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// A text that takes no more than it may hold, whatever is written to it.
#[derive(Default)]
struct Short(String);

impl Short {
    fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = MAX_TEXT - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        Err(std::fmt::Error)
    }
}
