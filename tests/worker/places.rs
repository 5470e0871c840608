//! Other places than files and RTMP servers: SRT, UDP and HLS, each as an input and an output.

use std::process::{Command, Stdio};

use crate::scene::Worker;
use crate::support::film::{Film, IN_STEP, sound};
use crate::support::messages::RATE_HZ;
use crate::support::process::Process;
use crate::support::process::free_port;
use crate::support::signal::{delay, delays_of_pictures, noise, pictures};

/// Plays a film as a transport stream to a place, again and again, as who comes later can still read.
fn play(film: &Film, to: &str) -> Process {
    let script = format!(
        "for attempt in $(seq 50); do ffmpeg -nostdin -v quiet -re -i '{}' -c copy -f mpegts '{to}' && exit; sleep 0.2; done",
        film.path.display()
    );
    Process::start(Command::new("sh").args(["-c", &script]).stderr(Stdio::null()))
}

#[test]
fn srt_comes_in_and_hls_goes_out_and_comes_in_again_to_its_end() {
    let length = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=16", "-map", "1:v", "-map", "0:a"];
    let codecs = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-c:a", "aac", "-b:a", "128k", "-shortest"];
    let film = Film::make("film.mp4", &noise(&[(0, 0); 16]), &[&length[..], &codecs].concat());
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let (srt, http) = (free_port(), free_port());
    let folder = film.beside("hls");
    std::fs::create_dir(&folder).expect("made");

    let source = format!("srt://127.0.0.1:{srt}?mode=listener");
    let playlist = folder.join("live.m3u8").to_string_lossy().into_owned();
    let worker = Worker::start(&source, &playlist, &nowhere, &["--patience-s", "3", "--stall-s", "8"]);
    worker.wait_for_message("dubbing", 1);
    let player = play(&film, &format!("srt://127.0.0.1:{srt}?mode=caller"));
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    assert!(report["original_ms"].as_f64() > Some(10_000.0), "{report}");
    drop(player);

    // A server that says when the programme is over: its end is the worker's.
    let mut server = Command::new("python3");
    server.args(["-m", "http.server", &http.to_string(), "--bind", "127.0.0.1"]).current_dir(&folder);
    let server = Process::start(server.stderr(Stdio::null()).stdout(Stdio::null()));
    let out = film.beside("out.mkv");
    let arguments = ["--patience-s", "60", "--stall-s", "8"];
    let source = format!("http://127.0.0.1:{http}/live.m3u8");
    let (status, report, log) = Worker::start(&source, &out.to_string_lossy(), &nowhere, &arguments).finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop(server);
    assert!(report["original_ms"].as_f64() > Some(5_000.0), "{report}");
    let of_pictures = delays_of_pictures(&pictures(&film.path), &pictures(&out));
    let found = of_pictures.iter().position(|delay| delay.is_finite()).expect("pictures of the film");
    let (original, heard, late) = (sound(&film.path, 0), sound(&out, 0), of_pictures[found]);
    // The playlist holds the last seconds: what is looked for is in the midst of them.
    let begin = ((1.5 - late).max(0.5) * RATE_HZ as f64) as usize;
    let (samples, alike) = delay(&original, &heard, begin..begin + RATE_HZ / 2, (late * RATE_HZ as f64) as isize);
    let offset = samples as f64 / RATE_HZ as f64 - late;
    println!("after SRT and HLS sound is later than its pictures by {:.1} ms, alike {alike:.2}", offset * 1e3);
    assert!(alike > 0.5 && offset.abs() < IN_STEP, "{offset} s, alike {alike}");
}

#[test]
fn udp_goes_in_and_out() {
    let codecs = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-c:a", "aac", "-shortest"];
    let length = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=14", "-map", "1:v", "-map", "0:a"];
    let film = Film::make("film.mp4", &noise(&[(0, 0); 14]), &[&length[..], &codecs].concat());
    let (from, to) = (free_port(), free_port());
    let out = film.beside("out.mkv");
    let mut receiver = Command::new("ffmpeg");
    receiver.args(["-nostdin", "-v", "error", "-y", "-i", &format!("udp://127.0.0.1:{to}?timeout=25000000")]);
    let mut receiver = Process::start(receiver.args(["-c", "copy"]).arg(&out).stderr(Stdio::null()));
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let target = format!("udp://127.0.0.1:{to}?pkt_size=1316");
    let arguments = ["--patience-s", "3", "--stall-s", "8"];
    let worker = Worker::start(&format!("udp://127.0.0.1:{from}"), &target, &nowhere, &arguments);
    worker.wait_for_message("dubbing", 1);
    let player = play(&film, &format!("udp://127.0.0.1:{from}?pkt_size=1316"));
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop(player);
    assert!(report["original_ms"].as_f64() > Some(8_000.0), "{report}");
    receiver.signal(libc::SIGINT);
    receiver.wait();
    let of_pictures = delays_of_pictures(&pictures(&film.path), &pictures(&out));
    assert!(of_pictures.iter().filter(|delay| delay.is_finite()).count() > 100, "{} pictures", of_pictures.len());
}
