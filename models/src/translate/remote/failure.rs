//! Why a call came to nothing.

use std::time::Duration;

use crate::engine::EngineError;

/// Why a call came to nothing, after the repetitions that there was time for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallFailure {
    /// An answer that is no success.
    #[error("status {status}{}{message}", if message.is_empty() { "" } else { ": " })]
    Status {
        /// The HTTP status.
        status: u16,
        /// What the other side says about it; the beginning, on one line.
        message: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer in the time there was.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The connection could not be made, or broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// An answer longer than any that can be meant.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
    /// The other side points elsewhere; the key is not sent there.
    #[error("it redirects to {0}, which is not followed; is the URL right?")]
    Redirected(String),
    /// The answer is not what the interface promises.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

impl CallFailure {
    /// Whether repeating the call may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::TimedOut(_) | Self::Connection(_) => true,
            Self::TooLong(_) | Self::Redirected(_) | Self::Unreadable(_) => false,
        }
    }

    /// How long the other side asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The status, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The error of the engine called `engine`, as far as statuses mean the same everywhere.
    pub fn into_engine_error(self, engine: &str) -> EngineError {
        let message = format!("{engine}: {self}");
        match self {
            Self::Status { status: 429 | 529, retry_after, .. } => EngineError::RateLimited { message, retry_after },
            Self::Status { status: 401 | 403, .. } => EngineError::Unauthorized(message),
            Self::Status { status: 413 | 414, .. } => EngineError::InvalidInput(message),
            Self::TimedOut(_) => EngineError::TimedOut(message),
            _ => EngineError::Unavailable(message),
        }
    }
}
