//! Voice activity detection against Silero's own TorchScript, and on speech, silence and noise.

mod support;

use std::sync::Arc;

use sts_models::engine::{EngineError, EngineInfo, RecognizeRequest, Recognizer, Transcript};
use sts_models::gated::{HallucinationGuard, VadGated};
use sts_models::vad::{CHUNK, Vad, VadOptions};
use support::{audio, store, white_noise};
use tch::{CModule, IValue, Tensor};

fn vad() -> Vad {
    Vad::load(&store("silero-vad")).expect("the weights load")
}

fn spans(samples: &[f32]) -> Vec<(f64, f64)> {
    let found = vad().speech_spans(samples, &VadOptions::default()).expect("audio is answered");
    found.into_iter().map(|span| (span.start_ms, span.end_ms)).collect()
}

/// The probabilities of Silero's TorchScript, chunk after chunk with the memory that it keeps.
fn reference(samples: &[f32]) -> Vec<f32> {
    let _no_grad = tch::no_grad_guard();
    let module = CModule::load(store("silero-vad").join("silero_vad.jit")).expect("the TorchScript loads");
    module.method_is::<IValue>("reset_states", &[]).expect("a fresh state");
    let probability = |chunk: &[f32]| {
        let mut padded = chunk.to_vec();
        padded.resize(CHUNK, 0.0);
        let input = Tensor::from_slice(&padded).unsqueeze(0);
        let output = module.forward_is(&[IValue::Tensor(input), IValue::Int(16_000)]).expect("the TorchScript runs");
        let IValue::Tensor(output) = output else { panic!("the TorchScript gave no tensor") };
        output.double_value(&[0, 0]) as f32
    };
    samples.chunks(CHUNK).map(probability).collect()
}

#[test]
fn probabilities_equal_the_torchscript() {
    let speech = audio("jfk.flac");
    for (name, samples) in [("speech", speech), ("noise", white_noise(48_000, -40.0)), ("zeros", vec![0.0; 16_384])] {
        let expected = reference(&samples);
        let found = vad().probabilities(&samples).expect("audio is answered");
        assert_eq!(found.len(), expected.len());
        let worst = found
            .iter()
            .zip(&expected)
            .map(|(found, expected)| (found - expected).abs() / expected.abs().max(1e-3))
            .fold(0.0, f32::max);
        println!("{name}: {} chunks, largest relative difference {worst:.1e}", found.len());
        assert!(worst < 1e-3, "{name}: relative difference {worst}");
    }
}

#[test]
fn silence_and_noise_hold_no_speech() {
    assert!(spans(&vec![0.0; 96_000]).is_empty());
    for dbfs in [-60.0, -40.0, -25.0] {
        let found = spans(&white_noise(96_000, dbfs));
        assert!(found.is_empty(), "noise at {dbfs} dBFS: {found:?}");
    }
    assert!(spans(&[]).is_empty());
}

/// When the clip's four phrases begin and end, ms: read off its energy in steps of 10 ms, where it leaves or
/// comes back to its background of about −40 dBFS. The last one ends in noise, so its end is only roughly known.
const JFK_PHRASES_MS: [(f64, f64); 4] = [(330.0, 2_180.0), (3_290.0, 4_330.0), (5_410.0, 7_660.0), (8_190.0, 10_460.0)];

#[test]
fn phrases_are_found_where_they_are() {
    let found = spans(&audio("jfk.flac"));
    println!("{found:?}");
    assert_eq!(found.len(), JFK_PHRASES_MS.len(), "{found:?}");
    for ((start, end), (expected_start, expected_end)) in found.into_iter().zip(JFK_PHRASES_MS) {
        assert!((start - expected_start).abs() <= 60.0, "begins at {start} instead of {expected_start}");
        assert!((end - expected_end).abs() <= 150.0, "ends at {end} instead of {expected_end}");
    }
}

