//! The vocoder: from coarse acoustic states and an excitation to the waveform, by way of a small inverse Fourier
//! transform (iSTFTNet, Kaneko et al., 2022) with periodic activations (Snake, Ziyin et al., 2020).

use tch::{Kind, Tensor};

use super::adain::{AdaIn, Rates, leaky};
use super::excitation::{Excitation, Noise};
use super::fused::Activation;
use super::layers::{Conv1d, ConvTranspose1d, Walk};
use super::spectrum::{BINS, Spectrum};
use super::weights::Weights;
use crate::engine::EngineError;

/// Channels before the first and after each of the two upsampling steps.
const CHANNELS: [i64; 3] = [512, 256, 128];
/// Kernels of the three parallel blocks after each upsampling step.
const KERNELS: [i64; 3] = [3, 7, 11];
/// Distance between the taps of the first convolution in each of the three layers of a block.
const DILATIONS: [i64; 3] = [1, 3, 5];

/// The waveform generator.
pub struct Generator {
    excitation: Excitation,
    spectrum: Spectrum,
    stages: [Stage; 2],
    last: Conv1d,
}

impl Generator {
    /// Takes the tensors under `decoder.generator.`; the large convolutions work in the device's number format.
    pub fn take(weights: &mut Weights) -> Result<Self, EngineError> {
        let device = weights.device();
        let first = Walk { kernel: 20, stride: 10, padding: 5, dilation: 1 };
        let second = Walk { kernel: 12, stride: 6, padding: 3, dilation: 1 };
        // The excitation has the rate of the second step: the first sees every sixth column.
        let first_source = Walk { kernel: 12, stride: 6, padding: 3, dilation: 1 };
        let second_source = Walk::same_length(1, 1);
        Ok(Self {
            excitation: Excitation::take(weights)?,
            spectrum: Spectrum::new(device.torch)?,
            stages: [
                Stage::take(weights, 0, first, first_source, 7)?,
                Stage::take(weights, 1, second, second_source, 11)?,
            ],
            last: Conv1d::take(weights, "decoder.generator.conv_post", CHANNELS[2], 2 * BINS, Walk::same_length(7, 1))?,
        })
    }

    /// Acoustic states `[batch, 512, 2 · frames]`, a style `[batch, 128]` and a pitch curve `[batch, 2 · frames]` to
    /// samples `[batch, 600 · frames]`.
    pub fn forward(
        &self,
        states: &Tensor,
        style: &Tensor,
        pitch: &Tensor,
        noise: &Noise,
    ) -> Result<Tensor, EngineError> {
        let source = self.spectrum.analyse(&self.excitation.forward(pitch, noise)?)?;
        let coarse = self.stages[0].forward(states, &source, style, 0)?;
        // One column more, mirrored, so that there are as many as the transform of the excitation has.
        let fine = self.stages[1].forward(&coarse, &source, style, 1)?;
        let columns = self.last.forward(&leaky(&fine, 0.01)?)?;
        let magnitude = columns.f_narrow(1, 0, BINS)?.f_exp()?;
        let phase = columns.f_narrow(1, BINS, BINS)?.f_sin()?;
        self.spectrum.synthesise(&magnitude, &phase)
    }
}

/// One upsampling step: a transposed convolution, the excitation added, and three blocks whose mean goes on.
struct Stage {
    upsample: ConvTranspose1d,
    source: Conv1d,
    source_block: SnakeBlock,
    blocks: Vec<SnakeBlock>,
}

