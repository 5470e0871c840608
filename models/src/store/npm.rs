//! Packages of the npm registry, by `npm pack`.

use std::path::Path;
use std::process::Command;

use super::StoreError;
use super::client::Client;
use super::progress::Task;
use crate::manifest::Package;

const NPM: Client = Client { program: "npm", debian_package: "npm" };

/// Downloads a package's archive into `folder`, where npm's cache for this one call goes too. No script of the
/// package is run.
///
/// # Errors
/// [`StoreError`] as [`Client::run`] gives it.
pub fn download(package: &Package, folder: &Path, task: &Task) -> Result<(), StoreError> {
    let mut command = Command::new(NPM.program);
    command
        .args(["pack", "--ignore-scripts", "--silent", "--pack-destination"])
        .arg(folder)
        .arg("--cache")
        .arg(folder.join("npm-cache"))
        .arg(format!("{}@{}", package.name, package.version))
        .current_dir(folder);
    NPM.run(&mut command, folder, &format!("{} {} from npm", package.name, package.version), task)
}
