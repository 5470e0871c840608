//! GPUs that are made up: a JSON file, read at each sweep, says what they do. `FAKE_GPUS` names it; without, there is
//! none. A file that is gone is a driver that fails.
//!
//! `[{"gpu": 0, "utilization_percent": 40, "memory_used_bytes": 1024}, {"gpu": 1, "error": "it fell off the bus"}]`

use std::path::PathBuf;

use serde_json::Value;
use sts_actors::gpu::{GpuIdentity, GpuReader, GpuReading, GpusUnread, SweptGpu};

/// Gives the fake driver.
pub fn open() -> Result<Box<dyn GpuReader>, GpusUnread> {
    match std::env::var_os("FAKE_GPUS") {
        Some(path) => Ok(Box::new(FakeDriver(path.into()))),
        None => Err(GpusUnread::Absent("FAKE_GPUS is not set".to_owned())),
    }
}

struct FakeDriver(PathBuf);

impl GpuReader for FakeDriver {
    fn sweep(&mut self) -> Result<Vec<SweptGpu>, GpusUnread> {
        let failed = |error: &dyn std::fmt::Display| GpusUnread::Failed(error.to_string());
        let text = std::fs::read_to_string(&self.0).map_err(|error| failed(&error))?;
        let gpus: Vec<Value> = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        Ok(gpus.iter().map(swept).collect())
    }
}

fn swept(told: &Value) -> SweptGpu {
    let gpu = told["gpu"].as_u64().and_then(|gpu| u32::try_from(gpu).ok()).expect("`gpu` is a number");
    let identity = GpuIdentity { name: "Fake GPU".to_owned(), uuid: format!("GPU-fake-{gpu}") };
    let reading = GpuReading {
        utilization_percent: told["utilization_percent"].as_f64(),
        memory_used_bytes: told["memory_used_bytes"].as_u64(),
        memory_total_bytes: told["memory_total_bytes"].as_u64(),
        temperature_celsius: told["temperature_celsius"].as_f64(),
        power_watts: told["power_watts"].as_f64(),
    };
    let outcome = told["error"].as_str().map_or(Ok((identity, reading)), |error| Err(error.to_owned()));
    SweptGpu { gpu, outcome }
}
