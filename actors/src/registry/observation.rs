//! How an actor is, for whoever looks at it now.

use std::time::Duration;

use actix::Message;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::Value;

use super::letter::Letter;
use super::{ActorKind, Listing, Registry};

/// Asks an actor for its observable state.
#[derive(Message)]
#[rtype(result = "Value")]
pub struct Look;

/// An actor that shows something of itself.
pub trait Observed {
    /// What it shows, as JSON: a few numbers and words, nothing of what was said.
    fn observable_state(&self) -> Value;
}

/// How an actor is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActorObservation {
    /// Its name.
    pub actor: String,
    /// What it is.
    pub kind: ActorKind,
    /// False when it has panicked: nobody handles its messages any more.
    pub alive: bool,
    /// Messages that wait for it.
    pub mailbox_depth: usize,
    /// Messages that may, those apart that must not be lost.
    pub mailbox_capacity: usize,
    /// Messages that it has handled.
    pub messages_handled: u64,
    /// What it had to start anew.
    pub restarts: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// What it shows of itself; `None` when it was not asked, or has not answered in time.
    pub state: Option<Value>,
}

impl Registry {
    /// How every actor is, but for their own states. Asks none of them.
    pub fn list(&self) -> Vec<ActorObservation> {
        self.entries().iter().map(|entry| entry.observe()).collect()
    }

    /// How the wanted actors are, with what each shows of itself. One that does not answer within `patience` is without.
    pub async fn observe(&self, is_wanted: impl Fn(&Listing) -> bool, patience: Duration) -> Vec<ActorObservation> {
        let wanted = self.entries().into_iter().filter(|entry| is_wanted(&entry.listing));
        let asked = wanted.map(|entry| async move {
            let observer = entry.observer().and_then(actix::WeakRecipient::upgrade);
            let mut observation = entry.observe();
            if let Some(observer) = observer.filter(|_| observation.alive) {
                let answer = tokio::time::timeout(patience, observer.send(Letter::new(Look, &entry))).await;
                observation.state = answer.ok().and_then(Result::ok);
            }
            observation
        });
        join_all(asked).await
    }
}
