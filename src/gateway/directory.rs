//! Where streams are found, for operators.

use std::sync::Arc;

use actix::{Handler, Message, MessageResult};
use sts_actors::registry::Mailbox;
use sts_actors::stream::StreamActor;

use super::actor::GatewayActor;

/// Asks for streams in the order of their ids.
#[derive(Message)]
#[rtype(result = "StreamPage")]
pub struct ListStreams {
    /// Those after this id; from the first one without it.
    pub after: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// Some streams.
pub struct StreamPage {
    /// Their ids and actors.
    pub streams: Vec<(Arc<str>, Mailbox<StreamActor>)>,
    /// How many there are in all.
    pub total: usize,
    /// Whether there are more after these.
    pub has_more: bool,
}

/// Asks for one stream.
#[derive(Message)]
#[rtype(result = "Option<Mailbox<StreamActor>>")]
pub struct FindStream(pub String);

impl Handler<ListStreams> for GatewayActor {
    type Result = MessageResult<ListStreams>;

    fn handle(&mut self, wanted: ListStreams, _: &mut Self::Context) -> Self::Result {
        let is_wanted = |id: &str| wanted.after.as_deref().is_none_or(|after| id > after);
        let mut ids: Vec<_> = self.streams.keys().filter(|id| is_wanted(id)).collect();
        ids.sort_unstable();
        let has_more = ids.len() > wanted.limit;
        ids.truncate(wanted.limit);
        let streams =
            ids.into_iter().filter_map(|id| Some((Arc::clone(id), self.streams.get(id)?.address.clone()))).collect();
        MessageResult(StreamPage { streams, total: self.streams.len(), has_more })
    }
}

impl Handler<FindStream> for GatewayActor {
    type Result = MessageResult<FindStream>;

    fn handle(&mut self, FindStream(id): FindStream, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.streams.get(id.as_str()).map(|stream| stream.address.clone()))
    }
}
