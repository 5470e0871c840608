//! What Prometheus, Grafana and the autoscaler are told of the service.

use super::support::{Service, get};
use super::yaml::{self, members, texts};

#[test]
fn prometheus_and_grafana_find_each_other_and_the_service() {
    let composition = yaml::one("compose.yaml");
    let services = &composition["services"];
    let names: Vec<&str> = members(services).map(|(name, _)| name).collect();
    let aliases = texts(&services["service"]["networks"]["default"]["aliases"]);
    let target = |text: &str| text.split(':').next().unwrap_or_default().to_owned();

    let prometheus = yaml::one("prometheus/prometheus.yml");
    let jobs = prometheus["scrape_configs"].as_array().expect("jobs");
    let service = texts(&jobs[0]["static_configs"][0]["targets"])[0];
    assert!(aliases.contains(&target(service).as_str()), "{service} is nobody's name");
    for file in ["worker", "media"] {
        let targets = yaml::one(&format!("prometheus/targets/{file}.yml"));
        let there = texts(&targets[0]["targets"])[0];
        assert!(names.contains(&target(there).as_str()), "{there}");
        let pattern = format!("targets/{file}*.yml");
        assert!(jobs.iter().any(|job| texts(&job["file_sd_configs"][0]["files"]) == [pattern.as_str()]), "{pattern}");
    }
    let worker = texts(&services["worker"]["command"]);
    assert!(worker.contains(&"--metrics-addr=0.0.0.0:8002"), "{worker:?}");
    let media = yaml::one("mediamtx/mediamtx.yml");
    assert_eq!(media["metricsAddress"], ":9998");

    let source = yaml::one("grafana/provisioning/datasources/prometheus.yml");
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
    assert!(names.contains(&"prometheus"));
    let provider = yaml::one("grafana/provisioning/dashboards/sts.yml");
    let folder = provider["providers"][0]["options"]["path"].as_str().expect("a path");
    let mounts = texts(&services["grafana"]["volumes"]);
    assert!(mounts.contains(&format!("./grafana/dashboards:{folder}:ro").as_str()), "{mounts:?}");
    for mount in names.iter().flat_map(|name| texts(&services[name]["volumes"])) {
        let Some(source) = mount.split(':').next().and_then(|source| source.strip_prefix("./")) else { continue };
        assert!(super::support::root().join("docker").join(source).exists(), "{mount}");
    }
}

#[test]
fn the_autoscaler_asks_for_what_the_adapter_gives_of_what_the_service_has() {
    let rule = yaml::one("kubernetes/monitoring/adapter-rules.yaml")["rules"]["custom"][0].clone();
    let metric = yaml::one("kubernetes/base/autoscaler.yaml")["spec"]["metrics"][0]["pods"]["metric"]["name"].clone();
    assert_eq!(rule["name"]["as"], metric);
    let series = rule["seriesQuery"].as_str().and_then(|query| query.split('{').next()).expect("a series").to_owned();
    let metrics = get(&Service::fake(&[]).address, "/metrics").expect("it listens");
    assert!(metrics.contains(&format!("{series}{{stage=\"asr\"}}")), "{series} is none of the service's");
    let monitor = yaml::one("kubernetes/monitoring/service-monitor.yaml");
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(endpoint["path"], "/metrics");
    assert_eq!(endpoint["port"], yaml::one("kubernetes/base/service.yaml")["spec"]["ports"][0]["name"]);
}
