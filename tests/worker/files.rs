//! A file as a live programme: its time, its pictures, and what is wrong with it.

use std::process::Command;

use crate::scene::Worker;
use crate::support::Service;
use crate::support::film::{Film, IN_STEP, probe, run_up, sound};
use crate::support::messages::RATE_HZ;
use crate::support::signal::{delay, delays_of_pictures, heard, longest_silence, noise, pictures};

const LENGTH_S: usize = 20;

#[test]
fn sound_and_pictures_keep_their_time_from_the_first_to_the_last() {
    let service = Service::fake(&[]);
    let source = noise(&[(0, 0); LENGTH_S]);
    let film = Film::make(
        "film.mkv",
        &source,
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=160x120:rate=25:duration=20",
            "-map",
            "1:v",
            "-map",
            "0:a",
            "-c:v",
            "libx264",
            "-bf",
            "2",
            "-g",
            "50",
            "-c:a",
            "flac",
            "-shortest",
        ],
    );
    let out = film.beside("out.mkv");
    let worker = Worker::start(
        &film.path.to_string_lossy(),
        &out.to_string_lossy(),
        &service.url(),
        &[
            "--bed",
            "keep",
            "--chunk-ms",
            "1000",
            "--shortest-ms",
            "1000",
            "--latency-ms",
            "3000",
            "--sample-rate",
            "16000",
            "--channels",
            "1",
        ],
    );
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    assert_eq!((&report["dubbed"], &report["output_ms"]), (&20.into(), &20_000.0.into()), "{report}");

    let played = sound(&out, 0);
    let original = sound(&film.path, 0);
    let late = run_up(&out);
    let of_pictures = delays_of_pictures(&pictures(&film.path), &pictures(&out));
    assert_eq!(of_pictures.len(), LENGTH_S * 25, "not a picture is lost");
    let offset = |second: usize, picture: f64| {
        let around = second * RATE_HZ + 2_000..second * RATE_HZ + 10_000;
        let (samples, alike) = delay(&original, &played, around, (late * RATE_HZ as f64) as isize);
        assert!(alike > 0.8, "second {second} is not the original: {alike}");
        samples as f64 / RATE_HZ as f64 - picture
    };
    let (first, last) = (offset(0, of_pictures[0]), offset(LENGTH_S - 1, of_pictures[of_pictures.len() - 1]));
    println!("sound is later than its pictures by {:.1} ms at first and {:.1} ms at last", first * 1e3, last * 1e3);
    assert!(first.abs() < IN_STEP && last.abs() < IN_STEP && (last - first).abs() < IN_STEP, "{first} {last}");
    assert!(longest_silence(&played[2_000..(LENGTH_S - 1) * RATE_HZ]) < 0.04);
    let tags = &probe(&out)["streams"];
    assert!(tags.to_string().contains("\"language\":\"spa\""), "{tags}");
}

#[test]
fn an_interruption_leaves_what_plays() {
    let service = Service::fake(&[]);
    let source = noise(&[(1, 3); 60]);
    let film = Film::with_pictures("film.mkv", &source, "25");
    let out = film.beside("out.mp4");
    let worker = Worker::start(&film.path.to_string_lossy(), &out.to_string_lossy(), &service.url(), &[]);
    worker.wait_for_pieces(3);
    worker.signal(libc::SIGINT);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    assert!(report["dubbed"].as_u64() >= Some(3), "{report}");
    let played = sound(&out, 0);
    assert!((2 * RATE_HZ..20 * RATE_HZ).contains(&played.len()), "{}", played.len());
    assert!(heard(&played, &source, (run_up(&out) * RATE_HZ as f64) as usize).len() >= 2);
}

#[test]
fn what_cannot_be_done_is_told_with_what_would() {
    let service = Service::fake(&[]);
    let film = Film::with_pictures("film.mkv", &noise(&[(0, 0); 2]), "25");
    let silent = film.beside("silent.mkv");
    crate::support::succeed(Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&film.path).arg("-an").arg(&silent));
    let name = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let (input, out, url) = (name(&film.path), name(&film.beside("out.mkv")), service.url());
    let (gone, silent) = (name(&film.beside("gone.mkv")), name(&silent));
    let sound_only = name(&film.beside("out.mp3"));
    for (arguments, told) in [
        (["--input", "gopher://a/b", "--output", &out, "--to", "es"], "--input: 'gopher' is none of file, rtmp"),
        (["--input", &input, "--output", "film.xyz", "--to", "es"], "--output: film.xyz: an output ends in"),
        (["--input", &input, "--output", &input, "--to", "es"], "--output is the input itself"),
        (["--input", &input, "--output", &out, "--to", "xx"], "no voice speaks 'xx'"),
        (["--input", &gone, "--output", &out, "--to", "es"], "No such file"),
        (["--input", &silent, "--output", &out, "--to", "es"], "matches no streams"),
        (["--input", &input, "--output", &sound_only, "--to", "es"], "no place for the pictures"),
        (["--input", &input, "--output", &out, "--to", "fr"], "UNSUPPORTED_LANGUAGE"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
        command.arg("worker").args(arguments).args(["--url", &url, "--log-level", "error"]);
        command.args(["--shortest-ms", "1000", "--chunk-ms", "1000", "--latency-ms", "2000"]);
        let output = command.output().expect("sts starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
    for (flag, value, told) in [
        ("--latency-ms", "8999", "--latency-ms 8999: 9000"),
        ("--channels", "6", "--channels 6: 1 or 2"),
        ("--sample-rate", "96000", "--sample-rate 96000: 8000 to 48000"),
        ("--duck-db", "3", "--duck-db 3: -90 to 0"),
        ("--chunk-ms", "40000", "--chunk-ms 40000: 100 to 30000"),
        ("--metrics-addr", "nowhere", "--metrics-addr nowhere"),
        ("--log-level", "loud", "--log-level"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
        command.args(["worker", "--input", &input, "--output", &out, "--to", "es", "--url", &url, flag, value]);
        let output = command.output().expect("sts starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{flag}: {text}");
        assert!(text.contains(told), "{flag}: {text}");
    }
}
