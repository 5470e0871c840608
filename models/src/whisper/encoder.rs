//! Whisper's encoder: two convolutions and a stack of pre-norm transformer layers.

use tch::{Kind, TchError, Tensor};

use super::weights::{Convolution, Linear, Norm, Weights};
use crate::device::Device;
use crate::engine::EngineError;

/// Width of one attention head, the same in every published size.
pub const HEAD_WIDTH: i64 = 64;

/// Log-mel frames to acoustic states.
pub struct Encoder {
    convolution_1: Convolution,
    convolution_2: Convolution,
    positions: Tensor,
    layers: Vec<EncoderLayer>,
    norm: Norm,
    device: Device,
}

impl Encoder {
    /// Takes the tensors under `model.encoder`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when one is missing.
    pub fn load(weights: &Weights, device: Device) -> Result<Self, EngineError> {
        let layers = (0..weights.layers("model.encoder.layers"))
            .map(|i| EncoderLayer::load(weights, &format!("model.encoder.layers.{i}")))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            convolution_1: weights.convolution("model.encoder.conv1", 1)?,
            convolution_2: weights.convolution("model.encoder.conv2", 2)?,
            positions: weights.tensor("model.encoder.embed_positions.weight", Kind::Float)?,
            layers,
            norm: weights.norm("model.encoder.layer_norm")?,
            device,
        })
    }

    /// Mel bands that it takes.
    pub fn bands(&self) -> i64 {
        self.convolution_1.input_channels()
    }

    /// States for the whole window: 1 500.
    pub fn full_context(&self) -> i64 {
        self.positions.size()[0]
    }

    /// `[batch, bands, 2 · context]` in float32 to `[batch, context, width]` in the device's fast format.
    ///
    /// A context under [`Self::full_context`] hears only the window's beginning, at a cost that falls with it.
    pub fn forward(&self, mel: &Tensor) -> Result<Tensor, TchError> {
        let x = mel.f_to(self.device.torch)?.f_to_kind(self.device.kind)?;
        let x = self.convolution_1.forward(&x)?.f_gelu("none")?;
        let x = self.convolution_2.forward(&x)?.f_gelu("none")?.f_transpose(1, 2)?;
        let context = x.size()[1];
        // The residual stream stays in float32: it is what rounding to bfloat16 hurts first.
        let mut x = x.f_to_kind(Kind::Float)?.f_add(&self.positions.f_narrow(0, 0, context)?)?;
        for layer in &self.layers {
            x = layer.forward(x)?;
        }
        self.norm.forward(&x)
    }
}

struct EncoderLayer {
    attention_norm: Norm,
    query_key_value: Linear,
    attention_out: Linear,
    inner_norm: Norm,
    inner_in: Linear,
    inner_out: Linear,
}

impl EncoderLayer {
    fn load(weights: &Weights, prefix: &str) -> Result<Self, EngineError> {
        let name = |part: &str| format!("{prefix}.{part}");
        Ok(Self {
            attention_norm: weights.norm(&name("self_attn_layer_norm"))?,
            query_key_value: weights.stacked(&[
                &name("self_attn.q_proj"),
                &name("self_attn.k_proj"),
                &name("self_attn.v_proj"),
            ])?,
            attention_out: weights.linear(&name("self_attn.out_proj"))?,
            inner_norm: weights.norm(&name("final_layer_norm"))?,
            inner_in: weights.linear(&name("fc1"))?,
            inner_out: weights.linear(&name("fc2"))?,
        })
    }

    fn forward(&self, mut x: Tensor) -> Result<Tensor, TchError> {
        let projected = self.query_key_value.forward(&self.attention_norm.forward(&x)?)?;
        let parts = split_heads(&projected, 3)?;
        let heard = attend(&parts[0], &parts[1], &parts[2], None, false)?;
        x = x.f_add_(&self.attention_out.forward(&join_heads(&heard)?)?)?;
        let inner = self.inner_in.forward(&self.inner_norm.forward(&x)?)?.f_gelu("none")?;
        x.f_add_(&self.inner_out.forward(&inner)?)
    }
}

/// `[batch, time, parts · heads · 64]` to `parts` views of `[batch, heads, time, 64]`.
pub fn split_heads(x: &Tensor, parts: i64) -> Result<Vec<Tensor>, TchError> {
    let (batch, time, width) = x.size3()?;
    x.f_view([batch, time, parts, width / parts / HEAD_WIDTH, HEAD_WIDTH])?.f_permute([2, 0, 3, 1, 4])?.f_unbind(0)
}

/// `[batch, heads, time, 64]` to `[batch, time, heads · 64]`.
pub fn join_heads(x: &Tensor) -> Result<Tensor, TchError> {
    let (batch, heads, time, width) = x.size4()?;
    x.f_transpose(1, 2)?.f_reshape([batch, time, heads * width])
}

/// Scaled dot-product attention over `[batch, heads, time, 64]`, with an additive mask or a causal one.
pub fn attend(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, causal: bool) -> Result<Tensor, TchError> {
    Tensor::f_scaled_dot_product_attention(q, k, v, mask, 0.0, causal, None, false)
}
