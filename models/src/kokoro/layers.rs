//! The plain layers that Kokoro is made of, with their weights.

use tch::{Kind, Tensor};

use super::weights::Weights;
use crate::engine::EngineError;

/// `y = x Wᵀ + b` over the last dimension.
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Takes `NAME.weight` `[output, input]` and `NAME.bias`.
    pub fn take(weights: &mut Weights, name: &str, input: i64, output: i64) -> Result<Self, EngineError> {
        let weight = weights.take(&format!("{name}.weight"), &[output, input])?;
        let bias = weights.take(&format!("{name}.bias"), &[output])?;
        Ok(Self { weight, bias })
    }

    /// A layer of the weights `[output, input]` and the bias `[output]`.
    pub fn from_parts(weight: Tensor, bias: Tensor) -> Self {
        Self { weight, bias }
    }

    /// The same layer with its weights in another number format; inputs must come in that format.
    pub fn in_kind(self, kind: Kind) -> Result<Self, EngineError> {
        Ok(Self { weight: self.weight.f_to_kind(kind)?, bias: self.bias.f_to_kind(kind)? })
    }

    /// `[…, input]` to `[…, output]`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        Ok(input.f_linear(&self.weight, Some(&self.bias))?)
    }
}

/// How a one-dimensional convolution walks over time.
#[derive(Clone, Copy)]
pub struct Walk {
    /// Width of the kernel in samples.
    pub kernel: i64,
    /// Step between outputs.
    pub stride: i64,
    /// Zeros put before and after the input.
    pub padding: i64,
    /// Distance between the taps.
    pub dilation: i64,
}

impl Walk {
    /// Stride 1, with as much padding as keeps the length; the kernel must be odd.
    pub fn same_length(kernel: i64, dilation: i64) -> Self {
        Self { kernel, stride: 1, padding: (kernel - 1) * dilation / 2, dilation }
    }
}

/// A convolution over time, `[batch, input, time]` to `[batch, output, time']`.
pub struct Conv1d {
    weight: Tensor,
    bias: Option<Tensor>,
    walk: Walk,
}

impl Conv1d {
    /// Takes `NAME.weight` `[output, input, kernel]` and `NAME.bias`.
    pub fn take(weights: &mut Weights, name: &str, input: i64, output: i64, walk: Walk) -> Result<Self, EngineError> {
        let weight = weights.take(&format!("{name}.weight"), &[output, input, walk.kernel])?;
        let bias = Some(weights.take(&format!("{name}.bias"), &[output])?);
        Ok(Self { weight, bias, walk })
    }

    /// Takes `NAME.weight` of a pointwise convolution that has no bias.
    pub fn take_pointwise_unbiased(
        weights: &mut Weights,
        name: &str,
        input: i64,
        output: i64,
    ) -> Result<Self, EngineError> {
        let weight = weights.take(&format!("{name}.weight"), &[output, input, 1])?;
        Ok(Self { weight, bias: None, walk: Walk::same_length(1, 1) })
    }

    /// The same layer with its weights in another number format.
    pub fn in_kind(self, kind: Kind) -> Result<Self, EngineError> {
        let bias = self.bias.map(|bias| bias.f_to_kind(kind)).transpose()?;
        Ok(Self { weight: self.weight.f_to_kind(kind)?, bias, walk: self.walk })
    }

    /// The convolution, in the number format of its weights, whatever that of the input is.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        let Walk { stride, padding, dilation, .. } = self.walk;
        let input = input.f_to_kind(self.weight.kind())?;
        Ok(input.f_conv1d(&self.weight, self.bias.as_ref(), stride, padding, dilation, 1)?)
    }
}

/// A transposed convolution over time: it makes the sequence `stride` times longer.
pub struct ConvTranspose1d {
    weight: Tensor,
    bias: Tensor,
    walk: Walk,
    output_padding: i64,
    groups: i64,
}

impl ConvTranspose1d {
    /// Takes a layer that mixes all channels: `NAME.weight` is `[input, output, kernel]`.
    pub fn take(weights: &mut Weights, name: &str, input: i64, output: i64, walk: Walk) -> Result<Self, EngineError> {
        let weight = weights.take(&format!("{name}.weight"), &[input, output, walk.kernel])?;
        let bias = weights.take(&format!("{name}.bias"), &[output])?;
        Ok(Self { weight, bias, walk, output_padding: 0, groups: 1 })
    }

