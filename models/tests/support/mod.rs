//! Where tests find weights, golden files and audio; whatever is missing fails the test that needs it.
#![allow(dead_code)] // Each test binary uses its own part.

use std::path::{Path, PathBuf};

use tch::Tensor;

/// A model's folder in the store: `STS_MODELS_DIR`, or `models/store` in the workspace.
pub fn store(model: &str) -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("store");
    let dir = std::env::var_os("STS_MODELS_DIR").map_or(default, PathBuf::from).join(model);
    assert!(dir.is_dir(), "the weights of {model} are not in {}: fetch them first", dir.display());
    dir
}

/// Reference values, by name.
pub fn golden(file: &str) -> std::collections::HashMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let tensors = Tensor::read_safetensors(&path);
    tensors.unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_iter().collect()
}

/// Mono 16 kHz samples of a clip in `tests/audio/english`, −1 to 1.
pub fn audio(file: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/audio/english").join(file);
    read_flac(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_flac(path: &Path) -> Result<Vec<f32>, claxon::Error> {
    let mut reader = claxon::FlacReader::open(path)?;
    let info = reader.streaminfo();
    assert_eq!((info.channels, info.sample_rate), (1, 16_000), "{} is not mono at 16 kHz", path.display());
    let scale = 1.0 / (1u32 << (info.bits_per_sample - 1)) as f32;
    reader.samples().map(|sample| Ok(sample? as f32 * scale)).collect()
}

/// White noise, uniform, of this level in dBFS (RMS), the same at every call.
pub fn white_noise(samples: usize, dbfs: f32) -> Vec<f32> {
    let amplitude = 10f32.powf(dbfs / 20.0) * 3f32.sqrt();
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    (0..samples)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / (1u32 << 23) as f32 - 1.0) * amplitude
        })
        .collect()
}

/// Largest difference over the largest reference value.
pub fn relative_error(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size(), "shapes differ");
    let expected = expected.to_kind(tch::Kind::Double);
    let difference = (found.to_kind(tch::Kind::Double) - &expected).abs().max();
    difference.double_value(&[]) / expected.abs().max().double_value(&[])
}