impl Stage {
    fn take(
        weights: &mut Weights,
        index: usize,
        walk: Walk,
        source: Walk,
        source_kernel: i64,
    ) -> Result<Self, EngineError> {
        let kind = weights.device().kind;
        let name = "decoder.generator";
        let (input, output) = (CHANNELS[index], CHANNELS[index + 1]);
        let mut blocks = Vec::with_capacity(KERNELS.len());
        for (offset, kernel) in KERNELS.into_iter().enumerate() {
            let block = format!("{name}.resblocks.{}", index * KERNELS.len() + offset);
            blocks.push(SnakeBlock::take(weights, &block, output, kernel)?);
        }
        Ok(Self {
            upsample: ConvTranspose1d::take(weights, &format!("{name}.ups.{index}"), input, output, walk)?
                .in_kind(kind)?,
            source: Conv1d::take(weights, &format!("{name}.noise_convs.{index}"), 2 * BINS, output, source)?,
            source_block: SnakeBlock::take(weights, &format!("{name}.noise_res.{index}"), output, source_kernel)?,
            blocks,
        })
    }

    /// `mirrored` columns are put before the upsampled states, copied from those after the first.
    fn forward(&self, states: &Tensor, source: &Tensor, style: &Tensor, mirrored: i64) -> Result<Tensor, EngineError> {
        let excited = self.source_block.forward(&self.source.forward(source)?, style)?;
        let mut fine = self.upsample.forward(&leaky(states, 0.1)?)?.f_to_kind(Kind::Float)?;
        if mirrored > 0 {
            fine = fine.f_reflection_pad1d([mirrored, 0])?;
        }
        fine = fine.f_add(&excited)?;
        let mut sum: Option<Tensor> = None;
        for block in &self.blocks {
            let output = block.forward(&fine, style)?;
            sum = Some(match sum {
                None => output,
                Some(mut sum) => sum.f_add_(&output)?,
            });
        }
        let sum = sum.ok_or_else(|| EngineError::Poisoned("a vocoder stage without blocks".to_owned()))?;
        Ok(sum.f_div_scalar(self.blocks.len() as f64)?)
    }
}

/// A residual block of three layers, each of two convolutions, with style-driven normalisation and the Snake
/// activation before each of them.
struct SnakeBlock {
    layers: Vec<[SnakeConv; 2]>,
}

impl SnakeBlock {
    fn take(weights: &mut Weights, name: &str, channels: i64, kernel: i64) -> Result<Self, EngineError> {
        let mut layers = Vec::with_capacity(DILATIONS.len());
        for (index, dilation) in DILATIONS.into_iter().enumerate() {
            layers.push([
                SnakeConv::take(weights, name, 1, index, channels, Walk::same_length(kernel, dilation))?,
                SnakeConv::take(weights, name, 2, index, channels, Walk::same_length(kernel, 1))?,
            ]);
        }
        Ok(Self { layers })
    }

    fn forward(&self, input: &Tensor, style: &Tensor) -> Result<Tensor, EngineError> {
        let mut states = input.shallow_clone();
        for [first, second] in &self.layers {
            let residual = second.forward(&first.forward(&states, style)?, style)?;
            states = states.f_add(&residual)?;
        }
        Ok(states)
    }
}

/// Normalisation, Snake, convolution.
struct SnakeConv {
    norm: AdaIn,
    rates: Rates,
    convolution: Conv1d,
    kind: Kind,
}

impl SnakeConv {
    fn take(
        weights: &mut Weights,
        block: &str,
        half: usize,
        layer: usize,
        channels: i64,
        walk: Walk,
    ) -> Result<Self, EngineError> {
        let kind = weights.device().kind;
        let convolution = format!("{block}.convs{half}.{layer}");
        Ok(Self {
            norm: AdaIn::take(weights, &format!("{block}.adain{half}.{layer}"), channels)?,
            rates: Rates::new(weights.take(&format!("{block}.alpha{half}.{layer}"), &[1, channels, 1])?)?,
            kind,
            convolution: Conv1d::take(weights, &convolution, channels, channels, walk)?.in_kind(kind)?,
        })
    }

    fn forward(&self, input: &Tensor, style: &Tensor) -> Result<Tensor, EngineError> {
        let bent = self.norm.forward(input, style, Activation::Snake, &self.rates, self.kind)?;
        self.convolution.forward(&bent)
    }
}
