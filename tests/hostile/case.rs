//! A malformed message, what it owes to whom, and what came of it.

use std::fmt;

use serde_json::Value;

/// Where a connection stands when the malformed message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Engine.IO is open, Socket.IO is not.
    Opened,
    /// Connected to the default namespace, without a stream.
    Connected,
    /// A stream is ready.
    Streaming,
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// An Engine.IO packet as text.
    Text(String),
    /// A binary message: a Socket.IO attachment.
    Binary(Vec<u8>),
    /// Bytes on the wire of a WebSocket, framed or not.
    Raw(Vec<u8>),
}

/// What must come of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// An answer that says what is wrong, or the end of the connection.
    AnswerOrEnd,
    /// An `error` event with one of these codes that names this field; the connection goes on.
    Refusal(&'static [&'static str], &'static str),
    /// Nothing, as the protocol has no answer to it; the connection goes on.
    Nothing,
}

/// A malformed message.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is wrong with it, for the count.
    pub kind: &'static str,
    /// What exactly, where there are many of a kind.
    pub note: String,
    /// When it is sent.
    pub stage: Stage,
    /// What is sent.
    pub frames: Vec<Frame>,
    /// What must come of it.
    pub expect: Expect,
    /// Whether the connection can be used for the next case, if it is still there.
    pub reusable: bool,
}

impl Case {
    /// One text packet that must be answered, or ends the connection.
    pub fn text(kind: &'static str, stage: Stage, packet: impl Into<String>) -> Self {
        Self::frames(kind, stage, vec![Frame::Text(packet.into())])
    }

    /// Several frames that must be answered, or end the connection.
    pub fn frames(kind: &'static str, stage: Stage, frames: Vec<Frame>) -> Self {
        Self { kind, note: String::new(), stage, frames, expect: Expect::AnswerOrEnd, reusable: true }
    }

    /// The same, with another expectation.
    pub fn expecting(self, expect: Expect) -> Self {
        Self { expect, ..self }
    }

    /// The same, with the field and its wrong value.
    pub fn noting(self, field: &str, value: &str) -> Self {
        Self { note: format!(" {field} = {value:.80}"), ..self }
    }

    /// The same, on a connection of its own.
    pub fn alone(self) -> Self {
        Self { reusable: false, ..self }
    }

    /// Whether it opens Socket.IO, well or not.
    pub fn is_connect(&self) -> bool {
        self.stage == Stage::Opened && matches!(&self.frames[..], [Frame::Text(text)] if text.starts_with("40"))
    }

    /// Whether HTTP long-polling can carry it.
    pub fn fits_polling(&self) -> bool {
        let short = |frame: &Frame| match frame {
            Frame::Text(text) => !text.is_empty() && !text.contains('\u{1e}'),
            Frame::Binary(_) => true,
            Frame::Raw(_) => false,
        };
        self.frames.iter().all(short)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}{} ({:?}):", self.kind, self.note, self.stage)?;
        for frame in &self.frames {
            let shown = match frame {
                Frame::Text(text) => text.clone(),
                Frame::Binary(bytes) => format!("{} bytes", bytes.len()),
                Frame::Raw(bytes) => format!("{bytes:02x?}"),
            };
            write!(formatter, " ‹{}›", shown.chars().take(160).collect::<String>())?;
        }
        Ok(())
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A WebSocket Close frame with a code.
    CloseFrame(u16),
    /// A WebSocket Close frame without one.
    BareCloseFrame,
    /// The end of the TCP stream, without a farewell.
    Cut,
    /// A Socket.IO DISCONNECT, or an Engine.IO close packet.
    Disconnect,
    /// The polling session is unknown from now on.
    SessionGone,
}

/// What came of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// An `error` event.
    Error(Value),
    /// A `connect_error`.
    ConnectError(String),
    /// An acknowledgement, with what it carried.
    Acknowledged(String),
    /// An HTTP status.
    Http(u16),
    /// The connection ended.
    Ended(End),
    /// The connection goes on as if nothing had come.
    Silence,
    /// Neither an answer nor an end, before the deadline.
    Hang,
    /// Something that is no refusal: the message was taken.
    Taken(String),
}

impl Verdict {
    /// The name under which it is counted.
    pub fn name(&self) -> String {
        match self {
            Self::Error(error) => format!("error {}", error["code"].as_str().unwrap_or("without a code")),
            Self::ConnectError(_) => "connect_error".to_owned(),
            Self::Acknowledged(_) => "acknowledged".to_owned(),
            Self::Http(status) => format!("HTTP {status}"),
            Self::Ended(end) => format!("ended: {end:?}"),
            Self::Silence => "silence".to_owned(),
            Self::Hang => "HANG".to_owned(),
            Self::Taken(_) => "TAKEN".to_owned(),
        }
    }

    /// Why this is not what `expect` asks for.
    pub fn fault(&self, expect: Expect) -> Option<String> {
        /// Whatever was sent, it is not sent back at length.
        const MAX_ANSWER_BYTES: usize = 1_024;
        match (self, expect) {
            (Self::Silence, Expect::Nothing) => None,
            (Self::Error(error), Expect::Refusal(codes, field)) => {
                let text = |name: &str| error[name].as_str().unwrap_or_default();
                let (code, message) = (text("code"), text("message"));
                let named = codes.contains(&code) && message.contains(field);
                (!named || message.len() > MAX_ANSWER_BYTES).then(|| {
                    format!("{code}, {} bytes: {message:.200}; {codes:?} about {field} was due", message.len())
                })
            }
            (Self::Error(error), Expect::AnswerOrEnd) => {
                let bytes = error.to_string().len();
                (bytes > MAX_ANSWER_BYTES).then(|| format!("the answer has {bytes} bytes"))
            }
            (Self::ConnectError(_) | Self::Acknowledged(_) | Self::Ended(_), Expect::AnswerOrEnd) => None,
            (Self::Http(status), Expect::AnswerOrEnd | Expect::Refusal(..)) if (400..500).contains(status) => None,
            (Self::Taken(what), _) => Some(format!("it was taken: {what:.200}")),
            (other, expect) => Some(format!("{other:?}, where {expect:?} was due")),
        }
    }
}
