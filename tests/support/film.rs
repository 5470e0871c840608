//! Films that tests make, and FFmpeg itself as the judge of what became of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::messages::{RATE_HZ, samples};
use super::{Service, succeed};

/// How far sound may be from its pictures, s.
pub const IN_STEP: f64 = 0.025;

/// A film or recording in a folder of its own.
pub struct Film {
    pub folder: tempfile::TempDir,
    pub path: PathBuf,
}

impl Film {
    /// A file of this name with this sound, made by FFmpeg with these arguments between input and output.
    pub fn make(name: &str, pcm: &[u8], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, raw) = (folder.path().join(name), folder.path().join("sound.pcm"));
        std::fs::write(&raw, pcm).expect("a writable folder");
        let rate = RATE_HZ.to_string();
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-f", "s16le", "-ar", &rate, "-ac", "1", "-i"]).arg(&raw);
        succeed(command.args(arguments).arg(&path));
        std::fs::remove_file(raw).expect("it is there");
        Self { folder, path }
    }

    /// With moving pictures for as long as there is sound.
    pub fn with_pictures(name: &str, pcm: &[u8], rate: &str) -> Self {
        let pictures = format!("testsrc2=size=160x120:rate={rate}:duration={}", seconds(pcm));
        Self::make(
            name,
            pcm,
            &["-f", "lavfi", "-i", &pictures, "-map", "1:v", "-map", "0:a", "-c:a", "flac", "-shortest"],
        )
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sts dub` of it in pieces of a second, or as the further arguments want it.
    pub fn dub(&self, service: &Service, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
        command.arg("dub").arg(&self.path).args(["--url", &service.url()]);
        if !arguments.contains(&"--chunk-ms") {
            command.args(["--chunk-ms", "1000", "--shortest-ms", "1000"]);
        }
        command.args(arguments);
        command
    }
}

pub fn seconds(pcm: &[u8]) -> f64 {
    pcm.len() as f64 / 2.0 / RATE_HZ as f64
}

/// A second each, with what the fakes are to do with it.
pub fn fragments(orders: &[(i16, i16)]) -> Vec<u8> {
    orders.iter().flat_map(|(order, number)| samples(RATE_HZ, *order, *number)).collect()
}

pub fn probe(path: &Path) -> Value {
    let mut command = Command::new("ffprobe");
    let output = succeed(command.args(["-v", "error", "-of", "json", "-show_streams", "-show_format"]).arg(path));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A track's samples; the first belongs to the instant at which the file begins.
pub fn sound(path: &Path, track: usize) -> Vec<i16> {
    let map = format!("0:a:{track}");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(path);
    command.args(["-map", &map, "-af", "aresample=async=1:first_pts=0", "-ar", &RATE_HZ.to_string(), "-ac", "1"]);
    let raw = succeed(command.args(["-f", "s16le", "pipe:1"])).stdout;
    raw.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// When the pictures begin, counted from the instant at which the file does, s: an encoder of sound may need a run-up, and
/// then all else begins later by it.
pub fn run_up(path: &Path) -> f64 {
    let found = probe(path);
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).expect("a time");
    let streams = found["streams"].as_array().expect("streams");
    let pictures = streams.iter().find(|stream| stream["codec_type"] == "video").expect("pictures");
    time(&pictures["start_time"]) - time(&found["format"]["start_time"])
}

/// What the pictures are, to the byte.
pub fn pictures(path: &Path) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i"]).arg(path);
    let output = succeed(command.args(["-map", "0:v", "-c", "copy", "-f", "streamhash", "pipe:1"]));
    String::from_utf8(output.stdout).expect("a text")
}
