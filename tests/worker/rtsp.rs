//! Through a real RTSP server, over TCP and UDP, which goes away and comes back.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::scene::Worker;
use crate::support::film::{Film, IN_STEP};
use crate::support::process::{PATIENCE, Process, free_port};
use crate::support::root;
use crate::support::signal::{delays_of_pictures, noise, offset_when_shown_again, offsets, offsets_from, pictures};

/// GStreamer's RTSP server, on a port of its own: it plays a film from its first reader on.
struct RtspServer<'a> {
    process: Option<Process>,
    film: &'a Film,
    port: u16,
    /// `tcp`, `udp` or `any`.
    transport: &'static str,
}

impl<'a> RtspServer<'a> {
    fn start(film: &'a Film, transport: &'static str) -> Self {
        let mut server = Self { process: None, film, port: free_port(), transport };
        server.come_back();
        server
    }

    fn come_back(&mut self) {
        let log = File::create(self.film.beside("server.log")).expect("a file");
        // Debian's Python has Debian's GStreamer; another before it in the path has not.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(root().join("tests/worker/rtsp_server.py"));
        command.args([&self.port.to_string(), self.transport]).arg(&self.film.path);
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        self.process = Some(Process::start(&mut command));
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "it does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn go_away(&mut self) {
        self.process = None;
    }

    /// What it printed, a line for each track that somebody wants.
    fn log(&self) -> String {
        std::fs::read_to_string(self.film.beside("server.log")).unwrap_or_default()
    }

    fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/live", self.port)
    }

    /// Somebody who reads beside the worker.
    fn read(&self) -> Process {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "quiet", "-rtsp_transport", "tcp", "-i", &self.url()]);
        Process::start(command.args(["-c", "copy", "-f", "null", "-"]).stderr(Stdio::null()))
    }
}

/// FFmpeg as a server that takes what is published to it, once.
fn receive(port: u16, path: &Path) -> Process {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-rtsp_flags", "listen", "-i", &published(port), "-c", "copy"]);
    // It too does not tell when the first picture is shown.
    command.args(["-bsf:v", r"setts=pts=if(eq(PTS\,NOPTS)\,max(DTS\,0)\,PTS)"]);
    Process::start(command.arg(path).stderr(Stdio::null()))
}

fn published(port: u16) -> String {
    format!("rtsp://127.0.0.1:{port}/es")
}

/// Its pictures are shown in another order than they come, which RTP does not tell.
fn film(seconds: usize) -> Film {
    let pictures = format!("testsrc2=size=160x120:rate=25:duration={seconds}");
    let tracks = ["-f", "lavfi", "-i", &pictures, "-map", "1:v", "-map", "0:a", "-shortest"];
    let codecs = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-c:a", "aac", "-b:a", "128k"];
    Film::make("film.mkv", &noise(&vec![(0, 0); seconds]), &[&tracks[..], &codecs].concat())
}

/// No service: the original is all that is heard, and shows what the way does to it.
fn nowhere() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

/// Pictures of a film that are missing between the first and the last that were played.
fn missing(film: &Film, played: &Path) -> usize {
    let source = pictures(&film.path);
    let programme = pictures(played);
    let delays = delays_of_pictures(&source, &programme);
    let times = || programme.iter().zip(&delays).map(|((shown, _), later)| shown - later);
    let (first, last) = (times().fold(f64::MAX, f64::min), times().fold(f64::MIN, f64::max));
    let is_between = |time: f64| (first - 0.01..last + 0.01).contains(&time);
    let was_played = |hash: &str| programme.iter().any(|(_, played)| played == hash);
    source.iter().filter(|(time, hash)| is_between(*time) && !was_played(hash)).count()
}

/// A worker that reads a film from a server with this transport, after so much of it; what the server was asked for.
fn comes_in(transport: &'static str, after: Duration) -> String {
    let film = film(22);
    let server = RtspServer::start(&film, transport);
    let reader = (!after.is_zero()).then(|| server.read());
    std::thread::sleep(after);
    let out = film.beside("out.mkv");
    let arguments = ["--patience-s", "3", "--stall-s", "4"];
    let worker = Worker::start(&server.url(), &out.to_string_lossy(), &nowhere(), &arguments);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop(reader);
    let (first, last) = offsets(&film, &out);
    println!("{transport}: sound is later by {:.1} ms at first and {:.1} ms at last", first * 1e3, last * 1e3);
    assert!(first.abs() < IN_STEP && last.abs() < IN_STEP && (last - first).abs() < IN_STEP, "{first} {last} {report}");
    assert_eq!(missing(&film, &out), 0);
    let (ms, most) = (report["original_ms"].as_f64().expect("a number"), 22_000.0 - after.as_millis() as f64);
    assert!((most - 3_000.0..=most + 2_000.0).contains(&ms), "{report}");
    server.log()
}

#[test]
fn a_programme_that_has_begun_comes_in_over_tcp() {
    let asked_for = comes_in("any", Duration::from_secs(4));
    let ways: Vec<&str> = asked_for.lines().filter_map(|line| line.strip_prefix("SETUP ")).collect();
    // Two of who reads beside; at least two of the worker.
    assert!(ways.len() >= 4 && ways.iter().all(|way| way.starts_with("RTP/AVP/TCP")), "{asked_for}");
}

#[test]
fn where_there_is_only_udp_it_comes_in_over_that() {
    let asked_for = comes_in("udp", Duration::ZERO);
    assert!(asked_for.contains("SETUP RTP/AVP/UDP"), "{asked_for}");
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_read_again() {
    let film = film(12);
    let mut server = RtspServer::start(&film, "any");
    let out = film.beside("out.mkv");
    let arguments = ["--patience-s", "12", "--stall-s", "3"];
    let worker = Worker::start(&server.url(), &out.to_string_lossy(), &nowhere(), &arguments);
    worker.wait_for_pieces(3);
    server.go_away();
    worker.wait_for_message("the input is away", 1);
    std::thread::sleep(Duration::from_secs(2));
    server.come_back();
    worker.wait_for_message("the input is there", 2);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    assert!(report["gap_ms"].as_f64() > Some(1_000.0) && report["output_lost"] == 0, "{report}");
    let offset = offset_when_shown_again(&film, &out);
    println!("read again: sound is later by {:.1} ms", offset * 1e3);
    assert!(offset.abs() < IN_STEP, "{offset} s");
}

#[test]
fn a_server_that_is_published_to_goes_away_and_comes_back() {
    let (film, port) = (film(30), free_port());
    let first = receive(port, &film.beside("first.mkv"));
    let worker = Worker::start(&film.path.to_string_lossy(), &published(port), &nowhere(), &["--stall-s", "4"]);
    worker.wait_for_pieces(5);
    drop(first);
    worker.wait_for_message("the output is away", 1);
    std::thread::sleep(Duration::from_secs(2));
    let out = film.beside("second.mkv");
    let mut second = receive(port, &out);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    assert_eq!(second.wait(), Some(0), "{log:#?}");
    assert!(report["output_lost"].as_u64() >= Some(1) && report["dropped_ms"].as_f64() > Some(0.0), "{report}");
    // When the first picture is shown the receiver does not know.
    let (first, last) = offsets_from(&film, &out, 1);
    println!("published: sound is later by {:.1} ms at first and {:.1} ms at last", first * 1e3, last * 1e3);
    assert!(first.abs() < IN_STEP && last.abs() < IN_STEP && (last - first).abs() < IN_STEP, "{first} {last} {report}");
    assert_eq!(missing(&film, &out), 0);
}
