//! Products of int8 by int8, as Firefox's models were trained for: inputs are rounded too, by a multiplier that the
//! model tells for each matrix. The kernel is `fxtranslate`'s, so that a translation is the same here and there.

use fxtranslate::gemm::PreparedB;
use fxtranslate::ops;
use tch::{TchError, Tensor};

/// `y = (round(a · x) · Q) / (a · b) + bias` for a matrix `Q / b`.
pub struct Int8Affine {
    matrix: Matrix,
    inputs: usize,
    outputs: usize,
    /// `a`.
    multiplier: f32,
    /// `1 / (a · b)`.
    scale: f32,
    /// With what makes up for inputs that are shifted by 127, to be unsigned.
    bias: Vec<f32>,
}

/// `[outputs, inputs]`.
enum Matrix {
    /// As this processor's instructions read it.
    Prepared(PreparedB),
    /// As it lies in the file, where there are no such instructions or the inputs are no multiple of their width.
    Plain(Vec<i8>),
}

impl Int8Affine {
    /// Over a matrix `[outputs, inputs]` of `b · W`, its multiplier `b` and its inputs' `a`.
    ///
    /// # Errors
    /// A sentence that says which length or multiplier is not what it should be.
    pub fn new(matrix: &[i8], [b, a]: [f32; 2], bias: &[f32]) -> Result<Self, String> {
        let outputs = bias.len();
        let inputs = matrix.len() / outputs.max(1);
        if inputs == 0 || inputs * outputs != matrix.len() {
            return Err(format!("{} values are no matrix of {outputs} rows", matrix.len()));
        }
        let scale = 1.0 / (a * b);
        if !scale.is_normal() {
            return Err(format!("the multipliers {a} and {b} are out of range"));
        }
        let bias = ops::prepare_bias(matrix, outputs, inputs, bias, scale);
        let prepared = PreparedB::new(matrix, outputs, inputs);
        let matrix = prepared.map_or_else(|| Matrix::Plain(matrix.to_vec()), Matrix::Prepared);
        Ok(Self { matrix, inputs, outputs, multiplier: a, scale, bias })
    }

    /// `[…, inputs]` to `[…, outputs]`, both float32 on the CPU.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let mut shape = x.size();
        if shape.last() != Some(&(self.inputs as i64)) {
            return Err(TchError::Shape(format!("{shape:?} beside {} inputs", self.inputs)));
        }
        let values = Vec::<f32>::try_from(x.f_flatten(0, -1)?)?;
        let values = ops::prepare_a(&values, self.multiplier);
        let rows = values.len() / self.inputs;
        let products = match &self.matrix {
            Matrix::Prepared(matrix) => matrix.matmul(&values, rows, self.scale, &self.bias),
            Matrix::Plain(matrix) => {
                ops::intgemm_affine(&values, rows, self.inputs, matrix, self.outputs, self.scale, &self.bias)
            }
        };
        shape.pop();
        shape.push(self.outputs as i64);
        Tensor::f_from_slice(&products)?.f_view(shape.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `inputs` ones in the first row, twos in the second.
    fn layer(inputs: usize) -> Int8Affine {
        let matrix = [vec![1_i8; inputs], vec![2; inputs]].concat();
        Int8Affine::new(&matrix, [2.0, 10.0], &[0.5, -1.0]).expect("it is a matrix")
    }

    #[test]
    fn inputs_are_rounded_to_their_steps_and_held_within_127_of_them() {
        // As the processor's instructions have it, and as no instructions have it.
        for inputs in [64, 3] {
            let layer = layer(inputs);
            assert!(matches!(layer.matrix, Matrix::Plain(_)) || inputs == 64);
            let mut x = vec![0.0_f32; 3 * inputs];
            // 0.26 is nearest to three tenths, 99 is more than 12.7, and a half goes to the even step.
            (x[0], x[inputs], x[inputs + 1], x[2 * inputs]) = (0.26, 99.0, -0.1, 0.25);
            let x = Tensor::from_slice(&x).view([1, 3, inputs as i64]);
            let y = layer.forward(&x).expect("shapes agree");
            assert_eq!(y.size(), [1, 3, 2]);
            let found = Vec::<f32>::try_from(y.flatten(0, -1)).expect("six values");
            let expected = [0.15 + 0.5, 0.3 - 1.0, 6.3 + 0.5, 12.6 - 1.0, 0.1 + 0.5, 0.2 - 1.0];
            let close =
                found.iter().zip(expected).all(|(found, expected): (&f32, f32)| (found - expected).abs() < 1e-4);
            assert!(close, "{inputs}: {found:?}, not {expected:?}");
        }
    }

    #[test]
    fn what_is_no_matrix_or_has_other_inputs_is_an_error() {
        for (matrix, multipliers, bias) in [
            (vec![1_i8; 5], [2.0, 10.0], vec![0.0; 2]),
            (vec![], [2.0, 10.0], vec![0.0; 2]),
            (vec![1; 4], [2.0, 10.0], vec![]),
            (vec![1; 4], [2.0, 0.0], vec![0.0; 2]),
            (vec![1; 4], [f32::NAN, 10.0], vec![0.0; 2]),
        ] {
            assert!(Int8Affine::new(&matrix, multipliers, &bias).is_err(), "{matrix:?} {multipliers:?} {bias:?}");
        }
        assert!(layer(3).forward(&Tensor::from_slice(&[0.0_f32; 4])).is_err());
    }
}
