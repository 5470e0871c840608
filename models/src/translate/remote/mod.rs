//! What translators on the network have in common: one pool of connections, calls that are repeated where that may
//! help and fits into the time there is, and errors that say what went wrong.
//!
//! | file | concept |
//! | --- | --- |
//! | `connections.rs` | the pool, and the runtime that drives it |
//! | `call.rs` | one call: sent, repeated, bounded |
//! | `patience.rs` | how long to wait before a repetition |
//! | `failure.rs` | why a call came to nothing |
//! | `secret.rs` | a key that no log can show |

mod call;
mod connections;
mod failure;
mod patience;
mod secret;

pub use call::{Budget, Call};
pub use connections::Connections;
pub use failure::CallFailure;
pub use secret::Secret;
