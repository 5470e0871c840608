//! Reading safetensors into the few kinds of layer that Whisper is made of.

use std::collections::HashMap;
use std::path::Path;

use tch::{Kind, Tensor};

use crate::device::Device;
use crate::engine::EngineError;

/// The tensors of one safetensors file, still on the CPU and in the file's format.
pub struct Weights {
    tensors: HashMap<String, Tensor>,
    device: Device,
}

impl Weights {
    /// Reads the whole file.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the file is missing or is no safetensors file.
    pub fn read(path: &Path, device: Device) -> Result<Self, EngineError> {
        let tensors = Tensor::read_safetensors(path)
            .map_err(|error| EngineError::Unavailable(format!("{}: {error}", path.display())))?;
        Ok(Self { tensors: tensors.into_iter().collect(), device })
    }

    /// How many layers there are: the names `{prefix}.0.…`, `{prefix}.1.…` and so on.
    pub fn layers(&self, prefix: &str) -> usize {
        (0..).take_while(|i| self.tensors.keys().any(|name| name.starts_with(&format!("{prefix}.{i}.")))).count()
    }

    /// A tensor on the device, in `kind`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the file has no such tensor.
    pub fn tensor(&self, name: &str, kind: Kind) -> Result<Tensor, EngineError> {
        let tensor =
            self.tensors.get(name).ok_or_else(|| EngineError::Unavailable(format!("the weights have no {name}")))?;
        Ok(tensor.f_to_kind(kind)?.f_to(self.device.torch)?.f_contiguous()?)
    }

    /// A linear layer in the device's fast format; without a bias in the file it has none.
    pub fn linear(&self, name: &str) -> Result<Linear, EngineError> {
        self.stacked(&[name])
    }

    /// Several linear layers over one input as a single one: their outputs follow each other.
    /// A missing bias beside others counts as zero.
    pub fn stacked(&self, names: &[&str]) -> Result<Linear, EngineError> {
        let kind = self.device.kind;
        let weights =
            names.iter().map(|name| self.tensor(&format!("{name}.weight"), kind)).collect::<Result<Vec<_>, _>>()?;
        let mut biases = Vec::with_capacity(names.len());
        for (name, weight) in names.iter().zip(&weights) {
            let bias = format!("{name}.bias");
            biases.push(if self.tensors.contains_key(&bias) {
                self.tensor(&bias, kind)?
            } else {
                Tensor::f_zeros([weight.size()[0]], (kind, self.device.torch))?
            });
        }
        Ok(Linear { weight: Tensor::f_cat(&weights, 0)?, bias: Tensor::f_cat(&biases, 0)? })
    }

    /// A layer normalisation, in float32.
    pub fn norm(&self, name: &str) -> Result<Norm, EngineError> {
        Ok(Norm {
            weight: self.tensor(&format!("{name}.weight"), Kind::Float)?,
            bias: self.tensor(&format!("{name}.bias"), Kind::Float)?,
            output: self.device.kind,
        })
    }

    /// A one-dimensional convolution over three frames, in the device's fast format.
    pub fn convolution(&self, name: &str, stride: i64) -> Result<Convolution, EngineError> {
        Ok(Convolution {
            weight: self.tensor(&format!("{name}.weight"), self.device.kind)?,
            bias: self.tensor(&format!("{name}.bias"), self.device.kind)?,
            stride,
        })
    }
}

/// `x · weightᵀ + bias`.
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// `[…, in]` to `[…, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}

/// Layer normalisation over the last dimension; computed in float32, given on in the device's fast format.
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    output: Kind,
}

impl Norm {
    /// `[…, width]` in float32 to the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        let width = self.weight.size();
        x.f_layer_norm(width, Some(&self.weight), Some(&self.bias), 1e-5, false)?.f_to_kind(self.output)
    }
}

/// A convolution with a kernel of three frames, padded by one at each end.
pub struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
}

impl Convolution {
    /// `[batch, in, frames]` to `[batch, out, frames / stride]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        x.f_conv1d(&self.weight, Some(&self.bias), self.stride, 1, 1, 1)
    }

    /// Channels that go in.
    pub fn input_channels(&self) -> i64 {
        self.weight.size()[1]
    }
}
