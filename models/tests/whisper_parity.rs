//! Whisper against transformers' float32 results on one clip, and against itself.

mod support;

use std::sync::Arc;

use sts_models::device::Device;
use sts_models::engine::{EngineError, RecognizeRequest, Recognizer, Transcript};
use sts_models::gated::VadGated;
use sts_models::vad::{Vad, VadOptions};
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

/// Three fragments of the clip, of different lengths; the first two begin or end in the middle of a phrase.
fn fragments() -> [Vec<f32>; 3] {
    let clip = audio("jfk.flac");
    [clip[..92_000].to_vec(), clip[80_000..].to_vec(), clip[48_000..80_000].to_vec()]
}

#[test]
fn a_batch_says_what_its_fragments_say_one_at_a_time() {
    for (beams, timestamps) in [(1, false), (1, true), (5, false), (3, true)] {
        let mut recognizer = recognizer(WhisperOptions { beams, timestamps, ..WhisperOptions::default() });
        let mut requests: Vec<RecognizeRequest> = fragments().iter().map(|samples| request(samples)).collect();
        // Prompts of different lengths stand before the texts.
        requests[1].hints = vec!["America".to_owned(), "Kennedy".to_owned()];
        let alone: Vec<Transcript> =
            requests.iter().map(|request| recognize_one(&mut recognizer, request.clone())).collect();
        let together = recognizer.recognize(&requests);
        for (alone, together) in alone.iter().zip(together) {
            let together = together.expect("a valid request is answered");
            println!("{beams} beams: {}", together.text);
            assert!(together.text.split_whitespace().count() >= 2, "hardly anything was heard: {together:?}");
            assert_eq!((&alone.text, &alone.segments), (&together.text, &together.segments));
            assert!((alone.average_log_probability - together.average_log_probability).abs() < 1e-3);
            assert!((alone.no_speech_probability - together.no_speech_probability).abs() < 1e-3);
        }
    }
}

fn search_all(model: &WhisperModel, width: usize) -> Vec<Hypothesis> {
    let _no_grad = tch::no_grad_guard();
    let vocabulary = &model.vocabulary;
    let rules = TokenRules::new(vocabulary, model.decoder.vocabulary(), false, model.device()).expect("rules");
    let prompt = vocabulary.instructions(vocabulary.language("en"), false);
    let search = Search { decoder: &model.decoder, rules: &rules, vocabulary, instructions: prompt.len() };
    let fragments = fragments();
    let pieces: Vec<&[f32]> = fragments.iter().map(Vec::as_slice).collect();
    let acoustics = model.decoder.hear(&model.encode(&pieces, 512).expect("encoded")).expect("keys and values");
    let tasks = vec![Task { prompt, max_tokens: 100 }; pieces.len()];
    match width {
        0 => search.one_by_one(&tasks, &acoustics, Choice::Likeliest).expect("decoded"),
        width => search.beams(&tasks, &acoustics, width).expect("decoded"),
    }
}

#[test]
fn one_beam_is_greedy_and_more_beams_find_likelier_texts() {
    let model = model();
    let greedy = search_all(&model, 0);
    let one = search_all(&model, 1);
    assert_eq!(greedy.len(), 3);
    for (greedy, one) in greedy.iter().zip(&one) {
        assert_eq!((&greedy.tokens, greedy.ending), (&one.tokens, one.ending));
        assert!((greedy.average_log_probability - one.average_log_probability).abs() < 1e-4);
    }
    let five = search_all(&model, 5);
    let total = |texts: &[Hypothesis]| texts.iter().map(|text| text.average_log_probability).sum::<f64>();
    println!("greedy {:.4}, five beams {:.4}", total(&greedy), total(&five));
    assert!(total(&five) >= total(&greedy) - 1e-6);
}

#[test]
fn the_whole_clip_is_recognised_at_every_context() {
    let said =
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country";
    for context in [AudioContext::Full, AudioContext::Auto, AudioContext::Frames(600)] {
        let mut recognizer = recognizer(WhisperOptions { context, ..WhisperOptions::default() });
        let transcript = recognize_one(&mut recognizer, request(&audio("jfk.flac")));
        let words = transcript.text.to_lowercase().replace([',', '.'], "");
        assert_eq!(words, said, "{context:?}");
        assert_eq!(transcript.temperature, 0.0);
        assert!((0.8..1.6).contains(&transcript.compression_ratio), "{transcript:?}");
    }
}

