//! The subject that everyone who counts, logs or watches listens to.

use actix::{Actor, Context, Handler, Recipient};

use super::LifecycleEvent;
use crate::registry::{ActorKind, Letter, Listing, Mailbox, Observed, Registration, Registry};
use crate::takes_letters;

/// Events that may wait, but for those that are never dropped.
const MAILBOX: usize = 1_024;

/// Publishes events; cheap to clone, and to use from any thread.
#[derive(Clone, Default)]
pub struct EventSender(Option<Mailbox<EventBus>>);

impl EventSender {
    /// A sender that nobody hears.
    pub fn silent() -> Self {
        Self(None)
    }

    /// Tells every subscriber. Never waits.
    pub fn publish(&self, event: LifecycleEvent) {
        match &self.0 {
            Some(bus) if event.may_be_dropped() => drop(bus.try_send(event)),
            Some(bus) => bus.do_send(event),
            None => {}
        }
    }
}

/// Somebody who hears events.
pub struct Subscriber(Box<dyn Fn(LifecycleEvent) + Send>);

impl From<Recipient<LifecycleEvent>> for Subscriber {
    fn from(recipient: Recipient<LifecycleEvent>) -> Self {
        Self(Box::new(move |event| match event.may_be_dropped() {
            true => drop(recipient.try_send(event)),
            false => recipient.do_send(event),
        }))
    }
}

impl<A: Actor<Context = Context<A>> + Handler<Letter<LifecycleEvent>>> From<Mailbox<A>> for Subscriber {
    fn from(mailbox: Mailbox<A>) -> Self {
        Self(Box::new(move |event| match event.may_be_dropped() {
            true => drop(mailbox.try_send(event)),
            false => mailbox.do_send(event),
        }))
    }
}

/// The subject that subscribers listen to.
pub struct EventBus {
    subscribers: Vec<Subscriber>,
    _registration: Registration,
}

impl EventBus {
    /// Starts the bus with its subscribers; events reach each of them in the order they were published.
    pub fn start_with<S: Into<Subscriber>>(registry: &Registry, subscribers: Vec<S>) -> EventSender {
        let subscribers: Vec<Subscriber> = subscribers.into_iter().map(Into::into).collect();
        let listing = Listing::new("events", ActorKind::Bus, MAILBOX);
        EventSender(Some(registry.start(listing, |registration| Self { subscribers, _registration: registration })))
    }
}

impl Actor for EventBus {
    type Context = Context<Self>;
}

impl Observed for EventBus {
    fn observable_state(&self) -> serde_json::Value {
        serde_json::json!({"subscribers": self.subscribers.len()})
    }
}

takes_letters!(EventBus);

impl Handler<LifecycleEvent> for EventBus {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        for subscriber in &self.subscribers {
            (subscriber.0)(event.clone());
        }
    }
}
