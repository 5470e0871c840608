//! The stamp of an artifact that was verified: what it was verified against, and how its files looked then.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::manifest::Artifact;

const STAMP_FILE: &str = ".complete";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Stamp {
    /// [`Artifact::fingerprint`] of what was verified.
    fingerprint: String,
    /// Size, and time of the last change in nanoseconds, of each file.
    files: BTreeMap<String, (u64, i128)>,
}

impl Stamp {
    fn of(folder: &Path, artifact: &Artifact) -> io::Result<Self> {
        let look = |path: &String| {
            let metadata = std::fs::metadata(folder.join(path))?;
            let changed = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
            Ok((path.clone(), (metadata.len(), changed)))
        };
        let files = artifact.files.iter().map(|file| look(&file.path)).collect::<io::Result<_>>()?;
        Ok(Self { fingerprint: artifact.fingerprint(), files })
    }
}

/// Stamps an artifact whose files have just been verified.
///
/// # Errors
/// Whatever the file system says.
pub fn write(folder: &Path, artifact: &Artifact) -> io::Result<()> {
    let text = serde_json::to_vec(&Stamp::of(folder, artifact)?)?;
    let partial = folder.join(".complete.partial");
    std::fs::write(&partial, text)?;
    std::fs::rename(partial, folder.join(STAMP_FILE))
}

/// Takes the stamp away, if there is one.
pub fn remove(folder: &Path) {
    // Where it cannot be removed the store is read-only, and nothing could be mended either.
    let _ = std::fs::remove_file(folder.join(STAMP_FILE));
}

/// Whether the artifact was verified against this manifest, and none of its files has changed since.
pub fn holds(folder: &Path, artifact: &Artifact) -> bool {
    let stamped = std::fs::read(folder.join(STAMP_FILE)).ok();
    let stamped = stamped.and_then(|text| serde_json::from_slice::<Stamp>(&text).ok());
    let sizes_agree = |stamp: &Stamp| {
        artifact.files.iter().all(|file| stamp.files.get(&file.path).is_some_and(|(bytes, _)| *bytes == file.bytes))
    };
    stamped.is_some_and(|stamp| sizes_agree(&stamp) && Stamp::of(folder, artifact).is_ok_and(|now| now == stamp))
}
