//! Normalisation, modulation and activation of a signal in one go over its memory, for the CPU.
//!
//! The vocoder does this 48 times over signals of several million values. As separate tensor operations it takes
//! eight passes through memory and a sine of full precision, together a third of the time of the convolutions
//! between; here each channel stays in the cache, and comes out in the number format that the next convolution
//! takes.

use tch::{Kind, Tensor};

use super::adain::EPSILON;
use crate::engine::EngineError;

/// What is done to each value after it was normalised, scaled and shifted.
#[derive(Clone, Copy)]
pub enum Activation {
    /// Negative values are multiplied by this.
    Leaky(f32),
    /// A periodic bump is added, at a rate for each channel that is given beside.
    Snake,
}

/// Values under which it does not pay to wake another thread.
const WORTH_A_THREAD: usize = 1 << 16;

/// One value in memory.
trait Sample: Copy + Send + Sync {
    fn widen(self) -> f32;
    fn narrow(value: f32) -> Self;
}

impl Sample for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        value
    }
}

/// The upper half of a float32.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Bfloat16(u16);

impl Sample for Bfloat16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    /// To the nearest, ties to even. Not-a-number may become infinite: both are found at the end of the network.
    #[inline(always)]
    fn narrow(value: f32) -> Self {
        let bits = value.to_bits();
        Self((bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16)
    }
}

/// Whether [`modulate`] can take a tensor.
pub fn takes(input: &Tensor, kind: Kind) -> bool {
    let known = |kind| matches!(kind, Kind::Float | Kind::BFloat16);
    input.device() == tch::Device::Cpu && known(input.kind()) && known(kind)
}

/// A signal `[batch, channels, time]` normalised over time, times `scale` plus `shift` (each `[batch, channels, 1]`),
/// through the activation, in `kind`. `rates` are the activation's, one for each channel.
///
/// # Errors
/// [`EngineError::InvalidInput`] when [`takes`] says no, or shapes do not agree; a libtorch failure when memory is
/// short.
pub fn modulate(
    input: &Tensor,
    [scale, shift]: [&Tensor; 2],
    activation: Activation,
    rates: &[f32],
    kind: Kind,
) -> Result<Tensor, EngineError> {
    let shape = input.size();
    let (&[batch, channels, time], true) = (shape.as_slice(), takes(input, kind)) else {
        return Err(EngineError::InvalidInput(format!("a signal of shape {shape:?}")));
    };
    let input = input.f_contiguous()?;
    let output = Tensor::f_empty(&shape, (kind, tch::Device::Cpu))?;
    let (scales, shifts) = (values(scale)?, values(shift)?);
    let rows = (batch * channels) as usize;
    let rates_fit = matches!(activation, Activation::Leaky(_)) || rates.len() == channels as usize;
    if scales.len() != rows || shifts.len() != rows || !rates_fit {
        return Err(EngineError::InvalidInput(format!("a modulation that does not belong to {shape:?}")));
    }
    let rows = Rows { scales: &scales, shifts: &shifts, rates, activation, time: time as usize };
    match (input.kind(), kind) {
        (Kind::Float, Kind::Float) => rows.run::<f32, f32>(&input, &output),
        (Kind::Float, _) => rows.run::<f32, Bfloat16>(&input, &output),
        (_, Kind::Float) => rows.run::<Bfloat16, f32>(&input, &output),
        _ => rows.run::<Bfloat16, Bfloat16>(&input, &output),
    }
    Ok(output)
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, EngineError> {
    Ok(Vec::<f32>::try_from(tensor.f_reshape([-1])?)?)
}

/// All that a thread needs to know to do some of the rows.
struct Rows<'a> {
    scales: &'a [f32],
    shifts: &'a [f32],
    rates: &'a [f32],
    activation: Activation,
    time: usize,
}

