//! A key that no log can show.

use std::fmt;

use reqwest::header::{HeaderValue, InvalidHeaderValue};

/// A key. What is printed of it is that there is one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a key; blanks around it are dropped.
    pub fn new(key: &str) -> Self {
        Self(key.trim().to_owned())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the key ends so.
    pub fn ends_with(&self, suffix: &str) -> bool {
        self.0.ends_with(suffix)
    }

    /// The key itself, for the body of a request.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `<scheme> <key>` as a header that the HTTP library does not print either.
    ///
    /// # Errors
    /// The key has characters that no header takes.
    pub fn header(&self, scheme: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{scheme} {}", self.0))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_empty() { "no key" } else { "a key" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_key() {
        let secret = Secret::new(" 01234567-89ab:fx\n");
        assert!(secret.ends_with(":fx"));
        let header = secret.header("DeepL-Auth-Key").expect("a header takes it");
        assert_eq!(header.as_bytes(), b"DeepL-Auth-Key 01234567-89ab:fx");
        assert!(!format!("{secret:?} {header:?}").contains("0123"));
        assert!(Secret::new("a\nb").header("Bearer").is_err());
    }
}
