//! Where tensors live and in which number format: CPU or CUDA, chosen at run time by one binary.

use std::str::FromStr;

/// What the operator asked for: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA when a GPU and its libraries are there, else the CPU.
    #[default]
    Auto,
    /// The CPU, whatever else there is.
    Cpu,
    /// This GPU; an error when it is not there.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "is not one of auto, cpu, cuda, cuda:N".to_owned();
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| invalid()),
            _ => Err(invalid()),
        }
    }
}

/// A device and the number format that is fast on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Device {
    /// libtorch's device.
    pub torch: tch::Device,
    /// Format of the large matrices; what must stay exact is float32 everywhere.
    pub kind: tch::Kind,
}

impl Device {
    /// The CPU in float32: the reference that parity tests use.
    pub const CPU_F32: Self = Self { torch: tch::Device::Cpu, kind: tch::Kind::Float };

    /// The CPU in int8, for the models that are made for it.
    pub const CPU_INT8: Self = Self { torch: tch::Device::Cpu, kind: tch::Kind::QInt8 };

    /// Resolves the operator's choice on this machine.
    ///
    /// On a CPU the format is bfloat16 when the processor has AVX-512 BF16 instructions, else float32.
    /// On a GPU it is bfloat16 from compute capability 8.0 on, else float16.
    ///
    /// # Errors
    /// A sentence that says what is missing, when CUDA was asked for by name and cannot be had.
    pub fn resolve(choice: DeviceChoice) -> Result<Self, String> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::cpu()),
            DeviceChoice::Cuda(index) => Self::cuda(index),
            DeviceChoice::Auto => Ok(Self::cuda(0).unwrap_or_else(|_| Self::cpu())),
        }
    }

    fn cpu() -> Self {
        let kind = if cpu_has_fast_bfloat16() { tch::Kind::BFloat16 } else { tch::Kind::Float };
        Self { torch: tch::Device::Cpu, kind }
    }

    fn cuda(index: usize) -> Result<Self, String> {
        load_cuda_libraries()?;
        let count = tch::Cuda::device_count();
        if index as i64 >= count {
            return Err(format!("cuda:{index} was asked for, libtorch sees {count} GPUs"));
        }
        Ok(Self { torch: tch::Device::Cuda(index), kind: kind_of(generation(index)) })
    }

    /// Short name, as `cpu` or `cuda:0`.
    pub fn name(&self) -> String {
        match self.torch {
            tch::Device::Cuda(index) => format!("cuda:{index}"),
            _ => "cpu".to_owned(),
        }
    }

    /// Short name of the number format, as `bf16`.
    pub fn precision(&self) -> String {
        match self.kind {
            tch::Kind::BFloat16 => "bf16",
            tch::Kind::Half => "f16",
            tch::Kind::QInt8 => "int8",
            _ => "f32",
        }
        .to_owned()
    }
}

/// The format that GPUs of a generation are fast in; of one that is not known, that of today's.
fn kind_of(generation: Option<i32>) -> tch::Kind {
    if generation.is_some_and(|generation| generation < 8) { tch::Kind::Half } else { tch::Kind::BFloat16 }
}

/// The first number of a GPU's compute capability, by the driver, which counts GPUs as libtorch does.
fn generation(index: usize) -> Option<i32> {
    use libloading::{Library, Symbol};
    type Init = unsafe extern "C" fn(u32) -> i32;
    type DeviceGet = unsafe extern "C" fn(*mut i32, i32) -> i32;
    type DeviceGetAttribute = unsafe extern "C" fn(*mut i32, i32, i32) -> i32;
    const COMPUTE_CAPABILITY_MAJOR: i32 = 75;
    let index = i32::try_from(index).ok()?;
    let (mut device, mut generation) = (0, 0);
    // SAFETY: the driver's library is what libtorch itself opens; the three functions have had these types since CUDA 2,
    // and write one integer each to where they are told.
    unsafe {
        let driver = Library::new("libcuda.so.1").ok()?;
        let init: Symbol<Init> = driver.get(b"cuInit").ok()?;
        let device_get: Symbol<DeviceGet> = driver.get(b"cuDeviceGet").ok()?;
        let attribute: Symbol<DeviceGetAttribute> = driver.get(b"cuDeviceGetAttribute").ok()?;
        let is_known = init(0) == 0
            && device_get(&mut device, index) == 0
            && attribute(&mut generation, COMPUTE_CAPABILITY_MAJOR, device) == 0;
        is_known.then_some(generation)
    }
}

fn cpu_has_fast_bfloat16() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|info| info.contains("avx512_bf16"))
}

/// Opens `libtorch_cuda.so` for the whole process, before the first tensor; the program itself is linked to the CPU
/// library alone, so that it also starts where there is no GPU. What could not be opened is tried again when it is
/// asked for again.
fn load_cuda_libraries() -> Result<(), String> {
    use std::sync::{Mutex, PoisonError};
    static IS_LOADED: Mutex<bool> = Mutex::new(false);
    let mut is_loaded = IS_LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_loaded {
        if !std::path::Path::new("/dev/nvidiactl").exists() {
            return Err("no NVIDIA driver on this machine (/dev/nvidiactl is missing)".to_owned());
        }
        let flags = libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL;
        // SAFETY: the library's initialisers only register kernels with libtorch, which is already loaded.
        let library = unsafe { libloading::os::unix::Library::open(Some("libtorch_cuda.so"), flags) }
            .map_err(|error| format!("libtorch_cuda.so cannot be loaded: {error}"))?;
        std::mem::forget(library);
        *is_loaded = true;
    }
    if tch::Cuda::is_available() { Ok(()) } else { Err("libtorch sees no GPU".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_before_compute_capability_8_have_float16() {
        let kinds = [Some(7), Some(8), Some(12), None].map(kind_of);
        use tch::Kind::{BFloat16, Half};
        assert_eq!(kinds, [Half, BFloat16, BFloat16, BFloat16]);
    }

    #[test]
    fn a_gpu_that_is_not_there_has_no_generation() {
        assert_eq!(generation(999), None);
    }
}
