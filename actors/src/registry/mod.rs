//! Which actors there are, and what waits in their mailboxes.
//!
//! | file | concept |
//! | --- | --- |
//! | `entry.rs` | what is known of one actor, and the actor's own hold on it |
//! | `letter.rs` | a message that is counted from the moment it is sent until it is handled or dropped |
//! | `mailbox.rs` | the address that sends such letters |
//! | `observation.rs` | how an actor is, as JSON |
//! | `series.rs` | the mailboxes as Prometheus series |
//!
//! actix does not tell how many messages wait for an actor, nor that one has panicked. Here an actor is started by a
//! [`Registry`], which gives out a [`Mailbox`] instead of an address. A message costs five atomic operations more.

mod entry;
mod letter;
mod mailbox;
mod observation;
mod series;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix::{Actor, ArbiterHandle, Context, Handler};

use crate::events::{EventSender, LifecycleEvent};

pub use entry::Registration;
pub use letter::{Letter, Opened};
pub use mailbox::Mailbox;
pub use observation::{ActorObservation, Look, Observed};
pub use series::MailboxSeries;

use entry::Entry;

/// Actors that have panicked are remembered, but no more of them than this.
const REMEMBERED: usize = 64;

/// What an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// The directory of connections and streams.
    Gateway,
    /// Keeps a stage's workers alive.
    Supervisor,
    /// Passes lifecycle events on.
    Bus,
    /// Listens to lifecycle events.
    Subscriber,
    /// Watches the machine.
    Monitor,
    /// A stream.
    Stream,
    /// An operator's live feed.
    Feed,
}

impl ActorKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Supervisor => "supervisor",
            Self::Bus => "bus",
            Self::Subscriber => "subscriber",
            Self::Monitor => "monitor",
            Self::Stream => "stream",
            Self::Feed => "feed",
        }
    }
}

/// What an actor is registered as.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Its name, unique among those that are alive but for streams that take another's place.
    pub name: String,
    /// What it is.
    pub kind: ActorKind,
    /// Messages that may wait, those apart that must not be lost.
    pub capacity: usize,
}

impl Listing {
    /// A listing.
    pub fn new(name: impl Into<String>, kind: ActorKind, capacity: usize) -> Self {
        Self { name: name.into(), kind, capacity }
    }
}

/// The directory of actors; all clones are the same one.
#[derive(Clone, Default)]
pub struct Registry(Arc<Shared>);

#[derive(Default)]
struct Shared {
    actors: Mutex<Actors>,
    /// Told when an actor panics.
    events: OnceLock<EventSender>,
}

/// Those that are alive, by number, and the last that have panicked.
#[derive(Default)]
struct Actors {
    next: u64,
    alive: BTreeMap<u64, Arc<Entry>>,
    lost: VecDeque<Arc<Entry>>,
}

impl Registry {
    /// Starts an actor on the current arbiter. It must keep the registration for as long as it lives.
    pub fn start<A>(&self, listing: Listing, make: impl FnOnce(Registration) -> A) -> Mailbox<A>
    where
        A: Actor<Context = Context<A>> + Handler<Letter<Look>>,
    {
        let (registration, entry) = self.register(listing);
        let address = A::create(|context| {
            entry.bind(context);
            make(registration)
        });
        Mailbox::new(address, entry)
    }

    /// Starts an actor on another arbiter.
    pub fn start_on<A>(
        &self,
        arbiter: &ArbiterHandle,
        listing: Listing,
        make: impl FnOnce(Registration) -> A + Send + 'static,
    ) -> Mailbox<A>
    where
        A: Actor<Context = Context<A>> + Handler<Letter<Look>>,
    {
        let (registration, entry) = self.register(listing);
        let bound = Arc::clone(&entry);
        let address = A::start_in_arbiter(arbiter, move |context| {
            bound.bind(context);
            make(registration)
        });
        Mailbox::new(address, entry)
    }

    /// Lists an actor that is started elsewhere and is sent no letters, such as one that a socket drives.
    pub fn enlist(&self, listing: Listing) -> Registration {
        self.register(listing).0
    }

    /// Has somebody told when an actor panics. The first call counts.
    pub fn tell(&self, events: EventSender) {
        // A second sender would be for another service.
        let _ = self.0.events.set(events);
    }

    fn register(&self, listing: Listing) -> (Registration, Arc<Entry>) {
        let mut actors = self.actors();
        actors.next += 1;
        let entry = Arc::new(Entry::new(actors.next, listing));
        actors.alive.insert(entry.number, Arc::clone(&entry));
        (Registration::new(self.clone(), Arc::clone(&entry)), entry)
    }

    /// The actor is no more.
    fn strike_out(&self, entry: &Arc<Entry>, has_panicked: bool) {
        let mut actors = self.actors();
        actors.alive.remove(&entry.number);
        if !has_panicked {
            return;
        }
        let error = "it panicked; the log says where";
        entry.lose(error);
        if actors.lost.len() == REMEMBERED {
            actors.lost.pop_front();
        }
        actors.lost.push_back(Arc::clone(entry));
        drop(actors);
        if let Some(events) = self.0.events.get() {
            let (actor, kind) = (entry.listing.name.clone(), entry.listing.kind);
            events.publish(LifecycleEvent::ActorLost { actor, kind, error: error.to_owned() });
        }
    }

    /// Those that are alive, and then those that have panicked; each in the order in which they came.
    fn entries(&self) -> Vec<Arc<Entry>> {
        let actors = self.actors();
        actors.alive.values().chain(&actors.lost).map(Arc::clone).collect()
    }

    fn actors(&self) -> MutexGuard<'_, Actors> {
        self.0.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets an actor take letters: what it handles, it handles when it comes in a [`Letter`] too.
#[macro_export]
macro_rules! takes_letters {
    ($actor:ty $(, $parameter:ident)*) => {
        impl<M, $($parameter: Send + 'static),*> actix::Handler<$crate::registry::Letter<M>> for $actor
        where
            Self: actix::Handler<M>,
            M: actix::Message,
            M::Result: Send,
        {
            type Result = $crate::registry::Opened<Self, M>;

            fn handle(
                &mut self,
                letter: $crate::registry::Letter<M>,
                context: &mut Self::Context,
            ) -> Self::Result {
                $crate::registry::Opened::new(actix::Handler::handle(self, letter.open(), context))
            }
        }

        impl<$($parameter: Send + 'static),*> actix::Handler<$crate::registry::Look> for $actor {
            type Result = actix::MessageResult<$crate::registry::Look>;

            fn handle(&mut self, _: $crate::registry::Look, _: &mut Self::Context) -> Self::Result {
                actix::MessageResult($crate::registry::Observed::observable_state(self))
            }
        }
    };
}

#[cfg(test)]
mod tests;
