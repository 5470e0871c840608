//! The composition, its layer for a GPU, and the file of variables.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::program::{self, unknown};
use super::support::{Service, get};
use super::yaml::{self, members, text, texts};
use super::{USER, is_pinned};

const FILES: [&str; 2] = ["compose.yaml", "compose.cuda.yaml"];
/// Stands where a person must set something.
const TOKEN: &str = "0123456789abcdef";

/// Variables that a composition asks for, each with its default; `None` is one that must be set.
fn asked_for(text: &str) -> BTreeMap<String, Option<String>> {
    let variable = Regex::new(r"\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)?\}").expect("a pattern");
    variable
        .captures_iter(text)
        .map(|found| (found[1].to_owned(), found.get(2).map(|default| default.as_str().to_owned())))
        .collect()
}

/// A composition with every variable in its place.
fn composition(file: &str) -> Value {
    let mut whole = text(file);
    for (name, default) in asked_for(&whole) {
        let place = Regex::new(&format!(r"\$\{{{name}(:[^}}]*)?\}}")).expect("a pattern");
        whole = place.replace_all(&whole, default.as_deref().unwrap_or(TOKEN)).into_owned();
    }
    yaml::parse(&whole).remove(0)
}

fn environment(service: &Value) -> BTreeMap<String, String> {
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    members(&service["environment"]).map(|(name, text)| (name.to_owned(), value(text))).collect()
}

#[test]
fn the_example_of_variables_has_every_one_with_its_default() {
    let mut asked = BTreeMap::new();
    for file in FILES {
        asked.extend(asked_for(&text(file)));
    }
    let example = text(".env.example");
    let lines = example.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let given: BTreeMap<String, String> = lines
        .map(|line| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).expect("NAME=value"))
        .collect();
    let asked: BTreeMap<String, String> =
        asked.into_iter().map(|(name, default)| (name, default.unwrap_or_default())).collect();
    assert_eq!(given, asked);
}

#[test]
fn every_container_is_confined_and_its_image_pinned() {
    let composition = composition(FILES[0]);
    let images: BTreeSet<&str> =
        members(&composition["services"]).map(|(_, service)| service["image"].as_str().expect("an image")).collect();
    assert!(images.iter().all(|image| is_pinned(image)), "{images:?}");
    for (name, service) in members(&composition["services"]) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        let user = service["user"].as_str().and_then(|user| user.split(':').next()?.parse::<u64>().ok());
        assert!(user.is_some_and(|user| user > 0), "{name} runs as {user:?}");
        assert!(service["privileged"].is_null() && service["network_mode"].is_null(), "{name}");
        // What fills the volume ends by itself.
        assert!(name == "models" || !service["healthcheck"]["test"].is_null(), "{name} has no health check");
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to everybody: {port}");
        }
    }
    for name in ["service", "worker", "models"] {
        assert_eq!(composition["services"][name]["user"], format!("{USER}:{USER}"), "{name}");
    }
}

#[test]
fn the_program_knows_and_takes_what_it_is_told() {
    let composition = composition(FILES[0]);
    let known = program::settings();
    for name in ["service", "models"] {
        let told = environment(&composition["services"][name]);
        assert_eq!(unknown(told.keys().map(String::as_str), &known), [""; 0], "{name}");
    }
    let mut told = environment(&composition["services"]["service"]);
    assert!(program::load(&told, "").is_ok());
    told.insert("HOST".to_owned(), "0.0.0.0".to_owned()); // as the image has it
    let config = program::load(&told, "").expect("it is taken");
    assert_eq!(config.worker_tokens.listed, [TOKEN]);

    let cuda = environment(&self::composition(FILES[1])["services"]["service"]);
    assert_eq!(unknown(cuda.keys().map(String::as_str), &known), [""; 0]);
    told.extend(cuda);
    assert!(program::load(&told, "").is_ok());

    let worker = environment(&composition["services"]["worker"]);
    assert_eq!(unknown(worker.keys().map(String::as_str), &program::variables_of("worker")), [""; 0]);
    let command = texts(&composition["services"]["worker"]["command"]);
    assert_eq!(command[0], "worker");
    assert_eq!(program::unknown_worker_flags(command), [""; 0]);
}

#[test]
fn the_program_listens_and_answers_where_it_is_looked_for() {
    let composition = composition(FILES[0]);
    let service = &composition["services"]["service"];
    let port = program::defaults().port.to_string();
    assert!(texts(&service["ports"])[0].ends_with(&format!(":{port}")));
    let check = texts(&service["healthcheck"]["test"]).pop().expect("a command").to_owned();
    let path = check.strip_prefix(&format!("http://127.0.0.1:{port}")).expect("the port is the program's");
    let answer = get(&Service::fake(&[]).address, path).expect("it listens");
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");

    let worker = texts(&composition["services"]["worker"]["command"]);
    assert!(worker.contains(&format!("--url=http://service:{port}").as_str()), "{worker:?}");
    let metrics = worker.iter().find_map(|flag| flag.strip_prefix("--metrics-addr=0.0.0.0:")).expect("for Prometheus");
    let check = texts(&composition["services"]["worker"]["healthcheck"]["test"]).pop().expect("a command").to_owned();
    assert_eq!(check, format!("http://127.0.0.1:{metrics}/metrics"));
}

#[test]
fn a_stop_leaves_time_to_drain() {
    let composition = composition(FILES[0]);
    let service = &composition["services"]["service"];
    let grace = service["stop_grace_period"].as_str().and_then(|text| humantime::parse_duration(text).ok());
    let config = program::load(&environment(service), "").expect("it is taken");
    assert!(grace >= Some(program::time_to_drain(&config)) && grace < Some(Duration::from_secs(300)), "{grace:?}");
}

#[test]
fn the_media_server_has_the_ports_that_are_published_and_used() {
    let composition = composition(FILES[0]);
    let media = yaml::one("mediamtx/mediamtx.yml");
    let inside: BTreeSet<String> = texts(&composition["services"]["media"]["ports"])
        .iter()
        .filter_map(|port| port.rsplit(':').next())
        .map(|port| port.trim_end_matches("/udp").to_owned())
        .collect();
    let said: BTreeSet<String> = ["rtmpAddress", "rtspAddress", "hlsAddress", "srtAddress"]
        .iter()
        .filter_map(|name| media[name].as_str()?.strip_prefix(':').map(str::to_owned))
        .collect();
    assert_eq!(said.len(), 4);
    assert_eq!(inside, said);
    let check = texts(&composition["services"]["media"]["healthcheck"]["test"]).pop().expect("a command").to_owned();
    assert!(check.contains(media["apiAddress"].as_str().expect("an address")), "{check}");
    for flag in ["--input=", "--output="] {
        let worker = texts(&composition["services"]["worker"]["command"]);
        let url = worker.iter().find_map(|argument| argument.strip_prefix(flag)).expect("a URL");
        assert!(url.starts_with("rtmp://media:1935/") && media["rtmpAddress"] == ":1935", "{url}");
    }
}
