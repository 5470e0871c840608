//! The data plane: Socket.IO, `/health` and `/metrics` on one port.
//!
//! | file | concept |
//! | --- | --- |
//! | `actor.rs` | the directory of connections and streams, and the way of a message between them |
//! | `connection.rs` | handshake, identity, tokens; events off the socket, decoded and handed on in order |
//! | `outlet.rs` | a socket as a stream sees it |
//! | `http.rs` | health and metrics |

mod actor;
mod connection;
mod http;
mod outlet;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Arbiter};
use axum::serve::ListenerExt as _;
use socketioxide::{ParserConfig, SocketIo};
use sts_actors::events::EventSender;
use sts_actors::metrics::Metrics;
use sts_actors::stream::{Stages, StreamSettings};
use sts_protocol::VoiceProfiles;
use tokio::net::TcpListener;

pub use actor::{DrainGateway, GatewayActor, IsIdle};
pub use connection::Tokens;

use crate::service::Capabilities;

/// What the gateway needs to know.
#[derive(Clone)]
pub struct GatewaySettings {
    /// Largest fragment, bytes decoded.
    pub max_fragment_bytes: usize,
    /// Most connections at once.
    pub max_connections: usize,
    /// Most streams at once, those that wait for their worker included.
    pub max_streams: usize,
    /// Who may connect; everybody when empty.
    pub tokens: Tokens,
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
    /// Where events go.
    pub events: EventSender,
    /// The series to print.
    pub metrics: Arc<Metrics>,
    /// The log.
    pub log: slog::Logger,
}

/// Room for base64, the JSON around the audio, and its other fields.
fn message_limit(max_fragment_bytes: usize) -> usize {
    max_fragment_bytes / 3 * 4 + (64 << 10)
}

/// Starts the gateway actor on an arbiter of its own.
pub fn start(settings: &GatewaySettings, backend: &Backend) -> Addr<GatewayActor> {
    GatewayActor::start_on(&Arbiter::new().handle(), settings.clone(), backend.clone())
}

/// Serves until `shutdown` is done.
///
/// # Errors
/// What the listener said.
pub async fn serve(
    listener: TcpListener,
    gateway: Addr<GatewayActor>,
    settings: GatewaySettings,
    backend: Backend,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let limit = message_limit(settings.max_fragment_bytes);
    let log = backend.log.clone();
    let parser = ParserConfig::common()
        .max_incoming_binary_buf_size(limit)
        .max_incoming_binaries(4)
        .packet_completion_timeout(Duration::from_secs(20));
    let (layer, io) = SocketIo::builder()
        .with_parser(parser)
        .max_payload(limit as u64)
        .ws_max_message_size(limit)
        .ws_max_frame_size(limit)
        .max_buffer_size(64)
        .connect_timeout(Duration::from_secs(10))
        .build_layer();
    connection::register(&io, gateway.clone(), &settings);
    let app = http::router(backend).layer(layer);
    let closing = io.clone();
    // Without this an acknowledgement waits for the peer's delayed TCP acknowledgement of what was sent before: 40 ms.
    let listener = listener.tap_io(move |stream| {
        if let Err(error) = stream.set_nodelay(true) {
            slog::debug!(log, "a socket refused TCP_NODELAY"; "error" => %error);
        }
    });
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            shutdown.await;
            closing.close().await;
        })
        .await
}
