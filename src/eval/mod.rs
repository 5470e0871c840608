//! Measures the engines: recognition, synthesis and translation, on recordings and texts with known answers.
//!
//! Each of [`asr`], [`tts`] and [`mt`] has the command line's arguments, a function that measures any engine behind
//! the traits of sts-models and gives a report, and the report itself, which prints a table and becomes JSON.

pub mod asr;
pub mod command;
pub mod latency;
pub mod metrics;
pub mod mt;
pub mod mt_shorter;
pub mod report;
pub mod speech_file;
pub mod speech_manifest;
pub mod tts;

#[cfg(test)]
mod fake_engines;
