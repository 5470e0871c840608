//! Firefox's students in libtorch, beside the same files in `fxtranslate`.

use std::path::{Path, PathBuf};

use fxtranslate::engine::Engine;
use fxtranslate::model::{Model, ModelItem};
use fxtranslate::trace::DType;
use sts_models::translate::marian::Student;
use sts_models::{Device, EngineError};
use tch::Kind;

mod support;

/// The sentences of `tests/mt` that both are asked for.
fn sentences() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mt/tatoeba.en");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sentences: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(sentences.len(), 500, "these are not the 500 sentences that the bounds were set on");
    sentences
}

fn student(folder: &Path) -> Student {
    Student::load(folder, Device::CPU_F32).expect("the model is in the store")
}

/// The same model in `fxtranslate`; the weights from another file, if one is given.
fn fxtranslate(folder: &Path, weights: Option<PathBuf>) -> Engine {
    let file = |name: &str| -> PathBuf { folder.join(name) };
    let weights = weights.unwrap_or_else(|| file("model.bin"));
    let engine = Engine::load(weights, file("vocab.spm"), file("vocab.spm")).expect("the model is in the store");
    engine.with_shortlist_bytes(&std::fs::read(file("lex.bin")).expect("the shortlist is in the store"))
}

fn translate(student: &Student, sentences: &[String], batch: usize) -> Vec<String> {
    let mut translations = Vec::with_capacity(sentences.len());
    for batch in sentences.chunks(batch) {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        translations.extend(student.translate(&batch).expect("the sentences are short"));
    }
    translations
}

fn agreeing(found: &[String], expected: &[String]) -> usize {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).filter(|(found, expected)| found == expected).count()
}

/// The weights in Marian's binary format with every matrix in float32, as `marian-conv --gemm-type float32` writes
/// them: `[in, out]`, except for embeddings, and no multipliers.
fn in_float32(model: &Model) -> Vec<u8> {
    let is_kept = |item: &&ModelItem| !item.name.ends_with("_QuantMultA");
    let items: Vec<(&ModelItem, u64, Vec<u8>)> = model.items.iter().filter(is_kept).map(float32_item).collect();
    let mut file = Vec::new();
    let word = |file: &mut Vec<u8>, value: usize| file.extend_from_slice(&(value as u64).to_le_bytes());
    word(&mut file, 1);
    word(&mut file, items.len());
    for (item, kind, data) in &items {
        for value in [item.name.len() + 1, *kind as usize, item.shape.len(), data.len()] {
            word(&mut file, value);
        }
    }
    for (item, ..) in &items {
        file.extend_from_slice(item.name.as_bytes());
        file.push(0);
    }
    for (item, ..) in &items {
        item.shape.iter().for_each(|size| file.extend_from_slice(&size.to_le_bytes()));
    }
    word(&mut file, 0);
    items.iter().for_each(|(.., data)| file.extend_from_slice(data));
    file
}

fn float32_item(item: &ModelItem) -> (&ModelItem, u64, Vec<u8>) {
    const FLOAT32: u64 = 0x404;
    const BYTES: u64 = 0x101;
    match item.dtype {
        DType::Float32 => return (item, FLOAT32, item.data.to_vec()),
        DType::Intgemm8 => {}
        _ => return (item, BYTES, item.data.to_vec()),
    }
    let values = item.int8_transposed().expect("the matrix is int8");
    let multiplier = item.quant_mult().expect("an int8 matrix has a multiplier");
    let (rows, columns) = (item.shape[0] as usize, item.shape[1] as usize);
    let is_table = item.name.ends_with("Wemb");
    let place = |i: usize| if is_table { i } else { (i % columns) * rows + i / columns };
    let floats = (0..rows * columns).map(|i| f32::from(values[place(i)]) / multiplier);
    (item, FLOAT32, floats.flat_map(f32::to_le_bytes).collect())
}

