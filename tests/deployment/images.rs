//! The Dockerfiles.

use std::collections::BTreeMap;
use std::process::Command;

use super::program::{self, unknown};
use super::support::{Service, get, root};
use super::yaml::text;
use super::{USER, is_pinned};

const FILES: [&str; 2] = ["Dockerfile", "Dockerfile.cuda"];
/// For the NVIDIA Container Toolkit and for the shell, not for the program.
const OTHERS: [&str; 4] = ["PATH", "HOME", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"];

/// Instructions, with continued lines joined.
fn instructions(file: &str) -> Vec<(String, String)> {
    let whole = text(file);
    let lines: Vec<&str> = whole.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let split = joined.lines().filter_map(|line| line.split_once(' '));
    split.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

/// What `ENV` sets.
fn environment(file: &str) -> BTreeMap<String, String> {
    let instructions = instructions(file);
    let set = instructions.iter().filter(|(name, _)| name == "ENV").flat_map(|(_, rest)| rest.split_whitespace());
    set.filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn bases_are_pinned_and_no_stage_that_is_shipped_ends_as_root() {
    for file in FILES {
        let mut stages = Vec::new();
        let mut user: Option<String> = None;
        for (name, rest) in instructions(file) {
            match name.as_str() {
                "FROM" => {
                    let image = rest.split_whitespace().next().expect("an image").to_owned();
                    assert!(stages.contains(&image) || is_pinned(&image), "{file}: {image}");
                    assert!(stages.is_empty() || user.is_some() || stages == ["build"], "{file}: before {rest}");
                    stages.extend(rest.split(" AS ").nth(1).map(str::to_owned));
                }
                "USER" => user = Some(rest),
                _ => {}
            }
        }
        assert_eq!(user, Some(USER.to_string()), "{file}");
    }
}

#[test]
fn the_program_knows_and_takes_the_environment() {
    for file in FILES {
        let mut told = environment(file);
        let names = told.keys().map(String::as_str).filter(|name| !OTHERS.contains(name));
        assert_eq!(unknown(names, &program::settings()), [""; 0], "{file}");
        assert!(program::load(&told, "").is_err(), "{file}: an image that listens to everybody wants tokens");
        told.insert("WORKER_TOKENS".to_owned(), "0123456789abcdef".to_owned());
        assert!(program::load(&told, "").is_ok(), "{file}");
    }
}

#[test]
fn ports_and_health_checks_are_the_programs() {
    let port = program::defaults().port.to_string();
    let service = Service::fake(&[]);
    for file in FILES {
        let instructions = instructions(file);
        let of = |wanted: &str| instructions.iter().find(|(name, _)| name == wanted).map(|(_, rest)| rest.clone());
        assert_eq!(of("EXPOSE"), Some(port.clone()), "{file}");
        let check = of("HEALTHCHECK").expect("there is one");
        let url = format!("http://127.0.0.1:${{PORT:-{port}}}");
        let path = check.split(&url).nth(1).and_then(|rest| rest.split('"').next()).expect("it asks the program");
        assert!(get(&service.address, path).expect("it listens").starts_with("HTTP/1.1 200"), "{file}: {path}");
        assert!(instructions.contains(&("STOPSIGNAL".to_owned(), "SIGTERM".to_owned())), "{file}");
    }
}

#[test]
fn both_files_differ_in_nothing_but_the_gpu() {
    let [cpu, cuda] = FILES.map(instructions);
    // The CPU's file has the stage that fetches weights besides.
    let only_cuda: Vec<_> = cuda.iter().filter(|instruction| !cpu.contains(instruction)).collect();
    assert_eq!(only_cuda.len(), 2, "{only_cuda:?}");
    assert!(only_cuda[0].1.ends_with("docker/install.sh /opt/sts cuda"), "{only_cuda:?}");
    assert!(only_cuda[1].1.starts_with("NVIDIA_VISIBLE_DEVICES="), "{only_cuda:?}");
}

#[test]
fn no_secret_gets_into_an_image() {
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).expect("it is there");
    let ignored: Vec<&str> = ignored.lines().collect();
    for pattern in ["**/.env", "**/*.env", "**/tokens*.txt", ".git", "models/store"] {
        assert!(ignored.contains(&pattern), "{pattern}");
    }
    let kept = std::fs::read_to_string(root().join(".gitignore")).expect("it is there");
    assert!(kept.lines().any(|line| line == "/docker/.env"));
}

#[test]
fn the_scripts_are_bash() {
    let scripts =
        std::fs::read_dir(root().join("docker")).expect("it is there").map(|entry| entry.expect("read").path());
    let scripts: Vec<_> = scripts.filter(|path| path.extension().is_some_and(|ending| ending == "sh")).collect();
    assert!(scripts.len() > 4, "{scripts:?}");
    for script in scripts {
        let read = Command::new("bash").arg("-n").arg(&script).output().expect("bash starts");
        assert!(read.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&read.stderr));
    }
}
