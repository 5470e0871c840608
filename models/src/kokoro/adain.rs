//! Adaptive instance normalisation: how the voice's style bends every layer (Huang and Belongie, 2017), and the
//! residual block that the prosody predictor and the decoder are built of (StyleTTS 2, Li et al., 2023).

use tch::{Kind, Tensor};

use super::fused::{self, Activation};
use super::layers::{Conv1d, ConvTranspose1d, Linear, Walk};
use super::weights::Weights;
use crate::engine::EngineError;

/// Width of a style vector: half of a voice row, one half for the decoder and one for the prosody.
pub const STYLE: i64 = 128;

/// Added to the variance, as in the model's training.
pub const EPSILON: f64 = 1e-5;

/// Slope of the rectifier in the residual blocks for negative values.
const LEAK: f32 = 0.2;

/// Normalises each channel over time, then scales and shifts it by what the style says.
pub struct AdaIn {
    style: Linear,
}

impl AdaIn {
    /// Takes `NAME.fc`.
    pub fn take(weights: &mut Weights, name: &str, channels: i64) -> Result<Self, EngineError> {
        Ok(Self { style: Linear::take(weights, &format!("{name}.fc"), STYLE, 2 * channels)? })
    }

    /// Scale and shift of each channel, each `[batch, channels, 1]`, from a style `[batch, 128]`.
    pub fn modulation(&self, style: &Tensor) -> Result<(Tensor, Tensor), EngineError> {
        let both = self.style.forward(style)?.f_unsqueeze(-1)?;
        let channels = both.size()[1] / 2;
        let scale = both.f_narrow(1, 0, channels)?.f_add_scalar(1.0)?;
        Ok((scale, both.f_narrow(1, channels, channels)?))
    }

    /// `[batch, channels, time]`, normalised, bent by the style and put through an activation, in `kind`. `rates` are
    /// those of [`Activation::Snake`].
    pub fn forward(
        &self,
        input: &Tensor,
        style: &Tensor,
        activation: Activation,
        rates: &Rates,
        kind: Kind,
    ) -> Result<Tensor, EngineError> {
        let (scale, shift) = self.modulation(style)?;
        if fused::takes(input, kind) {
            return fused::modulate(input, [&scale, &shift], activation, &rates.values, kind);
        }
        separately(input, [&scale, &shift], activation, rates, kind)
    }
}

/// What [`fused::modulate`] does, as separate tensor operations, for every device.
fn separately(
    input: &Tensor,
    [scale, shift]: [&Tensor; 2],
    activation: Activation,
    rates: &Rates,
    kind: Kind,
) -> Result<Tensor, EngineError> {
    let none = None::<&Tensor>;
    let wide = input.f_to_kind(Kind::Float)?;
    let normal = wide.f_instance_norm(none, none, none, none, true, 0.1, EPSILON, true)?;
    let bent = shift.f_addcmul(scale, &normal)?;
    let activated = match activation {
        Activation::Leaky(slope) => leaky(&bent, f64::from(slope))?,
        Activation::Snake => {
            let wave = bent.f_mul(&rates.tensor)?.f_sin()?.f_square()?;
            bent.f_add(&wave.f_div(&rates.tensor)?)?
        }
    };
    Ok(activated.f_to_kind(kind)?)
}

/// How fast the wave of [`Activation::Snake`] runs in each channel.
pub struct Rates {
    /// `[1, channels, 1]`, where the network is.
    tensor: Tensor,
    /// The same numbers.
    values: Vec<f32>,
}

impl Rates {
    /// Of a tensor `[1, channels, 1]`.
    pub fn new(tensor: Tensor) -> Result<Self, EngineError> {
        let values = Vec::<f32>::try_from(tensor.f_to_device(tch::Device::Cpu)?.f_reshape([-1])?)?;
        Ok(Self { tensor, values })
    }

    /// For an activation that has none.
    pub fn none() -> Self {
        Self { tensor: Tensor::new(), values: Vec::new() }
    }
}

/// Whether a residual block keeps the length of its input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// As long as the input.
    Same,
    /// Twice as long.
    Doubled,
}

/// Two convolutions of width 3, each after a style-driven normalisation, beside a shortcut.
pub struct StyledBlock {
    norms: [AdaIn; 2],
    convolutions: [Conv1d; 2],
    doubling: Option<ConvTranspose1d>,
    shortcut: Option<Conv1d>,
    kind: Kind,
}

