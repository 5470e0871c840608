//! The whole picture, taken once a second for all who watch, and never while nobody does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytestring::ByteString;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;

use super::{Plane, snapshot};

/// How often the picture is taken.
const PERIOD: Duration = Duration::from_secs(1);
/// How many may watch at once, those included who have not shown a token yet.
const MAX_WATCHERS: usize = 32;

/// The latest picture as JSON; `None` before the first.
pub(super) type Picture = Option<ByteString>;

/// Where pictures are handed out. Only the latest is kept: who is slow misses some, and costs nobody memory.
#[derive(Clone)]
pub(super) struct Broadcast {
    latest: Arc<watch::Sender<Picture>>,
    somebody_watches: Arc<Notify>,
    places: Arc<Semaphore>,
}

impl Broadcast {
    /// Nobody watches yet.
    pub(super) fn new() -> Self {
        Self {
            latest: Arc::new(watch::Sender::new(None)),
            somebody_watches: Arc::default(),
            places: Arc::new(Semaphore::new(MAX_WATCHERS)),
        }
    }

    /// A place among those who watch, until it is dropped; `None` when all are taken.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// The pictures from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<Picture> {
        let pictures = self.latest.subscribe();
        self.somebody_watches.notify_one();
        pictures
    }

    /// Takes pictures for ever.
    pub(super) async fn run(self, plane: Plane) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.latest.receiver_count() == 0 {
                // The next to come would take an old picture for the present.
                self.latest.send_replace(None);
                self.somebody_watches.notified().await;
                ticks.reset_immediately();
            }
            ticks.tick().await;
            match serde_json::to_string(&snapshot::take(&plane, SystemTime::now()).await) {
                Ok(text) => drop(self.latest.send_replace(Some(text.into()))),
                Err(error) => slog::error!(plane.backend.log, "no picture for operators"; "error" => %error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_slow_misses_pictures_and_costs_no_memory() {
        let broadcast = Broadcast::new();
        let mut slow = broadcast.subscribe();
        for number in 0..1_000 {
            broadcast.latest.send_replace(Some(number.to_string().into()));
        }
        assert!(slow.has_changed().expect("the broadcast is there"));
        assert_eq!(slow.borrow_and_update().as_deref(), Some("999"));
        assert!(!slow.has_changed().expect("the broadcast is there"));
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let broadcast = Broadcast::new();
        let mut places: Vec<_> = (0..MAX_WATCHERS).map(|_| broadcast.place().expect("there is room")).collect();
        assert!(broadcast.place().is_none());
        places.pop();
        assert!(broadcast.place().is_some());
    }
}
