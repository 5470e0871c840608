//! The GPUs as NVIDIA's management library sees them.

use std::ffi::OsStr;

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use sts_actors::gpu::{GpuIdentity, GpuReader, GpuReading, GpusUnread, SweptGpu};

/// As the driver installs it; the name without a version comes with development packages alone.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Opens the library.
///
/// # Errors
/// [`GpusUnread::Absent`] where it is not installed.
pub fn open() -> Result<Box<dyn GpuReader>, GpusUnread> {
    open_library(LIBRARY)
}

fn open_library(library: &str) -> Result<Box<dyn GpuReader>, GpusUnread> {
    match Nvml::builder().lib_path(OsStr::new(library)).init() {
        Ok(nvml) => Ok(Box::new(NvmlReader(nvml))),
        Err(NvmlError::LibloadingError(_)) => Err(GpusUnread::Absent(format!("{library} is not installed"))),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &NvmlError) -> GpusUnread {
    GpusUnread::Failed(format!("NVML: {error}"))
}

struct NvmlReader(Nvml);

impl GpuReader for NvmlReader {
    fn sweep(&mut self) -> Result<Vec<SweptGpu>, GpusUnread> {
        let count = self.0.device_count().map_err(|error| failed(&error))?;
        let read = |gpu: u32| {
            let outcome = self.0.device_by_index(gpu).and_then(|device| read(&device));
            SweptGpu { gpu, outcome: outcome.map_err(|error| format!("NVML: {error}")) }
        };
        Ok((0..count).map(read).collect())
    }
}

fn read(device: &Device<'_>) -> Result<(GpuIdentity, GpuReading), NvmlError> {
    let identity = GpuIdentity { name: device.name()?, uuid: device.uuid()? };
    let memory = if_told(device.memory_info())?;
    let reading = GpuReading {
        utilization_percent: if_told(device.utilization_rates())?.map(|rates| f64::from(rates.gpu)),
        memory_used_bytes: memory.as_ref().map(|memory| memory.used),
        memory_total_bytes: memory.as_ref().map(|memory| memory.total),
        temperature_celsius: if_told(device.temperature(TemperatureSensor::Gpu))?.map(f64::from),
        power_watts: if_told(device.power_usage())?.map(|milliwatts| f64::from(milliwatts) / 1000.0),
    };
    Ok((identity, reading))
}

/// What a card, its slices (MIG) or the permissions in a container do not let be read is left out, and no failure.
fn if_told<T>(value: Result<T, NvmlError>) -> Result<Option<T>, NvmlError> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(NvmlError::NotSupported | NvmlError::NoPermission | NvmlError::FailedToLoadSymbol(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_library_there_is_nothing_to_watch() {
        let absent = GpusUnread::Absent("libno-such-driver.so.1 is not installed".to_owned());
        assert_eq!(open_library("libno-such-driver.so.1").err(), Some(absent));
    }

    #[test]
    fn what_a_card_does_not_tell_is_left_out_and_what_fails_is_said() {
        assert_eq!(if_told::<u32>(Err(NvmlError::NotSupported)).ok(), Some(None));
        assert_eq!(if_told(Ok(3)).ok(), Some(Some(3)));
        assert!(matches!(if_told::<u32>(Err(NvmlError::GpuLost)), Err(NvmlError::GpuLost)));
    }
}
