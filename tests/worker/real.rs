//! The whole way with the real models: published over RTMP, dubbed, played, and recognised again; and what goes wrong on
//! the way, gone through with them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sts::config::{Config, SettingFlags};
use sts_models::{Device, RecognizeRequest, Recognizer as _};

use crate::scene::{Player, RtmpServer, Worker, publish};
use crate::support::film::{IN_STEP, sound};
use crate::support::messages::RATE_HZ;
use crate::support::signal::{delay, delays_of_pictures, pictures};
use crate::support::{Service, models_dir, root, succeed};

/// Stems of the Spanish of what is said in the recording's first half minute.
const WORDS: [&str; 8] = ["impres", "libro", "chin", "madera", "arte", "siglo", "letra", "bloque"];
/// A player has begun by this second of the film.
const BEGIN_S: usize = 3;
/// Above this root mean square, of 32 768, the film is heard, and its bed 15 dB lower is not silent.
const AUDIBLE: f64 = 1_000.0;
/// Below this the programme is silent.
const SILENT: f64 = 30.0;
/// So many seconds of sound are compared at a time.
const STRETCH_S: usize = 6;

/// A talk of so many seconds, which begins again where the recording ends: its folder and its file.
fn talk(seconds: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let film = folder.path().join("talk.mp4");
    let length = seconds.to_string();
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-t", &length, "-stream_loop", "-1", "-i"]);
    command.arg(root().join("tests/audio/lj001.wav"));
    command.args(["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25", "-map", "1:v", "-map", "0:a", "-shortest"]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-c:a", "aac", "-b:a", "128k", "-ar", "48000"]);
    succeed(command.arg(&film));
    (folder, film)
}

/// A worker that gives every fragment 25 s, between these two.
fn worker(source: &str, target: &str, service: &Service, arguments: &[&str]) -> Worker {
    let mut all = vec!["--chunk-ms", "8000", "--latency-ms", "25000", "--patience-s", "3", "--stall-s", "5"];
    all.extend(["--voice", "spanish_female_1"]);
    all.extend(arguments);
    Worker::start(source, target, &service.url(), &all)
}

/// What a player got, beside what was published.
struct Programme {
    pictures: Vec<(f64, String)>,
    /// By how much later each picture is shown than in the film, s.
    delays: Vec<f64>,
    source: Vec<i16>,
    sound: Vec<i16>,
}

impl Programme {
    fn new(film: &Path, played: &Path) -> Self {
        let shown = pictures(played);
        let delays = delays_of_pictures(&pictures(film), &shown);
        Self { pictures: shown, delays, source: sound(film, 0), sound: sound(played, 0) }
    }

    /// By how much later than the film its picture of this second is shown, s.
    fn delay_of_picture(&self, second: usize) -> f64 {
        let distance = |index: &usize| (self.pictures[*index].0 - self.delays[*index] - second as f64).abs();
        let nearest = (0..self.delays.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("pictures");
        assert!(distance(&nearest) < 0.1, "no picture of second {second} was shown");
        self.delays[nearest]
    }

    /// By how much sound is later than its pictures from this second of the film on, s, which must be in step; and how
    /// much of it is the original, which under a dub is low.
    fn in_step(&self, second: usize) -> f64 {
        let of_pictures = self.delay_of_picture(second);
        let about = (of_pictures * RATE_HZ as f64) as isize;
        let around = second * RATE_HZ..(second + STRETCH_S) * RATE_HZ;
        let (samples, alike) = delay(&self.source, &self.sound, around, about);
        let offset = samples as f64 / RATE_HZ as f64 - of_pictures;
        println!("second {second}: sound is later than its pictures by {:.1} ms, alike {alike:.2}", offset * 1e3);
        assert!(offset.abs() < IN_STEP, "second {second}: {offset} s, alike {alike}");
        alike
    }

    /// The sound of these seconds of the film.
    fn of(&self, seconds: Range<usize>) -> &[i16] {
        let late = self.delay_of_picture(seconds.start) * RATE_HZ as f64;
        let place = |second: usize| ((second * RATE_HZ) as f64 + late).max(0.0) as usize;
        &self.sound[place(seconds.start)..place(seconds.end).min(self.sound.len())]
    }

    /// So many of the words are heard in these seconds of the film.
    fn speaks_spanish(&self, seconds: Range<usize>, least: usize) {
        let said = recognise(self.of(seconds)).to_lowercase();
        println!("heard: {said}");
        let heard = WORDS.iter().filter(|word| said.contains(**word)).count();
        assert!(heard >= least, "it is Spanish: {heard} of {WORDS:?} in {said}");
    }

    /// Wherever the film can be heard for 40 ms, so can the programme, from this second of the film on: the bed is the
    /// film itself, lower. Between sentences both are quiet.
    fn goes_on(&self, from: usize) {
        let late = (self.delay_of_picture(from) * RATE_HZ as f64) as isize;
        let place = |index: usize| usize::try_from(index as isize + late).expect("it was shown");
        let length = 40 * RATE_HZ / 1_000;
        let begins = (from * RATE_HZ..self.source.len() - length).step_by(length);
        let both = begins.map_while(|begin| {
            let programme = self.sound.get(place(begin)..place(begin + length))?;
            Some((begin, &self.source[begin..begin + length], programme))
        });
        let mut loud = 0;
        for (begin, _, programme) in both.filter(|(_, film, _)| level(film) > AUDIBLE) {
            loud += 1;
            assert!(level(programme) > SILENT, "silent at {:.2} s of the film", begin as f64 / RATE_HZ as f64);
        }
        assert!(loud > 100, "most of the film can be heard: {loud} stretches");
    }
}

/// Root mean square, of 32 768.
fn level(samples: &[i16]) -> f64 {
    (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

fn number(report: &Value, field: &str) -> f64 {
    report[field].as_f64().unwrap_or_else(|| panic!("no {field} in {report}"))
}

#[test]
fn real_speech_comes_out_in_spanish_and_in_step_although_the_service_is_killed_on_the_way() {
    let ((_folder, film), server) = (talk(30), RtmpServer::start());
    let service = Service::real(18_775);
    let player = Player::start(&server.url("es"), &film.with_file_name("played.mkv"));
    let worker = worker(&server.url("live"), &server.url("es"), &service, &[]);
    let publisher = publish(&film, &server.url("live"));
    // Gone with what it had in work, and back within the time that is left for it.
    worker.wait_for_message("a fragment", 2);
    drop(service);
    worker.wait_for_message("the service is away", 1);
    std::thread::sleep(Duration::from_secs(1));
    let service = Service::real(18_775);
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop((publisher, service));
    assert!(number(&report, "service_lost") >= 1.0, "{report}");
    let share = number(&report, "dubbed_ms") / 30_000.0;
    assert!(share > 0.7, "most is dubbed all the same: {report}\n{log:#?}");

    let programme = Programme::new(&film, &player.finish());
    programme.goes_on(BEGIN_S);
    // The original under the dub tells where it is.
    programme.in_step(BEGIN_S);
    programme.in_step(20);
    programme.speaks_spanish(BEGIN_S..29, 4);
}

#[test]
fn real_speech_is_heard_itself_while_a_stage_fails_and_dubbed_again_after() {
    let ((folder, film), server) = (talk(76), RtmpServer::start());
    let sabotage = folder.path().join("sabotage");
    let service = Service::sabotaged(&[("SABOTAGE", &sabotage.to_string_lossy()), ("LOG_LEVEL", "critical")]);
    let player = Player::start(&server.url("es"), &film.with_file_name("played.mkv"));
    let worker = worker(&server.url("live"), &server.url("es"), &service, &["--breaker-rest-s", "1"]);
    let publisher = publish(&film, &server.url("live"));
    while worker.metric("sts_worker_fragment_seconds_count") < 1.0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let failing = folder.path().join("sabotage-translation.fail");
    std::fs::write(&failing, "").expect("written");
    std::thread::sleep(Duration::from_secs(30));
    std::fs::remove_file(&failing).expect("it is there");
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop((publisher, service));
    let changes = log.iter().filter(|line| line["message"] == "a breaker changed" && line["stage"] == "translation");
    let states: Vec<&str> = changes.filter_map(|line| line["state"].as_str()).collect();
    assert!(states.starts_with(&["open", "half_open"]) && states.ends_with(&["half_open", "closed"]), "{states:?}");
    println!("{states:?} {report}");

    let programme = Programme::new(&film, &player.finish());
    programme.goes_on(BEGIN_S);
    let stretches = stretches(&log);
    println!("{stretches:?}");
    let kinds: Vec<&str> = stretches.iter().map(|(what, _)| what.as_str()).collect();
    assert!(kinds.starts_with(&["dubbed", "original"]) && kinds.ends_with(&["dubbed"]), "{stretches:?}");
    let mut compared = Vec::new();
    for (what, seconds) in &stretches {
        let begin = seconds.start.ceil().max(BEGIN_S as f64) as usize;
        if ((begin + STRETCH_S) as f64) < seconds.end {
            let alike = programme.in_step(begin);
            assert!(if what == "original" { alike > 0.8 } else { alike < 0.5 }, "{what} at {begin} s: {alike}");
            compared.push(what.as_str());
        }
    }
    assert!(compared.contains(&"original") && compared.ends_with(&["dubbed"]), "{compared:?} of {stretches:?}");
    // The recording has begun again.
    programme.speaks_spanish(60..75, 1);
}

/// What the worker says that it put out, in seconds of the film; what follows of the same kind is one stretch.
fn stretches(log: &[Value]) -> Vec<(String, Range<f64>)> {
    let mut stretches: Vec<(String, Range<f64>)> = Vec::new();
    for piece in log.iter().filter(|line| line["message"] == "put out") {
        let (what, ms) = (piece["what"].as_str().expect("a kind"), number(piece, "ms"));
        let begin = stretches.last().map_or(0.0, |(_, seconds)| seconds.end);
        match stretches.last_mut().filter(|(last, _)| last == what) {
            Some((_, seconds)) => seconds.end += ms / 1_000.0,
            None => stretches.push((what.to_owned(), begin..begin + ms / 1_000.0)),
        }
    }
    stretches
}

#[test]
fn real_speech_is_dubbed_under_pressure_without_a_refusal() {
    let ((_folder, film), server) = (talk(30), RtmpServer::start());
    // One in flight is as many as it bears.
    let thresholds = [
        ("BACKPRESSURE_THRESHOLD_LOW", "0"),
        ("BACKPRESSURE_THRESHOLD_MEDIUM", "0"),
        ("BACKPRESSURE_THRESHOLD_HIGH", "1"),
        ("BACKPRESSURE_THRESHOLD_CRITICAL", "1"),
    ];
    let service = Service::real_with(18_777, &thresholds);
    let player = Player::start(&server.url("es"), &film.with_file_name("played.mkv"));
    let worker = worker(&server.url("live"), &server.url("es"), &service, &["--shortest-ms", "1000"]);
    let publisher = publish(&film, &server.url("live"));
    let mut worst = 0.0f64;
    while worker.log().iter().filter(|line| line["message"] == "put out").count() < 2 {
        worst = worst.max(worker.metric("sts_worker_backpressure"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop((publisher, service));
    assert_eq!(worst, 2.0, "it was asked to pause");
    assert_eq!((number(&report, "retries"), number(&report, "failed")), (0.0, 0.0), "nothing was refused: {report}");
    assert!(number(&report, "dubbed_ms") / 30_000.0 > 0.9, "{report}\n{log:#?}");

    let programme = Programme::new(&film, &player.finish());
    programme.goes_on(BEGIN_S);
    programme.in_step(BEGIN_S);
    programme.in_step(20);
    programme.speaks_spanish(BEGIN_S..29, 4);
}

#[test]
fn real_speech_is_dubbed_on_where_the_server_it_goes_to_was_away() {
    let ((_folder, film), source, mut target) = (talk(60), RtmpServer::start(), RtmpServer::start());
    let service = Service::real(18_779);
    let first = Player::start(&target.url("es"), &film.with_file_name("first.mkv"));
    let worker = worker(&source.url("live"), &target.url("es"), &service, &[]);
    let publisher = publish(&film, &source.url("live"));
    worker.wait_for_pieces(3);
    target.go_away();
    worker.wait_for_message("the output is away", 1);
    let first = Programme::new(&film, &first.finish());
    std::thread::sleep(Duration::from_secs(3));
    target.come_back();
    let second = Player::start(&target.url("es"), &film.with_file_name("second.mkv"));
    let (status, report, log) = worker.finish();
    assert_eq!(status, Some(0), "{log:#?}");
    drop((publisher, service));
    assert!(number(&report, "output_lost") >= 1.0 && number(&report, "dropped_ms") < 15_000.0, "{report}");
    let second = Programme::new(&film, &second.finish());
    first.in_step(BEGIN_S);
    second.goes_on(36);
    second.in_step(40);
    second.in_step(52);
    first.speaks_spanish(BEGIN_S..14, 1);
    second.speaks_spanish(36..58, 2);
}

/// What is heard in it, taken for Spanish.
fn recognise(samples: &[i16]) -> String {
    let environment = |name: &str| (name == "MODELS_DIR").then(|| models_dir().to_string_lossy().into_owned());
    let config = Config::load(&SettingFlags::default(), environment, None).expect("settings");
    let device = Device::resolve(config.device).expect("a device");
    let mut recognizer = sts::service::recognizer(&config, device).expect("a recogniser");
    let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let pieces = samples.chunks(RATE_HZ * 25);
    let texts = pieces.map(|piece| {
        let request = RecognizeRequest {
            samples: piece.into(),
            language: "es".to_owned(),
            previous_text: String::new(),
            hints: Vec::new(),
        };
        let answer = recognizer.recognize(&[request]).pop().expect("an answer");
        answer.expect("a text").text
    });
    texts.collect::<Vec<_>>().join(" ")
}
