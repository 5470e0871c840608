//! Films in, films out: `sts dub` over the fake engines, and FFmpeg itself as the judge of what it wrote.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::film::{Film, IN_STEP, fragments, pictures, probe, run_up, sound};
use support::messages::RATE_HZ;
use support::signal::{self, delay, noise};
use support::{Service, get, succeed};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How loud a click is.
const CLICK: i16 = 20_000;

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json_at(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("JSON")
}

#[test]
fn a_film_gets_a_sound_and_subtitles_in_each_language_and_keeps_its_pictures() {
    let service = Service::fake(&[]);
    let film = Film::with_pictures("film.mkv", &fragments(&[(1, 7), (1, 8), (0, 0), (1, 9), (1, 10)]), "25");
    let report = film.beside("report.json");
    succeed(film.dub(&service, &["--to", "es,pt", "--report"]).arg(&report));

    let dubbed = film.beside("film.dubbed.mkv");
    let found = probe(&dubbed);
    let of_kind = |kind: &str| -> Vec<&Value> {
        found["streams"].as_array().expect("streams").iter().filter(|stream| stream["codec_type"] == kind).collect()
    };
    let tags = |kind: &str, tag: &str| -> Vec<String> {
        of_kind(kind).iter().map(|stream| stream["tags"][tag].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(tags("audio", "language"), ["spa", "por", "eng"]);
    assert_eq!(tags("audio", "title"), ["Spanish (dubbed)", "Portuguese (dubbed)", "English (original)"]);
    assert_eq!(tags("subtitle", "language"), ["eng", "spa", "por"]);
    let is_default: Vec<bool> = of_kind("audio").iter().map(|track| track["disposition"]["default"] == 1).collect();
    assert_eq!(is_default, [true, false, false]);
    assert_eq!(pictures(&dubbed), pictures(&film.path), "not a byte of the pictures is touched");
    let (kept, original) = (sound(&dubbed, 2), sound(&film.path, 0));
    let begin = kept.iter().position(|sample| *sample != 0).expect("it is not silent");
    assert!(kept[begin..] == original, "the original's sound is there as it was");
    assert!((begin as f64 / RATE_HZ as f64 - run_up(&dubbed)).abs() < 0.002, "{begin} {}", run_up(&dubbed));
    for track in 0..2 {
        let length = sound(&dubbed, track).len() as f64 / RATE_HZ as f64 - run_up(&dubbed);
        // The encoder fills its last frame of 1 024 samples.
        let longest = 5.0 + 1_024.0 / RATE_HZ as f64;
        assert!((5.0 - IN_STEP..=longest).contains(&length), "track {track} is {length} s long");
    }
    let read = |name: &str| std::fs::read_to_string(film.beside(name)).expect(name);
    assert!(read("film.dubbed.en.srt").starts_with("1\n00:00:00,000 --> 00:00:01,000\nwords 7\n\n"));
    let spanish = read("film.dubbed.es.vtt");
    assert!(spanish.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nWORDS 7\n\n"), "{spanish}");
    assert!(
        spanish.contains("00:00:03.000 --> 00:00:04.000\nWORDS 9\n"),
        "nothing is shown while nobody speaks: {spanish}"
    );
    assert_eq!(spanish, read("film.dubbed.pt.vtt"));
    let report = json_at(&report);
    assert_eq!((&report["es"]["totals"]["success"], &report["pt"]["totals"]["success"]), (&5.into(), &5.into()));
}

#[test]
fn a_piece_that_fails_keeps_its_own_sound_and_one_that_may_come_right_is_tried_again() {
    let service = Service::fake(&[]);
    // A failure for good, a refusal by the translator that may pass (and does not), words.
    let mut pcm = fragments(&[(3, 1), (25, 2), (1, 3)]);
    for (index, pair) in pcm.chunks_exact_mut(2).enumerate().filter(|(index, _)| index % RATE_HZ > 2) {
        pair.copy_from_slice(&((index % 199 * 50) as i16).to_le_bytes());
    }
    let film = Film::make("talk.flac", &pcm, &[]);
    let (out, report) = (film.beside("talk.es.wav"), film.beside("report.json"));
    succeed(film.dub(&service, &["--to", "es", "--out"]).arg(&out).arg("--report").arg(&report));

    let (original, dubbed) = (sound(&film.path, 0), sound(&out, 0));
    assert_eq!(dubbed.len(), original.len(), "exactly as long");
    assert!(dubbed[..2 * RATE_HZ] == original[..2 * RATE_HZ], "the original stands in");
    assert!(dubbed[2 * RATE_HZ..] != original[2 * RATE_HZ..], "the dub is another sound");
    let report = json_at(&report);
    let of = |key: &str| -> Vec<Value> {
        report["fragments"].as_array().expect("fragments").iter().map(|fragment| fragment[key].clone()).collect()
    };
    assert_eq!(of("status"), ["failed", "failed", "success"]);
    assert_eq!(of("attempts"), [1, 3, 1]);
    assert_eq!(of("sequence_number"), [0, 1, 2]);
}

/// Clicks where the fakes fail, so that the sound passes as it is: ten minutes, and sound that begins after the pictures.
#[test]
fn sound_stays_with_its_pictures_for_ten_minutes() {
    const MINUTES: usize = 10;
    const LATE: f64 = 1.48;
    let service = Service::fake(&[]);
    let late = (LATE * RATE_HZ as f64) as usize;
    let sample = |frame: usize| match (frame + late) % (6 * RATE_HZ) {
        // The first of a piece of 6 s: an order to fail.
        0 => 3,
        _ if frame % (60 * RATE_HZ) == 30 * RATE_HZ + 1 => CLICK,
        _ => 0i16,
    };
    let pcm: Vec<u8> = (0..MINUTES * 60 * RATE_HZ).flat_map(|frame| sample(frame).to_le_bytes()).collect();
    let pictures = format!("testsrc2=size=64x48:rate=1:duration={}", MINUTES * 60);
    let arguments = [
        "-f",
        "lavfi",
        "-i",
        &pictures,
        "-map",
        "1:v",
        "-map",
        "0:a",
        "-c:a",
        "flac",
        "-af",
        &format!("asetpts=PTS+{LATE}/TB"),
    ];
    let film = Film::make("film.mkv", &pcm, &arguments);
    for name in ["out.mp4", "out.mkv"] {
        let out = film.beside(name);
        let chunks = ["--to", "es", "--bed", "none", "--chunk-ms", "6000", "--shortest-ms", "6000", "--out"];
        succeed(film.dub(&service, &chunks).arg(&out));
        let (sound, run_up) = (sound(&out, 0), run_up(&out));
        let mut offsets = Vec::new();
        for minute in 0..MINUTES {
            let expected = (minute * 60 + 30) as f64 + LATE + run_up;
            let around = ((expected - 0.4) * RATE_HZ as f64) as usize..((expected + 0.4) * RATE_HZ as f64) as usize;
            let loudest = around.max_by_key(|index| sound[*index].unsigned_abs()).expect("samples");
            assert!(sound[loudest].unsigned_abs() > 2_000, "{name}: the click at {expected} s is gone");
            offsets.push(loudest as f64 / RATE_HZ as f64 - expected);
        }
        println!("{name}: clicks are off by {offsets:.4?} s");
        let (least, most) =
            (offsets.iter().copied().fold(f64::MAX, f64::min), offsets.iter().copied().fold(f64::MIN, f64::max));
        assert!(least > -IN_STEP && most < IN_STEP, "{name}: {offsets:?}");
        assert!(most - least < IN_STEP, "{name} drifts: {offsets:?}");
    }
}

/// Encoders that show pictures in another order than they are stored in, sound or pictures that begin late, times that
/// begin anywhere: files say all of this in ways of their own.
#[test]
fn sound_stays_with_its_pictures_whatever_begins_later_in_the_file() {
    const SECONDS: usize = 8;
    let service = Service::fake(&[]);
    let pictures = format!("testsrc2=size=160x120:rate=25:duration={SECONDS}");
    let h264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "3", "-c:a", "aac", "-b:a", "128k"];
    for (name, late) in [
        ("plain.mp4", &[][..]),
        ("late-sound.mp4", &["-af", "asetpts=PTS+0.7/TB"]),
        ("late-pictures.mp4", &["-vf", "setpts=PTS+0.7/TB"]),
        ("late-sound.mkv", &["-af", "asetpts=PTS+0.7/TB"]),
        ("late-pictures.mkv", &["-vf", "setpts=PTS+0.7/TB"]),
        ("begins-anywhere.ts", &["-output_ts_offset", "5000"]),
    ] {
        let mut arguments = vec!["-f", "lavfi", "-i", &pictures, "-map", "1:v", "-map", "0:a"];
        arguments.extend(h264.iter().chain(late));
        let film = Film::make(name, &noise(&[(0, 0); SECONDS]), &arguments);
        let out = film.beside(&format!("out-{name}"));
        succeed(film.dub(&service, &["--to", "es", "--bed", "keep", "--out"]).arg(&out));

        // Counted from the instant at which each file begins.
        let shown = |path: &Path| -> Vec<(f64, String)> {
            let begin = probe(path)["format"]["start_time"].as_str().and_then(|text| text.parse::<f64>().ok());
            let begin = begin.expect("a time");
            signal::pictures(path).into_iter().map(|(time, hash)| (time - begin, hash)).collect()
        };
        let of_pictures = signal::delays_of_pictures(&shown(&film.path), &shown(&out));
        assert!(of_pictures.len() >= SECONDS * 25 - 1, "{name}: {} pictures", of_pictures.len());
        let (original, dubbed) = (sound(&film.path, 0), sound(&out, 0));
        let mut offsets = Vec::new();
        for (picture, second) in [(of_pictures[0], 2), (of_pictures[of_pictures.len() - 1], SECONDS - 2)] {
            let around = second * RATE_HZ..second * RATE_HZ + RATE_HZ / 2;
            let (samples, alike) = delay(&original, &dubbed, around, (picture * RATE_HZ as f64) as isize);
            assert!(alike > 0.5, "{name}: the sound at {second} s is not the source's: {alike}");
            offsets.push(samples as f64 / RATE_HZ as f64 - picture);
        }
        println!("{name}: sound is later than its pictures by {offsets:.4?} s");
        assert!(offsets.iter().all(|offset| offset.abs() < IN_STEP), "{name}: {offsets:?}");
    }
}

/// Waits until some stream's first fragment has come back: the second is sent only then, with one in flight.
fn wait_for_success(service: &Service) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let streams = get(&service.operators, "/api/v1/streams").unwrap_or_default();
        let body: Value =
            streams.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        let text = body.to_string();
        if text.contains("\"success\":1") && text.contains("\"in_flight\":1") {
            break;
        }
        assert!(Instant::now() < deadline, "the first fragment never came: {body}");
        std::thread::yield_now();
    }
}

