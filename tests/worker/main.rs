//! `sts worker` between real FFmpegs, a real RTMP server and the service: over fake engines where it is to misbehave,
//! over the real ones where it is to be understood.

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod files;
mod places;
mod real;
mod rtmp;
mod scene;
