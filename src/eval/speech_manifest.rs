//! The list of recordings with known texts.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// One recording and what is said in it; a line of the manifest. Other fields of the line are ignored.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SpokenClip {
    /// The recording; relative paths start at the manifest's folder.
    pub file: PathBuf,
    /// What is said.
    pub text: String,
    /// ISO 639-1 code of the language.
    pub lang: String,
    /// Corpus or speaker by which results are grouped.
    pub group: String,
}

/// Reads a manifest: JSON objects with `file`, `text`, `lang` and `group`, one a line.
///
/// # Errors
/// When the manifest cannot be read, a line is no such object, or there is no line.
pub fn read_manifest(path: &Path) -> anyhow::Result<Vec<SpokenClip>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("the manifest {} cannot be read", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut clips = Vec::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let mut clip: SpokenClip =
            serde_json::from_str(line).with_context(|| format!("line {number} of {}", path.display()))?;
        clip.file = folder.join(&clip.file);
        clips.push(clip);
    }
    ensure!(!clips.is_empty(), "the manifest {} is empty", path.display());
    Ok(clips)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Vec<SpokenClip>> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("manifest.jsonl");
        std::fs::write(&path, text).expect("the file can be written");
        let mut clips = read_manifest(&path)?;
        for clip in &mut clips {
            clip.file = clip.file.strip_prefix(folder.path()).unwrap_or(&clip.file).to_owned();
        }
        Ok(clips)
    }

    #[test]
    fn paths_start_at_the_manifest_unless_they_are_absolute() {
        let clips = read(concat!(
            r#"{"file": "a.flac", "text": "hello", "lang": "en", "group": "g", "seconds": 1.5}"#,
            "\n\n",
            r#"{"file": "/b.wav", "text": "hola", "lang": "es", "group": "h"}"#,
        ))
        .expect("both lines are good");
        assert_eq!((clips[0].file.as_path(), clips[1].file.as_path()), (Path::new("a.flac"), Path::new("/b.wav")));
        assert_eq!((clips[0].text.as_str(), clips[1].lang.as_str()), ("hello", "es"));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = read("{\"file\": \"a.flac\"}\n").expect_err("the text is missing");
        assert!(error.to_string().starts_with("line 1 of "), "{error}");
        assert!(read("\n").is_err());
    }
}
