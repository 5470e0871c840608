//! Requests on their way to the Socket.IO library, looked at so that no packet is ignored: the bodies of polling
//! requests here, WebSockets from here on by their carrier.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;

use super::packets::refuses_payload;
use super::transport::{Transports, parameter};
use super::websocket::Carrier;

/// What it takes to look.
#[derive(Clone)]
pub(super) struct Inspection {
    /// Tells which sessions have had their CONNECT.
    pub io: SocketIo,
    /// Ends those that are to end.
    pub transports: Transports,
    /// Largest body, bytes.
    pub limit: usize,
}

impl Inspection {
    /// The default namespace's end of the session that a request names.
    fn socket(&self, request: &Request) -> Option<SocketRef> {
        let session = parameter(request.uri(), "sid")?.parse().ok()?;
        self.io.of("/")?.get_socket(session)
    }

    /// Reads a polling request's body, and passes it on unless it is to be refused.
    async fn look(&self, request: Request, socket: Option<&SocketRef>) -> Result<Request, Response> {
        let (parts, body) = request.into_parts();
        let payload = match to_bytes(body, self.limit).await {
            Ok(payload) => payload,
            Err(error) => return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string())),
        };
        if refuses_payload(&payload, socket.is_some()) {
            if let Some(socket) = socket {
                self.transports.close(socket);
            }
            let message = "there is one namespace, to connect to once, and nothing to acknowledge in it";
            return Err(refuse(StatusCode::BAD_REQUEST, message));
        }
        Ok(Request::from_parts(parts, Body::from(payload)))
    }
}

/// As Engine.IO says what is wrong with a request.
fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"code": 3, "message": message}))).into_response()
}

/// Looks at a request, and notes when it begins a WebSocket.
pub(super) async fn inspect(State(inspection): State<Inspection>, request: Request, next: Next) -> Response {
    let socket = inspection.socket(&request);
    let has_joined = socket.is_some();
    let carrier = request.extensions().get::<Carrier>().cloned();
    let polls = parameter(request.uri(), "transport") == Some("polling");
    let request = if polls && request.method() == Method::POST {
        match inspection.look(request, socket.as_ref()).await {
            Ok(request) => request,
            Err(refusal) => return refusal,
        }
    } else {
        request
    };
    // Not held for as long as a client polls.
    drop(socket);
    let response = next.run(request).await;
    if let Some(carrier) = carrier
        && response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        carrier.begin_websocket(has_joined);
    }
    response
}
