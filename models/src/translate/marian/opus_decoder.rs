//! The decoder of the standard transformer, one token at a time, with its cache of keys and values.

use tch::{Device, Kind, TchError, Tensor};

use super::encoder::Embedding;
use super::layers::{Affine, CrossAttention, FeedForward, SelfAttention, attend};

/// How many more tokens a cache has room for when it was full.
const GROWTH: i64 = 32;

/// A block of the decoder.
pub struct OpusDecoderLayer {
    /// Between the tokens so far.
    pub attention: SelfAttention,
    /// To the source.
    pub cross: CrossAttention,
    /// For each token.
    pub feed_forward: FeedForward,
}

/// Tokens so far to scores of the next.
pub struct OpusDecoder {
    /// Of the target.
    pub embedding: Embedding,
    /// From the first to the last.
    pub layers: Vec<OpusDecoderLayer>,
    /// States to scores.
    pub output: Affine,
}

/// What is known of the sources that are being translated: keys and values by layer, and what is padding.
pub struct Memory {
    layers: Vec<(Tensor, Tensor)>,
    mask: Option<Tensor>,
}

impl Memory {
    /// Where it lies.
    pub fn device(&self) -> Device {
        self.layers.first().map_or(Device::Cpu, |(keys, _)| keys.device())
    }

    /// Only these items, in this order.
    pub fn select(&mut self, items: &Tensor) -> Result<(), TchError> {
        for (keys, values) in &mut self.layers {
            *keys = keys.f_index_select(0, items)?;
            *values = values.f_index_select(0, items)?;
        }
        self.mask = self.mask.as_ref().map(|mask| mask.f_index_select(0, items)).transpose()?;
        Ok(())
    }
}

/// What is remembered of each row's tokens: keys and values by layer, `[rows, heads, room, width]`.
#[derive(Default)]
pub struct TextCache {
    layers: Vec<(Tensor, Tensor)>,
    length: i64,
}

impl TextCache {
    /// Only these rows, in this order; a row may be named several times.
    pub fn select(&mut self, rows: &Tensor) -> Result<(), TchError> {
        for (keys, values) in &mut self.layers {
            for cached in [keys, values] {
                let (_, heads, room, width) = cached.size4()?;
                let kept = Tensor::f_empty([rows.size1()?, heads, room, width], (cached.f_kind()?, cached.device()))?;
                let used = cached.f_narrow(2, 0, self.length)?;
                let _ = used.f_index_select_out(&kept.f_narrow(2, 0, self.length)?, 0, rows)?;
                *cached = kept;
            }
        }
        Ok(())
    }

    /// Keys and values of a layer with those of one more token.
    fn extend(&mut self, layer: usize, new: [&Tensor; 2]) -> Result<[Tensor; 2], TchError> {
        if self.layers.len() == layer {
            self.layers.push((with_room(new[0], GROWTH - 1)?, with_room(new[1], GROWTH - 1)?));
        }
        let (keys, values) = &mut self.layers[layer];
        let mut extended = [keys, values].into_iter().zip(new).map(|(cached, new)| {
            if cached.size()[2] == self.length {
                *cached = with_room(cached, GROWTH.max(self.length))?;
            }
            cached.f_narrow(2, self.length, 1)?.f_copy_(new)?;
            cached.f_narrow(2, 0, self.length + 1)
        });
        let mut next = || extended.next().unwrap_or_else(|| Err(TchError::Shape("a cache has two parts".to_owned())));
        Ok([next()?, next()?])
    }
}

/// The same with room for `more` tokens after it.
fn with_room(cached: &Tensor, more: i64) -> Result<Tensor, TchError> {
    let (rows, heads, length, width) = cached.size4()?;
    let roomy = Tensor::f_empty([rows, heads, length + more, width], (cached.f_kind()?, cached.device()))?;
    roomy.f_narrow(2, 0, length)?.f_copy_(cached)?;
    Ok(roomy)
}

impl OpusDecoder {
    /// Keys and values over the encoder's output `[items, time, width]`.
    pub fn remember(&self, encoded: &Tensor, mask: Option<Tensor>) -> Result<Memory, TchError> {
        let layers = self.layers.iter().map(|layer| layer.cross.remember(encoded)).collect::<Result<_, _>>()?;
        Ok(Memory { layers, mask })
    }

    /// Scores in float32 `[rows, vocabulary]` of the token after these, one a row. Rows are items × beams.
    pub fn step(&self, tokens: &[i64], memory: &Memory, cache: &mut TextCache) -> Result<Tensor, TchError> {
        let tokens = Tensor::f_from_slice(tokens)?.f_to(memory.device())?;
        let mut x = self.embedding.step(&tokens, cache.length)?;
        for (i, (layer, heard)) in self.layers.iter().zip(&memory.layers).enumerate() {
            let row = x.f_unsqueeze(1)?;
            let [query, key, value] = layer.attention.project(&row)?;
            let [keys, values] = cache.extend(i, [&key, &value])?;
            x = layer.attention.finish(&attend(&query, &keys, &values, None)?, &row)?.f_squeeze_dim(1)?;
            x = layer.cross.step(&x, heard, memory.mask.as_ref())?;
            x = layer.feed_forward.forward(&x)?;
        }
        cache.length += 1;
        self.output.forward(&x)?.f_to_kind(Kind::Float)
    }
}