impl StyledBlock {
    /// Takes `NAME.{norm1, norm2, conv1, conv2}`, `NAME.pool` when the length doubles, and `NAME.conv1x1` when the
    /// number of channels changes. The convolutions work in `kind`.
    pub fn take(
        weights: &mut Weights,
        name: &str,
        input: i64,
        output: i64,
        length: Length,
        kind: Kind,
    ) -> Result<Self, EngineError> {
        let walk = Walk::same_length(3, 1);
        let doubling = match length {
            Length::Same => None,
            Length::Doubled => Some(ConvTranspose1d::take_depthwise_doubling(weights, &format!("{name}.pool"), input)?),
        };
        let shortcut = if input == output {
            None
        } else {
            let pointwise = Conv1d::take_pointwise_unbiased(weights, &format!("{name}.conv1x1"), input, output)?;
            Some(pointwise.in_kind(kind)?)
        };
        Ok(Self {
            norms: [
                AdaIn::take(weights, &format!("{name}.norm1"), input)?,
                AdaIn::take(weights, &format!("{name}.norm2"), output)?,
            ],
            convolutions: [
                Conv1d::take(weights, &format!("{name}.conv1"), input, output, walk)?.in_kind(kind)?,
                Conv1d::take(weights, &format!("{name}.conv2"), output, output, walk)?.in_kind(kind)?,
            ],
            doubling,
            shortcut,
            kind,
        })
    }

    /// `[batch, input, time]` to `[batch, output, time or 2 · time]`, float32.
    pub fn forward(&self, input: &Tensor, style: &Tensor) -> Result<Tensor, EngineError> {
        let bend = |norm: &AdaIn, signal: &Tensor, kind: Kind| {
            norm.forward(signal, style, Activation::Leaky(LEAK), &Rates::none(), kind)
        };
        let mut residual = match &self.doubling {
            Some(doubling) => doubling.forward(&bend(&self.norms[0], input, Kind::Float)?)?,
            None => bend(&self.norms[0], input, self.kind)?,
        };
        residual = self.convolutions[0].forward(&residual)?;
        residual = bend(&self.norms[1], &residual, self.kind)?;
        residual = self.convolutions[1].forward(&residual)?.f_to_kind(Kind::Float)?;
        let sum = residual.f_add(&self.shortcut(input)?)?;
        Ok(sum.f_mul_scalar(std::f64::consts::FRAC_1_SQRT_2)?)
    }

    fn shortcut(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        let mut straight = input.shallow_clone();
        if self.doubling.is_some() {
            let time = input.size()[2];
            straight = straight.f_upsample_nearest1d([2 * time], None::<f64>)?;
        }
        if let Some(pointwise) = &self.shortcut {
            straight = pointwise.forward(&straight)?;
        }
        Ok(straight.f_to_kind(Kind::Float)?)
    }
}

/// A leaky rectifier: negative values are multiplied by `slope`.
///
/// libtorch's own `leaky_relu` takes a slope, but the binding passes its default of 0.01 alone.
pub fn leaky(input: &Tensor, slope: f64) -> Result<Tensor, EngineError> {
    Ok(input.f_maximum(&input.f_mul_scalar(slope)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other devices take the one way, the CPU the other.
    #[test]
    fn both_ways_lead_to_the_same() {
        let options = (Kind::Float, tch::Device::Cpu);
        let input = Tensor::randn([2, 7, 501], options) * 2.0;
        let modulation = [&Tensor::randn([2, 7, 1], options), &Tensor::randn([2, 7, 1], options)];
        let rates = Rates::new(Tensor::rand([1, 7, 1], options) * 5.0 + 0.2).expect("rates");
        for activation in [Activation::Snake, Activation::Leaky(LEAK)] {
            for (kind, tolerance) in [(Kind::Float, 1e-5), (Kind::BFloat16, 1e-2)] {
                let one = separately(&input, modulation, activation, &rates, kind).expect("a signal");
                let other = fused::modulate(&input, modulation, activation, &rates.values, kind).expect("a signal");
                assert_eq!((one.kind(), one.size()), (other.kind(), other.size()));
                let (one, other) = (one.to_kind(Kind::Double), other.to_kind(Kind::Double));
                let relative = f64::try_from((&one - &other).norm() / one.norm()).expect("a scalar");
                assert!(relative < tolerance, "{kind:?}: {relative}");
            }
        }
    }
}
