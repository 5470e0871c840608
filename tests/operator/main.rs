//! An operator at the control plane of a running service, while a worker's fragments pass through it.

#[path = "../support/mod.rs"]
mod support;

mod actors;
mod audit;
mod events;
mod log;
mod shell;
mod stages;
mod streams;
mod worker;
mod wrong;