#[test]
fn an_interruption_leaves_a_film_that_plays() {
    let service = Service::fake(&[]);
    let mut orders = vec![(1, 5)];
    orders.extend([(10, 2_000); 9]);
    let film = Film::with_pictures("film.mkv", &fragments(&orders), "25");
    let out = film.beside("out.mp4");
    let mut command = film.dub(&service, &["--to", "es", "--in-flight", "1", "--out"]);
    let child = command.arg(&out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("sts starts");
    wait_for_success(&service);
    // SAFETY: a signal to a child that is not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(text_of(&output).contains("interrupted"), "{}", text_of(&output));
    let found = probe(&out);
    let duration: f64 = found["format"]["duration"].as_str().and_then(|text| text.parse().ok()).expect("a length");
    assert!((duration - 10.0).abs() < 0.1, "{duration}");
    assert_eq!(pictures(&out).lines().count(), 1);
    assert!(!film.beside(".unfinished-out.mp4").exists());
}

#[test]
fn a_service_that_dies_costs_what_it_had_not_done() {
    let service = Service::fake(&[]);
    let mut orders = vec![(1, 5)];
    orders.extend([(10, 20_000); 4]);
    let film = Film::with_pictures("film.mkv", &fragments(&orders), "25");
    let out = film.beside("out.mkv");
    let mut command = film.dub(&service, &["--to", "es", "--in-flight", "1", "--out"]);
    let child = command.arg(&out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("sts starts");
    wait_for_success(&service);
    service.signal(libc::SIGKILL);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let told = text_of(&output);
    assert!(told.contains("1 of 5 in 'es' (") && told.contains("the original stands"), "{told}");
    assert_eq!(sound(&out, 1).len(), 5 * RATE_HZ + (run_up(&out) * RATE_HZ as f64) as usize);
}

#[test]
fn what_cannot_be_done_is_told_before_any_work() {
    let service = Service::fake(&[]);
    let film = Film::with_pictures("film.mkv", &fragments(&[(1, 1)]), "25");
    let text = film.beside("text.mp4");
    std::fs::write(&text, "no film").expect("a writable folder");
    let silent = film.beside("silent.mp4");
    succeed(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).arg(&film.path).arg("-an").arg(&silent));
    let missing = film.beside("missing.mp4");
    // A playlist that would have FFmpeg ask somebody on the network.
    let asked = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    asked.set_nonblocking(true).expect("it can be");
    let entry = format!("http://{}/a.ts", asked.local_addr().expect("it has one"));
    let playlist = film.beside("playlist.m3u8");
    std::fs::write(&playlist, format!("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{entry}\n#EXT-X-ENDLIST\n"))
        .expect("writable");
    for (input, arguments, told) in [
        (&film.path, &["--to", "es,fr"][..], "'fr'"),
        (&film.path, &["--to", "es,es"], "es,es: a language is there twice"),
        (&film.path, &["--to", "es", "--out", "film.xyz"], "film.xyz: an output ends in mp4"),
        (&film.path, &["--to", "es", "--out", "film.wav"], "has no place for the pictures"),
        (&film.path, &["--to", "es", "--out", "film.webm"], "(h264); name an output in mkv"),
        (&film.path, &["--to", "es,pt", "--out", "film.mp3"], "room for one language"),
        (&film.path, &["--to", "es", "--duck-db", "6"], "--duck-db 6: -90 to 0"),
        (&film.path, &["--to", "es,pt", "--voice", "spanish_male_1"], "1 voices for 2 languages"),
        (&text, &["--to", "es"], "text.mp4: ffprobe failed"),
        (&silent, &["--to", "es"], "no audio in it"),
        (&missing, &["--to", "es"], "No such file"),
        (&playlist, &["--to", "es", "--out", "film.mp4"], "playlist.m3u8: ffprobe failed"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts"));
        command.arg("dub").arg(input).args(["--url", &service.url()]).args(arguments).current_dir(film.folder.path());
        let output = command.output().expect("sts starts");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text_of(&output).contains(told), "{arguments:?}: {}", text_of(&output));
    }
    let left: Vec<_> =
        std::fs::read_dir(film.folder.path()).expect("it is there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 4, "nothing was written: {left:?}");
    assert!(asked.accept().is_err(), "nobody was asked");
}
