//! The mailboxes as Prometheus series, read when they are scraped.

use std::collections::BTreeMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};

use super::{ActorKind, Registry};

/// `sts_actor_mailbox_depth` and `sts_actor_mailbox_capacity`, labelled `actor`.
///
/// The actors that come and go with connections are not told apart: `stream` and `feed` stand for the fullest mailbox
/// of any of them and the size of one, so that depth by capacity says of these too how near one is to refusing.
pub struct MailboxSeries {
    registry: Registry,
    depth: IntGaugeVec,
    capacity: IntGaugeVec,
}

impl MailboxSeries {
    /// Series of these actors.
    ///
    /// # Errors
    /// A name that Prometheus does not take: a bug.
    pub fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let depth = Opts::new(
            "sts_actor_mailbox_depth",
            "Messages that wait for the actor; for stream and feed, for the one of them with most.",
        );
        let capacity = Opts::new("sts_actor_mailbox_capacity", "Messages that may wait for the actor.");
        let gauge = |options| IntGaugeVec::new(options, &["actor"]);
        Ok(Self { registry, depth: gauge(depth)?, capacity: gauge(capacity)? })
    }
}

impl Collector for MailboxSeries {
    fn desc(&self) -> Vec<&Desc> {
        [self.depth.desc(), self.capacity.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut fullest: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for entry in self.registry.entries() {
            let actor = match entry.listing.kind {
                kind @ (ActorKind::Stream | ActorKind::Feed) => kind.as_str(),
                _ => entry.listing.name.as_str(),
            };
            let (depth, capacity) = fullest.entry(actor.to_owned()).or_default();
            (*depth, *capacity) = (entry.depth().max(*depth), entry.listing.capacity.max(*capacity));
        }
        // Two scrapes at once set the same names to nearly the same numbers.
        self.depth.reset();
        self.capacity.reset();
        for (actor, (depth, capacity)) in fullest {
            self.depth.with_label_values(&[&actor]).set(i64::try_from(depth).unwrap_or(i64::MAX));
            self.capacity.with_label_values(&[&actor]).set(i64::try_from(capacity).unwrap_or(i64::MAX));
        }
        [self.depth.collect(), self.capacity.collect()].concat()
    }
}
