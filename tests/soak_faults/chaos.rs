//! What an operator and the world do to the service meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::Service;
use crate::support::operator::Operator;

const STAGES: [&str; 3] = ["asr", "translation", "tts"];
/// Workers that each stage has at the start, and is left with.
const WORKERS: [usize; 3] = [3, 2, 3];

/// One thing after another, at random.
pub struct Chaos {
    operator: Operator,
    folder: PathBuf,
    random: fastrand::Rng,
    /// Longest pause between two deeds, ms.
    pace_ms: u64,
    actions: BTreeMap<String, u64>,
}

impl Chaos {
    pub fn new(service: &Service, folder: &Path, seed: u64, is_whole: bool) -> Self {
        let pace_ms = if is_whole { 8_000 } else { 2_000 };
        let random = fastrand::Rng::with_seed(seed.wrapping_add(99));
        Self { operator: Operator::of(service), folder: folder.to_owned(), random, pace_ms, actions: BTreeMap::new() }
    }

    /// Waits a little, does one thing, and undoes it where it would last.
    pub async fn act(&mut self) {
        self.wait(100, self.pace_ms).await;
        let index = self.random.usize(..3);
        let stage = STAGES[index];
        match self.random.u8(..10) {
            0..=2 => {
                self.command("rolling restart", |operator| async move { operator.restart(stage, "rolling").await })
                    .await
            }
            3 | 4 => {
                self.command("restart of all", |operator| async move { operator.restart(stage, "all").await }).await
            }
            5 | 6 => {
                let workers = self.random.usize(1..=4);
                self.command("scale", |operator| async move { operator.scale(stage, workers).await }).await;
            }
            7 => {
                self.command("pause", |operator| async move { operator.post(&format!("/stages/{stage}/pause")).await })
                    .await;
                self.wait(100, 1_500).await;
                self.command(
                    "resume",
                    |operator| async move { operator.post(&format!("/stages/{stage}/resume")).await },
                )
                .await;
            }
            8 => {
                self.note("weights of a stage taken away and put back".to_owned());
                let broken = self.folder.join(format!("broken-{stage}"));
                std::fs::write(&broken, "").expect("written");
                // One that stays away would be seen when a worker is to be replaced: have one replaced.
                self.command(
                    "restart without weights",
                    |operator| async move { operator.restart(stage, "rolling").await },
                )
                .await;
                self.wait(100, 1_000).await;
                std::fs::remove_file(&broken).expect("removed");
            }
            _ => {
                self.note("GPU taken away and put back".to_owned());
                let gpu = self.folder.join("gpu");
                std::fs::remove_file(&gpu).expect("removed");
                self.wait(500, 3_000).await;
                std::fs::write(&gpu, "").expect("written");
                for stage in STAGES {
                    self.command("restart, to come back to the GPU", |operator| async move {
                        operator.restart(stage, "rolling").await
                    })
                    .await;
                }
            }
        }
    }

    /// Leaves everything as it was at the start.
    pub async fn mend(&mut self) {
        for (stage, workers) in STAGES.into_iter().zip(WORKERS) {
            // Until nothing is being replaced any more.
            while self.operator.scale(stage, workers).await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// What was done, and with which status it was answered.
    pub fn actions(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.actions.iter()
    }

    /// Workers lost, by stage.
    pub async fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        for stage in STAGES {
            let observed = self.operator.stage(stage).await;
            losses.push(format!(
                "{stage}: workers lost: {}, stuck now: {}",
                observed["restarts"], observed["abandoned_threads"]
            ));
        }
        losses
    }

    async fn wait(&mut self, from_ms: u64, to_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.u64(from_ms..to_ms))).await;
    }

    fn note(&mut self, action: String) {
        *self.actions.entry(action).or_default() += 1;
    }

    async fn command<F>(&mut self, what: &str, command: impl FnOnce(Operator) -> F)
    where
        F: Future<Output = (u16, serde_json::Value)>,
    {
        let (status, answer) = command(self.operator.clone()).await;
        // Busy with another restart, or a new worker could not start: both are said, and the stage goes on.
        assert!([200, 409, 502].contains(&status), "{what}: {status}, {answer}");
        self.note(format!("{what}: {status}"));
    }
}