/// The same weights in float32 in both: what differs can only be the last digits of sums.
#[test]
fn translations_in_float32_are_fxtranslates() {
    let folder = support::store("firefox-enpt");
    let sentences = sentences();
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    let weights = temporary.path().join("model.float32.bin");
    let model = Model::load(folder.join("model.bin")).expect("the model is in the store");
    std::fs::write(&weights, in_float32(&model)).expect("the folder is writable");
    let reference = fxtranslate(&folder, Some(weights));
    let expected: Vec<String> = sentences.iter().map(|sentence| reference.translate(sentence)).collect();
    let same = agreeing(&translate(&student(&folder), &sentences, 16), &expected);
    println!("{same} of 500 sentences as fxtranslate in float32");
    assert!(same >= 490, "{same} of 500 sentences are fxtranslate's in float32; 490 are asked for");
}

/// With inputs in int8 too. The arithmetic is `fxtranslate`'s where it multiplies; the last digits of what stands
/// between, which decide how an input is rounded that lies on the edge of a step, are not. Beside float32 more differ,
/// as many as between `fxtranslate` with AVX2, where sums of two products saturate, and without, which agree on 437.
#[test]
fn translations_in_int8_are_fxtranslates() {
    for (pair, least_in_float32) in [("firefox-enpt", 425), ("firefox-pten", 400)] {
        let folder = support::store(pair);
        let sources = match pair {
            "firefox-enpt" => sentences(),
            _ => translate(&student(&support::store("firefox-enpt")), &sentences(), 16),
        };
        let expected: Vec<String> = {
            let reference = fxtranslate(&folder, None);
            sources.iter().map(|sentence| reference.translate(sentence)).collect()
        };
        let int8 = Student::load(&folder, Device::CPU_INT8).expect("the model is in the store");
        let [int8, float32] = [int8, student(&folder)].map(|student| translate(&student, &sources, 16));
        let [int8, float32] = [int8, float32].map(|found| agreeing(&found, &expected));
        println!("{pair}: {int8} of 500 sentences in int8, and {float32} in float32, as fxtranslate in int8");
        assert!(int8 >= 490, "{pair}: {int8} of 500 sentences are fxtranslate's; 490 are asked for");
        assert!(float32 >= least_in_float32, "{pair}: {float32} of 500; {least_in_float32} are asked for");
    }
}

#[test]
fn a_sentence_is_alone_what_it_is_among_others() {
    let student = student(&support::store("firefox-enpt"));
    let sentences = &sentences()[..200];
    let together = translate(&student, sentences, 40);
    let same = agreeing(&translate(&student, sentences, 1), &together);
    assert!(same >= 199, "{same} of 200 sentences are alone what they are among 40");
}

/// As on a GPU, and on this machine's processor, however slowly.
#[test]
fn in_the_formats_of_gpus_most_sentences_are_the_same() {
    let folder = support::store("firefox-enpt");
    let sentences = &sentences()[..200];
    let exact = translate(&student(&folder), sentences, 40);
    for (kind, least) in [(Kind::BFloat16, 140), (Kind::Half, 190)] {
        let rounded = Device { kind, ..Device::CPU_F32 };
        let rounded = translate(&Student::load(&folder, rounded).expect("the model is in the store"), sentences, 40);
        let same = agreeing(&rounded, &exact);
        println!("{same} of 200 sentences are in {kind:?} what they are in float32");
        assert!(same >= least, "{kind:?}: {same} of 200 sentences; {least} are asked for");
    }
}

#[test]
fn what_is_no_model_or_too_long_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for content in [vec![], vec![7_u8; 300]] {
        for name in ["model.bin", "vocab.spm", "lex.bin"] {
            std::fs::write(folder.path().join(name), &content).expect("the folder is writable");
        }
        let refused = Student::load(folder.path(), Device::CPU_F32).err();
        let Some(EngineError::Unavailable(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains(&folder.path().display().to_string()), "{why}");
    }
    let student = student(&support::store("firefox-enpt"));
    let refused = student.translate(&["word ".repeat(600).trim()]);
    assert!(matches!(&refused, Err(EngineError::InvalidInput(why)) if why.contains("512")), "{refused:?}");
    assert_eq!(student.translate(&[]), Ok(Vec::new()));
}
