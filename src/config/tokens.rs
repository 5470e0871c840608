//! Where worker tokens come from: a list in the settings, a file, or both. The file is read anew on SIGHUP.

use std::fmt;
use std::path::PathBuf;

/// Characters that a token must have at least: fewer could be guessed.
const MIN_LENGTH: usize = 16;

/// A list of tokens and the name of a file with more, one a line.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TokenSource {
    /// From the settings.
    pub listed: Vec<String>,
    /// The file, if one is named.
    pub file: Option<PathBuf>,
}

impl TokenSource {
    /// Whether nothing is configured: neither a token nor a file.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.file.is_none()
    }

    /// All tokens as they are now.
    ///
    /// # Errors
    /// A sentence: the file cannot be read, or a token is too short. No token is in it.
    pub fn read(&self) -> Result<Vec<String>, String> {
        let mut tokens: Vec<String> = self.listed.iter().map(|token| token.trim().to_owned()).collect();
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            tokens.extend(text.lines().map(|line| line.trim().to_owned()));
        }
        tokens.retain(|token| !token.is_empty());
        match tokens.iter().map(|token| token.chars().count()).filter(|&length| length < MIN_LENGTH).min() {
            Some(length) => Err(format!("a token has {length} characters, the least is {MIN_LENGTH}")),
            None => Ok(tokens),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "TokenSource({} listed, file {:?})", self.listed.len(), self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_and_file_are_joined_and_the_file_is_read_anew() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "\n  from-the-file-0001 \n").expect("written");
        let source = TokenSource { listed: vec!["from-the-list-0001".into()], file: Some(file.path().into()) };
        assert_eq!(source.read().expect("good"), ["from-the-list-0001", "from-the-file-0001"]);
        std::fs::write(file.path(), "from-the-file-0002\n").expect("written");
        assert_eq!(source.read().expect("good")[1], "from-the-file-0002");
        std::fs::write(file.path(), "short-secret\n").expect("written");
        let problem = source.read().expect_err("too short");
        assert!(problem.contains("12 characters") && !problem.contains("short-secret"), "{problem}");
        assert!(!format!("{source:?}").contains("from-the-list"));
    }
}
