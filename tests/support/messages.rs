//! What a worker sends: streams from English to Spanish, of 16 kHz mono, over the fake engines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// The rate of all audio here.
pub const RATE_HZ: usize = 16_000;

/// A `stream:init`: fragments of so many ms, numbered from 0.
pub fn init(fragment_ms: usize) -> Value {
    json!({
        "source_language": "en", "target_language": "es", "voice_profile": "spanish_male_1",
        "chunk_duration_ms": fragment_ms, "sample_rate_hz": RATE_HZ, "channels": 1, "format": "pcm_s16le",
        "first_sequence_number": 0,
    })
}

/// So many samples that tell the fake engines what to do: `tests/fakes/instruction.rs` says how.
pub fn samples(count: usize, order: i16, number: i16) -> Vec<u8> {
    let mut pcm = vec![0; count * 2];
    pcm[..2].copy_from_slice(&order.to_le_bytes());
    pcm[2..4].copy_from_slice(&number.to_le_bytes());
    pcm
}

/// So many ms of the same.
pub fn audio(duration_ms: usize, order: i16, number: i16) -> Vec<u8> {
    samples(duration_ms * RATE_HZ / 1_000, order, number)
}

/// A `fragment:data` with this audio; its id is its number.
pub fn fragment(stream_id: &str, number: usize, pcm: &[u8]) -> Value {
    let duration_ms = pcm.len() as f64 / 2.0 * 1_000.0 / RATE_HZ as f64;
    json!({
        "fragment_id": number.to_string(), "stream_id": stream_id, "sequence_number": number,
        "timestamp": number as f64 * duration_ms, "audio": BASE64.encode(pcm), "sample_rate": RATE_HZ, "channels": 1,
        "format": "pcm_s16le", "duration_ms": duration_ms,
    })
}
