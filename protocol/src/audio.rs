//! Sample formats, the two ways that audio travels, and PCM to samples and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{ErrorCode, Refusal};

/// How samples are laid out in bytes; always interleaved, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudioFormat {
    /// Signed 16-bit integers.
    PcmS16le,
    /// 32-bit floats, −1 to 1.
    PcmF32le,
}

impl AudioFormat {
    /// Every format that the service takes, as `stream:ready` names them.
    pub const ALL: [Self; 2] = [Self::PcmS16le, Self::PcmF32le];

    /// Bytes of one sample of one channel.
    pub fn bytes_per_sample(self) -> usize {
        match self {
            Self::PcmS16le => 2,
            Self::PcmF32le => 4,
        }
    }
}

/// How audio travels inside an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AudioEncoding {
    /// Text in the JSON.
    #[default]
    Base64,
    /// A Socket.IO binary attachment.
    Binary,
}

/// Rate, channels and format of a stream's audio, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSpec {
    /// Frames a second, Hz.
    pub sample_rate_hz: u32,
    /// 1 or 2, interleaved.
    pub channels: u16,
    /// Layout of a sample.
    pub format: AudioFormat,
}

impl AudioSpec {
    /// Bytes of one frame: one sample of each channel.
    pub fn bytes_per_frame(&self) -> usize {
        self.format.bytes_per_sample() * usize::from(self.channels)
    }

    /// Milliseconds that this many frames last.
    pub fn duration_ms(&self, frames: usize) -> f64 {
        frames as f64 * 1000.0 / f64::from(self.sample_rate_hz)
    }

    /// Samples of interleaved PCM as mono, −1 to 1; channels are averaged. Bytes past the last whole frame
    /// are not read.
    pub fn decode_mono(&self, pcm: &[u8]) -> Vec<f32> {
        let channels = usize::from(self.channels);
        pcm.chunks_exact(self.bytes_per_frame())
            .map(|frame| {
                let sum: f32 =
                    frame.chunks_exact(self.format.bytes_per_sample()).map(|raw| self.decode_sample(raw)).sum();
                sum / channels as f32
            })
            .collect()
    }

    fn decode_sample(&self, raw: &[u8]) -> f32 {
        match (self.format, raw) {
            (AudioFormat::PcmS16le, &[low, high]) => f32::from(i16::from_le_bytes([low, high])) / 32_768.0,
            (AudioFormat::PcmF32le, &[a, b, c, d]) => {
                let value = f32::from_le_bytes([a, b, c, d]);
                if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
            }
            _ => 0.0,
        }
    }

    /// Mono samples as interleaved PCM, every channel alike; values outside −1 to 1 are clipped.
    pub fn encode_mono(&self, samples: &[f32]) -> Vec<u8> {
        let mut pcm = Vec::with_capacity(samples.len() * self.bytes_per_frame());
        for &sample in samples {
            // A synthesiser that has gone wrong must not send what is no number to somebody's player.
            let sample = if sample.is_nan() { 0.0 } else { sample };
            for _ in 0..self.channels {
                match self.format {
                    AudioFormat::PcmS16le => {
                        let scaled = (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
                        pcm.extend_from_slice(&scaled.to_le_bytes());
                    }
                    AudioFormat::PcmF32le => pcm.extend_from_slice(&sample.clamp(-1.0, 1.0).to_le_bytes()),
                }
            }
        }
        pcm
    }
}

/// Audio inside an event: base64 text, or an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioPayload {
    /// Base64 of the bytes.
    Base64(String),
    /// The bytes themselves.
    Binary(Bytes),
}

impl AudioPayload {
    /// Packs PCM the way that the stream asked for.
    pub fn encode(pcm: Bytes, encoding: AudioEncoding) -> Self {
        match encoding {
            AudioEncoding::Base64 => Self::Base64(BASE64.encode(&pcm)),
            AudioEncoding::Binary => Self::Binary(pcm),
        }
    }