#[test]
fn an_onset_moves_with_the_speech() {
    let clip = audio("jfk.flac");
    let (onset, _) = spans(&clip)[0];
    for shift_ms in [100.0, 517.0, 1_000.0, 2_333.0] {
        for hiss in [0.0, 1.0] {
            let before = (shift_ms * 16.0) as usize;
            let mut samples: Vec<f32> = white_noise(before + 48_000, -60.0).iter().map(|noise| noise * hiss).collect();
            for (sample, spoken) in samples[before..].iter_mut().zip(&clip) {
                *sample += spoken;
            }
            let (found, _) = spans(&samples)[0];
            let expected = onset + shift_ms;
            assert!((found - expected).abs() <= 60.0, "begins at {found} instead of {expected}");
        }
    }
}

/// Answers with a fixed text, and counts how often it is asked.
struct Scripted {
    asked: usize,
    transcript: Transcript,
}

impl Recognizer for Scripted {
    fn info(&self) -> EngineInfo {
        EngineInfo { name: "scripted".to_owned(), device: "cpu".to_owned(), precision: "f32".to_owned() }
    }

    fn supports(&self, language: &str) -> bool {
        language == "en"
    }

    fn recognize(&mut self, batch: &[RecognizeRequest]) -> Vec<Result<Transcript, EngineError>> {
        self.asked += batch.len();
        let text = |request: &RecognizeRequest| format!("{} {}", self.transcript.text, request.previous_text);
        batch.iter().map(|request| Ok(Transcript { text: text(request), ..self.transcript.clone() })).collect()
    }
}

fn request(samples: Vec<f32>, name: &str) -> RecognizeRequest {
    RecognizeRequest {
        samples: Arc::from(samples),
        language: "en".to_owned(),
        previous_text: name.to_owned(),
        hints: Vec::new(),
    }
}

#[test]
fn the_gate_asks_about_speech_alone_and_keeps_the_order() {
    let transcript = Transcript { text: "heard".to_owned(), ..Transcript::default() };
    let mut gated = VadGated::new(vad(), VadOptions::default(), Scripted { asked: 0, transcript });
    let clip = audio("jfk.flac");
    let batch = [
        request(vec![0.0; 48_000], "silence"),
        request(clip[..48_000].to_vec(), "first"),
        request(white_noise(48_000, -40.0), "noise"),
        request(clip[64_000..96_000].to_vec(), "second"),
    ];
    let answers: Vec<Transcript> =
        gated.recognize(&batch).into_iter().map(|answer| answer.expect("answered")).collect();
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert_eq!(texts, ["", "heard first", "", "heard second"]);
    let speaks: Vec<bool> = answers.iter().map(|answer| !answer.speech.is_empty()).collect();
    assert_eq!(speaks, [false, true, false, true]);
    assert_eq!(gated.recognizer_mut().asked, 2);
}

#[test]
fn an_unlikely_text_over_probable_silence_is_dropped() {
    let invented = Transcript {
        text: "invented".to_owned(),
        no_speech_probability: 0.8,
        average_log_probability: -1.5,
        ..Transcript::default()
    };
    let clip = audio("jfk.flac")[..48_000].to_vec();
    let ask = |transcript: &Transcript, guard: HallucinationGuard| {
        let scripted = Scripted { asked: 0, transcript: transcript.clone() };
        let mut gated = VadGated::new(vad(), VadOptions::default(), scripted).with_guard(guard);
        gated.recognize(&[request(clip.clone(), "")]).remove(0).expect("answered")
    };
    let dropped = ask(&invented, HallucinationGuard::default());
    assert!(dropped.text.is_empty() && dropped.speech.is_empty(), "{dropped:?}");
    let likely = Transcript { average_log_probability: -0.3, ..invented.clone() };
    assert!(!ask(&likely, HallucinationGuard::default()).text.is_empty());
    let lenient = HallucinationGuard { no_speech_probability: 0.9, ..HallucinationGuard::default() };
    assert!(!ask(&invented, lenient).text.is_empty());
}