    /// Takes a layer that doubles the length of each channel by itself, with a kernel of 3:
    /// `NAME.weight` is `[channels, 1, 3]`.
    pub fn take_depthwise_doubling(weights: &mut Weights, name: &str, channels: i64) -> Result<Self, EngineError> {
        let weight = weights.take(&format!("{name}.weight"), &[channels, 1, 3])?;
        let bias = weights.take(&format!("{name}.bias"), &[channels])?;
        let walk = Walk { kernel: 3, stride: 2, padding: 1, dilation: 1 };
        Ok(Self { weight, bias, walk, output_padding: 1, groups: channels })
    }

    /// The same layer with its weights in another number format.
    pub fn in_kind(self, kind: Kind) -> Result<Self, EngineError> {
        Ok(Self { weight: self.weight.f_to_kind(kind)?, bias: self.bias.f_to_kind(kind)?, ..self })
    }

    /// The convolution, in the number format of its weights, whatever that of the input is.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        let Walk { stride, padding, dilation, .. } = self.walk;
        let input = input.f_to_kind(self.weight.kind())?;
        Ok(input.f_conv_transpose1d(
            &self.weight,
            Some(&self.bias),
            stride,
            padding,
            self.output_padding,
            self.groups,
            dilation,
        )?)
    }
}

/// Normalisation over the last dimension with a learned scale and shift.
pub struct LayerNorm {
    scale: Tensor,
    shift: Tensor,
    epsilon: f64,
}

impl LayerNorm {
    /// Takes `NAME.SCALE` and `NAME.SHIFT`, both `[features]`; the two parts of Kokoro name them differently.
    pub fn take(
        weights: &mut Weights,
        name: &str,
        [scale, shift]: [&str; 2],
        features: i64,
        epsilon: f64,
    ) -> Result<Self, EngineError> {
        let scale = weights.take(&format!("{name}.{scale}"), &[features])?;
        let shift = weights.take(&format!("{name}.{shift}"), &[features])?;
        Ok(Self { scale, shift, epsilon })
    }

    /// `[…, features]`, normalised in float32 and given back in the format that came in.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        let features = self.scale.size();
        let wide = input.f_to_kind(Kind::Float)?;
        let normal = wide.f_layer_norm(&features, Some(&self.scale), Some(&self.shift), self.epsilon, true)?;
        Ok(normal.f_to_kind(input.kind())?)
    }
}

/// One bidirectional LSTM layer, batch first.
pub struct BiLstm {
    parameters: Vec<Tensor>,
    hidden: i64,
}

impl BiLstm {
    /// Takes `NAME.{weight_ih, weight_hh, bias_ih, bias_hh}_l0` and the same with `_reverse`.
    pub fn take(weights: &mut Weights, name: &str, input: i64, hidden: i64) -> Result<Self, EngineError> {
        let gates = 4 * hidden;
        let mut parameters = Vec::with_capacity(8);
        for direction in ["", "_reverse"] {
            parameters.push(weights.take(&format!("{name}.weight_ih_l0{direction}"), &[gates, input])?);
            parameters.push(weights.take(&format!("{name}.weight_hh_l0{direction}"), &[gates, hidden])?);
            parameters.push(weights.take(&format!("{name}.bias_ih_l0{direction}"), &[gates])?);
            parameters.push(weights.take(&format!("{name}.bias_hh_l0{direction}"), &[gates])?);
        }
        Ok(Self { parameters, hidden })
    }

    /// `[batch, time, input]` to `[batch, time, 2 · hidden]`, from a zero state.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        let batch = input.size().first().copied().unwrap_or_default();
        let zeros = Tensor::f_zeros([2, batch, self.hidden], (Kind::Float, input.device()))?;
        let state = [&zeros, &zeros];
        let parameters: Vec<&Tensor> = self.parameters.iter().collect();
        let (output, _, _) = input.f_lstm(&state, &parameters, true, 1, 0.0, false, true, true)?;
        Ok(output)
    }
}
