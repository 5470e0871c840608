//! `sts worker` between real FFmpegs, real RTMP and RTSP servers and the service: over fake engines where it is to misbehave,
//! over the real ones where it is to be understood.

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod files;
mod places;
mod real;
mod rtmp;
mod rtsp;
mod scene;
