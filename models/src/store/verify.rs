//! Whether files are what the manifest says.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{ArtifactState, StoreError};
use crate::manifest::{Artifact, ArtifactFile};

/// SHA-256 of a file, in lower-case hexadecimal.
///
/// # Errors
/// Whatever the file system says.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Checks a file's size, then its SHA-256. `what` names it in the error.
///
/// # Errors
/// [`StoreError::Mismatch`], or [`StoreError::File`] when it cannot be read.
pub fn file(path: &Path, bytes: u64, sha256: &str, what: &str) -> Result<(), StoreError> {
    let length = std::fs::metadata(path).map_err(StoreError::file(path))?.len();
    let mismatch = |expected: String, got: String| StoreError::Mismatch { what: what.to_owned(), expected, got };
    if length != bytes {
        return Err(mismatch(format!("{bytes} bytes"), format!("{length}")));
    }
    let hash = sha256_of(path).map_err(StoreError::file(path))?;
    if hash == sha256 { Ok(()) } else { Err(mismatch(format!("SHA-256 {sha256}"), hash)) }
}

/// Whether one file of an artifact in `folder` is whole.
pub fn artifact_file(folder: &Path, expected: &ArtifactFile) -> Result<(), StoreError> {
    file(&folder.join(&expected.path), expected.bytes, &expected.sha256, &expected.path)
}

/// Hashes every file of an artifact in `folder`.
pub fn artifact(folder: &Path, artifact: &Artifact) -> ArtifactState {
    if !folder.is_dir() {
        return ArtifactState::Missing;
    }
    let faults = artifact.files.iter().filter_map(|expected| artifact_file(folder, expected).err());
    let faults: Vec<String> = faults.map(|fault| fault.to_string()).collect();
    if faults.is_empty() { ArtifactState::Complete } else { ArtifactState::Corrupt(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(file.path(), "abc").expect("the file is writable");
        // FIPS 180-4, example of one block.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(file.path()).expect("it can be read"), expected);
        assert!(super::file(file.path(), 3, expected, "abc").is_ok());
        let refused = super::file(file.path(), 4, expected, "abc").expect_err("it has 3 bytes").to_string();
        assert_eq!(refused, "abc: expected 4 bytes, got 3");
    }
}
