//! Whisper's decoder, one step at a time, with its key-value caches.
//!
//! Rows are *items × beams*: the beams of one item share the item's acoustic keys and values, which are
//! therefore never copied. Prompts of different lengths are aligned at their ends, and what stands before the
//! shorter ones is masked.

use tch::{Kind, TchError, Tensor};

use super::encoder::{HEAD_WIDTH, attend, join_heads, split_heads};
use super::weights::{Linear, Norm, Weights};
use crate::device::Device;
use crate::engine::EngineError;

/// Added to the score of a padded position. Finite, so that a row of nothing but padding has no NaN in it.
const MASKED: f64 = -30_000.0;

/// The format in which keys and values are kept and attended to.
///
/// A step's attention is one query against everything, bound by memory and not by arithmetic; on a CPU libtorch
/// does that five times as fast in float32 as in bfloat16 (512 frames, 8 heads: 0.06 ms against 0.43 ms).
fn attention_kind(device: Device) -> Kind {
    if device.torch == tch::Device::Cpu { Kind::Float } else { device.kind }
}

/// Acoustic states and tokens so far to logits.
pub struct Decoder {
    embedding: Tensor,
    positions: Tensor,
    layers: Vec<DecoderLayer>,
    norm: Norm,
    device: Device,
}

impl Decoder {
    /// Takes the tensors under `model.decoder`.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when one is missing.
    pub fn load(weights: &Weights, device: Device) -> Result<Self, EngineError> {
        let layers = (0..weights.layers("model.decoder.layers"))
            .map(|i| DecoderLayer::load(weights, &format!("model.decoder.layers.{i}")))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            embedding: weights.tensor("model.decoder.embed_tokens.weight", device.kind)?,
            positions: weights.tensor("model.decoder.embed_positions.weight", Kind::Float)?,
            layers,
            norm: weights.norm("model.decoder.layer_norm")?,
            device,
        })
    }

    /// Longest sequence, prompt included: 448.
    pub fn max_length(&self) -> i64 {
        self.positions.size()[0]
    }

    /// Number of tokens.
    pub fn vocabulary(&self) -> i64 {
        self.embedding.size()[0]
    }

    /// Keys and values of every layer over the encoder's output `[items, context, width]`.
    pub fn hear(&self, encoded: &Tensor) -> Result<Acoustics, TchError> {
        let kind = attention_kind(self.device);
        let layers = self.layers.iter().map(|layer| layer.hear(encoded, kind)).collect::<Result<Vec<_>, _>>()?;
        Ok(Acoustics { layers })
    }

    /// Starts a text: runs the prompts, one an item, and returns the final states `[items, longest, width]`
    /// of all their tokens (aligned at the end) and the text's own cache.
    ///
    /// `capacity` is how many tokens the longest prompt and its continuation may have together.
    pub fn begin(
        &self,
        prompts: &[&[i64]],
        acoustics: &Acoustics,
        capacity: i64,
    ) -> Result<(Tensor, TextCache), TchError> {
        let longest = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        let padding: Vec<i64> = prompts.iter().map(|prompt| (longest - prompt.len()) as i64).collect();
        let mut tokens = Vec::with_capacity(longest * prompts.len());
        for (prompt, &pad) in prompts.iter().zip(&padding) {
            tokens.extend(std::iter::repeat_n(0, pad as usize));
            tokens.extend_from_slice(prompt);
        }
        let tokens = Tensor::f_from_slice(&tokens)?.f_view([prompts.len() as i64, longest as i64])?;
        let mut cache = self.new_cache(padding, capacity)?;
        let states = self.forward(&tokens.f_to(self.device.torch)?, acoustics, &mut cache)?;
        Ok((states, cache))
    }

    fn new_cache(&self, padding: Vec<i64>, capacity: i64) -> Result<TextCache, TchError> {
        let options = (attention_kind(self.device), self.device.torch);
        let heads = self.positions.size()[1] / HEAD_WIDTH;
        let shape = [padding.len() as i64, heads, capacity, HEAD_WIDTH];
        let layers = (0..self.layers.len())
            .map(|_| Ok((Tensor::f_zeros(shape, options)?, Tensor::f_zeros(shape, options)?)))
            .collect::<Result<Vec<_>, TchError>>()?;
        let padding = if padding.iter().any(|&pad| pad > 0) {
            Some(Tensor::f_from_slice(&padding)?.f_to(self.device.torch)?)
        } else {
            None
        };
        Ok(TextCache { layers, length: 0, padding })
    }

    /// One more token for each row: `tokens` is `[rows]`, the answer the final states `[rows, width]`.
    pub fn step(&self, tokens: &[i64], acoustics: &Acoustics, cache: &mut TextCache) -> Result<Tensor, TchError> {
        let tokens = Tensor::f_from_slice(tokens)?.f_to(self.device.torch)?.f_unsqueeze(1)?;
        self.forward(&tokens, acoustics, cache)?.f_squeeze_dim(1)
    }

    /// Final states `[…, width]` to logits `[…, vocabulary]` in float32.
    pub fn logits(&self, states: &Tensor) -> Result<Tensor, TchError> {
        states.f_linear(&self.embedding, None::<&Tensor>)?.f_to_kind(Kind::Float)
    }

    fn forward(&self, tokens: &Tensor, acoustics: &Acoustics, cache: &mut TextCache) -> Result<Tensor, TchError> {
        let count = tokens.size()[1];
        let positions = match &cache.padding {
            None => self.positions.f_narrow(0, cache.length, count)?,
            Some(padding) => {
                let steps =
                    Tensor::f_arange_start(cache.length, cache.length + count, (Kind::Int64, self.device.torch))?;
                let own = steps.f_unsqueeze(0)?.f_sub(&padding.f_unsqueeze(1)?)?.f_clamp_min(0)?;
                Tensor::f_embedding(&self.positions, &own, -1, false, false)?
            }
        };
        let embedded = Tensor::f_embedding(&self.embedding, tokens, -1, false, false)?;
        let mut x = embedded.f_to_kind(Kind::Float)?.f_add(&positions)?;
        let mask = cache.mask(count, self.device)?;
        for ((layer, own), heard) in self.layers.iter().zip(&mut cache.layers).zip(&acoustics.layers) {
            x = layer.forward(x, own, cache.length, mask.as_ref(), heard)?;
        }
        cache.length += count;
        self.norm.forward(&x)
    }
}

