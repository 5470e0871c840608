//! How much one peer may have of something at once: counted up and down by leases, per key and in all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Leases in force for each key.
#[derive(Debug)]
pub struct Quota<K: Eq + Hash + Clone> {
    limit: usize,
    in_force: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Clone> Clone for Quota<K> {
    fn clone(&self) -> Self {
        Self { limit: self.limit, in_force: Arc::clone(&self.in_force) }
    }
}

impl<K: Eq + Hash + Clone> Quota<K> {
    /// At most `limit` leases at once for each key.
    pub fn new(limit: usize) -> Self {
        Self { limit, in_force: Arc::default() }
    }

    /// Most leases at once for a key.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// One more for this key; `None` when it has as many as it may.
    pub fn lease(&self, key: K) -> Option<Lease<K>> {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let count = in_force.entry(key.clone()).or_default();
        if *count >= self.limit {
            // A limit of zero must not leave an entry for everyone who asks.
            if *count == 0 {
                in_force.remove(&key);
            }
            return None;
        }
        *count += 1;
        Some(Lease { key, in_force: Arc::clone(&self.in_force) })
    }

    #[cfg(test)]
    fn keys(&self) -> usize {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Holds a place; dropping it gives the place back, however the holder came to its end.
#[derive(Debug)]
pub struct Lease<K: Eq + Hash + Clone> {
    key: K,
    in_force: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Clone> Drop for Lease<K> {
    fn drop(&mut self) {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = in_force.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                in_force.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_count_and_leaves_nothing_behind() {
        let quota = Quota::new(2);
        let first = quota.lease("a").expect("one");
        let second = quota.lease("a").expect("two");
        assert!(quota.lease("a").is_none());
        let other = quota.lease("b").expect("another's");
        drop(first);
        let third = quota.lease("a").expect("a place is free again");
        drop((second, third, other));
        assert_eq!(quota.keys(), 0);
    }

    #[test]
    fn a_limit_of_none_refuses_and_remembers_nobody() {
        let quota = Quota::new(0);
        assert!(quota.lease(7).is_none());
        assert_eq!(quota.keys(), 0);
    }
}
