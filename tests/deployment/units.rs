//! The units of systemd; their syntax is checked by docker/lint.sh.

use std::time::Duration;

use super::program::{self, unknown};
use super::yaml::text;

/// Values of a key, in order.
fn values(unit: &str, key: &str) -> Vec<String> {
    let whole = text(&format!("systemd/{unit}")).replace("\\\n", " ");
    let pairs = whole.lines().filter_map(|line| line.split_once('='));
    pairs.filter(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned()).collect()
}

/// Names and values of all `Environment=`.
fn environment(unit: &str) -> Vec<(String, String)> {
    let lines = values(unit, "Environment");
    let pairs = lines.iter().flat_map(|line| line.split_whitespace()).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_service_is_told_what_the_program_knows_and_given_the_tokens_that_it_is_told_of() {
    let told = environment("sts.service");
    assert_eq!(unknown(told.iter().map(|(name, _)| name.as_str()), &program::settings()), [""; 0]);
    let credentials = values("sts.service", "LoadCredential");
    let given: Vec<&str> = credentials.iter().filter_map(|credential| credential.split(':').next()).collect();
    let read: Vec<&str> = told.iter().filter_map(|(_, value)| value.strip_prefix("%d/")).collect();
    assert_eq!(given, read);
    assert!(told.iter().any(|(name, _)| name == "WORKER_TOKENS_FILE"));
    assert_eq!(values("sts.service", "RestartPreventExitStatus"), ["2"]);
}

#[test]
fn a_stop_leaves_time_to_drain() {
    let limit: u64 = values("sts.service", "TimeoutStopSec")[0].parse().expect("seconds");
    assert!(Duration::from_secs(limit) > program::time_to_drain(&program::defaults()));
}

#[test]
fn units_run_as_nobody_in_particular_and_may_do_little() {
    for unit in ["sts.service", "sts-worker@.service"] {
        for (key, value) in [
            ("DynamicUser", "yes"),
            ("NoNewPrivileges", "yes"),
            ("CapabilityBoundingSet", ""),
            ("ProtectSystem", "strict"),
            ("ProtectHome", "yes"),
            ("PrivateTmp", "yes"),
            ("SystemCallFilter", "@system-service"),
            ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ] {
            assert_eq!(values(unit, key), [value], "{unit}: {key}");
        }
        assert!(values(unit, "User").is_empty());
    }
}

#[test]
fn the_worker_is_given_flags_that_it_knows_and_variables_that_are_named() {
    let command = values("sts-worker@.service", "ExecStart").remove(0);
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words[..2], ["/opt/sts/bin/sts", "worker"]);
    assert_eq!(program::unknown_worker_flags(words.iter().copied()), [""; 0]);
    let set: Vec<String> = environment("sts-worker@.service").into_iter().map(|(name, _)| name).collect();
    let asked = words.iter().filter_map(|word| word.split_once("${")?.1.strip_suffix('}'));
    // What the unit does not set, its comment says that a person must.
    let comment = text("systemd/sts-worker@.service");
    let comment = comment.split("[Unit]").next().unwrap_or_default();
    let unsaid: Vec<&str> =
        asked.filter(|name| !set.iter().any(|known| known == name) && !comment.contains(*name)).collect();
    assert_eq!(unsaid, [""; 0]);
}
