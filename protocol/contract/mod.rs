//! The contract as data: its samples, its fields, and the documents that are generated from both. Part of the tests
//! and of the example that writes the files, and of nothing that runs.
#![allow(dead_code, reason = "the example and the tests use a part each")]

pub mod asyncapi;
pub mod catalogue;
pub mod reference;
pub mod samples;
pub mod witnesses;

pub use witnesses::Witnesses;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the repository").to_owned()
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A generated file, and what it should hold.
pub struct Generated {
    /// Relative to the root of the repository.
    pub path: String,
    /// All of it, what was written by hand included.
    pub text: String,
}

/// Every generated file as it should be, with these tests beside what they name.
pub fn generated(witnesses: &Witnesses) -> Vec<Generated> {
    let documents = sts_protocol::schema::documents();
    let mut files: Vec<Generated> = documents
        .iter()
        .map(|document| Generated {
            path: format!("protocol/schemas/{}.json", document.name),
            text: serde_json::to_string_pretty(&document.schema).expect("a schema is JSON") + "\n",
        })
        .collect();
    for (path, block) in [("docs/asyncapi.yaml", asyncapi::block()), ("docs/protocol.md", reference::block(witnesses))]
    {
        files.push(Generated { path: path.to_owned(), text: with_block(path, &read(path), &block) });
    }
    files
}

/// The text with what stands between its two marks replaced.
fn with_block(path: &str, text: &str, block: &str) -> String {
    let mut lines = text.split_inclusive('\n');
    let mut whole = String::new();
    let mut found = false;
    while let Some(line) = lines.next() {
        whole.push_str(line);
        if line.contains("generated: begin") {
            found = true;
            whole.push_str(block);
            let end = lines.find(|line| line.contains("generated: end"));
            whole.push_str(end.unwrap_or_else(|| panic!("{path}: the generated part has no end")));
        }
    }
    assert!(found, "{path}: there is no mark where the generated part begins");
    whole
}
