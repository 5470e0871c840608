//! Firefox's students: a transformer reads, and a recurrent decoder (SSRU; Kim et al., "From Research to Production
//! and Back", 2019, section 2.2) writes one token after another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fxtranslate::shortlist::Shortlist;
use tch::{TchError, Tensor};

use super::encoder::{Embedding, Encoder, Padded};
use super::firefox_weights::FirefoxWeights;
use super::layers::{Affine, CrossAttention, FeedForward, Layer, Norm};
use super::pieces::Pieces;
use super::shortlist::{Choice, Outputs};
use crate::device::Device;
use crate::engine::EngineError;

/// The longest translation, in tokens.
const MAX_TOKENS: usize = 256;

/// One pair's model, loaded.
pub struct Student {
    encoder: Encoder,
    target: Embedding,
    layers: Vec<DecoderLayer>,
    output: Affine,
    outputs: Outputs,
    source_pieces: Pieces,
    target_pieces: Pieces,
    device: Device,
}

impl Student {
    /// Loads `model.bin`, `vocab.spm` (or `vocab.src.spm` and `vocab.trg.spm`) and, where there is one, the lexical
    /// shortlist `lex.bin`. Matrices have the device's format; [`Precision`](super::Precision)
    /// says which ones there are.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] that names the folder when a file is missing or is not what it should be.
    pub fn load(folder: &Path, device: Device) -> Result<Self, EngineError> {
        // fxtranslate takes its files on trust and panics on some that are damaged.
        let loaded = catch_unwind(AssertUnwindSafe(|| Self::read(folder, device)));
        let loaded = loaded.unwrap_or_else(|_| Err("a file is damaged".to_owned()));
        loaded.map_err(|why| EngineError::Unavailable(format!("model {}: {why}", folder.display())))
    }

    fn read(folder: &Path, device: Device) -> Result<Self, String> {
        let weights = FirefoxWeights::read(&folder.join("model.bin"), device)?;
        let device = weights.device;
        let is_shared = folder.join("vocab.spm").is_file();
        let [source, target] = if is_shared { ["vocab.spm"; 2] } else { ["vocab.src.spm", "vocab.trg.spm"] };
        let lexicon = folder.join("lex.bin");
        let shortlist = match lexicon.is_file() {
            true => Some(Shortlist::load(&lexicon).map_err(|error| format!("{}: {error}", lexicon.display()))?),
            false => None,
        };
        let encoder_layers = (1..=weights.encoder_depth).map(|number| weights.encoder_layer(number));
        let layers = (1..=weights.decoder_depth).map(|number| DecoderLayer::read(&weights, number));
        Ok(Self {
            encoder: Encoder {
                embedding: weights.source_embedding()?,
                layers: encoder_layers.collect::<Result<_, _>>()?,
            },
            target: weights.target_embedding()?,
            layers: layers.collect::<Result<_, _>>()?,
            output: weights.output()?,
            outputs: Outputs { shortlist, is_shared, multiplier: weights.output_multiplier()? },
            source_pieces: Pieces::load(&folder.join(source))?,
            target_pieces: Pieces::load(&folder.join(target))?,
            device,
        })
    }

    /// How many tokens a text has, its end included.
    pub fn tokens(&self, text: &str) -> usize {
        self.source_pieces.sentence(text).len()
    }

    /// Translates sentences together; the answers are in their order. Each is what it would be alone.
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] for a sentence of more than 512 tokens; libtorch's own.
    pub fn translate(&self, sentences: &[&str]) -> Result<Vec<String>, EngineError> {
        let sources: Vec<Vec<i64>> = sentences.iter().map(|text| self.source_pieces.sentence(text)).collect();
        let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
        if longest > self.encoder.embedding.max_length() {
            let most = self.encoder.embedding.max_length();
            return Err(EngineError::InvalidInput(format!("a sentence of {longest} tokens; {most} is the most")));
        }
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let _guard = tch::no_grad_guard();
        let texts = self.decode(&sources)?;
        Ok(texts.iter().map(|ids| self.target_pieces.text(ids)).collect())
    }

    /// The likeliest token at every step, for each source.
    fn decode(&self, sources: &[Vec<i64>]) -> Result<Vec<Vec<i64>>, TchError> {
        let Device { torch, kind } = self.device;
        let source = Padded::new(sources, self.source_pieces.end(), torch, kind)?;
        let encoded = self.encoder.forward(&source)?;
        let choice = self.outputs.choice(sources, &self.output, torch, kind)?;
        let mut rows = Rows {
            items: (0..sources.len()).collect(),
            memory: self.layers.iter().map(|layer| layer.cross.remember(&encoded)).collect::<Result<_, _>>()?,
            cells: self.layers.iter().map(|_| encoded.f_select(1, 0)?.f_zeros_like()).collect::<Result<_, _>>()?,
            mask: source.mask,
            choice,
        };
        let limits: Vec<usize> = sources.iter().map(|source| (2 * source.len() + 4).min(MAX_TOKENS)).collect();
        let mut texts: Vec<Vec<i64>> = vec![Vec::new(); sources.len()];
        let mut is_done = vec![false; sources.len()];
        for position in 0.. {
            let x = match position {
                // Marian shifts the target by one and leaves the first place empty.
                0 => self.target.position(0)?.f_expand([sources.len() as i64, -1], false)?,
                _ => {
                    let last: Vec<i64> =
                        rows.items.iter().map(|&item| texts[item].last().copied().unwrap_or(0)).collect();
                    self.target.step(&Tensor::f_from_slice(&last)?.f_to(torch)?, position)?
                }
            };
            let x = self.step(x, &mut rows)?;
            for (row, token) in rows.choice.likeliest(&x)?.into_iter().enumerate() {
                let item = rows.items[row];
                if is_done[item] {
                    continue;
                }
                match token == self.target_pieces.end() {
                    true => is_done[item] = true,
                    false => texts[item].push(token),
                }
                is_done[item] |= texts[item].len() >= limits[item];
            }
            let going: Vec<usize> = (0..rows.items.len()).filter(|&row| !is_done[rows.items[row]]).collect();
            if going.is_empty() {
                break;
            }
            if super::pays_to_leave_out(rows.items.len() - going.len(), rows.items.len()) {
                rows.keep(&going, torch)?;
            }
        }
        Ok(texts)
    }

    /// One token of each row, `[rows, width]`, through all layers.
    fn step(&self, mut x: Tensor, rows: &mut Rows) -> Result<Tensor, TchError> {
        for ((layer, memory), cell) in self.layers.iter().zip(&rows.memory).zip(&mut rows.cells) {
            x = layer.recurrence.step(&x, cell)?;
            x = layer.cross.step(&x, memory, rows.mask.as_ref())?;
            x = layer.feed_forward.forward(&x)?;
        }
        Ok(x)
    }
}

