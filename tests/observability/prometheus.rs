//! A real Prometheus that scrapes a service under load.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::polling::Worker as PollingWorker;
use crate::support::{Service, root};
use crate::worker::{PATIENCE, Worker};

/// Prometheus in a process of its own, with the rules that ship; killed when dropped.
pub struct Prometheus {
    child: Child,
    address: String,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes the service every second, rather than every five: nobody likes to wait for tests.
    pub async fn watching(service: &Service) -> Self {
        Self::watching_both(service, None).await
    }

    /// The same, and a worker that serves its metrics there.
    pub async fn watching_both(service: &Service, worker: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shipped = root().join("docker/prometheus");
        let configuration = std::fs::read_to_string(shipped.join("prometheus.yml"))
            .expect("it ships")
            .replace("5s", "1s")
            .replace("rules/*.yml", &shipped.join("rules/*.yml").display().to_string())
            .replace("sts:8000", &service.address);
        // Without the folder Prometheus would complain.
        std::fs::create_dir(folder.path().join("targets")).expect("a folder");
        if let Some(address) = worker {
            let ships = std::fs::read_to_string(shipped.join("targets/worker.yml")).expect("it ships");
            let targets = ships.replace("worker:8002", address);
            assert!(targets.contains(address), "{ships}");
            std::fs::write(folder.path().join("targets/worker.yml"), targets).expect("it can be written");
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration).expect("it can be written");
        // Prometheus does not say which port it took, if it was to take any.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus is missing: docker/system-packages.sh tests");
        let prometheus = Self { child, address, client: reqwest::Client::new(), _folder: folder };
        prometheus.wait_for("up{job=\"sts\"} == 1").await;
        prometheus
    }

    /// What its API answers under `/api/v1/`.
    ///
    /// # Errors
    /// Its complaint.
    pub async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let answer = self.client.get(url).query(parameters).send().await.map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer.to_string()) }
    }

    /// The series that a query gives now.
    ///
    /// # Errors
    /// Its complaint.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let data = self.ask("query", &[("query", query)]).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until a query gives something.
    pub async fn wait_for(&self, query: &str) -> Vec<Value> {
        self.wait_until(query, |series| !series.is_empty()).await
    }

    async fn wait_until(&self, query: &str, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.query(query).await;
            if let Ok(series) = &answer
                && fits(series)
            {
                return series.clone();
            }
            assert!(Instant::now() < deadline, "{query}: {answer:?}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Work for a service, of all kinds, until it is told to stop.
pub struct Load {
    stop: oneshot::Sender<()>,
    working: JoinHandle<()>,
}

impl Load {
    pub fn on(service: &Service) -> Self {
        let (address, url) = (service.address.clone(), service.url());
        let (stop, mut stopped) = oneshot::channel();
        let working = tokio::spawn(async move {
            let mut worker = Worker::open(&address, "under-load").await;
            let mut round = 0;
            while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
                round += 1;
                worker.dub(1, 20).await;
                worker.dub(23, round).await;
                worker.dub(4, round).await;
                // Its translation is too long, and another is asked for.
                worker.dub(40, 30).await;
                PollingWorker::connect(&url, json!({"stream_id": "not an id"})).await;
            }
            worker.end().await;
        });
        Self { stop, working }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.working.await.expect("every fragment was answered");
    }
}

#[tokio::test]
async fn series_arrive_and_those_of_a_stream_leave_with_it() {
    let service = Service::fake(&[]);
    let prometheus = Prometheus::watching(&service).await;
    let load = Load::on(&service);
    let of_stream = "sts_fragments_in_flight{stream_id=\"under-load\"}";
    let series = prometheus.wait_for(of_stream).await;
    assert_eq!(series[0]["metric"]["instance"], json!(service.address));
    prometheus.wait_for("sum(rate(sts_fragments_processed_total{status=\"success\"}[20s])) > 0").await;
    prometheus.wait_for("sts:fragment_processing_seconds:p95_5m > 0").await;
    prometheus.wait_for("sts:stage_duration_seconds:p95_5m{stage=\"tts\"} >= 0").await;
    // Half of the fragments fail or cost a worker: that is what the alerts are for.
    prometheus.wait_for("ALERTS{alertname=\"StsPanics\", alertstate=\"firing\"}").await;
    prometheus.wait_for("ALERTS{alertname=\"StsFragmentsFail\"}").await;
    load.stop().await;
    prometheus.wait_until(of_stream, |series| series.is_empty()).await;
    prometheus.wait_until("sts_fragment_processing_seconds_count", |series| series.is_empty()).await;
    assert!(!prometheus.query("sts_fragments_processed_total").await.expect("an answer").is_empty());
}
