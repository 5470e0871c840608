//! A weight file in memory, handed out tensor by tensor.

use std::collections::HashMap;
use std::path::Path;

use tch::{Kind, Tensor};

use crate::device::Device;
use crate::engine::EngineError;

/// The tensors of one safetensors file, on the device that will use them.
///
/// Layers take what they need by name and say which shape they expect, so that a wrong or truncated file is
/// refused when the engine is built and not in the middle of a request.
pub struct Weights {
    tensors: HashMap<String, Tensor>,
    device: Device,
}

impl Weights {
    /// Reads a safetensors file and moves its tensors to the device in float32.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the file cannot be read; a libtorch failure when it does not fit.
    pub fn read(path: &Path, device: Device) -> Result<Self, EngineError> {
        let named = Tensor::read_safetensors(path)
            .map_err(|error| EngineError::Unavailable(format!("weights {}: {error}", path.display())))?;
        let mut tensors = HashMap::with_capacity(named.len());
        for (name, tensor) in named {
            let moved = tensor.f_to_device(device.torch)?.f_to_kind(Kind::Float)?;
            tensors.insert(name, moved);
        }
        Ok(Self { tensors, device })
    }

    /// Where the tensors are, and in which format the large matrices are to be used.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Takes a tensor out of the file.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when it is missing or has another shape.
    pub fn take(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, EngineError> {
        let tensor = self
            .tensors
            .remove(name)
            .ok_or_else(|| EngineError::Unavailable(format!("the weight file has no tensor {name}")))?;
        if tensor.size() != shape {
            return Err(EngineError::Unavailable(format!(
                "tensor {name} has the shape {:?}, {shape:?} was expected",
                tensor.size()
            )));
        }
        Ok(tensor)
    }

    /// Names of the tensors that nobody has taken, sorted; empty once a complete model is built.
    pub fn left_over(&self) -> Vec<String> {
        let mut names: Vec<String> = self.tensors.keys().cloned().collect();
        names.sort();
        names
    }
}
