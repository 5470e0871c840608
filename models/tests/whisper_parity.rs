//! Whisper against transformers' float32 results on one clip, and against itself.

mod support;

use std::sync::Arc;

use sts_models::device::Device;
use sts_models::engine::{RecognizeRequest, Recognizer, Transcript};
use sts_models::whisper::decoding::{Ending, Hypothesis, Search, Task};
use sts_models::whisper::greedy::Choice;
use sts_models::whisper::rules::TokenRules;
use sts_models::whisper::{AudioContext, WhisperModel, WhisperOptions, WhisperRecognizer};
use support::{audio, golden, relative_error, store, white_noise};
use tch::{IndexOp, Kind, Tensor};

const TOLERANCE: f64 = 1e-3;

fn model() -> WhisperModel {
    WhisperModel::load(&store("whisper-base"), Device::CPU_F32).expect("the weights load")
}

fn recognizer(options: WhisperOptions) -> WhisperRecognizer {
    WhisperRecognizer::load(&store("whisper-base"), Device::CPU_F32, options).expect("the weights load")
}

fn request(samples: &[f32]) -> RecognizeRequest {
    RecognizeRequest {
        samples: Arc::from(samples),
        language: "en".to_owned(),
        previous_text: String::new(),
        hints: Vec::new(),
    }
}

fn recognize_one(recognizer: &mut WhisperRecognizer, request: RecognizeRequest) -> Transcript {
    recognizer.recognize(&[request]).remove(0).expect("a valid request is answered")
}

#[test]
fn log_mel_equals_the_reference() {
    let model = model();
    let reference = golden("whisper-base.safetensors");
    let mel = model.mel.compute(&audio("jfk.flac"), 3_000).expect("11 s fit");
    let mel = Tensor::from_slice(&mel).view([80, 3_000]);
    let exact = relative_error(&mel.narrow(1, 0, 600), &reference["jfk.mel_first_600_frames"]);
    assert!(exact < TOLERANCE, "first 600 frames: {exact}");
    // The whole spectrogram is kept in half precision, which is good to 1 part in 2 048.
    let whole = relative_error(&mel, &reference["jfk.mel"]);
    assert!(whole < TOLERANCE, "all frames: {whole}");
}

#[test]
fn encoder_equals_the_reference_at_full_and_short_context() {
    let model = model();
    let reference = golden("whisper-base.safetensors");
    let samples = audio("jfk.flac");
    for (context, every, name) in
        [(1_500, 25, "jfk.encoder_every_25th_frame"), (512, 16, "jfk.encoder_context_512_every_16th_frame")]
    {
        let encoded = model.encode(&[&samples], context).expect("the clip is encoded");
        assert_eq!(encoded.size(), [1, context as i64, 512]);
        let error = relative_error(&encoded.i(0).slice(0, 0, None, every), &reference[name]);
        println!("encoder, context {context}: relative error {error:.1e}");
        assert!(error < TOLERANCE, "context {context}: {error}");
    }
}

fn greedy(model: &WhisperModel, samples: &[f32]) -> Hypothesis {
    let _no_grad = tch::no_grad_guard();
    let vocabulary = &model.vocabulary;
    let rules = TokenRules::new(vocabulary, model.decoder.vocabulary(), false, model.device()).expect("rules");
    let prompt = vocabulary.instructions(vocabulary.language("en"), false);
    assert_eq!(prompt, [50_258, 50_259, 50_359, 50_363]);
    let search = Search { decoder: &model.decoder, rules: &rules, vocabulary, instructions: prompt.len() };
    let acoustics = model.decoder.hear(&model.encode(&[samples], 1_500).expect("encoded")).expect("keys and values");
    let task = Task { prompt, max_tokens: 100 };
    search.one_by_one(&[task], &acoustics, Choice::Likeliest).expect("decoded").remove(0)
}

#[test]
fn greedy_text_and_its_probabilities_equal_the_reference() {
    let model = model();
    let reference = golden("whisper-base.safetensors");
    let expected = Vec::<i64>::try_from(&reference["jfk.greedy_tokens"]).expect("numbers");
    let found = greedy(&model, &audio("jfk.flac"));
    println!("expected {expected:?}\nfound {found:?}");
    let text_only: Vec<i64> = expected.into_iter().filter(|&token| token != model.vocabulary.end_of_text).collect();
    assert_eq!(found.tokens, text_only);
    assert_eq!(found.ending, Ending::Complete);
    let value = |name: &str| f64::try_from(reference[name].i(0)).expect("a number");
    for (found, name) in
        [(found.average_log_probability, "jfk.avg_logprob"), (found.no_speech_probability, "jfk.no_speech_prob")]
    {
        let expected = value(name);
        println!("{name}: expected {expected}, found {found}");
        assert!((found / expected - 1.0).abs() < TOLERANCE, "{name}: expected {expected}, found {found}");
    }
}

#[test]
fn logits_equal_the_reference() {
    let model = model();
    let reference = golden("whisper-base.safetensors");
    let mut tokens = model.vocabulary.instructions(model.vocabulary.language("en"), false);
    let before = tokens.len() as i64 - 1;
    tokens.extend(Vec::<i64>::try_from(&reference["jfk.greedy_tokens"]).expect("numbers"));
    let encoded = model.encode(&[&audio("jfk.flac")], 1_500).expect("encoded");
    let logits = model.logits_along(&encoded, &tokens).expect("logits").narrow(0, before, 20);
    let found = logits.gather(1, &reference["jfk.logits_first_20_steps_top16_indices"].to_kind(Kind::Int64), false);
    let error = relative_error(&found, &reference["jfk.logits_first_20_steps_top16_values"]);
    println!("logits: relative error {error:.1e}");
    assert!(error < TOLERANCE, "{error}");
}
