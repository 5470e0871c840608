//! Counting is exact however messages end, and a lost actor is not forgotten.

use std::sync::mpsc;
use std::time::Duration;

use actix::prelude::SendError;
use actix::{Actor, ActorContext as _, Arbiter, Context, Handler, Message};
use prometheus::core::Collector as _;
use serde_json::{Value, json};

use super::*;

/// Stands still whenever it is told to, until it is let go.
struct Clerk {
    registration: Registration,
}

impl Actor for Clerk {
    type Context = Context<Self>;
}

impl Observed for Clerk {
    fn observable_state(&self) -> Value {
        json!({"desk": 7})
    }
}

takes_letters!(Clerk);

#[derive(Message)]
#[rtype(result = "u32")]
enum Task {
    Wait(mpsc::Receiver<()>),
    Add(u32),
    Fail,
    Panic,
    Stop,
}

impl Handler<Task> for Clerk {
    type Result = u32;

    fn handle(&mut self, task: Task, context: &mut Self::Context) -> u32 {
        match task {
            Task::Wait(gate) => {
                // Whoever has gone has let it go.
                let _ = gate.recv();
                0
            }
            Task::Add(number) => number + 1,
            Task::Fail => {
                self.registration.note_error("the ink is dry");
                self.registration.note_restart();
                0
            }
            Task::Panic => panic!("told to"),
            Task::Stop => {
                context.stop();
                0
            }
        }
    }
}

fn with_clerk<T>(kind: ActorKind, test: impl AsyncFnOnce(Registry, Mailbox<Clerk>) -> T) -> T {
    actix::System::new().block_on(async {
        let registry = Registry::default();
        let listing = Listing::new("clerk", kind, 2);
        let arbiter = Arbiter::new().handle();
        let clerk = registry.start_on(&arbiter, listing, |registration| Clerk { registration });
        test(registry, clerk).await
    })
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "not in time: {what}");
}

#[test]
fn what_waits_is_counted_and_what_is_handled() {
    with_clerk(ActorKind::Monitor, async |registry, clerk| {
        let (open, gate) = mpsc::channel();
        clerk.do_send(Task::Wait(gate));
        until("it stands still", || registry.list()[0].messages_handled == 1).await;
        let mut taken = 0;
        let refused = loop {
            match clerk.try_send(Task::Add(taken)) {
                Ok(()) => taken += 1,
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, SendError::Full(Task::Add(number)) if number == taken), "the message comes back");
        let full = registry.list().remove(0);
        assert_eq!((full.mailbox_depth, full.mailbox_capacity), (taken as usize, 2), "what was refused does not wait");
        drop(open);
        assert_eq!(clerk.send(Task::Add(40)).await.ok(), Some(41));
        let idle = registry.list().remove(0);
        assert_eq!((idle.mailbox_depth, idle.messages_handled), (0, u64::from(taken) + 2));
    });
}

#[test]
fn what_a_stopped_actor_never_saw_waits_no_more() {
    with_clerk(ActorKind::Stream, async |registry, clerk| {
        let (open, gate) = mpsc::channel();
        clerk.do_send(Task::Wait(gate));
        clerk.do_send(Task::Stop);
        clerk.do_send(Task::Add(1));
        let entry = registry.entries().remove(0);
        drop(open);
        until("it has left", || registry.list().is_empty()).await;
        until("nothing waits", || entry.depth() == 0).await;
        assert!(matches!(clerk.try_send(Task::Add(2)), Err(SendError::Closed(Task::Add(2)))));
        assert!(clerk.send(Task::Add(2)).await.is_err());
        clerk.do_send(Task::Add(3));
        assert_eq!(entry.depth(), 0);
    });
}

#[test]
fn an_actor_shows_itself() {
    with_clerk(ActorKind::Monitor, async |registry, clerk| {
        assert_eq!(clerk.send(Task::Fail).await.ok(), Some(0));
        let seen = registry.observe(|listing| listing.name == "clerk", Duration::from_secs(20)).await.remove(0);
        assert_eq!((seen.alive, seen.restarts, seen.last_error.as_deref()), (true, 1, Some("the ink is dry")));
        assert_eq!(seen.state, Some(json!({"desk": 7})));
        assert!(registry.observe(|listing| listing.name == "porter", Duration::ZERO).await.is_empty());
        let (open, gate) = mpsc::channel();
        clerk.do_send(Task::Wait(gate));
        let stuck = registry.observe(|_| true, Duration::from_millis(20)).await.remove(0);
        assert_eq!((stuck.actor.as_str(), stuck.state), ("clerk", None), "nobody waits for it for ever");
        drop(open);
    });
}

#[test]
fn an_actor_that_panics_is_remembered_and_told_of() {
    with_clerk(ActorKind::Gateway, async |registry, clerk| {
        struct Listener(mpsc::Sender<LifecycleEvent>);
        impl Actor for Listener {
            type Context = Context<Self>;
        }
        impl Handler<LifecycleEvent> for Listener {
            type Result = ();
            fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
                let _ = self.0.send(event);
            }
        }
        let (heard, events) = mpsc::channel();
        let bus_registry = Registry::default();
        let listener = vec![Listener(heard).start().recipient()];
        registry.tell(crate::events::EventBus::start_with(&bus_registry, listener));
        clerk.do_send(Task::Add(1));
        assert!(clerk.send(Task::Panic).await.is_err());
        until("it is known", || registry.list().iter().any(|actor| !actor.alive)).await;
        let lost = registry.list().remove(0);
        assert_eq!((lost.mailbox_depth, lost.last_error.as_deref()), (0, Some("it panicked; the log says where")));
        let told = std::cell::RefCell::new(None);
        until("it is told", || {
            *told.borrow_mut() = events.try_recv().ok();
            told.borrow().is_some()
        })
        .await;
        let told = told.take();
        assert!(matches!(told, Some(LifecycleEvent::ActorLost { actor, .. }) if actor == "clerk"));
    });
}

#[test]
fn streams_have_one_series_between_them() {
    with_clerk(ActorKind::Stream, async |registry, clerk| {
        let listing = Listing::new("events", ActorKind::Bus, 9);
        let _bus = registry.start(listing, |registration| Clerk { registration });
        let (open, gate) = mpsc::channel();
        clerk.do_send(Task::Wait(gate));
        until("it stands still", || registry.list()[0].messages_handled == 1).await;
        clerk.do_send(Task::Add(1));
        let series = MailboxSeries::new(registry.clone()).expect("the names are valid");
        let read = |family: &prometheus::proto::MetricFamily| {
            let value = |metric: &prometheus::proto::Metric| {
                (metric.get_label()[0].value().to_owned(), metric.get_gauge().get_value() as i64)
            };
            family.get_metric().iter().map(value).collect::<BTreeMap<_, _>>()
        };
        let families = series.collect();
        assert_eq!(read(&families[0]), BTreeMap::from([("events".to_owned(), 0), ("stream".to_owned(), 1)]));
        assert_eq!(read(&families[1]), BTreeMap::from([("events".to_owned(), 9), ("stream".to_owned(), 2)]));
        drop(open);
    });
}