/// What the decoder hears of each item: keys and values by layer, `[items, heads, context, 64]`.
pub struct Acoustics {
    layers: Vec<(Tensor, Tensor)>,
}

impl Acoustics {
    /// Only these items, in this order.
    pub fn select(&self, items: &Tensor) -> Result<Self, TchError> {
        let layers = self
            .layers
            .iter()
            .map(|(keys, values)| Ok((keys.f_index_select(0, items)?, values.f_index_select(0, items)?)))
            .collect::<Result<Vec<_>, TchError>>()?;
        Ok(Self { layers })
    }
}

/// What the decoder remembers of each row's tokens: keys and values by layer, `[rows, heads, capacity, 64]`.
pub struct TextCache {
    layers: Vec<(Tensor, Tensor)>,
    length: i64,
    padding: Option<Tensor>,
}

impl TextCache {
    /// How many texts it remembers.
    pub fn rows(&self) -> usize {
        self.layers.first().map_or(0, |(keys, _)| keys.size()[0] as usize)
    }

    /// Only these rows, in this order; a row may be named several times.
    pub fn select(&mut self, rows: &Tensor) -> Result<(), TchError> {
        let taken = rows.size()[0];
        for (keys, values) in &mut self.layers {
            for cached in [keys, values] {
                let used = cached.f_narrow(2, 0, self.length)?.f_index_select(0, rows)?;
                if cached.size()[0] != taken {
                    let (_, heads, capacity, width) = cached.size4()?;
                    *cached = Tensor::f_empty([taken, heads, capacity, width], (cached.f_kind()?, cached.device()))?;
                }
                cached.f_narrow(2, 0, self.length)?.f_copy_(&used)?;
            }
        }
        if let Some(padding) = &self.padding {
            self.padding = Some(padding.f_index_select(0, rows)?);
        }
        Ok(())
    }

