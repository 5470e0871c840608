//! Sizes other than base: their shapes are read from the weights. The weights here are made up (small random numbers
//! under base's names), so what is tested is that a size loads and runs, not what it hears.

mod support;

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use sts_models::whisper::{WhisperOptions, WhisperRecognizer};
use sts_models::{Device, RecognizeRequest, Recognizer};
use support::{store, white_noise};

/// What tells one size from another.
struct Size {
    width: usize,
    layers: usize,
    mels: usize,
    vocabulary: usize,
}

/// Base's width, mel bands and vocabulary, which the made-up weights have others in place of.
const BASE: Size = Size { width: 512, layers: 6, mels: 80, vocabulary: 51_865 };

/// A folder as `sts models fetch` would lay it out, with weights of this size.
fn make(size: &Size, folder: &Path) {
    let base = store("whisper-base");
    for name in ["tokenizer.json", "config.json"] {
        std::fs::copy(base.join(name), folder.join(name)).expect("copied");
    }
    let bytes = std::fs::read(base.join("model.safetensors")).expect("base is there");
    let template = safetensors::SafeTensors::deserialize(&bytes).expect("base is whole");
    let mut tensors: HashMap<String, (Vec<usize>, Vec<u8>)> = HashMap::new();
    for (name, view) in template.tensors() {
        let shape: Vec<usize> = view.shape().iter().map(|&length| scaled(length, size)).collect();
        for name in copies(&name, size.layers) {
            tensors.insert(name, (shape.clone(), noise(shape.iter().product())));
        }
    }
    let views = tensors.iter().map(|(name, (shape, data))| {
        (name.as_str(), TensorView::new(Dtype::F16, shape.clone(), data).expect("length and shape agree"))
    });
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).expect("written");
}

fn scaled(length: usize, size: &Size) -> usize {
    match length {
        length if length == BASE.width => size.width,
        length if length == BASE.width * 4 => size.width * 4,
        length if length == BASE.mels => size.mels,
        length if length == BASE.vocabulary => size.vocabulary,
        length => length,
    }
}

/// The names that a tensor of base's first layer has in every layer; those of later layers have none.
fn copies(name: &str, layers: usize) -> Vec<String> {
    if name.contains(".layers.0.") {
        (0..layers).map(|layer| name.replace(".layers.0.", &format!(".layers.{layer}."))).collect()
    } else if name.contains(".layers.") {
        Vec::new()
    } else {
        vec![name.to_owned()]
    }
}

/// Half-precision numbers of ±0.008 to ±0.016, the same at every call.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // Sign at random; exponent of 2⁻⁷; mantissa at random.
        (((state >> 31) as u16) << 15) | (8 << 10) | (state as u16 & 0x3FF)
    };
    (0..count).flat_map(|_| next().to_le_bytes()).collect()
}

fn runs(size: &Size) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make(size, folder.path());
    let options = WhisperOptions { beams: 1, temperatures: vec![0.0], ..WhisperOptions::default() };
    let mut recognizer = WhisperRecognizer::load(folder.path(), Device::CPU_F32, options).expect("the size loads");
    assert_eq!(recognizer.model().encoder.bands(), size.mels as i64);
    assert_eq!(recognizer.model().decoder.vocabulary(), size.vocabulary as i64);
    let request = RecognizeRequest {
        samples: white_noise(16_000, -20.0).into(),
        language: "en".to_owned(),
        previous_text: String::new(),
        hints: Vec::new(),
    };
    let transcript = recognizer.recognize(&[request]).remove(0).expect("it runs");
    assert!(transcript.average_log_probability.is_finite() && transcript.average_log_probability < 0.0);
}

#[test]
fn tiny_loads_and_runs() {
    runs(&Size { width: 384, layers: 4, mels: 80, vocabulary: 51_865 });
}

#[test]
fn the_shapes_of_large_v3_load_and_run() {
    // Its width, mel bands and vocabulary; two of its 32 layers, which all have one shape, to spare memory.
    runs(&Size { width: 1_280, layers: 2, mels: 128, vocabulary: 51_866 });
}
