//! Packages of the Python package index, by `pip download`.

use std::path::Path;
use std::process::Command;

use super::StoreError;
use super::client::Client;
use super::progress::Task;
use crate::manifest::Package;

const PIP: Client = Client { program: "python3", debian_package: "python3-pip" };

/// Downloads a package's wheel into `folder`, where pip's temporary files go too.
///
/// `pip_options` are the operator's own, as a mirror's address; pip's configuration and environment hold as well.
///
/// # Errors
/// [`StoreError`] as [`Client::run`] gives it.
pub fn download(package: &Package, folder: &Path, pip_options: &[String], task: &Task) -> Result<(), StoreError> {
    let mut command = Command::new(PIP.program);
    command
        .args(["-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--no-deps"])
        .args(["--only-binary=:all:", "--no-cache-dir", "--progress-bar=off", "--quiet", "--dest"])
        .arg(folder)
        .args(&package.pip_options)
        .args(pip_options)
        .arg(format!("{}=={}", package.name, package.version))
        .env("TMPDIR", folder);
    PIP.run(&mut command, folder, &format!("{} {} from PyPI", package.name, package.version), task)
}