    /// The additive mask for the next `count` tokens, where padding makes one necessary: `[rows, 1, count, all]`.
    fn mask(&self, count: i64, device: Device) -> Result<Option<Tensor>, TchError> {
        let Some(padding) = &self.padding else { return Ok(None) };
        let options = (Kind::Int64, device.torch);
        let keys = Tensor::f_arange(self.length + count, options)?.f_view([1, 1, 1, -1])?;
        let queries = Tensor::f_arange_start(self.length, self.length + count, options)?.f_view([1, 1, -1, 1])?;
        let padded = keys.f_lt_tensor(&padding.f_view([-1, 1, 1, 1])?)?;
        let hidden = padded.f_logical_or(&keys.f_gt_tensor(&queries)?)?;
        Ok(Some(Tensor::f_zeros_like(&hidden)?.f_to_kind(attention_kind(device))?.f_masked_fill(&hidden, MASKED)?))
    }
}

struct DecoderLayer {
    text_norm: Norm,
    text_query_key_value: Linear,
    text_out: Linear,
    acoustic_norm: Norm,
    acoustic_query: Linear,
    acoustic_key_value: Linear,
    acoustic_out: Linear,
    inner_norm: Norm,
    inner_in: Linear,
    inner_out: Linear,
}

impl DecoderLayer {
    fn load(weights: &Weights, prefix: &str) -> Result<Self, EngineError> {
        let name = |part: &str| format!("{prefix}.{part}");
        Ok(Self {
            text_norm: weights.norm(&name("self_attn_layer_norm"))?,
            text_query_key_value: weights.stacked(&[
                &name("self_attn.q_proj"),
                &name("self_attn.k_proj"),
                &name("self_attn.v_proj"),
            ])?,
            text_out: weights.linear(&name("self_attn.out_proj"))?,
            acoustic_norm: weights.norm(&name("encoder_attn_layer_norm"))?,
            acoustic_query: weights.linear(&name("encoder_attn.q_proj"))?,
            acoustic_key_value: weights.stacked(&[&name("encoder_attn.k_proj"), &name("encoder_attn.v_proj")])?,
            acoustic_out: weights.linear(&name("encoder_attn.out_proj"))?,
            inner_norm: weights.norm(&name("final_layer_norm"))?,
            inner_in: weights.linear(&name("fc1"))?,
            inner_out: weights.linear(&name("fc2"))?,
        })
    }

    fn hear(&self, encoded: &Tensor, kind: Kind) -> Result<(Tensor, Tensor), TchError> {
        let parts = split_heads(&self.acoustic_key_value.forward(encoded)?, 2)?;
        // Read at every step, so laid out once as the steps read it.
        Ok((parts[0].f_to_kind(kind)?.f_contiguous()?, parts[1].f_to_kind(kind)?.f_contiguous()?))
    }

    fn forward(
        &self,
        mut x: Tensor,
        own: &mut (Tensor, Tensor),
        length: i64,
        mask: Option<&Tensor>,
        heard: &(Tensor, Tensor),
    ) -> Result<Tensor, TchError> {
        let (rows, count, width) = x.size3()?;
        let (keys, values) = own;
        let kind = keys.f_kind()?;
        let projected = self.text_query_key_value.forward(&self.text_norm.forward(&x)?)?;
        let output_kind = projected.f_kind()?;
        let parts = split_heads(&projected.f_to_kind(kind)?, 3)?;
        keys.f_narrow(2, length, count)?.f_copy_(&parts[1])?;
        values.f_narrow(2, length, count)?.f_copy_(&parts[2])?;
        let all = length + count;
        let causal = mask.is_none() && count > 1;
        let said = attend(&parts[0], &keys.f_narrow(2, 0, all)?, &values.f_narrow(2, 0, all)?, mask, causal)?;
        x = x.f_add_(&self.text_out.forward(&join_heads(&said)?.f_to_kind(output_kind)?)?)?;

        let query = self.acoustic_query.forward(&self.acoustic_norm.forward(&x)?)?;
        let items = heard.0.size()[0];
        let by_item = split_heads(&query.f_to_kind(kind)?.f_view([items, rows / items * count, width])?, 1)?;
        let attended = attend(&by_item[0], &heard.0, &heard.1, None, false)?;
        let attended = join_heads(&attended)?.f_view([rows, count, width])?.f_to_kind(output_kind)?;
        x = x.f_add_(&self.acoustic_out.forward(&attended)?)?;

        let inner = self.inner_in.forward(&self.inner_norm.forward(&x)?)?.f_gelu("none")?;
        x.f_add_(&self.inner_out.forward(&inner)?)
    }
}