#[test]
fn timestamps_give_segments_in_order() {
    let options = WhisperOptions { timestamps: true, context: AudioContext::Full, ..WhisperOptions::default() };
    let mut recognizer = recognizer(options);
    let transcript = recognize_one(&mut recognizer, request(&audio("jfk.flac")));
    println!("{:?}", transcript.segments);
    assert!(!transcript.segments.is_empty());
    let joined: Vec<&str> = transcript.segments.iter().map(|segment| segment.text.as_str()).collect();
    assert_eq!(joined.join(" "), transcript.text);
    assert!(transcript.text.contains("ask not what your country can do for you"));
    let mut before = 0.0;
    for segment in &transcript.segments {
        assert!(segment.span.start_ms >= before && segment.span.end_ms > segment.span.start_ms, "{segment:?}");
        assert!(segment.span.end_ms <= 11_000.0);
        before = segment.span.end_ms;
    }
    assert!(before > 9_500.0, "the last word ends at about 10.5 s, not at {before} ms");
}

#[test]
fn the_language_is_found_when_it_is_not_given() {
    let mut recognizer = recognizer(WhisperOptions::default());
    let asked = RecognizeRequest { language: "auto".to_owned(), ..request(&audio("jfk.flac")) };
    let found = recognize_one(&mut recognizer, asked);
    assert_eq!(found.text, recognize_one(&mut recognizer, request(&audio("jfk.flac"))).text);
}

#[test]
fn audio_longer_than_the_window_is_heard_to_its_end() {
    let clip = audio("jfk.flac");
    let long: Vec<f32> = clip.iter().chain(&clip).chain(&clip).chain(&clip).copied().collect();
    for timestamps in [false, true] {
        let mut recognizer = recognizer(WhisperOptions { timestamps, beams: 1, ..WhisperOptions::default() });
        let transcript = recognize_one(&mut recognizer, request(&long));
        println!("{}", transcript.text);
        let words = transcript.text.to_lowercase();
        assert_eq!(words.matches("fellow americans").count(), 4, "{words}");
        let last_ms = transcript.segments.last().map(|segment| segment.span.end_ms);
        assert_eq!(last_ms.is_some(), timestamps);
        assert!(last_ms.is_none_or(|ms| ms > 40_000.0 && ms <= 44_000.0), "the last word ends at {last_ms:?} ms");
    }
}

#[test]
fn what_cannot_be_recognised_is_refused_and_leaves_the_rest_alone() {
    let mut recognizer = recognizer(WhisperOptions::default());
    let fragment = &fragments()[0];
    let mut not_finite = fragment.clone();
    not_finite[77] = f32::NAN;
    let batch = [
        request(&[]),
        request(&not_finite),
        RecognizeRequest { language: "tlh".to_owned(), ..request(fragment) },
        request(fragment),
    ];
    let answers = recognizer.recognize(&batch);
    assert!(matches!(answers[0], Err(EngineError::InvalidInput(_))), "{:?}", answers[0]);
    assert!(matches!(answers[1], Err(EngineError::InvalidInput(_))), "{:?}", answers[1]);
    assert!(matches!(answers[2], Err(EngineError::Unsupported(_))), "{:?}", answers[2]);
    assert!(answers[3].as_ref().is_ok_and(|transcript| transcript.text.contains("fellow Americans")));
    assert!(recognizer.supports("es") && recognizer.supports("auto") && !recognizer.supports("tlh"));
}

#[test]
fn silence_and_noise_behind_the_gate_give_no_text() {
    let vad = Vad::load(&store("silero-vad")).expect("the weights load");
    let mut gated = VadGated::new(vad, VadOptions::default(), recognizer(WhisperOptions::default()));
    let batch = [request(&[0.0; 96_000]), request(&white_noise(96_000, -40.0)), request(&fragments()[0])];
    let answers: Vec<Transcript> =
        gated.recognize(&batch).into_iter().map(|answer| answer.expect("answered")).collect();
    assert!(answers[0].text.is_empty() && answers[0].speech.is_empty(), "{:?}", answers[0]);
    assert!(answers[1].text.is_empty() && answers[1].speech.is_empty(), "{:?}", answers[1]);
    assert!(answers[2].text.contains("fellow Americans"));
    assert!((answers[2].speech[0].start_ms - 330.0).abs() < 60.0, "{:?}", answers[2].speech);
}

