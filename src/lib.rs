//! A live dubbing service: speech in one language in, speech of the same length in another out.
//!
//! This crate is the program: what starts (`service`), what listens (`gateway` for workers, `ops` for
//! operators), what a person types (`cli`). The wire
//! is in `sts-protocol`, streams and stages are in `sts-actors`, engines in `sts-models`.

pub mod access;
pub mod cli;
pub mod client;
pub mod config;
pub mod ctl;
pub mod doctor;
pub mod eval;
pub mod gateway;
pub mod logging;
pub mod media;
pub mod ops;
pub mod service;
pub mod traces;
pub mod weights;
pub mod worker;
