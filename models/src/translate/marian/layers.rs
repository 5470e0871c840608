//! The layers that every model of the family is made of. Residual branches are normalised after the sum.

use tch::{TchError, Tensor};

use super::int8::Int8Affine;

/// `y = x · Wᵀ + b`.
pub struct Affine {
    /// `[out, in]`.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Affine {
    /// A layer over `weight` `[out, in]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Several layers over one input as a single one, whose outputs follow each other.
    pub fn stacked(layers: &[Self]) -> Result<Self, TchError> {
        let weight = Tensor::f_cat(&layers.iter().map(|layer| &layer.weight).collect::<Vec<_>>(), 0)?;
        let biases: Vec<&Tensor> = layers.iter().filter_map(|layer| layer.bias.as_ref()).collect();
        let bias = if biases.is_empty() { None } else { Some(Tensor::f_cat(&biases, 0)?) };
        Ok(Self::new(weight, bias))
    }

    /// The same layer, its weight's columns one after another in memory: products with 4 to 64 rows then take a fifth
    /// to a third less time on a CPU, and others as much.
    pub fn by_columns(&self) -> Result<Self, TchError> {
        let weight = self.weight.f_tr()?.f_contiguous()?.f_tr()?;
        Ok(Self::new(weight, self.bias.as_ref().map(Tensor::shallow_clone)))
    }

    /// `[…, in]` to `[…, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, self.bias.as_ref())
    }

    /// The same layer over the same tensors.
    pub fn shallow_clone(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.as_ref().map(Tensor::shallow_clone) }
    }

    /// Only these outputs, in this order.
    pub fn select(&self, outputs: &Tensor) -> Result<Self, TchError> {
        let bias = self.bias.as_ref().map(|bias| bias.f_index_select(0, outputs)).transpose()?;
        Ok(Self { weight: self.weight.f_index_select(0, outputs)?, bias })
    }
}

/// A layer of a block, in the number format of its weights.
pub enum Layer {
    /// bfloat16, float16 or float32.
    Float(Affine),
    /// int8, inputs too; the outputs of several follow each other.
    Int8(Vec<Int8Affine>),
}

impl Layer {
    /// `[…, in]` to `[…, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Float(layer) => layer.forward(x),
            Self::Int8(layers) => {
                if let [only] = layers.as_slice() {
                    return only.forward(x);
                }
                let parts = layers.iter().map(|layer| layer.forward(x)).collect::<Result<Vec<_>, _>>()?;
                Tensor::f_cat(&parts, -1)
            }
        }
    }
}

/// Layer normalisation.
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl Norm {
    /// With a scale and a shift `[width]`.
    pub fn new(weight: Tensor, bias: Tensor, epsilon: f64) -> Self {
        Self { weight, bias, epsilon }
    }

    /// The normalised sum of a branch and what it was computed from.
    pub fn after(&self, branch: &Tensor, residual: &Tensor) -> Result<Tensor, TchError> {
        let sum = branch.f_add(residual)?;
        sum.f_layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), self.epsilon, false)
    }
}

/// What stands between the two layers of a feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(0, x)`.
    Relu,
    /// `x · Φ(x)` (Hendrycks and Gimpel, 2016).
    Gelu,
    /// `x · σ(x)` (Ramachandran et al., 2017), also called SiLU.
    Swish,
}

impl Activation {
    /// By its name in a configuration.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "relu" => Some(Self::Relu),
            "gelu" => Some(Self::Gelu),
            "swish" | "silu" => Some(Self::Swish),
            _ => None,
        }
    }

    fn apply(self, mut x: Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Relu => x.f_relu_(),
            Self::Gelu => x.f_gelu("none"),
            Self::Swish => x.f_silu_(),
        }
    }
}

/// Two layers with an activation between them, and the normalisation after them.
pub struct FeedForward {
    /// Widens.
    pub inner: Layer,
    /// Narrows.
    pub outer: Layer,
    /// Stands between them.
    pub activation: Activation,
    /// Of the sum with the input.
    pub norm: Norm,
}

impl FeedForward {
    /// `[…, width]` to the same.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let inner = self.activation.apply(self.inner.forward(x)?)?;
        self.norm.after(&self.outer.forward(&inner)?, x)
    }
}

