//! What every refusal owes to the one who is refused, and to the one who must store and send it.

use sts_protocol::{ErrorCode, Refusal};

/// Longest message that a refusal may have, bytes: whatever was sent, it is not sent back at length.
pub const MAX_MESSAGE_BYTES: usize = 512;
/// Longest fragment id that a refusal may carry, characters.
const MAX_ID_CHARS: usize = 128;

/// Fields that a refusal may blame.
const FIELDS: [&str; 20] = [
    "fragment_id",
    "stream_id",
    "sequence_number",
    "timestamp",
    "audio",
    "sample_rate",
    "channels",
    "format",
    "duration_ms",
    "source_language",
    "target_language",
    "voice_profile",
    "chunk_duration_ms",
    "sample_rate_hz",
    "domain_hints",
    "first_sequence_number",
    "resume",
    "session_id",
    "audio_encoding",
    "last_sequence_received",
];

/// Checks a refusal: it is one of `codes`, it names a field or says why, and it is bounded.
pub fn check(refusal: &Refusal, codes: &[ErrorCode]) {
    assert!(codes.contains(&refusal.code), "not a code for this: {refusal:?}");
    let message = refusal.message.as_str();
    assert!(message.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {message:.80}…", message.len());
    let names_a_field = FIELDS.iter().any(|field| message.contains(field));
    let says_why = ["an object", "attachment"].iter().any(|reason| message.contains(reason));
    assert!(names_a_field || says_why, "neither names a field nor says why: {message}");
    let id_chars = refusal.fragment_id.as_ref().map_or(0, |id| id.chars().count());
    assert!(id_chars <= MAX_ID_CHARS, "a fragment id of {id_chars} characters is sent back");
}