    /// The bytes, at most `max_bytes` of them; the bound is checked before anything is decoded.
    ///
    /// # Errors
    /// `FRAGMENT_TOO_LARGE`, or `INVALID_FRAGMENT` when the text is not base64.
    pub fn decode(self, max_bytes: usize) -> Result<Bytes, Refusal> {
        let too_large = |bytes: usize| {
            let message = format!("`audio` is {bytes} bytes decoded, the limit is {max_bytes}");
            Refusal::new(ErrorCode::FragmentTooLarge, message)
        };
        match self {
            Self::Binary(bytes) if bytes.len() > max_bytes => Err(too_large(bytes.len())),
            Self::Binary(bytes) => Ok(bytes),
            Self::Base64(text) => {
                let padding = text.bytes().rev().take(2).filter(|&byte| byte == b'=').count();
                let decoded_bytes = (text.len() / 4 * 3).saturating_sub(padding);
                if decoded_bytes > max_bytes {
                    return Err(too_large(decoded_bytes));
                }
                let bytes = BASE64.decode(text.as_bytes()).map_err(|error| {
                    Refusal::new(ErrorCode::InvalidFragment, format!("`audio` is not valid base64: {error}"))
                })?;
                Ok(bytes.into())
            }
        }
    }
}

impl Serialize for AudioPayload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Base64(text) => serializer.serialize_str(text),
            Self::Binary(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

impl<'de> Deserialize<'de> for AudioPayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudioVisitor)
    }
}

struct AudioVisitor;

impl Visitor<'_> for AudioVisitor {
    type Value = AudioPayload;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("base64 text or a binary attachment")
    }

    fn visit_str<E>(self, text: &str) -> Result<AudioPayload, E> {
        Ok(AudioPayload::Base64(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<AudioPayload, E> {
        Ok(AudioPayload::Base64(text))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<AudioPayload, E> {
        Ok(AudioPayload::Binary(bytes.into()))
    }
}

impl JsonSchema for AudioPayload {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AudioPayload".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "PCM, as base64 text or as a Socket.IO binary attachment.",
            "anyOf": [
                {
                    "description": "Base64 with padding (RFC 4648, section 4).",
                    "type": "string",
                    "contentEncoding": "base64",
                    "minLength": 4,
                    "pattern": BASE64_PATTERN,
                },
                {
                    "description": "What stands in the JSON of a Socket.IO packet for an attachment that follows it. \
                        A client gives and gets bytes; its Socket.IO library puts this in their place.",
                    "type": "object",
                    "properties": {
                        "_placeholder": {"const": true},
                        "num": {"type": "integer", "minimum": 0},
                    },
                    "required": ["_placeholder", "num"],
                },
            ],
        })
    }
}

/// What the decoder takes: groups of four, and no bit set in the last character that does not count.
const BASE64_PATTERN: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

#[cfg(test)]
mod tests {
    use super::*;

    const STEREO: AudioSpec = AudioSpec { sample_rate_hz: 48_000, channels: 2, format: AudioFormat::PcmS16le };

    #[test]
    fn stereo_is_averaged_and_doubled() {
        let pcm: Vec<u8> = [16_384_i16, -16_384, 8_192, 8_192].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(STEREO.decode_mono(&pcm), [0.0, 0.25]);
        assert_eq!(STEREO.encode_mono(&[1.0, -1.0]).len(), 8);
    }

    #[test]
    fn sixteen_bits_survive_a_round_trip() {
        let mono = AudioSpec { channels: 1, ..STEREO };
        let samples: Vec<f32> = (-100..=100).map(|step| step as f32 / 100.0).collect();
        let again = mono.decode_mono(&mono.encode_mono(&samples));
        assert!(samples.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1.0 / 16_384.0));
    }

    #[test]
    fn floats_that_are_not_numbers_become_silence() {
        let float = AudioSpec { channels: 1, format: AudioFormat::PcmF32le, ..STEREO };
        let pcm: Vec<u8> = [f32::NAN, f32::INFINITY, 9.0].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(float.decode_mono(&pcm), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn size_is_bounded_before_decoding() {
        let encoded = AudioPayload::encode(Bytes::from(vec![7; 10]), AudioEncoding::Base64);
        assert_eq!(encoded.clone().decode(10).expect("fits"), vec![7; 10]);
        assert_eq!(encoded.decode(9).expect_err("too large").code, ErrorCode::FragmentTooLarge);
        let binary = AudioPayload::Binary(Bytes::from_static(&[0; 11]));
        assert_eq!(binary.decode(10).expect_err("too large").code, ErrorCode::FragmentTooLarge);
    }

    #[test]
    fn bad_base64_names_the_field() {
        let refusal = AudioPayload::Base64("not base64!".into()).decode(100).expect_err("not base64");
        assert_eq!(refusal.code, ErrorCode::InvalidFragment);
        assert!(refusal.message.contains("`audio`"));
    }
}
