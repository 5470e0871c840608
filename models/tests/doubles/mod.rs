//! Test doubles of services on the network, over real sockets: they behave as the service does, and misbehave when
//! they are told to. What they give are no translations: `[ES] text` says that the text was asked for in Spanish.

pub mod chat;
pub mod deepl;
pub mod http;
pub mod libretranslate;
