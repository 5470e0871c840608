//! The encoder, which all models of the family share: tokens to states, many sentences at once.

use tch::{Device, Kind, TchError, Tensor};

use super::layers::{FeedForward, SelfAttention};

/// Added to the score of a padded position. Finite, so that a row of nothing but padding has no NaN in it.
const MASKED: f64 = -30_000.0;

/// Tokens to vectors: their embedding, scaled, and their position's.
pub struct Embedding {
    table: Tensor,
    scale: f64,
    /// `[positions, width]`.
    positions: Tensor,
}

impl Embedding {
    /// Over a table `[vocabulary, width]`.
    pub fn new(table: Tensor, scale: f64, positions: Tensor) -> Self {
        Self { table, scale, positions }
    }

    /// How many positions there are.
    pub fn max_length(&self) -> usize {
        self.positions.size()[0] as usize
    }

    /// Whole sequences: ids `[rows, time]` to `[rows, time, width]`.
    pub fn sequences(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        let time = ids.size()[1];
        self.scaled(ids)?.f_add(&self.positions.f_narrow(0, 0, time)?)
    }

    /// One token a row, all at one position: ids `[rows]` to `[rows, width]`.
    pub fn step(&self, ids: &Tensor, position: i64) -> Result<Tensor, TchError> {
        self.scaled(ids)?.f_add(&self.position(position)?)
    }

    /// The vector of a position without a token, `[1, width]`.
    pub fn position(&self, position: i64) -> Result<Tensor, TchError> {
        self.positions.f_narrow(0, position, 1)
    }

    fn scaled(&self, ids: &Tensor) -> Result<Tensor, TchError> {
        Tensor::f_embedding(&self.table, ids, -1, false, false)?.f_mul_scalar(self.scale)
    }
}

/// Sines in the first half of each row, cosines in the second, at frequencies from 1 down by powers of 10 000
/// (Vaswani et al., 2017, section 3.5): the `i`th is `10000^(−i / steps)`. Marian itself divides by one step less
/// than there are frequencies, transformers by as many as there are.
pub fn sinusoids(positions: i64, width: i64, steps: f64) -> Result<Tensor, TchError> {
    let options = (Kind::Double, Device::Cpu);
    let exponents = Tensor::f_arange(width / 2, options)?.f_div_scalar(-steps)?;
    let frequencies = Tensor::f_full([1], 10_000.0, options)?.f_pow(&exponents)?;
    let angles = Tensor::f_arange(positions, options)?.f_outer(&frequencies)?;
    Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 1)?.f_to_kind(Kind::Float)
}

/// A block of the encoder.
pub struct EncoderLayer {
    /// Between the tokens.
    pub attention: SelfAttention,
    /// For each token.
    pub feed_forward: FeedForward,
}

/// Sentences of any lengths as one tensor.
pub struct Padded {
    /// `[items, longest]`.
    pub ids: Tensor,
    /// What is to be added to the scores of padded positions, `[items, 1, 1, longest]`; `None` without padding.
    pub mask: Option<Tensor>,
}

impl Padded {
    /// Puts sentences together, the shorter ones filled up with `padding`.
    pub fn new(sentences: &[Vec<i64>], padding: i64, device: Device, kind: Kind) -> Result<Self, TchError> {
        let longest = sentences.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(sentences.len() * longest);
        let mut masked = Vec::with_capacity(ids.capacity());
        for sentence in sentences {
            let missing = longest - sentence.len();
            ids.extend_from_slice(sentence);
            ids.extend(std::iter::repeat_n(padding, missing));
            masked.extend(std::iter::repeat_n(0.0, sentence.len()));
            masked.extend(std::iter::repeat_n(MASKED, missing));
        }
        let (items, longest) = (sentences.len() as i64, longest as i64);
        let is_padded = masked.iter().any(|&score: &f64| score < 0.0);
        let mask = || {
            let mask = Tensor::f_from_slice(&masked)?.f_view([items, 1, 1, longest])?;
            mask.f_to_kind(kind)?.f_to(device)
        };
        Ok(Self {
            ids: Tensor::f_from_slice(&ids)?.f_view([items, longest])?.f_to(device)?,
            mask: is_padded.then(mask).transpose()?,
        })
    }
}

/// Tokens of a source to states.
pub struct Encoder {
    /// Of the source.
    pub embedding: Embedding,
    /// From the first to the last.
    pub layers: Vec<EncoderLayer>,
}

impl Encoder {
    /// `[items, time, width]`.
    pub fn forward(&self, source: &Padded) -> Result<Tensor, TchError> {
        let mut x = self.embedding.sequences(&source.ids)?;
        for layer in &self.layers {
            x = layer.attention.forward(&x, source.mask.as_ref())?;
            x = layer.feed_forward.forward(&x)?;
        }
        Ok(x)
    }
}
