//! Bytes of audio that have been read off sockets and not yet been taken by their streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound on such bytes, over all connections: mailboxes are bounded by messages, and a message may be large.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

impl ByteBudget {
    /// At most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default() }
    }

    /// Sets `bytes` aside; `None` when they would exceed the bound.
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let fits = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= self.limit);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Reservation { bytes, used: Arc::clone(&self.used) })
    }
}

/// Bytes set aside until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    bytes: usize,
    used: Arc<AtomicUsize>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_free_again() {
        let budget = ByteBudget::new(10);
        let six = budget.reserve(6).expect("fits");
        assert!(budget.reserve(5).is_none());
        assert!(budget.reserve(usize::MAX).is_none());
        let four = budget.reserve(4).expect("fits exactly");
        drop(six);
        assert!(budget.reserve(6).is_some());
        drop(four);
    }
}
