//! Reading an OPUS-MT model's weights, under transformers' names, into layers.

use std::collections::HashMap;
use std::path::Path;

use tch::Tensor;

use super::encoder::{Embedding, Encoder, EncoderLayer, sinusoids};
use super::layers::{Affine, CrossAttention, FeedForward, Layer, Norm, SelfAttention};
use super::opus_config::OpusConfig;
use super::opus_decoder::{OpusDecoder, OpusDecoderLayer};
use crate::device::Device;

/// PyTorch's default, in all normalisations.
const EPSILON: f64 = 1e-5;

/// The tensors of a model, by transformers' names.
pub struct OpusWeights<'a> {
    tensors: HashMap<String, Tensor>,
    config: &'a OpusConfig,
    device: Device,
}

impl<'a> OpusWeights<'a> {
    /// Reads `model.safetensors`, or else `pytorch_model.bin` in PyTorch's zip format (since 1.6).
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn read(folder: &Path, config: &'a OpusConfig, device: Device) -> Result<Self, String> {
        let (safe, pickled) = (folder.join("model.safetensors"), folder.join("pytorch_model.bin"));
        let (path, tensors) = match safe.is_file() {
            true => (&safe, Tensor::read_safetensors(&safe)),
            false => (&pickled, Tensor::loadz_multi(&pickled)),
        };
        let first_line = |error: tch::TchError| error.to_string().lines().next().unwrap_or_default().to_owned();
        let tensors = tensors.map_err(|error| format!("{}: {}", path.display(), first_line(error)))?;
        Ok(Self { tensors: tensors.into_iter().collect(), config, device })
    }

    /// The encoder.
    pub fn encoder(&self) -> Result<Encoder, String> {
        let layers = (0..self.config.encoder_layers).map(|i| {
            let prefix = format!("model.encoder.layers.{i}");
            Ok(EncoderLayer {
                attention: self.self_attention(&prefix, self.config.encoder_heads)?,
                feed_forward: self.feed_forward(&prefix)?,
            })
        });
        Ok(Encoder { embedding: self.embedding()?, layers: layers.collect::<Result<_, String>>()? })
    }

    /// The decoder.
    pub fn decoder(&self) -> Result<OpusDecoder, String> {
        let layers = (0..self.config.decoder_layers).map(|i| {
            let prefix = format!("model.decoder.layers.{i}");
            let part = |parts: &[&str]| self.stacked(&format!("{prefix}.encoder_attn"), parts);
            Ok(OpusDecoderLayer {
                attention: self.self_attention(&prefix, self.config.decoder_heads)?,
                cross: CrossAttention {
                    query: part(&["q_proj"])?,
                    memory: part(&["k_proj", "v_proj"])?,
                    out: part(&["out_proj"])?,
                    heads: self.config.decoder_heads,
                    norm: self.norm(&format!("{prefix}.encoder_attn_layer_norm"))?,
                },
                feed_forward: self.feed_forward(&prefix)?,
            })
        });
        let bias = self.tensor("final_logits_bias")?.f_flatten(0, -1).map_err(|error| error.to_string())?;
        Ok(OpusDecoder {
            embedding: self.embedding()?,
            layers: layers.collect::<Result<_, String>>()?,
            output: Affine::new(self.table()?, Some(bias)),
        })
    }

    fn table(&self) -> Result<Tensor, String> {
        // Files without the shared name have one of its copies.
        let names = ["model.shared.weight", "model.encoder.embed_tokens.weight", "lm_head.weight"];
        let name = names.iter().find(|name| self.tensors.contains_key(**name));
        self.tensor(name.unwrap_or(&names[0]))
    }

    fn embedding(&self) -> Result<Embedding, String> {
        let width = self.config.width;
        let positions = sinusoids(self.config.positions, width, width as f64 / 2.0);
        let positions = self.place(&positions.map_err(|error| error.to_string())?)?;
        let scale = if self.config.scales_embedding { (width as f64).sqrt() } else { 1.0 };
        Ok(Embedding::new(self.table()?, scale, positions))
    }

    fn self_attention(&self, prefix: &str, heads: i64) -> Result<SelfAttention, String> {
        let attention = format!("{prefix}.self_attn");
        Ok(SelfAttention {
            inputs: self.stacked(&attention, &["q_proj", "k_proj", "v_proj"])?,
            out: self.stacked(&attention, &["out_proj"])?,
            heads,
            norm: self.norm(&format!("{prefix}.self_attn_layer_norm"))?,
        })
    }

    fn feed_forward(&self, prefix: &str) -> Result<FeedForward, String> {
        Ok(FeedForward {
            inner: self.stacked(prefix, &["fc1"])?,
            outer: self.stacked(prefix, &["fc2"])?,
            activation: self.config.activation,
            norm: self.norm(&format!("{prefix}.final_layer_norm"))?,
        })
    }

    fn stacked(&self, prefix: &str, parts: &[&str]) -> Result<Layer, String> {
        let part = |part: &&str| {
            let (weight, bias) = (format!("{prefix}.{part}.weight"), format!("{prefix}.{part}.bias"));
            Ok(Affine::new(self.tensor(&weight)?, Some(self.tensor(&bias)?)))
        };
        let layers = parts.iter().map(part).collect::<Result<Vec<_>, String>>()?;
        Affine::stacked(&layers)
            .and_then(|layer| layer.by_columns())
            .map(Layer::Float)
            .map_err(|error| error.to_string())
    }

    fn norm(&self, name: &str) -> Result<Norm, String> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        Ok(Norm::new(self.tensor(&weight)?, self.tensor(&bias)?, EPSILON))
    }

    fn tensor(&self, name: &str) -> Result<Tensor, String> {
        self.place(self.tensors.get(name).ok_or_else(|| format!("the weights have no {name}"))?)
    }

    fn place(&self, tensor: &Tensor) -> Result<Tensor, String> {
        let Device { torch, kind } = self.device;
        let moved = tensor.f_to_kind(kind);
        moved.and_then(|tensor| tensor.f_to(torch)?.f_contiguous()).map_err(|error| error.to_string())
    }
}