impl Rows<'_> {
    /// The two tensors must be contiguous, on the CPU, of the kinds of `I` and `O`, and of as many values as there
    /// are rows of `time`: [`modulate`] sees to it.
    fn run<I: Sample, O: Sample>(&self, input: &Tensor, output: &Tensor) {
        let values = self.scales.len() * self.time;
        if values == 0 {
            return;
        }
        // SAFETY: contiguous tensors of that many values of that kind on the CPU, which outlive this call; nobody
        // else holds the output yet, and the input is only read.
        let (from, to) = unsafe {
            (
                std::slice::from_raw_parts(input.data_ptr().cast::<I>().cast_const(), values),
                std::slice::from_raw_parts_mut(output.data_ptr().cast::<O>(), values),
            )
        };
        let threads = (tch::get_num_threads().max(1) as usize).min(values.div_ceil(WORTH_A_THREAD));
        let share = self.scales.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let mut parts = from.chunks(share * self.time).zip(to.chunks_mut(share * self.time)).enumerate();
            let own = parts.next();
            for (index, (from, to)) in parts {
                scope.spawn(move || self.part(index * share, from, to));
            }
            if let Some((_, (from, to))) = own {
                self.part(0, from, to);
            }
        });
    }

    /// Some rows, the first of which is row `first` of all.
    fn part<I: Sample, O: Sample>(&self, first: usize, from: &[I], to: &mut [O]) {
        for (offset, (from, to)) in from.chunks(self.time).zip(to.chunks_mut(self.time)).enumerate() {
            let row = first + offset;
            let rate = if self.rates.is_empty() { 0.0 } else { self.rates[row % self.rates.len()] };
            let row = Row { scale: self.scales[row], shift: self.shifts[row], rate, activation: self.activation };
            row.run(from, to);
        }
    }
}

/// One channel of one signal.
#[derive(Clone, Copy)]
struct Row {
    scale: f32,
    shift: f32,
    rate: f32,
    activation: Activation,
}

impl Row {
    /// The same code, compiled for what the processor has.
    fn run<I: Sample, O: Sample>(self, from: &[I], to: &mut [O]) {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                // SAFETY: the processor has what the function is compiled for; AVX-512 implies AVX2 and FMA.
                return unsafe { self.run_avx512(from, to) };
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { self.run_avx2(from, to) };
            }
        }
        self.code::<I, O, { cfg!(target_arch = "aarch64") }>(from, to);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
    fn run_avx512<I: Sample, O: Sample>(self, from: &[I], to: &mut [O]) {
        self.code::<I, O, true>(from, to);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn run_avx2<I: Sample, O: Sample>(self, from: &[I], to: &mut [O]) {
        self.code::<I, O, true>(from, to);
    }

    /// `FMA`: whether the processor multiplies and adds in one instruction; without one it would be a call.
    #[inline(always)]
    fn code<I: Sample, O: Sample, const FMA: bool>(self, from: &[I], to: &mut [O]) {
        let mean = sum(from, |value| value) / from.len() as f32;
        let square = |value: f32| (value - mean) * (value - mean);
        let variance = sum(from, square) / from.len() as f32;
        let gain = self.scale / (variance + EPSILON as f32).sqrt();
        let offset = add_product::<FMA>(self.shift, -mean, gain);
        match self.activation {
            Activation::Leaky(slope) => {
                for (from, to) in from.iter().zip(to) {
                    let value = add_product::<FMA>(offset, from.widen(), gain);
                    *to = O::narrow(value.max(value * slope));
                }
            }
            Activation::Snake => {
                let (turns, height) = (self.rate * std::f32::consts::FRAC_1_PI, 1.0 / self.rate);
                for (from, to) in from.iter().zip(to) {
                    let value = add_product::<FMA>(offset, from.widen(), gain);
                    let sine = sine_of_half_turns::<FMA>(value * turns);
                    *to = O::narrow(add_product::<FMA>(value, sine * sine, height));
                }
            }
        }
    }
}

/// A sum in sixteen lanes, so that it can be done with vectors and does not lose small values in a long row.
#[inline(always)]
fn sum<I: Sample>(values: &[I], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (whole, rest) = values.as_chunks::<16>();
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += of(value.widen());
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| of(value.widen())).sum::<f32>()
}

/// `sin(π x)` up to its sign, which does not matter to who squares it: Taylor's series to the eleventh power on the
/// nearest half wave, where its error is under 6·10⁻⁸.
#[inline(always)]
fn sine_of_half_turns<const FMA: bool>(x: f32) -> f32 {
    const SERIES: [f32; 5] = [-5.167_712_8, 2.550_164, -0.599_264_5, 0.082_145_89, -0.007_370_43];
    let x = x - x.round_ties_even();
    let square = x * x;
    let mut series = SERIES[4];
    series = add_product::<FMA>(SERIES[3], series, square);
    series = add_product::<FMA>(SERIES[2], series, square);
    series = add_product::<FMA>(SERIES[1], series, square);
    series = add_product::<FMA>(SERIES[0], series, square);
    series = add_product::<FMA>(std::f32::consts::PI, series, square);
    x * series
}

