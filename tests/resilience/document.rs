//! `docs/resilience.md` names every test here, and no other.

use std::collections::BTreeSet;

use crate::support::root;

/// Modules that hold no fault.
const NO_FAULTS: [&str; 3] = ["document", "scene", "speech"];

/// `module::name` of every test in this folder.
fn tests() -> BTreeSet<String> {
    let folder = std::fs::read_dir(root().join("tests/resilience")).expect("a folder");
    let mut names = BTreeSet::new();
    for file in folder {
        let path = file.expect("a file").path();
        let module = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        if NO_FAULTS.contains(&module.as_str()) {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("UTF-8");
        let mut is_test = false;
        for line in source.lines() {
            is_test |= line.starts_with("#[test") || line.starts_with("#[tokio::test");
            if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                let name = rest.split('(').next().expect("a name");
                names.insert(format!("{module}::{name}"));
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn every_fault_has_its_row_and_every_row_its_test() {
    let document = std::fs::read_to_string(root().join("docs/resilience.md")).expect("a document");
    let quoted = document.split('`').skip(1).step_by(2);
    let named: BTreeSet<String> = quoted.filter(|code| code.contains("::")).map(str::to_owned).collect();
    let tests = tests();
    assert!(tests.len() > 10, "{tests:?}");
    let unnamed: Vec<_> = tests.difference(&named).collect();
    let unknown: Vec<_> = named.difference(&tests).collect();
    assert!(unnamed.is_empty(), "not in docs/resilience.md: {unnamed:?}");
    assert!(unknown.is_empty(), "docs/resilience.md names what is not there: {unknown:?}");
}