/// Attention of a sequence to itself, and the normalisation after it.
pub struct SelfAttention {
    /// Queries, keys and values, one after another.
    pub inputs: Layer,
    /// Over the heads' outputs.
    pub out: Layer,
    /// How many heads.
    pub heads: i64,
    /// Of the sum with the input.
    pub norm: Norm,
}

impl SelfAttention {
    /// `[rows, time, width]` to the same; `mask` is added to the scores, `[rows, 1, 1, time]`.
    pub fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor, TchError> {
        let [queries, keys, values] = self.project(x)?;
        self.finish(&attend(&queries, &keys, &values, mask)?, x)
    }

    /// Queries, keys and values `[rows, heads, time, width / heads]`.
    pub fn project(&self, x: &Tensor) -> Result<[Tensor; 3], TchError> {
        project(&self.inputs, x, self.heads)
    }

    /// What was attended to `[rows, heads, time, width / heads]` as the block's output beside its input `x`.
    pub fn finish(&self, attended: &Tensor, x: &Tensor) -> Result<Tensor, TchError> {
        self.norm.after(&self.out.forward(&join_heads(attended)?)?, x)
    }
}

/// Attention of a text to what it translates, and the normalisation after it.
pub struct CrossAttention {
    /// Over the text.
    pub query: Layer,
    /// Keys and values over the source, one after another.
    pub memory: Layer,
    /// Over the heads' outputs.
    pub out: Layer,
    /// How many heads.
    pub heads: i64,
    /// Of the sum with the input.
    pub norm: Norm,
}

impl CrossAttention {
    /// Keys and values over the encoder's output `[items, time, width]`.
    pub fn remember(&self, encoded: &Tensor) -> Result<(Tensor, Tensor), TchError> {
        let [keys, values] = project(&self.memory, encoded, self.heads)?;
        // Read at every step, so laid out once as the steps read it.
        Ok((keys.f_contiguous()?, values.f_contiguous()?))
    }

    /// One token of each row, `[rows, width]`, to the same. Rows are items × beams: the beams of an item share
    /// its memory. `mask` is `[items, 1, 1, time]`.
    pub fn step(
        &self,
        x: &Tensor,
        (keys, values): &(Tensor, Tensor),
        mask: Option<&Tensor>,
    ) -> Result<Tensor, TchError> {
        let (rows, width) = x.size2()?;
        let items = keys.size()[0];
        let by_item = self.query.forward(x)?.f_view([items, rows / items, width])?;
        let attended = attend(&split_heads(&by_item, self.heads)?, keys, values, mask)?;
        self.norm.after(&self.out.forward(&join_heads(&attended)?.f_view([rows, width])?)?, x)
    }
}

/// Scaled dot-product attention over `[rows, heads, time, width]` (Vaswani et al., 2017, section 3.2.1).
pub fn attend(queries: &Tensor, keys: &Tensor, values: &Tensor, mask: Option<&Tensor>) -> Result<Tensor, TchError> {
    Tensor::f_scaled_dot_product_attention(queries, keys, values, mask, 0.0, false, None, false)
}

/// `[rows, time, width]` to `N` parts, each `[rows, heads, time, width / heads]`.
fn project<const N: usize>(layer: &Layer, x: &Tensor, heads: i64) -> Result<[Tensor; N], TchError> {
    let parts = layer.forward(x)?.f_chunk(N as i64, -1)?;
    let parts = parts.iter().map(|part| split_heads(part, heads)).collect::<Result<Vec<_>, _>>()?;
    parts.try_into().map_err(|_| TchError::Shape(format!("a projection is not in {N} equal parts")))
}

fn split_heads(x: &Tensor, heads: i64) -> Result<Tensor, TchError> {
    let (rows, time, width) = x.size3()?;
    x.f_reshape([rows, time, heads, width / heads])?.f_transpose(1, 2)
}

fn join_heads(x: &Tensor) -> Result<Tensor, TchError> {
    let (rows, heads, time, width) = x.size4()?;
    x.f_transpose(1, 2)?.f_reshape([rows, time, heads * width])
}
