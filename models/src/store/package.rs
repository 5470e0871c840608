//! Members of package files: wheels (zip) and npm's archives (gzipped tar).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::StoreError;

/// Appends the member `path` of the package file `archive` to `bytes`.
///
/// # Errors
/// [`StoreError::Source`] when the archive is damaged or has no such member.
pub fn read_member(archive: &Path, path: &str, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |why: String| StoreError::Source { source_name: name.clone(), why };
    let file = BufReader::new(File::open(archive).map_err(StoreError::file(archive))?);
    let found = if archive.extension().is_some_and(|extension| extension == "tgz") {
        read_tar_member(file, path, bytes)
    } else {
        read_zip_member(file, path, bytes)
    };
    found.map_err(|why| failed(format!("{path}: {why}")))
}

fn read_zip_member(file: BufReader<File>, path: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    let mut member = archive.by_name(path).map_err(|error| error.to_string())?;
    member.read_to_end(bytes).map(drop).map_err(|error| error.to_string())
}

fn read_tar_member(file: BufReader<File>, path: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for member in archive.entries().map_err(|error| error.to_string())? {
        let mut member = member.map_err(|error| error.to_string())?;
        if member.path().is_ok_and(|own| own == Path::new(path)) {
            return member.read_to_end(bytes).map(drop).map_err(|error| error.to_string());
        }
    }
    Err("it has no such member".to_owned())
}
