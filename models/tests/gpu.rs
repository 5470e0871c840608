//! The engines on a GPU, with the same binary. Ignored unless asked for: `make test` asks where there is a GPU, and
//! says on its last line where there is none.

mod support;

use sts_models::kokoro::{KokoroOptions, KokoroSynthesizer};
use sts_models::translate::marian::{Precision, Student};
use sts_models::whisper::{WhisperOptions, WhisperRecognizer};
use sts_models::{
    Device, DeviceChoice, EngineError, RecognizeRequest, Recognizer, SpeechSlot, SynthesizeRequest, Synthesizer,
    WhenTooLong,
};
use support::{audio, store};

fn gpu() -> Device {
    Device::resolve(DeviceChoice::Cuda(0)).expect("a GPU and its libraries")
}

#[test]
#[ignore = "needs a GPU"]
fn whisper_hears_the_same_words_in_a_batch() {
    let mut recognizer =
        WhisperRecognizer::load(&store("whisper-base"), gpu(), WhisperOptions::default()).expect("loads");
    let request = RecognizeRequest {
        samples: audio("jfk.flac").into(),
        language: "en".to_owned(),
        previous_text: String::new(),
        hints: Vec::new(),
    };
    for answer in recognizer.recognize(&vec![request; 8]) {
        let text = answer.expect("recognised").text.to_lowercase();
        assert!(text.contains("ask not what your country can do for you"), "{text}");
    }
}

#[test]
#[ignore = "needs a GPU"]
fn marian_translates_as_on_a_cpu() {
    let text = include_str!("../../tests/mt/tatoeba.en");
    let sentences: Vec<&str> = text.lines().take(200).collect();
    let translate = |device| {
        let student = Student::load(&store("firefox-enpt"), Precision::Auto.on(device).expect("each device has one"))
            .expect("loads");
        student.translate(&sentences).expect("translated")
    };
    let (there, here) = (translate(gpu()), translate(Device::CPU_F32));
    let same = there.iter().zip(&here).filter(|(there, here)| there == here).count();
    println!("{same} of 200 sentences are what they are on a CPU in float32");
    assert!(same >= 140, "{same} of 200 sentences are the same");
}

#[test]
#[ignore = "needs a GPU"]
fn kokoro_fills_every_slot_of_a_batch_to_the_sample() {
    let device = gpu();
    let options = KokoroOptions::for_device(device);
    let mut synthesizer = KokoroSynthesizer::load(&store("kokoro-82m"), device, options).expect("loads");
    let slot = SpeechSlot { duration_ms: 4_000.0, speech_start_ms: 300.0, speech_end_ms: 3_700.0 };
    let request = SynthesizeRequest {
        text: "El tren de Madrid sale a las siete y media.".to_owned(),
        language: "es".to_owned(),
        voice: "em_alex".to_owned(),
        slot: Some(slot),
        speed_bounds: (0.7, 1.5),
        max_overrun: 0.0,
        hurry: f64::INFINITY,
        when_too_long: WhenTooLong::Speak,
    };
    for answer in synthesizer.synthesize(&vec![request; 8]) {
        let speech = answer.expect("spoken");
        assert_eq!(speech.samples.len(), 96_000);
        assert!(speech.samples.iter().any(|sample| sample.abs() > 0.1), "something is heard");
    }
}

#[test]
#[ignore = "needs a GPU"]
fn a_tensor_that_does_not_fit_leaves_the_gpu_sound() {
    let device = gpu().torch;
    let zeros = |count: i64| tch::Tensor::f_zeros([count], (tch::Kind::Float, device));
    // 16 TiB.
    let error = zeros(1 << 42).expect_err("no GPU has so much");
    assert!(matches!(EngineError::from_torch(&error), EngineError::OutOfMemory(_)), "{error}");
    let sum = zeros(4).and_then(|tensor| tensor.f_sum(tch::Kind::Float)).expect("the next one fits");
    assert_eq!(f64::try_from(sum).expect("a number"), 0.0);
}
