//! What is said instead of an answer.

use std::fmt;

use actix_web::error::PathError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use sts_actors::stage::CommandError;
use sts_protocol::ErrorCode;

/// Why there is no answer: a status, a code of the wire's, and a sentence that names what was wrong.
#[derive(Clone, Debug, Serialize)]
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

    pub(super) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
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
        let mut response = HttpResponse::build(self.status).json(self);
        // For the audit.
        response.extensions_mut().insert(self.clone());
        response
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

/// For a path that is there, and a method that it does not have; `allowed` names those that it has.
pub(super) async fn no_such_method(request: HttpRequest, allowed: &'static str) -> HttpResponse {
    let message = format!(
        "this path has no {}; it has {allowed}",
        request.method().as_str().chars().take(16).collect::<String>()
    );
    let mut response = Problem::response(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidConfig, message);
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

/// For a path whose parts are no text.
pub(super) fn unreadable_path(error: PathError, _: &HttpRequest) -> actix_web::Error {
    let reason: String = error.to_string().chars().take(100).collect();
    Problem::invalid(format!("the path cannot be read: {reason}")).into()
}

/// For every path that is not there.
pub(super) async fn no_such_path() -> HttpResponse {
    let message = "there is no such path; the API is under /api/v1";
    Problem::response(StatusCode::NOT_FOUND, ErrorCode::InvalidConfig, message)
}
