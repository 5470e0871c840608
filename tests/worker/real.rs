//! The whole way with the real models: published over RTMP, dubbed, played, and recognised again.

use std::process::Command;
use std::time::Duration;

use sts::config::{Config, SettingFlags};
use sts_models::{Device, RecognizeRequest, Recognizer as _};

use crate::scene::{Player, RtmpServer, Worker, publish};
use crate::signal::{delay, delays_of_pictures, longest_silence, pictures};
use crate::support::film::{IN_STEP, sound};
use crate::support::messages::RATE_HZ;
use crate::support::{Service, models_dir, root, succeed};

/// Words of the Spanish of what is said in the recording's first half minute, of which most must be heard.
const WORDS: [&str; 8] = ["impres", "libro", "chin", "madera", "arte", "siglo", "letra", "bloque"];
/// So much of the recording is published, s.
const LENGTH_S: &str = "30";

#[test]
fn real_speech_comes_out_in_spanish_and_in_step_although_the_service_is_killed_on_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let film = folder.path().join("talk.mp4");
    let pictures_of_test = "testsrc2=size=160x120:rate=25";
    succeed(
        Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-t", LENGTH_S, "-i"])
            .arg(root().join("tests/audio/lj001.wav"))
            .args(["-f", "lavfi", "-i", pictures_of_test, "-map", "1:v", "-map", "0:a", "-shortest", "-c:v", "libx264"])
            .args(["-preset", "veryfast", "-g", "25", "-c:a", "aac", "-b:a", "128k", "-ar", "48000"])
            .arg(&film),
    );
    let server = RtmpServer::start();
    let service = Service::real(18_775);
    let player = Player::start(&server.url("es"), &folder.path().join("played.mkv"));
    let arguments = [
        "--chunk-ms",
        "8000",
        "--latency-ms",
        "25000",
        "--patience-s",
        "3",
        "--stall-s",
        "5",
        "--voice",
        "spanish_female_1",
    ];
    let worker = Worker::start(&server.url("live"), &server.url("es"), &service.url(), &arguments);
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
    assert!(report["service_lost"].as_u64() >= Some(1), "{report}");
    let share = report["dubbed_ms"].as_f64().expect("a number") / 30_000.0;
    assert!(share > 0.7, "most is dubbed all the same: {report}\n{log:#?}");

    let played = player.finish();
    let of_pictures = delays_of_pictures(&pictures(&film), &pictures(&played));
    let (source, programme) = (sound(&film, 0), sound(&played, 0));
    assert!(longest_silence(&programme[RATE_HZ..]) < 1.5, "between sentences it is quiet, and no longer");
    // The original under the dub tells where it is.
    for (name, of_pictures, begin) in [("first", of_pictures[0], 3), ("last", *of_pictures.last().expect("some"), 20)] {
        let about = (of_pictures * RATE_HZ as f64) as isize;
        let (samples, alike) = delay(&source, &programme, begin * RATE_HZ..(begin + 6) * RATE_HZ, about);
        let offset = samples as f64 / RATE_HZ as f64 - of_pictures;
        println!("{name}: sound is later than its pictures by {:.1} ms, alike {alike:.2}", offset * 1e3);
        assert!(offset.abs() < IN_STEP, "{name}: {offset} s, alike {alike}");
    }

    let said = recognise(&programme).to_lowercase();
    println!("heard: {said}");
    let heard = WORDS.iter().filter(|word| said.contains(**word)).count();
    assert!(heard >= 4, "it is Spanish: {heard} of {WORDS:?} in {said}");
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
