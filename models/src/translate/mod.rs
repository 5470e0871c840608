//! Translators: several on the network, [`fallback`] with a [`breaker`] before each; in this process the [`embedded`] one,
//! and [`marian`] in libtorch.

mod apertium;
mod apertium_pipeline;
mod apertium_stream;
mod batch;
pub mod breaker;
pub mod cache;
pub mod chat;
pub mod deepl;
pub mod embedded;
pub mod faithful;
pub mod fallback;
mod firefox;
mod firefox_beam;
mod firefox_download;
mod language_names;
pub mod libretranslate;
pub mod marian;
mod portuguese_cognates;
mod portuguese_prepare;
pub mod remote;
mod route;
mod sentences;
mod shorter;
mod spanish_marks;
mod spanish_repair;
mod spanish_tables;
mod syllables;

pub use batch::MAX_TEXT_BYTES;
pub use embedded::{EmbeddedTranslator, EmbeddedTranslatorOptions};
