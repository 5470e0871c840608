//! What befalls the fakes without a fragment asking for it; all of it by environment variables.
//!
//! | variable | what |
//! | --- | --- |
//! | `FAKE_FAULTS` | `seed=7 asr.panic=0.01 *.fail=0.1`: the chance of each kind at each job, by stage or for all |
//! | `FAKE_WORK_MS` | `700,40,600`: what a job takes in each stage |
//! | `FAKE_START_MS` | what building an engine takes |
//! | `FAKE_BROKEN` | no engine of a stage can be built while there is a file of this name with `-asr` (and so on) at its end |
//! | `FAKE_GPU` | the engines are on a GPU that is there as long as this file is |
//!
//! | kind | what |
//! | --- | --- |
//! | `fail` | fails with `INTERNAL`, and stays sound |
//! | `oom` | fails with `GPU_OUT_OF_MEMORY` |
//! | `poison` | fails and says that its engine cannot be trusted any more |
//! | `panic` | panics |
//! | `slow` | takes half of the stage's limit longer |
//! | `late` | takes one and a half limits longer: the job has been answered by then |
//! | `stuck` | takes four limits longer: the thread has been left behind by then |

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sts::config::Config;
use sts_actors::stage::StageFailure;
use sts_protocol::{ErrorCode, Stage};

const KINDS: [&str; 7] = ["fail", "oom", "poison", "panic", "slow", "late", "stuck"];

/// Where a stage's engines are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Nothing is said of it.
    Unnamed,
    /// The made-up GPU.
    Gpu,
    /// What is left without it.
    Cpu,
}

/// What befalls one stage.
pub struct Faults {
    limit: Duration,
    /// In the order of [`KINDS`].
    chances: [f64; 7],
    random: Mutex<fastrand::Rng>,
    work: Duration,
    start: Duration,
    broken: Option<PathBuf>,
    gpu: Option<PathBuf>,
}

impl Faults {
    /// Reads the environment.
    pub fn of(stage: Stage, config: &Config) -> Self {
        let index = Stage::ALL.iter().position(|&known| known == stage).expect("one of three");
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let milliseconds = |text: &str| Duration::from_millis(text.parse().unwrap_or(0));
        let (seed, chances) = read(&variable("FAKE_FAULTS"), stage);
        Self {
            limit: config.timeouts[index],
            chances,
            random: Mutex::new(fastrand::Rng::with_seed(seed + index as u64)),
            work: milliseconds(variable("FAKE_WORK_MS").split(',').nth(index).unwrap_or("")),
            start: milliseconds(&variable("FAKE_START_MS")),
            broken: std::env::var_os("FAKE_BROKEN").map(|prefix| {
                let mut path = prefix;
                path.push(format!("-{}", stage.as_str()));
                path.into()
            }),
            gpu: std::env::var_os("FAKE_GPU").map(PathBuf::from),
        }
    }

    /// Whether there is a made-up GPU to be built on.
    pub fn has_gpu(&self) -> bool {
        self.gpu.is_some()
    }

    /// What building an engine is like.
    pub fn build(&self, device: Device) -> Result<(), String> {
        std::thread::sleep(self.start);
        if self.broken.as_ref().is_some_and(|path| path.exists()) {
            return Err("told to have no weights".to_owned());
        }
        self.check(device)
    }

    fn check(&self, device: Device) -> Result<(), String> {
        match &self.gpu {
            Some(path) if device == Device::Gpu && !path.exists() => Err("CUDA error: told to be gone".to_owned()),
            _ => Ok(()),
        }
    }

    /// What befalls a batch before anything is done.
    pub fn strike_batch(&self, device: Device) -> Result<(), StageFailure> {
        self.check(device).map_err(|message| StageFailure { code: ErrorCode::StageUnavailable, message, poisons: true })
    }

    /// What befalls one job.
    pub fn strike(&self) -> Result<(), StageFailure> {
        std::thread::sleep(self.work);
        let fail = |code| Err(StageFailure::new(code, "befallen by chance"));
        match self.draw() {
            Some("fail") => return fail(ErrorCode::Internal),
            Some("oom") => return fail(ErrorCode::GpuOutOfMemory),
            Some("poison") => {
                return fail(ErrorCode::StageUnavailable).map_err(|failure| StageFailure { poisons: true, ..failure });
            }
            Some("panic") => panic!("befallen by chance"),
            Some("slow") => std::thread::sleep(self.limit / 2),
            Some("late") => std::thread::sleep(self.limit * 3 / 2),
            Some("stuck") => std::thread::sleep(self.limit * 4),
            _ => {}
        }
        Ok(())
    }

    fn draw(&self) -> Option<&'static str> {
        let mut point = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        for (kind, chance) in KINDS.iter().zip(self.chances) {
            if point < chance {
                return Some(kind);
            }
            point -= chance;
        }
        None
    }
}

fn read(text: &str, stage: Stage) -> (u64, [f64; 7]) {
    let (mut seed, mut chances) = (0, [0.0; 7]);
    for word in text.split_whitespace() {
        let (key, value) = word.split_once('=').expect("FAKE_FAULTS: key=value");
        if key == "seed" {
            seed = value.parse().expect("FAKE_FAULTS: seed is a number");
            continue;
        }
        let (whose, kind) = key.split_once('.').expect("FAKE_FAULTS: stage.kind");
        let index = KINDS.iter().position(|known| *known == kind).expect("FAKE_FAULTS: a known kind");
        if whose == "*" || whose == stage.as_str() {
            chances[index] = value.parse().expect("FAKE_FAULTS: a chance");
        }
    }
    (seed, chances)
}
