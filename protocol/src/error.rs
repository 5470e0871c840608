//! Error codes, the `error` event, and refusals on their way to become one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{Optional, Plain};

/// A stage of the pipeline, as `error.stage` and metric labels name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Speech recognition.
    Asr,
    /// Translation.
    Translation,
    /// Speech synthesis.
    Tts,
}

impl Stage {
    /// Every stage, in the order a fragment passes them.
    pub const ALL: [Self; 3] = [Self::Asr, Self::Translation, Self::Tts];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asr => "asr",
            Self::Translation => "translation",
            Self::Tts => "tts",
        }
    }
}

/// What went wrong, as the wire names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// A stage ran past its limit.
    Timeout,
    /// The translator's API, or the message limit.
    RateLimitExceeded,
    /// The stream is over its critical threshold.
    BackpressureExceeded,
    /// The service's own queues are full, or it is draining.
    ServiceOverloaded,
    /// A stage crashed on this fragment more often than its retry budget.
    StageUnavailable,
    /// Out of device memory even for a single fragment.
    GpuOutOfMemory,
    /// A fragment came while the stream was paused.
    StreamPaused,
    /// No such stream, none initialised yet, or its resume grace has run out.
    StreamNotFound,
    /// A field of `stream:init` is missing or wrong.
    InvalidConfig,
    /// The voice profile is unknown or speaks another language.
    InvalidVoiceProfile,
    /// No engine serves the language or the pair.
    UnsupportedLanguage,
    /// A field of `fragment:data` is missing, of the wrong type, or contradicts the audio.
    InvalidFragment,
    /// Over the size limit.
    FragmentTooLarge,
    /// The dub cannot be made to fit.
    DurationMismatchExceeded,
    /// The translator's account is used up.
    QuotaExceeded,
    /// The connection was refused.
    Unauthorized,
    /// A bug; the message carries the reference under which it was logged.
    Internal,
}

impl ErrorCode {
    /// Every code of the contract.
    pub const ALL: [Self; 17] = [
        Self::Timeout,
        Self::RateLimitExceeded,
        Self::BackpressureExceeded,
        Self::ServiceOverloaded,
        Self::StageUnavailable,
        Self::GpuOutOfMemory,
        Self::StreamPaused,
        Self::StreamNotFound,
        Self::InvalidConfig,
        Self::InvalidVoiceProfile,
        Self::UnsupportedLanguage,
        Self::InvalidFragment,
        Self::FragmentTooLarge,
        Self::DurationMismatchExceeded,
        Self::QuotaExceeded,
        Self::Unauthorized,
        Self::Internal,
    ];

    /// Whether sending the same thing again may succeed.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::Timeout
                | Self::RateLimitExceeded
                | Self::BackpressureExceeded
                | Self::ServiceOverloaded
                | Self::StageUnavailable
                | Self::GpuOutOfMemory
                | Self::StreamPaused
        )
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "TIMEOUT",
            Self::RateLimitExceeded => "RATE_LIMIT_EXCEEDED",
            Self::BackpressureExceeded => "BACKPRESSURE_EXCEEDED",
            Self::ServiceOverloaded => "SERVICE_OVERLOADED",
            Self::StageUnavailable => "STAGE_UNAVAILABLE",
            Self::GpuOutOfMemory => "GPU_OUT_OF_MEMORY",
            Self::StreamPaused => "STREAM_PAUSED",
            Self::StreamNotFound => "STREAM_NOT_FOUND",
            Self::InvalidConfig => "INVALID_CONFIG",
            Self::InvalidVoiceProfile => "INVALID_VOICE_PROFILE",
            Self::UnsupportedLanguage => "UNSUPPORTED_LANGUAGE",
            Self::InvalidFragment => "INVALID_FRAGMENT",
            Self::FragmentTooLarge => "FRAGMENT_TOO_LARGE",
            Self::DurationMismatchExceeded => "DURATION_MISMATCH_EXCEEDED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Internal => "INTERNAL",
        }
    }
}

/// The `error` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorMessage {
    /// What went wrong.
    pub code: ErrorCode,
    /// A sentence for a person; names the field when one is to blame.
    pub message: String,
    /// Whether sending the same again may succeed.
    pub retryable: bool,
    /// The fragment that it is about.
    #[serde(default, with = "Optional::<Plain<String>>", skip_serializing_if = "Option::is_none")]
    pub fragment_id: Option<String>,
    /// The stream that it is about.
    #[serde(default, with = "Optional::<Plain<String>>", skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<String>,
}

/// Why a message was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Refusal {
    /// The code that the sender will see.
    pub code: ErrorCode,
    /// A sentence that names the field when one is to blame.
    pub message: String,
    /// The fragment refused, when the message got so far as to name one.
    pub fragment_id: Option<String>,
}

impl Refusal {
    /// A refusal that is not about one fragment.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fragment_id: None }
    }

    /// The same refusal, about this fragment.
    pub fn about(mut self, fragment_id: impl Into<String>) -> Self {
        self.fragment_id = Some(fragment_id.into());
        self
    }

    /// The `error` event that tells the worker.
    pub fn into_message(self, stream_id: Option<&str>) -> ErrorMessage {
        ErrorMessage {
            code: self.code,
            message: self.message,
            retryable: self.code.retryable(),
            fragment_id: self.fragment_id,
            stream_id: stream_id.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_the_serialised_ones() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).expect("a code serialises"), code.as_str());
        }
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).expect("a stage serialises"), stage.as_str());
        }
    }

    #[test]
    fn a_refusal_tells_the_worker_all_that_it_knows() {
        let refusal = Refusal::new(ErrorCode::StreamPaused, "the stream is paused").about("f-1");
        assert_eq!(refusal.to_string(), "STREAM_PAUSED: the stream is paused");
        let message = refusal.into_message(Some("s-1"));
        assert!(message.retryable);
        assert_eq!((message.fragment_id.as_deref(), message.stream_id.as_deref()), (Some("f-1"), Some("s-1")));
    }

    #[test]
    fn seven_codes_are_retryable() {
        let retryable: Vec<_> =
            ErrorCode::ALL.iter().filter(|code| code.retryable()).map(|code| code.as_str()).collect();
        assert_eq!(
            retryable,
            [
                "TIMEOUT",
                "RATE_LIMIT_EXCEEDED",
                "BACKPRESSURE_EXCEEDED",
                "SERVICE_OVERLOADED",
                "STAGE_UNAVAILABLE",
                "GPU_OUT_OF_MEMORY",
                "STREAM_PAUSED"
            ]
        );
    }
}
