//! The number formats that the family's matrices may have.

use std::str::FromStr;

use crate::device::Device;

/// What the operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// What pays: float32 on a CPU, where these matrices are too small for another to pay; the device's own format on
    /// a GPU.
    #[default]
    Auto,
    /// float32, wherever it is.
    Float32,
    /// int8, inputs too, on a CPU and for Firefox's models alone: as `fxtranslate` computes.
    Int8,
}

impl Precision {
    /// The device with this format.
    ///
    /// # Errors
    /// A sentence that names the device, when it does not have the format.
    pub fn on(self, device: Device) -> Result<Device, String> {
        let is_cpu = device.torch == tch::Device::Cpu;
        match self {
            Self::Auto if is_cpu => Ok(Device::CPU_F32),
            Self::Auto => Ok(device),
            Self::Float32 => Ok(Device { kind: tch::Kind::Float, ..device }),
            Self::Int8 if is_cpu => Ok(Device::CPU_INT8),
            Self::Int8 => Err(format!("int8 is for the CPU, and the device is {}", device.name())),
        }
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::Float32),
            "int8" => Ok(Self::Int8),
            _ => Err("is not one of auto, f32, int8".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn each_device_has_its_formats() {
        let cpu = Device { kind: Kind::BFloat16, ..Device::CPU_F32 };
        let gpu = Device { torch: tch::Device::Cuda(1), kind: Kind::BFloat16 };
        for (name, on_cpu, on_gpu) in [
            ("auto", Kind::Float, Ok(Kind::BFloat16)),
            ("f32", Kind::Float, Ok(Kind::Float)),
            ("int8", Kind::QInt8, Err("int8 is for the CPU, and the device is cuda:1".to_owned())),
        ] {
            let precision: Precision = name.parse().expect("it is one");
            assert_eq!(precision.on(cpu), Ok(Device { kind: on_cpu, ..cpu }), "{name}");
            assert_eq!(precision.on(gpu), on_gpu.map(|kind| Device { kind, ..gpu }), "{name}");
        }
        assert!("bf16".parse::<Precision>().is_err());
    }
}
