//! The short-time Fourier transform at the two ends of the vocoder: 20 points, a step of 5, a Hann window.

use tch::{Kind, Tensor};

use crate::engine::EngineError;

/// Points of the transform.
pub const POINTS: i64 = 20;
/// Samples between two columns.
pub const STEP: i64 = 5;
/// Frequencies of one column.
pub const BINS: i64 = POINTS / 2 + 1;

/// The transform with its window.
pub struct Spectrum {
    window: Tensor,
}

impl Spectrum {
    /// Makes the window on the device.
    pub fn new(device: tch::Device) -> Result<Self, EngineError> {
        Ok(Self { window: Tensor::f_hann_window(POINTS, (Kind::Float, device))? })
    }

    /// Samples `[batch, time]` to magnitude and phase, one under the other: `[batch, 22, time / 5 + 1]`.
    pub fn analyse(&self, samples: &Tensor) -> Result<Tensor, EngineError> {
        let window = Some(&self.window);
        // Mirrored edges make each column's window stand around its time; libtorch would do it by itself, but the
        // binding also passes an option that libtorch refuses together with it.
        let mirrored = samples.f_reflection_pad1d([POINTS / 2, POINTS / 2])?;
        let spectrum =
            mirrored.f_stft_center(POINTS, STEP, POINTS, window, false, "reflect", false, true, true, false)?;
        Ok(Tensor::f_cat(&[spectrum.f_abs()?, spectrum.f_angle()?], 1)?)
    }

    /// Magnitude and phase, each `[batch, 11, columns]`, to samples `[batch, 5 · (columns − 1)]`.
    pub fn synthesise(&self, magnitude: &Tensor, phase: &Tensor) -> Result<Tensor, EngineError> {
        let spectrum = Tensor::f_polar(&magnitude.f_contiguous()?, &phase.f_contiguous()?)?;
        let window = Some(&self.window);
        Ok(spectrum.f_istft(POINTS, STEP, POINTS, window, true, false, true, None::<i64>, false)?)
    }
}
