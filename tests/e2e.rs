//! The main job with the real models, through a real socket: `sts dub`, and the two client examples of the README.

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Service, models_dir, node, python, root, succeed};

/// One frame of the synthesiser, ms.
const FRAME_MS: f64 = 25.0;

fn frames_of(path: &Path) -> u32 {
    hound::WavReader::open(path).expect("a WAV file").duration()
}

/// All three clients in one test: they share one service, whose models take seconds to load.
#[test]
fn real_speech_is_dubbed_through_every_client() {
    let recording = root().join("tests/audio/lj001.wav");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let service = Service::real(18_765);

    let (out, report) = (folder.path().join("dubbed.wav"), folder.path().join("report.json"));
    succeed(
        Command::new(env!("CARGO_BIN_EXE_sts"))
            .arg("dub")
            .arg(&recording)
            .args(["--to", "es", "--voice", "spanish_female_1", "--url", &service.url(), "--out"])
            .arg(&out)
            .arg("--report")
            .arg(&report),
    );
    assert_eq!(frames_of(&out), frames_of(&recording), "the dub is exactly as long as the original");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("JSON");
    check(&report);

    for (name, client) in [("client.py", &mut python()), ("client.mjs", &mut javascript(folder.path()))] {
        let out = folder.path().join(name).with_extension("wav");
        let script =
            if name.ends_with("mjs") { folder.path().join(name) } else { root().join("docs/examples").join(name) };
        let output = succeed(client.arg(script).arg(service.url()).arg(&recording).arg(&out));
        assert_eq!(frames_of(&out), frames_of(&recording), "{name}");
        let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
        assert!(said.contains("libro") && said.contains("success"), "{name} said {said}");
    }
}

/// Node looks for packages beside the script, so the example gets a place where the test's are linked.
fn javascript(folder: &Path) -> Command {
    let command = node();
    std::fs::copy(root().join("docs/examples/client.mjs"), folder.join("client.mjs")).expect("copied");
    std::os::unix::fs::symlink(root().join("tests/interop/node_modules"), folder.join("node_modules")).expect("linked");
    command
}

fn check(report: &Value) {
    let fragments = report["fragments"].as_array().expect("fragments");
    assert!(fragments.len() >= 9, "52 s are at least nine fragments");
    let mut said = String::new();
    for (number, fragment) in fragments.iter().enumerate() {
        assert_eq!(fragment["sequence_number"], number);
        assert_ne!(fragment["status"], "failed", "{fragment}");
        let difference = fragment["dubbed_duration_ms"].as_f64().expect("a number")
            - fragment["original_duration_ms"].as_f64().expect("a number");
        assert!(difference.abs() <= FRAME_MS, "fragment {number} is off by {difference} ms");
        said.push_str(fragment["transcript"].as_str().expect("text"));
        said.push(' ');
    }
    let totals = &report["totals"];
    let sum = totals["dubbed_duration_ms"].as_f64().expect("a number")
        - totals["original_duration_ms"].as_f64().expect("a number");
    assert!(sum.abs() <= FRAME_MS, "the whole is off by {sum} ms");
    let said = said.to_lowercase();
    // The printer's name is spelt by ear, with one t or two.
    for word in ["printing", "chinese", "engraved", "movable", "tenberg", "bible", "surpassed"] {
        assert!(said.contains(word), "'{word}' was not recognised in: {said}");
    }
}

#[test]
fn the_readme_shows_the_examples_that_are_tested() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("a README");
    for name in ["client.py", "client.mjs"] {
        let example = std::fs::read_to_string(root().join("docs/examples").join(name)).expect("an example");
        assert!(readme.contains(&example), "README.md does not show docs/examples/{name} as it is");
    }
}

#[test]
fn the_store_is_complete() {
    // Beyond loopback as in an image, where only what listens needs tokens.
    let mut verify = Command::new(env!("CARGO_BIN_EXE_sts"));
    verify.args(["models", "verify"]).env("MODELS_DIR", models_dir()).env("HOST", "0.0.0.0");
    let output = succeed(verify.env_remove("WORKER_TOKENS"));
    let said = String::from_utf8_lossy(&output.stdout);
    for name in ["whisper-base", "kokoro-82m", "firefox-enpt", "firefox-pten", "silero-vad"] {
        assert!(said.contains(name), "{name} is not in {said}");
    }
}