/// What is remembered of the sentences that are still being translated, one a row.
struct Rows {
    /// Which sentence each row is.
    items: Vec<usize>,
    /// Keys and values over the source, by layer.
    memory: Vec<(Tensor, Tensor)>,
    /// The recurrences' states `[rows, width]`, by layer.
    cells: Vec<Tensor>,
    mask: Option<Tensor>,
    choice: Choice,
}

impl Rows {
    /// Leaves all other rows out.
    fn keep(&mut self, rows: &[usize], device: tch::Device) -> Result<(), TchError> {
        self.items = rows.iter().map(|&row| self.items[row]).collect();
        let kept: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let kept = Tensor::f_from_slice(&kept)?.f_to(device)?;
        for (keys, values) in &mut self.memory {
            *keys = keys.f_index_select(0, &kept)?;
            *values = values.f_index_select(0, &kept)?;
        }
        for cell in &mut self.cells {
            *cell = cell.f_index_select(0, &kept)?;
        }
        self.mask = self.mask.as_ref().map(|mask| mask.f_index_select(0, &kept)).transpose()?;
        self.choice.keep(&kept)
    }
}

/// A block of the decoder.
struct DecoderLayer {
    recurrence: Recurrence,
    cross: CrossAttention,
    feed_forward: FeedForward,
}

impl DecoderLayer {
    fn read(weights: &FirefoxWeights, number: usize) -> Result<Self, String> {
        let prefix = format!("decoder_l{number}");
        Ok(Self {
            recurrence: Recurrence {
                input: weights.affine(&format!("{prefix}_rnn_W"), None)?,
                forget: weights.affine(&format!("{prefix}_rnn_Wf"), Some(&format!("{prefix}_rnn_bf")))?,
                norm: weights.norm(&format!("{prefix}_rnn_ffn"))?,
            },
            cross: weights.cross_attention(number)?,
            feed_forward: weights.feed_forward(&prefix)?,
        })
    }
}

/// The simpler simple recurrent unit: `f = σ(W_f x + b)`, `c ← f · c + (1 − f) · W x`, `y = max(0, c)`.
struct Recurrence {
    input: Layer,
    forget: Layer,
    norm: Norm,
}

impl Recurrence {
    fn step(&self, x: &Tensor, cell: &mut Tensor) -> Result<Tensor, TchError> {
        let forget = self.forget.forward(x)?.f_sigmoid_()?;
        *cell = self.input.forward(x)?.f_lerp_tensor(cell, &forget)?;
        self.norm.after(&cell.f_relu()?, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recurrence_follows_its_equations() {
        let affine = |weight: [f32; 4], bias: [f32; 2]| {
            Layer::Float(Affine::new(Tensor::from_slice(&weight).view([2, 2]), Some(Tensor::from_slice(&bias))))
        };
        let recurrence = Recurrence {
            input: affine([1.0, 0.0, 0.0, 1.0], [0.0, 0.0]),
            forget: affine([0.0; 4], [0.0, 3f32.ln()]),
            norm: Norm::new(Tensor::from_slice(&[1f32, 1.0]), Tensor::from_slice(&[0f32, 0.0]), 1e-6),
        };
        let x = Tensor::from_slice(&[2f32, -4.0]).view([1, 2]);
        let mut cell = Tensor::from_slice(&[1f32, 8.0]).view([1, 2]);
        let y = recurrence.step(&x, &mut cell).expect("shapes agree");
        // f = (1/2, 3/4): c = (1/2 · 1 + 1/2 · 2, 3/4 · 8 + 1/4 · −4) = (1.5, 5); the sum with x is (3.5, 1).
        let values = |tensor: &Tensor| Vec::<f32>::try_from(tensor.flatten(0, 1)).expect("two values");
        let close = |found: &[f32], expected: [f32; 2]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(&values(&cell), [1.5, 5.0]), "{:?}", values(&cell));
        assert!(close(&values(&y), [1.0, -1.0]), "{:?}", values(&y));
    }
}
