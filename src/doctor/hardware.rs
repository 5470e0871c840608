//! Processor, memory and GPU.

use std::path::Path;

use sts_models::DeviceChoice;

use super::{Finding, Machine, State};

/// Below this there is not room for the weights (0.6 GB as float32), libtorch and its working memory. An estimate
/// from the sizes of the files.
const LEAST_MEMORY_MIB: u64 = 1_536;
/// Above this several workers a stage have room as well; an estimate too.
const ENOUGH_MEMORY_MIB: u64 = 4_096;

/// Everything about the hardware.
pub(super) fn check(machine: &dyn Machine, device: DeviceChoice) -> Vec<Finding> {
    let mut findings = vec![processor(machine), memory(machine)];
    findings.extend(gpu(machine, device));
    findings
}

fn processor(machine: &dyn Machine) -> Finding {
    const WHAT: &str = "processor";
    let info = machine.read(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let Some(flags) = field("flags") else {
        return Finding::not_good(WHAT, State::Optional, "/proc/cpuinfo tells no features", "use Linux on x86-64");
    };
    let has = |feature: &str| flags.split_whitespace().any(|flag| flag == feature);
    let model = field("model name").unwrap_or_else(|| "of unknown model".to_owned());
    if !has("avx2") {
        return Finding::not_good(WHAT, State::Optional, format!("{model}, no avx2: very slow"), "use a newer machine");
    }
    let bfloat16 =
        if has("avx512_bf16") { "avx512_bf16: computes in bfloat16" } else { "no avx512_bf16: computes in float32" };
    Finding::good(WHAT, format!("{model}, avx2, {bfloat16}"))
}

fn memory(machine: &dyn Machine) -> Finding {
    const WHAT: &str = "memory";
    let info = machine.read(Path::new("/proc/meminfo")).unwrap_or_default();
    let mib = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
    };
    let (Some(total), Some(mut available)) = (mib("MemTotal"), mib("MemAvailable")) else {
        return Finding::not_good(WHAT, State::Optional, "/proc/meminfo cannot be read", "mount /proc");
    };
    let mut detail = format!("{available} MiB free of {total}");
    if let Some(limit) = container_limit_mib(machine).filter(|limit| *limit < total) {
        available = available.min(limit);
        detail += &format!(", this container may use {limit}");
    }
    match available {
        0..LEAST_MEMORY_MIB => {
            Finding::not_good(WHAT, State::Bad, detail, format!("free at least {LEAST_MEMORY_MIB} MiB"))
        }
        LEAST_MEMORY_MIB..ENOUGH_MEMORY_MIB => {
            let remedy = format!("keep to one worker a stage, or free {ENOUGH_MEMORY_MIB} MiB");
            Finding::not_good(WHAT, State::Optional, detail, remedy)
        }
        _ => Finding::good(WHAT, detail),
    }
}

/// The memory limit of the container, where there is one (control groups of version 2, then 1).
fn container_limit_mib(machine: &dyn Machine) -> Option<u64> {
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .find_map(|path| machine.read(Path::new(path)).ok())
        .and_then(|text| text.trim().parse::<u64>().ok())
        .map(|bytes| bytes / (1024 * 1024))
}

fn gpu(machine: &dyn Machine, device: DeviceChoice) -> Vec<Finding> {
    let needed = matches!(device, DeviceChoice::Cuda(_));
    if !machine.exists(Path::new("/dev/nvidiactl")) {
        let detail = "no NVIDIA driver (/dev/nvidiactl is missing)";
        return vec![if needed {
            Finding::not_good("GPU", State::Bad, detail, "install the driver, or set DEVICE=auto")
        } else {
            Finding::not_there("GPU", format!("{detail}; the processor does the work"))
        }];
    }
    let version = machine.read(Path::new("/proc/driver/nvidia/version")).unwrap_or_default();
    let version = version.lines().next().unwrap_or("of unknown version").trim_start_matches("NVRM version:").trim();
    vec![Finding::good("NVIDIA driver", version), nvml(machine), cuda(machine, device, needed)]
}

fn nvml(machine: &dyn Machine) -> Finding {
    const WHAT: &str = "NVML";
    match machine.load_library("libnvidia-ml.so.1") {
        Ok(()) => Finding::good(WHAT, "libnvidia-ml.so.1 loads: GPU figures among the metrics"),
        Err(error) => {
            let remedy = "install the driver's libnvidia-ml1, or start the container with its utility capability";
            Finding::not_good(WHAT, State::Optional, format!("{error}; no GPU figures among the metrics"), remedy)
        }
    }
}

fn cuda(machine: &dyn Machine, device: DeviceChoice, needed: bool) -> Finding {
    const WHAT: &str = "libtorch on the GPU";
    if device == DeviceChoice::Cpu {
        return Finding::not_there(WHAT, "not tried, DEVICE=cpu");
    }
    let wanted = if needed { device } else { DeviceChoice::Cuda(0) };
    match machine.resolve_device(wanted) {
        Ok((name, precision)) => Finding::good(WHAT, format!("{name} in {precision}")),
        Err(error) => {
            let remedy =
                "install the CUDA build of libtorch with its nvidia libraries, and put them on LD_LIBRARY_PATH";
            Finding::not_good(WHAT, State::absent(needed), error, remedy)
        }
    }
}
