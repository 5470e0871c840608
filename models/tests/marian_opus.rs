//! The standard transformer beside transformers, on a small model with random weights (`marian/make_golden.py`).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sts_models::translate::marian::{EarlyStopping, OpusModel, OpusTranslator, SearchOptions};
use sts_models::{Device, EngineError, Shorter, TranslateRequest, Translation, Translator};

mod support;

#[derive(Deserialize)]
struct Golden {
    sentences: Vec<String>,
    sources: Vec<Vec<i64>>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    options: serde_json::Map<String, Value>,
    answers: Vec<Vec<Answer>>,
}

#[derive(Deserialize)]
struct Answer {
    tokens: Vec<i64>,
    score: f32,
    text: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/marian")
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(folder().join("golden.json")).expect("the golden file is in the repository");
    serde_json::from_str(&text).expect("the golden file is as make_golden.py writes it")
}

fn model() -> OpusModel {
    OpusModel::load(&folder(), Device::CPU_F32).expect("the model is in the repository")
}

/// The model with some keys of its `config.json` changed.
fn changed(keys: &[(&str, Value)]) -> Result<OpusModel, EngineError> {
    let copy = tempfile::tempdir().expect("a temporary folder can be made");
    for name in ["config.json", "generation_config.json", "vocab.json", "source.spm", "model.safetensors"] {
        std::fs::copy(folder().join(name), copy.path().join(name)).expect("the folder is writable");
    }
    let path = copy.path().join("config.json");
    let text = std::fs::read_to_string(&path).expect("it was just written");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    for (key, value) in keys {
        config[key] = value.clone();
    }
    std::fs::write(&path, config.to_string()).expect("the folder is writable");
    OpusModel::load(copy.path(), Device::CPU_F32)
}

/// The model and the search of a run.
fn prepare(run: &Run) -> (OpusModel, SearchOptions) {
    let of_the_model = ["activation_function", "scale_embedding"];
    let keys: Vec<(&str, Value)> =
        of_the_model.iter().filter_map(|key| Some((*key, run.options.get(*key)?.clone()))).collect();
    let model = changed(&keys).expect("the activation is known");
    let mut options = model.options.clone();
    let number = |key: &str| run.options.get(key).and_then(Value::as_f64);
    options.beams = number("num_beams").expect("each run says how many beams") as usize;
    options.length_penalty = number("length_penalty").map_or(options.length_penalty, |value| value as f32);
    options.max_length = number("max_length").map_or(options.max_length, |value| value as usize);
    options.renormalizes = run.options.contains_key("renormalize_logits");
    if let Some(stopping) = run.options.get("early_stopping") {
        options.early_stopping = EarlyStopping::deserialize(stopping).expect("a boolean or 'never'");
    }
    (model, options)
}

#[test]
fn texts_become_the_same_tokens() {
    let (model, golden) = (model(), golden());
    for (sentence, expected) in golden.sentences.iter().zip(&golden.sources) {
        assert_eq!(model.tokens(sentence).expect("the model is sound"), *expected, "{sentence}");
    }
    assert!(model.has_piece(">>spa<<") && !model.has_piece(">>fra<<"));
    let end = model.options.end;
    for nothing in ["", "  "] {
        assert_eq!(model.tokens(nothing).expect("nothing is no harm"), [end]);
        let marked = model.tokens(&format!(">>spa<<{nothing}")).expect("nor with a mark");
        assert_eq!((marked.len(), marked[1]), (2, end));
    }
}

#[test]
fn scores_are_the_same_at_every_step() {
    let (model, golden) = (model(), golden());
    let expected = support::golden("marian/logits.safetensors");
    assert_eq!(expected.len(), 3);
    for (name, expected) in expected {
        let index: usize = name.parse().expect("the sentence's number");
        let target = &golden.runs[0].answers[index][0].tokens;
        let found = model.logits(&golden.sources[index], target).expect("the sentence is short");
        let difference = (&found - &expected).abs().max().double_value(&[]);
        assert!(found.size() == expected.size() && difference < 1e-3, "sentence {name}: {difference}");
    }
}

/// As on a GPU, and on this machine's processor, however slowly.
#[test]
fn in_the_formats_of_gpus_scores_are_about_the_same() {
    // Significant bits: 8 and 11.
    for (kind, most) in [(tch::Kind::BFloat16, 0.05), (tch::Kind::Half, 0.005)] {
        scores_are_about_the_same(Device { kind, ..Device::CPU_F32 }, most);
    }
}

fn scores_are_about_the_same(rounded: Device, most: f64) {
    let (exact, golden) = (model(), golden());
    let rounded = OpusModel::load(&folder(), rounded).expect("the model is in the repository");
    for (source, answers) in golden.sources.iter().zip(&golden.runs[0].answers) {
        let scores = |model: &OpusModel| model.logits(source, &answers[0].tokens).expect("the sentence is short");
        let (found, expected) = (scores(&rounded), scores(&exact));
        let error = (&found - &expected).norm().double_value(&[]) / expected.norm().double_value(&[]);
        println!("relative error {error:.5}");
        assert!(error > 0.0 && error < most, "{error}");
    }
    let lists = rounded.generate(&golden.sources, &SearchOptions { beams: 4, ..rounded.options.clone() });
    let lists = lists.expect("the sentences are short");
    assert!(lists.iter().all(|list| !list.is_empty() && list.iter().all(|found| found.score.is_finite())));
}

