//! The data plane: Socket.IO, `/health` and `/metrics` on one port.
//!
//! | file | concept |
//! | --- | --- |
//! | `listener.rs` | the HTTP server: TLS, TCP connections counted, limits of time |
//! | `limits.rs` | how much of everything one peer, and all together, may have |
//! | `admission.rs` | the handshake: origin, token, identity, and how many at once |
//! | `connection.rs` | events off the socket, decoded and handed on in order |
//! | `allowance.rs`, `budget.rs`, `quota.rs` | messages a second, bytes between socket and stream, places |
//! | `callback.rs` | the acknowledgement callback of one message |
//! | `actor.rs` | the directory of connections and streams, and the way of a message between them |
//! | `directory.rs` | where operators find streams |
//! | `outlet.rs` | a socket as a stream sees it |
//! | `transport.rs` | ending a connection for good, whatever its client does |
//! | `inspection.rs`, `websocket.rs`, `packets.rs` | packets that the library would ignore, in requests and in frames |
//! | `http.rs` | health and metrics |

mod actor;
mod admission;
mod allowance;
mod budget;
mod callback;
mod connection;
mod directory;
mod http;
mod inspection;
mod limits;
mod listener;
mod outlet;
mod packets;
mod quota;
mod transport;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use actix::Arbiter;
use axum::middleware::from_fn_with_state;
use axum_server::tls_rustls::RustlsConfig;
use socketioxide::{ParserConfig, SocketIo};
use sts_actors::events::EventSender;
use sts_actors::metrics::Metrics;
use sts_actors::registry::{Mailbox, Registry};
use sts_actors::stream::{Stages, StreamSettings};
use sts_protocol::VoiceProfiles;
use tokio::net::TcpListener;

pub use actor::{Census, DrainGateway, GatewayActor, TakeCensus};
pub use directory::{FindStream, ListStreams, StreamPage};
pub use limits::Limits;
pub use listener::TlsFiles;

use inspection::Inspection;
use listener::SocketLimits;
use transport::Transports;

use crate::access::{Origins, Tokens};
use crate::logging::LogLevel;
use crate::service::Capabilities;

/// What the gateway needs to know.
#[derive(Clone)]
pub struct GatewaySettings {
    /// How much of everything there may be.
    pub limits: Limits,
    /// Who may connect; everybody when empty.
    pub tokens: Tokens,
    /// Web pages that may connect.
    pub origins: Origins,
    /// What holds for each stream.
    pub stream: StreamSettings,
}

/// What the gateway rests on.
#[derive(Clone)]
pub struct Backend {
    /// The three stages.
    pub stages: Stages,
    /// Languages and pairs that the engines serve.
    pub capabilities: Capabilities,
    /// Voices by name.
    pub voices: Arc<VoiceProfiles>,
    /// Which actors there are.
    pub registry: Registry,
    /// Where events go.
    pub events: EventSender,
    /// The series to print.
    pub metrics: Arc<Metrics>,
    /// The log.
    pub log: slog::Logger,
    /// From which level on it keeps records.
    pub log_level: LogLevel,
    /// Whether spans of fragments are exported.
    pub traces: bool,
}

/// Packets that wait for a connection. More than a replay has, and what else a stream may say at once: a heartbeat that
/// finds no room ends the connection.
const OUTGOING_PACKETS: usize = 256;
/// Between two pings, and from a ping to its answer: a connection that fell silent is gone after twice this.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Room for base64, the JSON around the audio, and its other fields.
fn message_limit(max_fragment_bytes: usize) -> usize {
    max_fragment_bytes / 3 * 4 + (64 << 10)
}

/// Starts the gateway actor on an arbiter of its own.
pub fn start(settings: &GatewaySettings, backend: &Backend) -> Mailbox<GatewayActor> {
    GatewayActor::start_on(&Arbiter::new().handle(), settings.clone(), backend.clone())
}

/// Serves until `shutdown` is done.
///
/// # Errors
/// What the listener said.
pub async fn serve(
    listener: TcpListener,
    gateway: Mailbox<GatewayActor>,
    settings: GatewaySettings,
    backend: Backend,
    tls: Option<RustlsConfig>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let limit = message_limit(settings.limits.max_fragment_bytes);
    let parser = ParserConfig::common()
        .max_incoming_binary_buf_size(limit)
        .max_incoming_binaries(4)
        .packet_completion_timeout(Duration::from_secs(20));
    let (layer, io) = SocketIo::builder()
        .with_parser(parser)
        .max_payload(limit as u64)
        .ws_max_message_size(limit)
        .ws_max_frame_size(limit)
        .max_buffer_size(OUTGOING_PACKETS)
        .ping_interval(HEARTBEAT)
        .ping_timeout(HEARTBEAT)
        .connect_timeout(Duration::from_secs(10))
        .build_layer();
    let transports = Transports::new(tokio::runtime::Handle::current());
    connection::register(&io, gateway, &settings, &backend, transports.clone());
    let inspection = Inspection { io: io.clone(), transports: transports.clone(), limit };
    let app = http::router(backend)
        .layer(layer)
        .layer(from_fn_with_state(inspection, inspection::inspect))
        .layer(from_fn_with_state(transports, transport::watch))
        .layer(settings.origins.layer());
    let limits = SocketLimits {
        total: settings.limits.max_connections.saturating_mul(2).saturating_add(64),
        per_address: settings.limits.max_connections_per_address.saturating_mul(2).saturating_add(64),
    };
    let closing = async move {
        shutdown.await;
        io.close().await;
    };
    listener::serve(listener, app, limits, tls, closing).await
}
