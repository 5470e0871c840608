//! The rules that ship for Prometheus, by its own tool.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{root, succeed};

fn folder() -> PathBuf {
    root().join("docker/prometheus")
}

fn promtool() -> Command {
    let mut command = Command::new("promtool");
    command.current_dir(folder());
    command
}

fn read(path: &str) -> String {
    std::fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn configuration_and_rules_are_valid() {
    let output = succeed(promtool().args(["check", "config", "prometheus.yml"]));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("2 rule files found"), "{said}");
}

#[test]
fn each_alert_fires_when_it_should() {
    succeed(promtool().args(["test", "rules", "tests/alerts.yml"]));
}

/// Names of the alerts in a rule file.
fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn each_alert_has_a_case_that_fires_one_that_does_not_and_a_runbook() {
    let (rules, cases) = (read("rules/alerts.yml"), read("tests/alerts.yml"));
    let document = std::fs::read_to_string(root().join("docs/observability.md")).expect("a document");
    let cases: Vec<&str> = cases.split("  - name: ").skip(1).collect();
    let alerts = alerts(&rules);
    assert!(alerts.len() > 15);
    for (index, alert) in alerts.iter().enumerate() {
        let of_alert = |case: &&&str| case.lines().any(|line| line.trim() == format!("alertname: {alert}"));
        let fires = |case: &&&str| case.contains("exp_labels: ");
        let firing: Vec<&&str> = cases.iter().filter(of_alert).filter(fires).collect();
        assert_eq!(cases.iter().filter(of_alert).filter(|case| !fires(case)).count(), 1, "{alert} stays quiet");
        assert_eq!(firing.len(), 1, "{alert} fires");
        assert!(document.contains(&format!("\n### {alert}\n")), "{alert} has no runbook");
        let rule = rules.split("- alert: ").nth(index + 1).expect("as many rules as names");
        let waits = !rule.contains("\n        for: ") || firing[0].contains("exp_alerts: []");
        assert!(waits, "nothing says until when {alert} does not fire yet");
        for wanted in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(wanted), "{alert} has no {wanted}");
        }
        let runbook = format!("runbook_url: docs/observability.md#{}\n", alert.to_lowercase());
        assert!(rule.contains(&runbook) || rule.ends_with(runbook.trim()), "{alert} does not name its runbook");
    }
}
