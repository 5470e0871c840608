//! How much of everything one peer, and all together, may have.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of the data plane, as they are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest fragment, bytes decoded.
    pub max_fragment_bytes: usize,
    /// Most connections at once.
    pub max_connections: usize,
    /// Of these, those that showed one token.
    pub max_connections_per_token: usize,
    /// Of these, those from one address.
    pub max_connections_per_address: usize,
    /// Most streams at once, those that wait for their worker included.
    pub max_streams: usize,
    /// Of these, those that one token opened.
    pub max_streams_per_token: usize,
    /// Messages a second over one connection; twice that at once.
    pub max_messages_per_second: NonZeroU32,
    /// Most bytes of audio between sockets and streams; at least one fragment's.
    pub max_buffered_bytes: usize,
    /// How long a connection may take to its `stream:init`.
    pub init_timeout: Duration,
}
