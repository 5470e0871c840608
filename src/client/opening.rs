//! Opening a stream: a connection, and what `stream:init` is answered by.

use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};
use sts_protocol::ErrorCode;

use super::connection::Connection;
use super::stream::StreamRequest;

/// How long the service may take to open a stream.
const OPENING: Duration = Duration::from_secs(10);

/// A connection with a stream on it.
pub(super) struct Opened {
    /// The connection.
    pub(super) connection: Connection,
    /// `stream:ready`.
    pub(super) ready: Value,
}

/// Why there is no stream.
pub(super) enum OpenError {
    /// The same may succeed later.
    Passing(anyhow::Error),
    /// The session that was to go on is gone; another may be opened.
    Forgotten(anyhow::Error),
    /// The service does not take such a stream.
    Lasting(anyhow::Error),
}

impl OpenError {
    /// What went wrong, for a person.
    pub(super) fn into_inner(self) -> anyhow::Error {
        let (Self::Passing(error) | Self::Forgotten(error) | Self::Lasting(error)) = self;
        error
    }
}

/// Opens a stream that begins with fragment `first`, or goes on with one.
///
/// # Errors
/// There is none, for now or for good.
pub(super) async fn open(request: StreamRequest, resume: Option<Value>, first: u64) -> Result<Opened, OpenError> {
    let StreamRequest { url, token, stream_id, worker_id, spec, .. } = &request;
    let opening = Connection::open(url, stream_id, worker_id, token.as_deref());
    let mut connection = match tokio::time::timeout(OPENING, opening).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) if format!("{error:#}").contains(ErrorCode::Unauthorized.as_str()) => {
            return Err(OpenError::Lasting(error));
        }
        Ok(Err(error)) => return Err(OpenError::Passing(error)),
        Err(_) => return Err(OpenError::Passing(anyhow!("{url} does not answer"))),
    };
    let mut init = json!({
        "source_language": request.source_language, "target_language": request.target_language,
        "voice_profile": request.voice_profile, "chunk_duration_ms": request.chunk_ms,
        "sample_rate_hz": spec.sample_rate_hz, "channels": spec.channels, "format": spec.format,
        "first_sequence_number": first, "domain_hints": request.hints,
    });
    let is_resumption = resume.is_some();
    if let Some(resume) = resume {
        init["resume"] = resume;
    }
    connection.send("stream:init", init).await.map_err(OpenError::Passing)?;
    let answer = connection.next(OPENING).await.map_err(OpenError::Passing)?;
    if answer.event == "stream:ready" {
        return Ok(Opened { connection, ready: answer.data });
    }
    let target = &request.target_language;
    let error = anyhow!("the service did not open the stream into '{target}': {}", answer.data);
    let code = serde_json::from_value(answer.data["code"].clone()).ok();
    Err(match code {
        Some(ErrorCode::StreamNotFound) if is_resumption => OpenError::Forgotten(error),
        Some(ErrorCode::InvalidVoiceProfile | ErrorCode::UnsupportedLanguage) => OpenError::Lasting(error),
        // The connection before may not be known to be gone yet.
        Some(ErrorCode::InvalidConfig) if !error.to_string().contains("in use") => OpenError::Lasting(error),
        _ => OpenError::Passing(error),
    })
}
