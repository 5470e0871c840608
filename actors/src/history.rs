//! The last lifecycle events, for whoever looks at them now. Histories of any length are the log's work.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use actix::{Actor, Context, Handler, Message, MessageResult};
use serde::Serialize;
use serde_json::Value;

use crate::events::{EventKind, LifecycleEvent};
use crate::registry::{ActorKind, Listing, Mailbox, Observed, Registration, Registry};
use crate::takes_letters;

/// Events of each kind that are kept: no flood of one kind pushes out the others.
const KEPT: usize = 1_000;
/// Events that may wait to be noted.
const MAILBOX: usize = 4_096;

/// Keeps the last events, numbered in the order in which they came.
pub struct EventHistory {
    history: History,
    _registration: Registration,
}

/// The last events of each kind.
#[derive(Default)]
struct History {
    /// The number of the last one; the first has 1.
    last: u64,
    kinds: BTreeMap<EventKind, Kept>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<(u64, SystemTime, LifecycleEvent)>,
    /// The number of the last one that made room.
    forgotten: u64,
}

/// Asks for the last events.
#[derive(Clone, Debug, Message)]
#[rtype(result = "RecentEvents")]
pub struct ListEvents {
    /// The first after this number; without it, the last ones that there are.
    pub after: Option<u64>,
    /// At most this many.
    pub limit: usize,
    /// Of these kinds.
    pub kinds: Vec<EventKind>,
}

/// Some of the last events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecentEvents {
    /// Oldest first.
    pub events: Vec<RecordedEvent>,
    /// The number of the last event there is, of any kind: where to go on from when nothing was left out by the limit.
    pub last: u64,
    /// Whether events that belong before these are no longer kept.
    pub lost: bool,
}

/// An event, numbered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedEvent {
    /// Its place among all events since the start.
    pub number: u64,
    /// When it was told, RFC 3339.
    pub timestamp: String,
    /// Its kind.
    pub kind: EventKind,
    /// Its name.
    pub event: &'static str,
    /// What belongs to it; never what was said.
    #[serde(flatten)]
    pub fields: serde_json::Map<String, Value>,
}

impl History {
    fn note(&mut self, event: LifecycleEvent, now: SystemTime) {
        self.last += 1;
        let kept = self.kinds.entry(event.kind()).or_default();
        if kept.events.len() == KEPT
            && let Some((number, ..)) = kept.events.pop_front()
        {
            kept.forgotten = number;
        }
        kept.events.push_back((self.last, now, event));
    }

    fn list(&self, wanted: &ListEvents) -> RecentEvents {
        let after = wanted.after.unwrap_or(0);
        let kinds = || self.kinds.iter().filter(|(kind, _)| wanted.kinds.contains(kind)).map(|(_, kept)| kept);
        let mut events: Vec<_> = kinds().flat_map(|kept| &kept.events).filter(|(number, ..)| *number > after).collect();
        events.sort_unstable_by_key(|(number, ..)| *number);
        let left_out = events.len().saturating_sub(wanted.limit);
        if wanted.after.is_some() {
            events.truncate(wanted.limit);
        } else {
            events.drain(..left_out);
        }
        RecentEvents {
            events: events.into_iter().map(|(number, at, event)| record(*number, *at, event)).collect(),
            last: self.last,
            lost: kinds().any(|kept| kept.forgotten > after),
        }
    }
}

fn record(number: u64, at: SystemTime, event: &LifecycleEvent) -> RecordedEvent {
    let (name, fields) = event.describe();
    let timestamp = humantime::format_rfc3339_millis(at).to_string();
    RecordedEvent { number, timestamp, kind: event.kind(), event: name, fields }
}

impl EventHistory {
    /// Starts it, with nothing to remember.
    pub fn start_in(registry: &Registry) -> Mailbox<Self> {
        let listing = Listing::new("event-history", ActorKind::Subscriber, MAILBOX);
        registry.start(listing, |registration| Self { history: History::default(), _registration: registration })
    }
}

impl Actor for EventHistory {
    type Context = Context<Self>;
}

impl Observed for EventHistory {
    fn observable_state(&self) -> Value {
        let kept = self.history.kinds.iter().map(|(kind, kept)| (kind.as_str().to_owned(), kept.events.len().into()));
        serde_json::json!({"last": self.history.last, "kept": kept.collect::<serde_json::Map<_, _>>()})
    }
}

takes_letters!(EventHistory);

impl Handler<LifecycleEvent> for EventHistory {
    type Result = ();

    fn handle(&mut self, event: LifecycleEvent, _: &mut Self::Context) {
        // Readings would push out what is news; the last one can be asked for.
        if !matches!(event, LifecycleEvent::GpuRead { .. }) {
            self.history.note(event, SystemTime::now());
        }
    }
}

impl Handler<ListEvents> for EventHistory {
    type Result = MessageResult<ListEvents>;

    fn handle(&mut self, wanted: ListEvents, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.history.list(&wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sts_protocol::{ErrorCode, Stage};

    fn refused() -> LifecycleEvent {
        LifecycleEvent::Refused { what: "message", code: ErrorCode::BackpressureExceeded }
    }

    fn lost(error: &str) -> LifecycleEvent {
        LifecycleEvent::WorkerLost { stage: Stage::Tts, reason: "panic", error: error.to_owned() }
    }

    fn history(events: impl IntoIterator<Item = LifecycleEvent>) -> History {
        let mut history = History::default();
        events.into_iter().for_each(|event| history.note(event, SystemTime::UNIX_EPOCH));
        history
    }

    fn numbers(history: &History, after: Option<u64>, limit: usize, kinds: &[EventKind]) -> (Vec<u64>, bool) {
        let listed = history.list(&ListEvents { after, limit, kinds: kinds.to_vec() });
        (listed.events.iter().map(|event| event.number).collect(), listed.lost)
    }

    #[test]
    fn the_last_come_without_a_number_and_the_next_with_one() {
        let history = history((0..5).map(|_| refused()));
        assert_eq!(numbers(&history, None, 2, &EventKind::ALL), (vec![4, 5], false));
        assert_eq!(numbers(&history, Some(1), 2, &EventKind::ALL), (vec![2, 3], false));
        assert_eq!(numbers(&history, Some(5), 2, &EventKind::ALL), (vec![], false));
    }

    #[test]
    fn a_flood_of_one_kind_leaves_the_others_and_is_told_of() {
        let history = history(std::iter::once(lost("broken")).chain((0..1_500).map(|_| refused())));
        assert_eq!(numbers(&history, None, 9, &[EventKind::Stage]), (vec![1], false));
        let (kept, lost) = numbers(&history, Some(0), usize::MAX, &EventKind::ALL);
        assert_eq!((kept.len(), kept[0], kept[1], lost), (1_001, 1, 502, true));
        assert_eq!(
            numbers(&history, Some(501), 1, &EventKind::ALL),
            (vec![502], false),
            "nothing is missing after 501"
        );
    }

    #[test]
    fn an_event_is_told_with_its_fields() {
        let listed =
            history([lost("broken")]).list(&ListEvents { after: None, limit: 1, kinds: EventKind::ALL.into() });
        let told = serde_json::to_value(&listed.events[0]).expect("JSON");
        let expected = serde_json::json!({"number": 1, "timestamp": "1970-01-01T00:00:00.000Z", "kind": "stage",
            "event": "worker_lost", "stage": "tts", "reason": "panic", "error": {"message": "broken"}});
        assert_eq!(told, expected);
    }
}