#[test]
fn weights_in_pytorchs_own_format_are_the_same() {
    let copy = tempfile::tempdir().expect("a temporary folder can be made");
    for name in ["config.json", "generation_config.json", "vocab.json", "source.spm", "pytorch_model.bin"] {
        std::fs::copy(folder().join(name), copy.path().join(name)).expect("the folder is writable");
    }
    let pickled = OpusModel::load(copy.path(), Device::CPU_F32).expect("the model is in the repository");
    let scores = |model: &OpusModel| model.logits(&[5, 6, 7, 0], &[8, 9]).expect("the sentence is short");
    assert!(scores(&pickled).equal(&scores(&model())));
}

#[test]
fn lists_are_the_same_alone_and_in_batches() {
    let golden = golden();
    for run in &golden.runs {
        let (model, options) = prepare(run);
        let together = model.generate(&golden.sources, &options).expect("the sentences are short");
        for (index, expected) in run.answers.iter().enumerate() {
            let alone = model.generate(&golden.sources[index..=index], &options).expect("the sentence is short");
            for found in [&together[index], &alone[0]] {
                let tokens: Vec<&[i64]> = found.iter().map(|hypothesis| hypothesis.tokens.as_slice()).collect();
                let wanted: Vec<&[i64]> = expected.iter().map(|answer| answer.tokens.as_slice()).collect();
                assert_eq!(tokens, wanted, "{}: {}", run.name, golden.sentences[index]);
                for (hypothesis, answer) in found.iter().zip(expected) {
                    let difference = (hypothesis.score - answer.score).abs();
                    assert!(difference < 1e-3, "{}: {} and {}", run.name, hypothesis.score, answer.score);
                    assert_eq!(model.text(&hypothesis.tokens), answer.text);
                }
            }
        }
    }
}

#[test]
fn what_is_not_known_is_refused_by_its_key() {
    for (key, value) in [
        ("model_type", Value::from("bart")),
        ("activation_function", Value::from("tanh")),
        ("normalize_before", Value::from(true)),
        ("share_encoder_decoder_embeddings", Value::from(false)),
        ("d_model", Value::Null),
    ] {
        let refused = changed(&[(key, value)]).err();
        let Some(EngineError::Unavailable(why)) = refused else { panic!("{key}: {refused:?}") };
        assert!(why.contains("config.json"), "{why}");
    }
    let long = vec![5; 129];
    let refused = model().generate(&[long], &model().options);
    assert!(matches!(&refused, Err(EngineError::InvalidInput(why)) if why.contains("128")), "{refused:?}");
}

#[test]
fn a_folder_is_a_translator_of_its_pairs() {
    let mut translator = OpusTranslator::load(&folder(), Device::CPU_F32).expect("the model is in the repository");
    assert!(translator.supports("en", "es") && translator.supports("en", "pt"));
    assert!(!translator.supports("en", "fr") && !translator.supports("pt", "es"));
    let request = |text: &str, target: &str| TranslateRequest {
        text: text.to_owned(),
        source_language: "en".to_owned(),
        target_language: target.to_owned(),
        ..TranslateRequest::default()
    };
    let long = "word ".repeat(200);
    let texts = ["I need a new belt.", "Where were you?", "I need a new belt. No.", long.trim()];
    let batch = [("es", 0), ("fr", 0), ("es", 2), ("pt", 1), ("es", 3)].map(|(target, i)| request(texts[i], target));
    let answers = translator.translate(&batch);
    let model = model();
    let expected = |marked: &str| {
        let tokens = model.tokens(marked).expect("the model is sound");
        let lists = model.generate(&[tokens], &model.options).expect("the sentence is short");
        model.text(&lists[0][0].tokens)
    };
    let text = |answer: &Result<Translation, EngineError>| answer.clone().expect("the pair is served").text;
    let first = expected(">>spa<<I need a new belt.");
    assert_eq!(text(&answers[0]), first);
    assert!(matches!(answers[1], Err(EngineError::Unsupported(_))), "{:?}", answers[1]);
    let second = expected(">>spa<<No.");
    let both = [first, second].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    assert_eq!(text(&answers[2]), both);
    assert_eq!(text(&answers[3]), expected(">>por<<Where were you?"));
    assert!(matches!(answers[4], Err(EngineError::InvalidInput(_))), "{:?}", answers[4]);
}

#[test]
fn a_shorter_translation_is_one_of_the_n_best() {
    let mut translator = OpusTranslator::load(&folder(), Device::CPU_F32).expect("the model is in the repository");
    let model = model();
    let wide = SearchOptions { beams: 8, ..model.options.clone() };
    let mut shorter = 0;
    for sentence in golden().sentences {
        let request = TranslateRequest {
            text: sentence.clone(),
            source_language: "en".to_owned(),
            target_language: "es".to_owned(),
            ..TranslateRequest::default()
        };
        let mut one = |request: &TranslateRequest| translator.translate(std::slice::from_ref(request)).remove(0);
        let Ok(first) = one(&request) else { continue };
        let wish = Shorter { than: first.text.clone(), by: first.engine, percent: 80 };
        let second = one(&TranslateRequest { shorter: Some(wish), ..request }).expect("it was translated before").text;
        let tokens = model.tokens(&format!(">>spa<<{sentence}")).expect("the model is sound");
        let lists = model.generate(&[tokens], &wide).expect("it is short");
        let texts: Vec<String> = lists[0].iter().map(|found| model.text(&found.tokens)).collect();
        // Of a text of several sentences each has a list of its own.
        assert!(texts.contains(&second) || sentence.matches(['.', '?', '!']).count() > 1, "{sentence}: {second}");
        shorter += usize::from(second.chars().count() < texts[0].chars().count());
    }
    assert!(translator.can_shorten("en", "es", "any") && !translator.can_shorten("en", "fr", "any"));
    println!("{shorter} are shorter");
    assert!(shorter > 0, "the small model has some that are nearly as likely");
}
