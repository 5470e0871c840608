//! The audio decoder and validator: base64 with its bound, PCM to mono samples and back, whatever the bytes are.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use sts_protocol::{AudioEncoding, AudioFormat, AudioPayload, AudioSpec, ErrorCode};

use crate::refusal;

/// What is done with which audio.
#[derive(Arbitrary, Debug)]
pub enum Case<'a> {
    /// Decodes text that need not be base64, with a bound on its size.
    Text {
        /// The text.
        text: &'a str,
        /// The bound, bytes decoded.
        max_bytes: u16,
    },
    /// Packs bytes, unpacks them, and reads them as samples.
    Pcm {
        /// The layout.
        layout: Layout,
        /// Whole frames or not.
        pcm: &'a [u8],
    },
    /// Writes samples and reads them again.
    Samples {
        /// The layout.
        layout: Layout,
        /// Any floats: not numbers, infinities, far too loud.
        samples: Vec<f32>,
    },
}

/// Rate, channels and format, such as pass the checks of both events.
#[derive(Arbitrary, Debug)]
pub struct Layout {
    rate: u32,
    stereo: bool,
    float: bool,
}

impl Layout {
    fn spec(&self) -> AudioSpec {
        AudioSpec {
            sample_rate_hz: self.rate.max(1),
            channels: if self.stereo { 2 } else { 1 },
            format: if self.float { AudioFormat::PcmF32le } else { AudioFormat::PcmS16le },
        }
    }
}

/// One case.
pub fn check(input: &[u8]) {
    match Case::arbitrary(&mut Unstructured::new(input)) {
        Ok(Case::Text { text, max_bytes }) => check_text(text, max_bytes.into()),
        Ok(Case::Pcm { layout, pcm }) => {
            check_packing(pcm);
            check_reading(&layout.spec(), pcm);
        }
        Ok(Case::Samples { layout, samples }) => check_writing(&layout.spec(), &samples),
        Err(_) => {}
    }
}

fn check_text(text: &str, max_bytes: usize) {
    match AudioPayload::Base64(text.to_owned()).decode(max_bytes) {
        Ok(bytes) => {
            assert!(bytes.len() <= max_bytes, "{} bytes, {max_bytes} were allowed", bytes.len());
            let again = AudioPayload::encode(bytes, AudioEncoding::Base64);
            assert_eq!(again, AudioPayload::Base64(text.to_owned()), "two texts for the same bytes");
        }
        Err(refused) => {
            refusal::check(&refused, &[ErrorCode::InvalidFragment, ErrorCode::FragmentTooLarge]);
            let too_large = refused.code == ErrorCode::FragmentTooLarge;
            assert!(!too_large || text.len() / 4 * 3 > max_bytes, "{} characters are not too many", text.len());
        }
    }
}

fn check_packing(pcm: &[u8]) {
    let bytes = Bytes::copy_from_slice(pcm);
    for encoding in [AudioEncoding::Base64, AudioEncoding::Binary] {
        let packed = AudioPayload::encode(bytes.clone(), encoding);
        assert_eq!(packed.clone().decode(pcm.len()).as_ref(), Ok(&bytes), "{encoding:?} changes the bytes");
        if let Some(one_less) = pcm.len().checked_sub(1) {
            let refused = packed.decode(one_less).expect_err("one byte too many");
            assert_eq!(refused.code, ErrorCode::FragmentTooLarge, "{encoding:?}");
        }
    }
}

fn check_reading(spec: &AudioSpec, pcm: &[u8]) {
    let samples = spec.decode_mono(pcm);
    assert_eq!(samples.len(), pcm.len() / spec.bytes_per_frame());
    assert!(samples.iter().all(|sample| (-1.0..=1.0).contains(sample)), "out of range: {samples:?}");
    let lasts_ms = spec.duration_ms(samples.len());
    assert!(lasts_ms.is_finite() && lasts_ms >= 0.0);
}

fn check_writing(spec: &AudioSpec, samples: &[f32]) {
    let pcm = spec.encode_mono(samples);
    assert_eq!(pcm.len(), samples.len() * spec.bytes_per_frame());
    if spec.format == AudioFormat::PcmF32le {
        let written = pcm.as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw));
        for (index, value) in written.enumerate() {
            assert!((-1.0..=1.0).contains(&value), "{value} is written for sample {index}");
        }
    }
    for (sample, again) in samples.iter().zip(spec.decode_mono(&pcm)) {
        let wanted = if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) };
        assert!((wanted - again).abs() <= 1.0 / 16_384.0, "{sample} became {again}");
    }
}
