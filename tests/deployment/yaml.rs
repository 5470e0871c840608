//! YAML files of docker/, as JSON values.

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value;

use crate::support::root;

/// The text of a file below docker/.
pub fn text(file: &str) -> String {
    let path = root().join("docker").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of one document.
pub fn one(file: &str) -> Value {
    let mut documents = parse(&text(file));
    assert_eq!(documents.len(), 1, "{file} has another number of documents");
    documents.remove(0)
}

/// All documents of a text, with merge keys (`<<`) merged.
pub fn parse(text: &str) -> Vec<Value> {
    serde_norway::Deserializer::from_str(text)
        .map(|document| {
            let mut value = serde_norway::Value::deserialize(document).expect("YAML");
            value.apply_merge().expect("what is merged is a mapping");
            serde_json::to_value(value).expect("keys are strings")
        })
        .collect()
}

/// All YAML files below a folder of docker/.
pub fn files(folder: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join("docker").join(folder), &mut found);
    found.sort();
    found
}

/// Texts of a list.
pub fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The members of an object.
pub fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().expect("an object").iter().map(|(key, value)| (key.as_str(), value))
}
