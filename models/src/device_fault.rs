//! What a text of libtorch, CUDA or the driver says about the device. Their C interfaces carry nothing else, and a text
//! that went through a panic is read in the same way.

/// What is wrong with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceFault {
    /// It has no room; it is sound otherwise, and a smaller batch may do.
    OutOfMemory,
    /// It is gone, hangs, or has lost its state: nothing that lives on it can be trusted.
    Broken,
}

/// Allocators of libtorch (CUDA's and the CPU's) and of CUDA's libraries.
const OUT_OF_MEMORY: [&str; 5] = [
    "out of memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUFFT_ALLOC_FAILED",
];

/// The prefixes that libtorch gives to errors of CUDA and its libraries, and what is said when there is no device.
const BROKEN: [&str; 12] = [
    "CUDA error",
    "CUDA driver error",
    "CUDA Runtime Error",
    "CUBLAS_STATUS_",
    "CUDNN_STATUS_",
    "cuDNN error",
    "cuFFT error",
    "CUSOLVER_STATUS_",
    "Found no NVIDIA driver",
    "no NVIDIA driver on this machine",
    "libtorch sees",
    "libtorch_cuda.so cannot be loaded",
];

impl DeviceFault {
    /// Reads a text; `None` when it is about something else.
    pub fn of(text: &str) -> Option<Self> {
        if OUT_OF_MEMORY.iter().any(|sign| text.contains(sign)) {
            Some(Self::OutOfMemory)
        } else if BROKEN.iter().any(|sign| text.contains(sign)) {
            Some(Self::Broken)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineError;

    #[test]
    fn texts_of_cuda_and_libtorch_are_told_apart() {
        let texts = [
            (
                "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.11 GiB of which 4.19 \
                 MiB is free.",
                Some(DeviceFault::OutOfMemory),
            ),
            ("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`", Some(DeviceFault::OutOfMemory)),
            (
                "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to \
                 allocate 8 bytes.",
                Some(DeviceFault::OutOfMemory),
            ),
            (
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
                Some(DeviceFault::OutOfMemory),
            ),
            ("CUDA error: an illegal memory access was encountered", Some(DeviceFault::Broken)),
            ("CUDA error: device-side assert triggered", Some(DeviceFault::Broken)),
            ("CUDA error: uncorrectable ECC error encountered", Some(DeviceFault::Broken)),
            ("CUDA error: unspecified launch failure", Some(DeviceFault::Broken)),
            ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`", Some(DeviceFault::Broken)),
            ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", Some(DeviceFault::Broken)),
            (
                "called `Result::unwrap()` on an `Err` value: Torch(\"CUDA error: the launch timed out\")",
                Some(DeviceFault::Broken),
            ),
            ("no NVIDIA driver on this machine (/dev/nvidiactl is missing)", Some(DeviceFault::Broken)),
            ("cuda:1 was asked for, libtorch sees 1 GPUs", Some(DeviceFault::Broken)),
            ("The size of tensor a (3) must match the size of tensor b (4)", None),
            ("index out of bounds: the len is 3 but the index is 7", None),
        ];
        for (text, fault) in texts {
            assert_eq!(DeviceFault::of(text), fault, "{text}");
        }
    }

    #[test]
    fn libtorch_itself_says_when_there_is_no_room() {
        // 256 TiB: more than a process can address.
        let error =
            tch::Tensor::f_zeros([1 << 46], (tch::Kind::Float, tch::Device::Cpu)).expect_err("no machine has so much");
        assert!(matches!(EngineError::from_torch(&error), EngineError::OutOfMemory(_)), "{error}");
        let one = tch::Tensor::f_zeros([2, 3], (tch::Kind::Float, tch::Device::Cpu)).expect("room for six numbers");
        let error = one.f_view([5]).expect_err("six are not five");
        assert!(matches!(EngineError::from_torch(&error), EngineError::Poisoned(_)), "{error}");
    }

    #[test]
    fn a_full_device_is_no_reason_to_throw_the_engine_away_and_a_broken_one_is() {
        let error = |text: &str| EngineError::from_torch(&tch::TchError::Torch(text.to_owned()));
        let full = error("CUDA out of memory. Tried to allocate 20.00 MiB.\nand a second line");
        let EngineError::OutOfMemory(text) = &full else { panic!("{full}") };
        assert!(text.contains("Tried to allocate") && !text.contains("second line"), "{text}");
        assert!(!full.poisons());
        assert!(error("CUDA error: device-side assert triggered").poisons());
        assert!(error("shape '[2, 3]' is invalid for input of size 5").poisons());
    }
}
