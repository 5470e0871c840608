//! What is said instead of an answer.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use sts_actors::stage::CommandError;
use sts_protocol::ErrorCode;

/// Why there is no answer: a status, a code of the wire's, and a sentence that names what was wrong.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    code: ErrorCode,
    message: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// As an answer.
    pub(super) fn response(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> HttpResponse {
        Self::new(status, code, message).error_response()
    }

    /// Something in the request is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidConfig, message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}: {}", self.code.as_str(), self.message)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(self)
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let (status, code) = match error {
            CommandError::Busy(_) => (StatusCode::CONFLICT, ErrorCode::ServiceOverloaded),
            CommandError::Workers(_) => (StatusCode::BAD_REQUEST, ErrorCode::InvalidConfig),
            CommandError::CannotStart(_) => (StatusCode::BAD_GATEWAY, ErrorCode::StageUnavailable),
            CommandError::Gone => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServiceOverloaded),
        };
        Self::new(status, code, error.to_string())
    }
}

/// An actor is no more.
impl From<actix::MailboxError> for Problem {
    fn from(error: actix::MailboxError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Internal, error.to_string())
    }
}

/// For every path that is not there.
pub(super) async fn no_such_path() -> HttpResponse {
    let message = "there is no such path; the API is under /api/v1";
    Problem::response(StatusCode::NOT_FOUND, ErrorCode::InvalidConfig, message)
}
