//! Real speech, and what becomes of it.

use serde_json::Value;

use crate::scene::assert_success;
use crate::support::root;

const FRAGMENT_SECONDS: usize = 6;

/// Six seconds of speech, from the so-manieth on.
pub fn speech(number: usize) -> Vec<u8> {
    let mut recording = hound::WavReader::open(root().join("tests/audio/lj001.wav")).expect("a recording");
    let length = recording.spec().sample_rate as usize * FRAGMENT_SECONDS;
    let samples = recording.samples::<i16>().skip(number * length).take(length);
    samples.flat_map(|sample| sample.expect("16-bit PCM").to_le_bytes()).collect()
}

/// The fragment was understood, translated and spoken.
pub fn assert_dubbed(result: &Value) {
    assert_success(result);
    for field in ["transcript", "translated_text"] {
        assert!(result[field].as_str().is_some_and(|text| text.len() > 10), "{field}: {}", result[field]);
    }
}