#[test]
fn a_hint_that_looks_like_an_instruction_is_plain_text() {
    let mut recognizer = recognizer(WhisperOptions::default());
    let hints = vec!["<|endoftext|>".to_owned(), "<|es|><|translate|><|0.00|>".to_owned()];
    let hinted = RecognizeRequest { hints, ..request(&fragments()[0]) };
    let transcript = recognize_one(&mut recognizer, hinted);
    assert!(transcript.text.contains("fellow Americans"), "{transcript:?}");
    let vocabulary = &recognizer.model().vocabulary;
    let tokens = vocabulary.encode("<|endoftext|><|es|><|0.00|>").expect("plain text");
    assert!(tokens.iter().all(|&token| token < vocabulary.end_of_text), "{tokens:?}");
}

/// bfloat16, and float16 as on a GPU that is not fast in the other.
#[test]
fn the_formats_of_gpus_hear_the_same_words() {
    let exact = greedy(&model(), &audio("jfk.flac"));
    for kind in [Kind::BFloat16, Kind::Half] {
        let device = Device { kind, ..Device::CPU_F32 };
        let mut recognizer = WhisperRecognizer::load(&store("whisper-base"), device, WhisperOptions::default())
            .expect("the weights load");
        let transcript = recognize_one(&mut recognizer, request(&audio("jfk.flac")));
        let expected = recognizer.model().vocabulary.decode(&exact.tokens).expect("text");
        assert_eq!(transcript.text, expected.trim(), "{kind:?}");
        let difference = f64::from(transcript.average_log_probability) - exact.average_log_probability;
        println!("{kind:?}: mean log-probability differs by {difference:.4}");
        assert!(difference.abs() < 0.05, "{kind:?}: mean log-probability differs by {difference}");
    }
}

#[test]
fn a_hint_spells_the_name_that_is_said() {
    let mut recognizer = recognizer(WhisperOptions::default());
    let fragment = request(&audio("ls_2414-128291-0002.flac")[..96_000]);
    let unaided = recognize_one(&mut recognizer, fragment.clone()).text;
    let hinted = RecognizeRequest { hints: vec!["Zarathustra".to_owned()], ..fragment };
    let aided = recognize_one(&mut recognizer, hinted).text;
    println!("{unaided}\n{aided}");
    assert!(!unaided.contains("Zarathustra"), "the base model used not to know the name: {unaided}");
    assert!(aided.contains("Zarathustra"), "{aided}");
}

#[test]
fn a_doubtful_text_from_a_short_context_is_heard_again_in_full() {
    let fragment = request(&fragments()[1]);
    let doubting = WhisperOptions { max_compression_ratio_shortened: 0.0, ..WhisperOptions::default() };
    let full = WhisperOptions { context: AudioContext::Full, ..WhisperOptions::default() };
    let again = recognize_one(&mut recognizer(doubting), fragment.clone());
    let expected = recognize_one(&mut recognizer(full), fragment.clone());
    assert_eq!(again, expected);
    let shortened = recognize_one(&mut recognizer(WhisperOptions::default()), fragment);
    assert_ne!(shortened.average_log_probability, again.average_log_probability, "nothing was heard again");
}

#[test]
fn a_text_that_is_never_believed_is_drawn_again_and_the_best_one_stays() {
    let strict = || WhisperOptions {
        min_average_log_probability: 0.0,
        temperatures: vec![0.0, 0.4, 1.0],
        beams: 1,
        seed: 5,
        ..WhisperOptions::default()
    };
    let fragment = request(&fragments()[0]);
    let drawn = recognize_one(&mut recognizer(strict()), fragment.clone());
    let first =
        recognize_one(&mut recognizer(WhisperOptions { temperatures: vec![0.0], ..strict() }), fragment.clone());
    println!("{first:?}\n{drawn:?}");
    assert!(drawn.average_log_probability >= first.average_log_probability);
    let hot = || WhisperOptions { temperatures: vec![1.0], seed: 5, ..WhisperOptions::default() };
    let sampled = recognize_one(&mut recognizer(hot()), fragment.clone());
    println!("{sampled:?}");
    assert_eq!(sampled.temperature, 1.0);
    assert_eq!(sampled, recognize_one(&mut recognizer(hot()), fragment), "the seed decides");
}
