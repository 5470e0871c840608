//! What is known of one actor, and the actor's own hold on it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use actix::{Actor, Addr, AsyncContext as _, Context, Handler, WeakRecipient};

use super::letter::Letter;
use super::observation::{ActorObservation, Look};
use super::{Listing, Mailbox, Registry};

/// Characters of an error that are kept.
const ERROR_LIMIT: usize = 300;

/// What is known of an actor.
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) listing: Listing,
    depth: AtomicUsize,
    handled: AtomicU64,
    restarts: AtomicU64,
    has_panicked: AtomicBool,
    last_error: Mutex<Option<String>>,
    /// Whom to ask how it is; weak, for the registry must keep no actor alive.
    observer: OnceLock<WeakRecipient<Letter<Look>>>,
}

impl Entry {
    pub(super) fn new(number: u64, listing: Listing) -> Self {
        Self {
            number,
            listing,
            depth: AtomicUsize::new(0),
            handled: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            has_panicked: AtomicBool::new(false),
            last_error: Mutex::new(None),
            observer: OnceLock::new(),
        }
    }

    /// Notes where the actor is, and gives its mailbox its size.
    pub(super) fn bind<A>(&self, context: &mut Context<A>)
    where
        A: Actor<Context = Context<A>> + Handler<Letter<Look>>,
    {
        context.set_mailbox_capacity(self.listing.capacity);
        // It is bound once, when it is made.
        let _ = self.observer.set(context.address().recipient().downgrade());
    }

    // The counts stand for nothing but themselves, so their order among other memory does not matter.

    pub(super) fn count_in(&self) {
        self.depth.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_out(&self) {
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn count_handled(&self) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    pub(super) fn lose(&self, error: &str) {
        self.has_panicked.store(true, Ordering::Relaxed);
        self.note_error(error);
    }

    fn note_error(&self, error: &str) {
        let kept = error.chars().take(ERROR_LIMIT).collect();
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    pub(super) fn observer(&self) -> Option<&WeakRecipient<Letter<Look>>> {
        self.observer.get()
    }

    /// How it is, but for its own state.
    pub(super) fn observe(&self) -> ActorObservation {
        ActorObservation {
            actor: self.listing.name.clone(),
            kind: self.listing.kind,
            alive: !self.has_panicked.load(Ordering::Relaxed),
            mailbox_depth: self.depth(),
            mailbox_capacity: self.listing.capacity,
            messages_handled: self.handled.load(Ordering::Relaxed),
            restarts: self.restarts.load(Ordering::Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            state: None,
        }
    }
}

/// An actor's hold on what is known of it. The actor is listed until this is dropped, and remembered as lost when that
/// is because it panicked.
pub struct Registration {
    registry: Registry,
    entry: Arc<Entry>,
}

impl Registration {
    pub(super) fn new(registry: Registry, entry: Arc<Entry>) -> Self {
        Self { registry, entry }
    }

    /// The actor's own mailbox.
    pub fn mailbox<A: Actor<Context = Context<A>>>(&self, address: Addr<A>) -> Mailbox<A> {
        Mailbox::new(address, Arc::clone(&self.entry))
    }

    /// Notes that something was started anew.
    pub fn note_restart(&self) {
        self.entry.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that something went wrong.
    pub fn note_error(&self, error: &str) {
        self.entry.note_error(error);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.strike_out(&self.entry, std::thread::panicking());
    }
}
