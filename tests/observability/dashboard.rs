//! Grafana's dashboard: each of its queries, asked of a Prometheus that watches a service under load.

use std::time::Instant;

use serde_json::Value;

use crate::channel::Channel;
use crate::prometheus::{Load, Prometheus};
use crate::support::{Service, root};
use crate::worker::PATIENCE;

fn dashboard() -> Value {
    let file = root().join("docker/grafana/dashboards/sts.json");
    serde_json::from_str(&std::fs::read_to_string(file).expect("it ships")).expect("JSON")
}

/// A query as Grafana sends it, for all instances.
fn filled(query: &str) -> String {
    let query = query.replace("$__rate_interval", "20s").replace("$instance", ".*").replace("$worker", ".*");
    assert!(!query.contains('$'), "an unknown variable: {query}");
    query
}

/// Queries of panels; and whether they must give something here, where there is no GPU and no translator elsewhere.
fn queries(dashboard: &Value) -> Vec<(String, bool)> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let of_panel = |panel: &Value| -> Vec<(String, bool)> {
        let must_answer = !panel["description"].as_str().is_some_and(|text| text.starts_with("Empty without"));
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.iter().map(|target| (filled(target["expr"].as_str().expect("a query")), must_answer)).collect()
    };
    panels.flat_map(of_panel).collect()
}

#[tokio::test]
async fn every_query_has_an_answer() {
    // Nobody listens there: spans are made, and lost.
    let service = Service::fake(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    let channel = Channel::start(&service);
    let prometheus = Prometheus::watching_both(&service, Some(&channel.address)).await;
    let load = Load::on(&service);
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    assert!(queries.len() > 40, "only {} queries", queries.len());
    let deadline = Instant::now() + PATIENCE;
    for (query, must_answer) in queries {
        loop {
            let series = prometheus.query(&query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
            let is_number = |series: &Value| series["value"][1].as_str().is_some_and(|value| value != "NaN");
            if !must_answer || series.iter().any(is_number) {
                break;
            }
            assert!(Instant::now() < deadline, "nothing comes of {query}");
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }
    let annotations = dashboard["annotations"]["list"].as_array().expect("a list");
    for annotation in annotations {
        prometheus.query(&filled(annotation["expr"].as_str().expect("a query"))).await.expect("a valid query");
    }
    let instances = prometheus.ask("label/instance/values", &[("match[]", "sts_build_info")]).await;
    assert_eq!(instances.expect("the variable's values"), serde_json::json!([service.address]));
    let workers = prometheus.ask("label/instance/values", &[("match[]", "sts_worker_up")]).await;
    assert_eq!(workers.expect("the variable's values"), serde_json::json!([channel.address]));
    let alert = prometheus.query("ALERTS{alertname=~\"StsWorker.*\", alertstate=\"firing\"}").await;
    assert_eq!(alert.expect("an answer"), Vec::<Value>::new(), "a worker that fares well");
    load.stop().await;
}

#[test]
fn each_panel_has_a_title_a_place_and_a_data_source() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids: Vec<u64> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    for panel in panels {
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().zip(place["w"].as_u64()).is_some_and(|(x, width)| x + width <= 24), "{panel}");
        assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        }
    }
}