#[inline(always)]
fn add_product<const FMA: bool>(sum: f32, a: f32, b: f32) -> f32 {
    if FMA { a.mul_add(b, sum) } else { sum + a * b }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: (Kind, tch::Device) = (Kind::Float, tch::Device::Cpu);

    /// The same by libtorch's own operations, in double precision.
    fn reference(input: &Tensor, scale: &Tensor, shift: &Tensor, snake: Option<&Tensor>) -> Tensor {
        let input = input.to_kind(Kind::Double);
        let mean = input.mean_dim([2i64].as_slice(), true, Kind::Double);
        let variance = input.var_dim([2i64].as_slice(), false, true);
        let normal = (input - mean) / (variance + EPSILON).sqrt();
        let bent = normal * scale + shift;
        match snake {
            Some(rate) => &bent + (&bent * rate).sin().square() / rate,
            None => bent.maximum(&(&bent * 0.2)),
        }
    }

    fn largest_difference(ours: &Tensor, theirs: &Tensor) -> f64 {
        let difference = ours.to_kind(Kind::Double) - theirs;
        f64::try_from(difference.abs().max()).expect("a scalar")
    }

    #[test]
    fn equals_the_separate_operations() {
        tch::manual_seed(7);
        // 1 003 is no multiple of any vector's width; 3 000 000 values are more than one thread's worth.
        for (batch, channels, time) in [(1, 3, 1003), (2, 5, 17), (3, 100, 10_000), (1, 1, 1)] {
            let input = Tensor::randn([batch, channels, time], OPTIONS) * 3.0 + 1.0;
            let scale = Tensor::randn([batch, channels, 1], OPTIONS);
            let shift = Tensor::randn([batch, channels, 1], OPTIONS);
            let rate = Tensor::rand([channels], OPTIONS) * 20.0 + 0.1;
            let rates = Vec::<f32>::try_from(&rate).expect("a vector");
            let both = [&scale, &shift];
            let theirs = reference(&input, &scale, &shift, Some(&rate.view([1, channels, 1])));
            let snake = modulate(&input, both, Activation::Snake, &rates, Kind::Float).expect("a signal");
            assert!(largest_difference(&snake, &theirs) < 1e-4, "snake {batch} {channels} {time}");
            let theirs = reference(&input, &scale, &shift, None);
            let leaky = modulate(&input, both, Activation::Leaky(0.2), &[], Kind::Float).expect("a signal");
            // A single value has no variance: it is scaled by 1/√ε, and so is the rounding of its mean.
            let (exact, coarse) = if time == 1 { (1e-2, 1e-1) } else { (1e-5, 0.06) };
            assert!(largest_difference(&leaky, &theirs) < exact, "leaky {batch} {channels} {time}");

            let half = input.to_kind(Kind::BFloat16);
            let theirs = reference(&half, &scale, &shift, None);
            for kind in [Kind::Float, Kind::BFloat16] {
                let leaky = modulate(&half, both, Activation::Leaky(0.2), &[], kind).expect("a signal");
                assert_eq!(leaky.kind(), kind);
                let bound = if kind == Kind::Float { exact } else { coarse };
                assert!(largest_difference(&leaky, &theirs) < bound, "{kind:?} {batch} {channels} {time}");
            }
        }
    }

    #[test]
    fn narrowing_rounds_as_libtorch_does() {
        let input = Tensor::randn([4, 8, 1000], OPTIONS);
        let (one, zero) = (Tensor::ones([4, 8, 1], OPTIONS), Tensor::zeros([4, 8, 1], OPTIONS));
        let wide = modulate(&input, [&one, &zero], Activation::Leaky(0.1), &[], Kind::Float).expect("a signal");
        let narrow = modulate(&input, [&one, &zero], Activation::Leaky(0.1), &[], Kind::BFloat16).expect("a signal");
        assert_eq!(largest_difference(&narrow, &wide.to_kind(Kind::BFloat16).to_kind(Kind::Double)), 0.0);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let input = Tensor::randn([1, 3, 10], OPTIONS);
        let two = Tensor::ones([1, 2, 1], OPTIONS);
        let three = Tensor::ones([1, 3, 1], OPTIONS);
        let refused = |result: Result<Tensor, EngineError>| matches!(result, Err(EngineError::InvalidInput(_)));
        assert!(refused(modulate(&input, [&two, &three], Activation::Leaky(0.2), &[], Kind::Float)));
        assert!(refused(modulate(&input, [&three, &three], Activation::Snake, &[1.0], Kind::Float)));
        assert!(refused(modulate(&input, [&three, &three], Activation::Leaky(0.2), &[], Kind::Half)));
        let flat = input.view([3, 10]);
        assert!(refused(modulate(&flat, [&three, &three], Activation::Leaky(0.2), &[], Kind::Float)));
    }
}
