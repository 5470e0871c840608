//! What an operator sends, read so that a refusal names what is wrong.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use serde::de::DeserializeOwned;
use sts_protocol::ErrorCode;

use super::Problem;

/// Largest body that is read. The largest that makes sense has a path in it.
const MAX_BODY_BYTES: usize = 16 << 10;
/// How long a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// Characters of what was wrong that are told.
const REASON_LIMIT: usize = 200;

/// Reads the part of the address after `?`.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(request.query_string().as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| wrong(&error))
}

/// Reads a body of JSON.
pub(super) async fn body<T: DeserializeOwned>(request: &HttpRequest, payload: web::Payload) -> Result<T, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")) {
        let message = "the body must be JSON, and `content-type` application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::InvalidConfig, message));
    }
    let read = tokio::time::timeout(BODY_PATIENCE, payload.to_bytes_limited(MAX_BODY_BYTES)).await;
    let read = read.map_err(|_| {
        let message = format!("the body did not come within {} ms", BODY_PATIENCE.as_millis());
        Problem::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::Timeout, message)
    })?;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(Problem::invalid(format!("the body cannot be read: {}", shown(&error)))),
        Err(_) => {
            let message = format!("the body is larger than {MAX_BODY_BYTES} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::InvalidConfig, message));
        }
    };
    // An array would be taken for the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid("the body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| wrong(&error))?;
    json.end().map_err(|error| Problem::invalid(format!("the body goes on after its end: {}", shown(&error))))?;
    Ok(read)
}

fn wrong<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>) -> Problem {
    let reason = shown(error.inner());
    let field: String = error.path().to_string().chars().take(64).collect();
    // The path of what is wrong as a whole is a point.
    Problem::invalid(if field == "." { reason } else { format!("`{field}`: {reason}") })
}

fn shown(error: &impl std::fmt::Display) -> String {
    error.to_string().chars().take(REASON_LIMIT).collect()
}
