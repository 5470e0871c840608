//! The voices: for each, a style for every length of utterance.

use std::collections::BTreeMap;
use std::path::Path;

use crate::engine::EngineError;

/// Values in one row: the decoder's style and the prosody's.
const ROW: usize = 256;

/// All voices of a folder, by name.
pub struct Voices {
    packs: BTreeMap<String, Vec<f32>>,
}

impl Voices {
    /// Reads every `NAME.bin` of a folder: rows of 256 little-endian float32 values, one row for each number of
    /// phonemes from 1 on.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the folder cannot be read, holds no voice, or a file is not whole.
    pub fn read(folder: &Path) -> Result<Self, EngineError> {
        let failed = |error: std::io::Error| EngineError::Unavailable(format!("voices {}: {error}", folder.display()));
        let mut packs = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if path.extension().is_some_and(|extension| extension == "bin") {
                let bytes = std::fs::read(&path).map_err(failed)?;
                packs.insert(name.to_owned(), rows(name, &bytes)?);
            }
        }
        if packs.is_empty() {
            return Err(EngineError::Unavailable(format!("there is no voice in {}", folder.display())));
        }
        Ok(Self { packs })
    }

    /// Names of the voices, sorted.
    pub fn names(&self) -> Vec<String> {
        self.packs.keys().cloned().collect()
    }

    /// Whether there is a voice of that name.
    pub fn has(&self, name: &str) -> bool {
        self.packs.contains_key(name)
    }

    /// The row of a voice for an utterance of so many phonemes, 256 values.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] when there is no such voice.
    pub fn row(&self, name: &str, phonemes: usize) -> Result<&[f32], EngineError> {
        let pack = self.packs.get(name).ok_or_else(|| EngineError::Unsupported(format!("no voice '{name}'")))?;
        let last = pack.len() / ROW - 1;
        let row = phonemes.saturating_sub(1).min(last);
        Ok(&pack[row * ROW..(row + 1) * ROW])
    }
}

fn rows(name: &str, bytes: &[u8]) -> Result<Vec<f32>, EngineError> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(4 * ROW) {
        return Err(EngineError::Unavailable(format!("voice {name} has {} bytes: it is not whole", bytes.len())));
    }
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err(EngineError::Unavailable(format!("voice {name} holds values that are not numbers"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(bytes: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("xx_test.bin"), bytes).expect("a temporary file");
        folder
    }

    #[test]
    fn the_row_follows_the_number_of_phonemes() {
        let bytes: Vec<u8> = (0..3 * ROW).flat_map(|index| ((index / ROW) as f32).to_le_bytes()).collect();
        let voices = Voices::read(folder(&bytes).path()).expect("a whole voice");
        assert_eq!(voices.names(), ["xx_test"]);
        assert!(voices.has("xx_test") && !voices.has("xx"));
        for (phonemes, value) in [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0), (99, 2.0)] {
            assert_eq!(voices.row("xx_test", phonemes).expect("the voice is there"), [value; ROW]);
        }
        assert!(matches!(voices.row("xx", 1), Err(EngineError::Unsupported(_))));
    }

    #[test]
    fn broken_files_are_refused() {
        for bytes in [vec![], vec![0; 4 * ROW - 1], f32::NAN.to_le_bytes().repeat(ROW)] {
            assert!(matches!(Voices::read(folder(&bytes).path()), Err(EngineError::Unavailable(_))));
        }
        assert!(matches!(Voices::read(Path::new("/nonexistent")), Err(EngineError::Unavailable(_))));
    }
}
