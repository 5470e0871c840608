//! Ends connections for good. Socket.IO's own disconnect leaves the namespace and nothing else: whoever does not play by
//! the rules would keep the connection, and could come back over it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use socketioxide::TransportType;
use socketioxide::extract::SocketRef;
use tokio_util::sync::CancellationToken;

/// Time for the last words to be read.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a session that was ended is remembered: by then its heartbeat has ended it.
const REMEMBERED: Duration = Duration::from_secs(90);
const LEAST_SWEEP: usize = 256;

/// Cuts a TCP connection, and tells whether it still stands; in the extensions of each request that came over it.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(CancellationToken);

impl Cut {
    /// Notes that the connection has ended: by itself, or because nothing can be written to it any more.
    pub(super) fn note_end(&self) {
        self.0.cancel();
    }

    /// Resolves once the connection is to be cut.
    pub(super) fn was_made(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.clone().cancelled_owned()
    }
}

/// Engine.IO sessions: by which TCP connection each travels, and which were ended.
#[derive(Clone, Debug)]
pub(super) struct Transports {
    sessions: Arc<Mutex<Sessions>>,
    runtime: tokio::runtime::Handle,
}

#[derive(Debug, Default)]
struct Sessions {
    /// Those that have gone over from polling to a WebSocket.
    upgraded: HashMap<String, Cut>,
    /// Those that were ended, and when.
    ended: HashMap<String, Instant>,
    /// What has come to its end by itself is swept out when there are so many entries.
    sweep_at: usize,
}

impl Sessions {
    fn sweep(&mut self) {
        if self.upgraded.len() + self.ended.len() < self.sweep_at {
            return;
        }
        self.upgraded.retain(|_, cut| !cut.0.is_cancelled());
        self.ended.retain(|_, at| at.elapsed() < REMEMBERED);
        self.sweep_at = LEAST_SWEEP.max(2 * (self.upgraded.len() + self.ended.len()));
    }
}

impl Transports {
    /// Nothing is known yet; `runtime` is the one that serves the sockets.
    pub(super) fn new(runtime: tokio::runtime::Handle) -> Self {
        Self { sessions: Arc::default(), runtime }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says goodbye and, a moment later, ends the connection whatever the client does.
    pub(super) fn close(&self, socket: &SocketRef) {
        // One that is too full to be told goodbye has not listened for long: it is cut at once.
        let told = socket.clone().disconnect().is_ok();
        self.end(socket, if told { LAST_WORDS } else { Duration::ZERO });
    }

    /// Ends the connection a moment from now: it has been told why.
    pub(super) fn dismiss(&self, socket: &SocketRef) {
        self.end(socket, LAST_WORDS);
    }

    fn end(&self, socket: &SocketRef, after: Duration) {
        let session = socket.id.to_string();
        let travels_directly = socket.transport_type() == TransportType::Websocket;
        let direct = socket.req_parts().extensions.get::<Cut>().filter(|_| travels_directly).cloned();
        let cut = self.lock().upgraded.get(&session).cloned().or(direct);
        let transports = self.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(after).await;
            transports.note_end(session);
            if let Some(cut) = cut {
                cut.0.cancel();
            }
        });
    }

    fn note_end(&self, session: String) {
        let mut sessions = self.lock();
        sessions.sweep();
        sessions.upgraded.remove(&session);
        sessions.ended.insert(session, Instant::now());
    }

    fn note_upgrade(&self, session: String, cut: Cut) {
        let mut sessions = self.lock();
        sessions.sweep();
        sessions.upgraded.insert(session, cut);
    }

    /// Forgets a session that has come to its end by itself.
    pub(super) fn forget(&self, session: &str) {
        self.lock().upgraded.remove(session);
    }

    fn was_ended(&self, session: &str) -> bool {
        self.lock().ended.contains_key(session)
    }
}

/// A parameter of a request's query.
pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
}

/// Notes which connection a session goes over to, and answers for sessions that were ended.
pub(super) async fn watch(State(transports): State<Transports>, request: Request, next: Next) -> Response {
    let Some(session) = parameter(request.uri(), "sid").map(str::to_owned) else { return next.run(request).await };
    if transports.was_ended(&session) {
        return (StatusCode::BAD_REQUEST, r#"{"code":1,"message":"the session was closed"}"#).into_response();
    }
    let cut = (parameter(request.uri(), "transport") == Some("websocket"))
        .then(|| request.extensions().get::<Cut>().cloned());
    let response = next.run(request).await;
    if let Some(Some(cut)) = cut
        && response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        transports.note_upgrade(session, cut);
    }
    response
}
