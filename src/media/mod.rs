//! Media files and the sound of a dubbed programme.
//!
//! | file | concept |
//! | --- | --- |
//! | `ffmpeg.rs` | FFmpeg's programs as processes of their own |
//! | `probe.rs` | what is in a file |
//! | `track.rs` | a file's sound as samples that begin with the programme |
//! | `container.rs` | the programme with its dubs and subtitles in one file |
//! | `cutter.rs` | where to cut a programme into fragments |
//! | `bed.rs` | the original under its dub |
//! | `subtitles.rs` | what was said, as SRT and WebVTT |
//!
//! FFmpeg runs as a process rather than as a library: its demuxers read what strangers made, and a crash in one
//! costs a process and not the program. It needs no bindings that must match its version,
//! and its licence stays its own.

pub mod bed;
pub mod container;
pub mod cutter;
pub(crate) mod ffmpeg;
pub mod probe;
pub mod subtitles;
pub mod track;
