//! Through a real RTMP server, which goes away and comes back.

use std::time::Duration;

use crate::scene::{Player, RtmpServer, Worker, publish};
use crate::support::film::{Film, IN_STEP};
use crate::support::process::free_port;
use crate::support::signal::{noise, offset_when_shown_again, offsets, pictures};

/// For H.264 and AAC, as RTMP carries them.
const CODECS: [&str; 14] =
    ["-map", "1:v", "-map", "0:a", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-c:a", "aac"];

fn film(seconds: usize) -> Film {
    let pictures = format!("testsrc2=size=160x120:rate=25:duration={seconds}");
    let mut arguments = vec!["-f", "lavfi", "-i", &pictures];
    arguments.extend(CODECS);
    arguments.extend(["-b:a", "128k", "-shortest"]);
    Film::make("film.mp4", &noise(&vec![(0, 0); seconds]), &arguments)
}

/// No service: the original is all that is heard, and shows what the way does to it.
fn nowhere() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

#[test]
fn sound_and_pictures_stay_together_on_the_way() {
    let (film, server) = (film(25), RtmpServer::start());
    let player = Player::start(&server.url("es"), &film.beside("played.mkv"));
    let worker =
        Worker::start(&server.url("live"), &server.url("es"), &nowhere(), &["--patience-s", "3", "--stall-s", "4"]);
    let publisher = publish(&film.path, &server.url("live"));
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    let (first, last) = offsets(&film, &player.finish());
    println!("sound is later than its pictures by {:.1} ms at first and {:.1} ms at last", first * 1e3, last * 1e3);
    assert!(first.abs() < IN_STEP && last.abs() < IN_STEP && (last - first).abs() < IN_STEP, "{first} {last} {report}");
    let ms = report["original_ms"].as_f64().expect("a number");
    assert!((20_000.0..=26_000.0).contains(&ms), "{report}");
    drop(publisher);
}

#[test]
fn an_output_that_goes_away_and_comes_back_is_written_again() {
    let (film, mut server, source) = (film(40), RtmpServer::start(), RtmpServer::start());
    let first = Player::start(&server.url("es"), &film.beside("first.mkv"));
    let worker =
        Worker::start(&source.url("live"), &server.url("es"), &nowhere(), &["--patience-s", "3", "--stall-s", "4"]);
    let publisher = publish(&film.path, &source.url("live"));
    worker.wait_for_pieces(5);
    server.go_away();
    worker.wait_for_message("the output is away", 1);
    first.finish();
    std::thread::sleep(Duration::from_secs(2));
    server.come_back();
    let second = Player::start(&server.url("es"), &film.beside("second.mkv"));
    worker.wait_for_message("the output begins", 2);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    assert!(report["output_lost"].as_u64() >= Some(1) && report["dropped_ms"].as_f64() > Some(0.0), "{report}");
    let (first, last) = offsets(&film, &second.finish());
    assert!(first.abs() < IN_STEP && last.abs() < IN_STEP, "{first} {last} {report}");
    drop(publisher);
}

#[test]
fn an_input_that_goes_away_and_comes_back_is_read_again_where_it_is_by_then() {
    let (film, mut server, target) = (film(12), RtmpServer::start(), RtmpServer::start());
    let player = Player::start(&target.url("es"), &film.beside("played.mkv"));
    let arguments = ["--patience-s", "12", "--stall-s", "3"];
    let worker = Worker::start(&server.url("live"), &target.url("es"), &nowhere(), &arguments);
    let publisher = publish(&film.path, &server.url("live"));
    worker.wait_for_pieces(3);
    server.go_away();
    worker.wait_for_message("the input is away", 1);
    drop(publisher);
    std::thread::sleep(Duration::from_secs(2));
    server.come_back();
    let publisher = publish(&film.path, &server.url("live"));
    worker.wait_for_message("the input is there", 2);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop(publisher);
    let gap = report["gap_ms"].as_f64().expect("a number");
    assert!(gap > 1_000.0 && report["output_lost"] == 0, "the output went on: {report}");
    // The second time that the film is shown, sound and pictures belong together as before.
    let played = player.finish();
    let offset = offset_when_shown_again(&film, &played);
    assert!(offset.abs() < IN_STEP, "{offset} s");
    // While there was no input, a picture stood still and the programme went on.
    let times: Vec<f64> = pictures(&played).iter().map(|(time, _)| *time).collect();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(longest <= 1.0, "no picture for {longest} s");
}
