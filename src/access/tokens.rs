//! Worker tokens: kept as digests, compared in constant time, replaced while the service runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Which token a worker showed: the SHA-256 of its text, so that a token that stays through a rotation stays the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId([u8; 32]);

impl TokenId {
    fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl TokenId {
    /// Its first 8 hexadecimal digits: enough to tell tokens apart in a log, and too little to try guesses on.
    pub fn tag(&self) -> String {
        self.0[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

// A digest of a weak token could be guessed from.
impl fmt::Debug for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("TokenId(…)")
    }
}

/// The tokens that workers may show, shared by everyone who asks. The texts themselves are not kept.
#[derive(Clone, Default)]
pub struct Tokens(Arc<RwLock<Vec<TokenId>>>);

impl Tokens {
    /// These tokens.
    pub fn new(tokens: &[String]) -> Self {
        let known = Self::default();
        known.replace(tokens);
        known
    }

    /// Takes these instead. Connections that are open stay open.
    pub fn replace(&self, tokens: &[String]) {
        let ids = tokens.iter().map(|token| TokenId::of(token)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    /// Whether everybody may connect.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether this one is still among them.
    pub fn has(&self, token: TokenId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&token)
    }

    /// Which token this is; `None` when it is none of them. Takes the same time whichever it is: digests are
    /// compared, all of them, each to its end.
    pub fn find(&self, offered: &str) -> Option<TokenId> {
        let offered = TokenId::of(offered);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let hits = known.iter().fold(subtle::Choice::from(0), |hits, known| hits | known.0.ct_eq(&offered.0));
        bool::from(hits).then_some(offered)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let count = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(formatter, "Tokens({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Tokens {
        Tokens::new(&["old-secret-of-16".to_owned(), "new-secret-of-16".to_owned()])
    }

    #[test]
    fn tokens_are_told_apart() {
        let tokens = two();
        let found = tokens.find("new-secret-of-16").expect("it is one of them");
        assert_eq!(Some(found), tokens.find("new-secret-of-16"));
        assert_ne!(Some(found), tokens.find("old-secret-of-16"));
        for wrong in ["", "new-secret-of-1", "new-secret-of-16x", "NEW-SECRET-OF-16"] {
            assert_eq!(tokens.find(wrong), None);
        }
    }

    #[test]
    fn a_rotation_keeps_who_stays_and_drops_who_goes() {
        let tokens = two();
        let (old, new) = (tokens.find("old-secret-of-16"), tokens.find("new-secret-of-16"));
        tokens.replace(&["new-secret-of-16".to_owned(), "next-secret-of-16".to_owned()]);
        assert!(old.is_some_and(|old| !tokens.has(old)) && tokens.find("old-secret-of-16").is_none());
        assert!(new.is_some_and(|new| tokens.has(new)));
        assert_eq!(tokens.find("new-secret-of-16"), new);
    }

    #[test]
    fn a_tag_is_the_start_of_the_digest() {
        // printf %s new-secret-of-16 | sha256sum
        assert_eq!(two().find("new-secret-of-16").map(|token| token.tag()).as_deref(), Some("bf29ef43"));
    }

    #[test]
    fn nothing_of_a_token_is_printed() {
        let tokens = two();
        let printed = format!("{tokens:?} {:?}", tokens.find("new-secret-of-16"));
        assert_eq!(printed, "Tokens(2) Some(TokenId(…))");
    }
}
