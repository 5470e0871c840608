//! The last readings, where any thread can see them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::reading::{GpuIdentity, GpuReading};

/// How a GPU is, as far as is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GpuObservation {
    /// Its number on this machine.
    pub gpu: u32,
    /// Which one it is.
    #[serde(flatten)]
    pub identity: GpuIdentity,
    /// What it is doing; `None` while it cannot be read.
    pub reading: Option<GpuReading>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Every GPU that was ever read, as it is now. Empty without a GPU.
#[derive(Clone, Debug, Default)]
pub struct GpuBoard(Arc<Mutex<BTreeMap<u32, GpuObservation>>>);

impl GpuBoard {
    /// All of them, in the order of their numbers.
    pub fn observe(&self) -> Vec<GpuObservation> {
        self.locked().values().cloned().collect()
    }

    /// Notes a reading; says whether the GPU was unknown, or unreadable before.
    pub(super) fn note(&self, gpu: u32, identity: GpuIdentity, reading: GpuReading) -> bool {
        let observation = GpuObservation { gpu, identity, reading: Some(reading), error: None };
        self.locked().insert(gpu, observation).is_none_or(|before| before.reading.is_none())
    }

    /// Notes that a GPU cannot be read; says whether it could be before.
    pub(super) fn lose(&self, gpu: u32, error: &str) -> bool {
        let mut gpus = self.locked();
        let unknown = || GpuIdentity { name: String::new(), uuid: String::new() };
        let observation =
            gpus.entry(gpu).or_insert_with(|| GpuObservation { gpu, identity: unknown(), reading: None, error: None });
        let is_news = observation.reading.take().is_some() || observation.error.is_none();
        observation.error = Some(error.to_owned());
        is_news
    }

    /// Those that can be read now.
    pub(super) fn readable(&self) -> Vec<u32> {
        let gpus = self.locked();
        gpus.values().filter(|gpu| gpu.reading.is_some()).map(|gpu| gpu.gpu).collect()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u32, GpuObservation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
