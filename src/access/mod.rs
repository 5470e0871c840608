//! Who may use the service: tokens and origins, the same for the data plane and the control plane.

mod origins;
mod tokens;

pub use origins::Origins;
pub use tokens::{TokenId, Tokens};
