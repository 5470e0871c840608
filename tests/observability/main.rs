//! What an operator can see from outside: the log, the metrics, the traces.

#[path = "../support/mod.rs"]
mod support;

mod channel;
mod dashboard;
mod document;
mod log;
mod metrics;
mod prometheus;
mod rules;
mod traces;
mod worker;
