//! Which test sources name an event or an error code. Codes such as `SERVICE_OVERLOADED` come about far from this
//! crate, so their tests are looked for in the whole repository.

use std::collections::BTreeMap;

use sts_protocol::ErrorCode;
use sts_protocol::event::EVENTS;

/// Test sources, relative to the root of the repository, by the event or error code that they name.
pub type Witnesses = BTreeMap<String, Vec<String>>;

/// Everything that a test must name, as it is called on the wire.
pub fn names() -> Vec<&'static str> {
    let codes = ErrorCode::ALL.iter().map(|code| code.as_str());
    EVENTS.iter().map(|event| event.name).chain(codes).collect()
}

/// Searches the test sources of the repository.
pub fn find() -> Witnesses {
    let mut sources = Vec::new();
    for directory in ["tests", "actors"] {
        collect(directory, &mut sources);
    }
    sources.sort();
    let texts: Vec<(String, String)> = sources.into_iter().map(|path| (path.clone(), super::read(&path))).collect();
    names()
        .into_iter()
        .map(|name| {
            let naming = texts.iter().filter(|(_, text)| mentions(text, name)).map(|(path, _)| path.clone());
            (name.to_owned(), naming.collect())
        })
        .collect()
}

/// The witnesses that docs/protocol.md lists.
pub fn listed(document: &str) -> Witnesses {
    let mut listed: Witnesses = names().into_iter().map(|name| (name.to_owned(), Vec::new())).collect();
    for line in document.lines() {
        let Some(name) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) else { continue };
        let Some(paths) = listed.get_mut(name) else { continue };
        let links = line.split("](../").skip(1).filter_map(|rest| rest.split(')').next());
        paths.extend(links.filter(|path| is_test(path)).map(str::to_owned));
    }
    listed
}

/// Whether a text names an event or a code, as the wire or as Rust does.
pub fn mentions(text: &str, name: &str) -> bool {
    let variant = ErrorCode::ALL.iter().find(|code| code.as_str() == name).map(|code| format!("ErrorCode::{code:?}"));
    let in_rust = variant.is_some_and(|variant| whole_words(text, &variant));
    if EVENTS.iter().any(|event| event.name == name) {
        // `error` and `backpressure` are words, too.
        return ['"', '\''].iter().any(|quote| text.contains(&format!("{quote}{name}{quote}")));
    }
    in_rust || whole_words(text, name)
}

/// Whether the name stands in the text and is not a part of a longer one, as `TIMEOUT` is of `ASR_TIMEOUT_MS`.
fn whole_words(text: &str, name: &str) -> bool {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
    text.match_indices(name).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + name.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

fn is_test(path: &str) -> bool {
    let source = ["rs", "py", "mjs", "js", "ts"].iter().any(|end| path.ends_with(&format!(".{end}")));
    let of_tests = path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs");
    let of_others = ["tests/bench/", "tests/contract/", "tests/fakes/", "tests/support/"];
    source && of_tests && !of_others.iter().any(|directory| path.starts_with(directory))
}

fn collect(directory: &str, sources: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(super::root().join(directory)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{directory}/{name}");
        if name.starts_with('.') || name == "node_modules" || name == "target" {
            continue;
        }
        if entry.path().is_dir() {
            collect(&path, sources);
        } else if is_test(&path) {
            sources.push(path);
        }
    }
}
