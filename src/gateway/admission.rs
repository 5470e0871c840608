//! Who may come in: origin, token, identity, and how many at once. Every refusal is a `connect_error`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::Value;
use sts_protocol::payload::check_id;
use sts_protocol::{ErrorCode, Payload, Refusal, TraceContext};
use uuid::Uuid;

use super::GatewaySettings;
use super::quota::{Lease, Quota};
use crate::access::{Origins, TokenId, Tokens};

/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 512;

/// The Socket.IO `auth` payload; browsers cannot set headers.
#[derive(Default, Deserialize)]
pub(super) struct Auth {
    /// Whatever came: what is no text is no token.
    #[serde(default)]
    token: Option<Value>,
    #[serde(default)]
    stream_id: Option<String>,
    #[serde(default)]
    worker_id: Option<String>,
    /// Whatever came: what is no valid trace counts as absent.
    #[serde(default)]
    traceparent: Option<Value>,
}

impl Auth {
    /// Reads the payload; nothing came when it is empty.
    ///
    /// # Errors
    /// `INVALID_CONFIG`, with a message that names the field.
    pub(super) fn read(payload: Payload) -> Result<Self, Refusal> {
        payload.decode(ErrorCode::InvalidConfig).map_err(|mut refusal| {
            refusal.message = format!("`auth`: {}", refusal.message);
            refusal
        })
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Unique in the process.
    pub connection: u64,
    /// From the handshake, or generated.
    pub stream_id: Arc<str>,
    /// From the handshake, or generated.
    pub worker_id: Arc<str>,
    /// Which of the configured tokens it showed.
    pub token: Option<TokenId>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// The trace that its fragments belong to, unless they name one of their own.
    pub trace: Option<TraceContext>,
}

/// The places that a connection takes up. They are kept in the socket, so that they are free again when it is gone,
/// even if it went before any handler was called.
#[derive(Debug)]
pub(super) struct Places {
    _total: Lease<()>,
    _token: Option<Lease<TokenId>>,
    _address: Option<Lease<IpAddr>>,
}

/// Decides who may come in.
#[derive(Clone)]
pub(super) struct Admission {
    tokens: Tokens,
    origins: Origins,
    total: Quota<()>,
    per_token: Quota<TokenId>,
    per_address: Quota<IpAddr>,
}

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

impl Admission {
    pub(super) fn new(settings: &GatewaySettings) -> Self {
        Self {
            tokens: settings.tokens.clone(),
            origins: settings.origins.clone(),
            total: Quota::new(settings.limits.max_connections),
            per_token: Quota::new(settings.limits.max_connections_per_token),
            per_address: Quota::new(settings.limits.max_connections_per_address),
        }
    }

    /// Looks at a handshake.
    ///
    /// # Errors
    /// `UNAUTHORIZED`, `INVALID_CONFIG` or `SERVICE_OVERLOADED`, for `connect_error`.
    pub(super) fn admit(&self, request: &Parts, auth: Auth) -> Result<(Peer, Places), Refusal> {
        let header = |name: &str| header(&request.headers, name);
        if !self.origins.allow(header("origin"), header("host"), !self.tokens.is_empty()) {
            let message = "pages of this origin may not connect; CORS_ORIGINS lists those that may";
            return Err(Refusal::new(ErrorCode::Unauthorized, message));
        }
        let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let offered = match &auth.token {
            None => bearer,
            Some(Value::String(token)) if token.len() <= MAX_TOKEN_BYTES => Some(token.as_str()),
            Some(_) if !self.tokens.is_empty() => return Err(unauthorized()),
            Some(_) => {
                let message = format!("`auth.token` must be text of at most {MAX_TOKEN_BYTES} bytes");
                return Err(Refusal::new(ErrorCode::InvalidConfig, message));
            }
        };
        let token = match offered {
            _ if self.tokens.is_empty() => None,
            Some(offered) => Some(self.tokens.find(offered).ok_or_else(unauthorized)?),
            None => return Err(unauthorized()),
        };
        let address = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let peer = Peer {
            connection: NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed),
            stream_id: identity("stream_id", header("x-stream-id"), auth.stream_id)?,
            worker_id: identity("worker_id", header("x-worker-id"), auth.worker_id)?,
            token,
            address,
            trace: header("traceparent")
                .or(auth.traceparent.as_ref().and_then(Value::as_str))
                .and_then(TraceContext::parse),
        };
        let places = self.places(&peer)?;
        Ok((peer, places))
    }

    fn places(&self, peer: &Peer) -> Result<Places, Refusal> {
        let full = |limit: usize, whose: &str| {
            let message = format!("{limit} connections {whose} are open, the limit");
            Refusal::new(ErrorCode::ServiceOverloaded, message)
        };
        let per_token =
            |token| self.per_token.lease(token).ok_or_else(|| full(self.per_token.limit(), "of this token"));
        let per_address =
            |address| self.per_address.lease(address).ok_or_else(|| full(self.per_address.limit(), "of this address"));
        Ok(Places {
            _address: peer.address.map(per_address).transpose()?,
            _token: peer.token.map(per_token).transpose()?,
            _total: self.total.lease(()).ok_or_else(|| full(self.total.limit(), "in all"))?,
        })
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // What is not ASCII is passed on as such, and refused as an id rather than taken for absent.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn identity(field: &str, from_header: Option<&str>, from_auth: Option<String>) -> Result<Arc<str>, Refusal> {
    match from_header.map(str::to_owned).or(from_auth) {
        Some(id) => check_id(field, &id, ErrorCode::InvalidConfig).map(|()| id.into()),
        None => Ok(Uuid::new_v4().to_string().into()),
    }
}

fn unauthorized() -> Refusal {
    Refusal::new(ErrorCode::Unauthorized, "a valid token is needed, as auth.token or Authorization: Bearer")
}
