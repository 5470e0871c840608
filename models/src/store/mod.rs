//! The store: a folder of artifacts, each whole and verified or not there.
//!
//! An artifact is built in a folder beside the others and renamed into place when every file has the size and the
//! SHA-256 of the manifest; a stamp in it then says so, and spares the next start the hashing. What an interrupted
//! run leaves is verified before it is used again, or thrown away. One process fetches at a time.

mod client;
mod disk;
mod fetch;
mod hub;
mod npm;
mod package;
mod progress;
mod pypi;
mod stamp;
mod verify;

use std::path::{Path, PathBuf};

use crate::convert::ConvertError;
use crate::manifest::{Artifact, Manifest};

pub use fetch::FetchReport;
pub use progress::Progress;

/// Environment variable that names a model hub's base URL.
pub const HUB_VARIABLE: &str = "HF_ENDPOINT";

/// Folder within the store for what is under way.
const PARTIAL_FOLDER: &str = ".partial";

/// A folder of weights, as the manifest wants it.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    manifest: Manifest,
    hub: Option<String>,
    pip_options: Vec<String>,
}

/// What an artifact in the store is worth.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactState {
    /// Every file is there and is what it should be.
    Complete,
    /// Its folder is not there.
    Missing,
    /// Some files are missing or are not what they should be: which, and why.
    Corrupt(Vec<String>),
}

/// An artifact and its state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ArtifactStatus {
    /// Its name in the manifest.
    pub name: String,
    /// Its size when complete.
    pub bytes: u64,
    /// Its licence.
    pub licence: String,
    /// What is there.
    pub state: ArtifactState,
}

/// Why the store is not as it was asked to be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No artifact has that name.
    #[error("no artifact is called '{0}'; there are {1}")]
    UnknownArtifact(String, String),
    /// The store's folder cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// What was read or written.
        path: PathBuf,
        /// What the file system said.
        error: std::io::Error,
    },
    /// The disk is too full.
    #[error("fetching needs about {} MB in {folder}, and {} MB are free", needed >> 20, free >> 20)]
    DiskFull {
        /// The store.
        folder: PathBuf,
        /// Bytes that the fetch takes at most.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A client that fetches packages is not installed.
    #[error("{program} is not installed; it is in Debian's package {debian_package}")]
    ClientMissing {
        /// The program.
        program: &'static str,
        /// What to install.
        debian_package: &'static str,
    },
    /// A source did not give what it should.
    #[error("{source_name}: {why}")]
    Source {
        /// Which source.
        source_name: String,
        /// What went wrong.
        why: String,
    },
    /// The bytes are not those of the manifest.
    #[error("{what}: expected {expected}, got {got}")]
    Mismatch {
        /// Which file.
        what: String,
        /// What the manifest says.
        expected: String,
        /// What came.
        got: String,
    },
    /// The weights could not be converted.
    #[error("{what}: {error}")]
    Convert {
        /// Which file.
        what: String,
        /// Why not.
        error: ConvertError,
    },
    /// No source gave the file.
    #[error("{what} could not be had: {}", attempts.join("; "))]
    NoSource {
        /// Which file.
        what: String,
        /// What each source said.
        attempts: Vec<String>,
    },
}

impl StoreError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::File { path: path.to_owned(), error }
    }
}

impl Store {
    /// A store with this program's own manifest. The hub is the one that `HF_ENDPOINT` names, if it is set.
    ///
    /// # Errors
    /// [`crate::manifest::ManifestError`] as [`Manifest::load`] gives it.
    pub fn new(folder: &Path) -> Result<Self, crate::manifest::ManifestError> {
        Ok(Self::with_manifest(folder, Manifest::load()?))
    }

    /// A store with another manifest.
    pub fn with_manifest(folder: &Path, manifest: Manifest) -> Self {
        let hub = std::env::var(HUB_VARIABLE).ok().filter(|url| !url.is_empty());
        // The registries' clients run in folders of their own, where a relative path would mean another place.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self { folder, manifest, hub, pip_options: Vec::new() }
    }

    /// Names a model hub by its base URL, or none; goes before `HF_ENDPOINT`.
    pub fn with_hub(mut self, base_url: Option<String>) -> Self {
        self.hub = base_url;
        self
    }

    /// Gives pip options of the operator's own, as `--no-index --find-links=FOLDER` for wheels that are at hand.
    pub fn with_pip_options(mut self, options: Vec<String>) -> Self {
        self.pip_options = options;
        self
    }

    /// Where the artifacts are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the artifacts should be.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The state of every artifact. A file that is as its stamp says is taken as verified; others are hashed.
    pub fn status(&self) -> Vec<ArtifactStatus> {
        self.statuses(|artifact| self.state(artifact))
    }

    /// The state of every artifact, with every file hashed anew. An artifact that is not whole loses its stamp, so
    /// that the next fetch mends it.
    pub fn verify(&self) -> Vec<ArtifactStatus> {
        self.statuses(|artifact| {
            let folder = self.artifact_folder(artifact);
            let state = verify::artifact(&folder, artifact);
            if state != ArtifactState::Complete {
                stamp::remove(&folder);
            }
            state
        })
    }

    fn statuses(&self, state: impl Fn(&Artifact) -> ArtifactState) -> Vec<ArtifactStatus> {
        let status = |artifact: &Artifact| ArtifactStatus {
            name: artifact.name.clone(),
            bytes: artifact.bytes(),
            licence: artifact.licence.clone(),
            state: state(artifact),
        };
        self.manifest.artifacts.iter().map(status).collect()
    }

    fn state(&self, artifact: &Artifact) -> ArtifactState {
        let folder = self.artifact_folder(artifact);
        if stamp::holds(&folder, artifact) { ArtifactState::Complete } else { verify::artifact(&folder, artifact) }
    }

    fn artifact_folder(&self, artifact: &Artifact) -> PathBuf {
        self.folder.join(&artifact.name)
    }

    fn partial(&self) -> PathBuf {
        self.folder.join(PARTIAL_FOLDER)
    }
}
