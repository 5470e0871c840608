//! Reading the file of a Firefox model (Marian's binary format, by `fxtranslate`) into layers.
//!
//! Matrices are int8 with one multiplier each, `W = q / multiplier`, and lie transposed, `[out, in]`. In float formats
//! they are brought back, and their inputs are not rounded; so in one sentence of ten another word is chosen than where
//! int8 is multiplied with int8: as often as the instructions of two processors disagree over rounded inputs.

use std::path::Path;

use fxtranslate::model::{Model, ModelItem};
use fxtranslate::trace::DType;
use tch::{Kind, Tensor};

use super::encoder::{Embedding, EncoderLayer, sinusoids};
use super::int8::Int8Affine;
use super::layers::{Activation, Affine, CrossAttention, FeedForward, Layer, Norm, SelfAttention};
use crate::device::Device;

/// Marian's, in all its normalisations.
const EPSILON: f64 = 1e-6;
/// Longer than any source or translation that is asked of these models.
const POSITIONS: i64 = 512;

/// The tensors of one model file.
pub struct FirefoxWeights {
    model: Model,
    /// Where they are placed, and in which format what is not int8.
    pub device: Device,
    is_int8: bool,
    /// How many heads each attention has.
    heads: i64,
    /// Blocks of the encoder.
    pub encoder_depth: usize,
    /// Blocks of the decoder.
    pub decoder_depth: usize,
    activation: Activation,
}

impl FirefoxWeights {
    /// Reads the file, and refuses an architecture that is not the students'.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn read(path: &Path, device: Device) -> Result<Self, String> {
        let model = Model::load(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let settings = model.get("special:model.yml").map(|item| String::from_utf8_lossy(&item.data).into_owned());
        let settings = settings.ok_or("there is no special:model.yml in the model")?;
        let setting = |key: &str| {
            let line = settings.lines().find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix(':'));
            line.map(|value| value.trim_matches(['"', ' ', '\0']).to_owned()).ok_or_else(|| format!("no {key} is told"))
        };
        let number = |key: &str| setting(key)?.parse::<usize>().map_err(|error| format!("{key}: {error}"));
        for (key, expected) in [
            ("type", "transformer"),
            ("transformer-decoder-autoreg", "rnn"),
            ("dec-cell", "ssru"),
            ("transformer-preprocess", ""),
            ("transformer-postprocess", "dan"),
            ("transformer-train-position-embeddings", "false"),
        ] {
            let found = setting(key)?;
            if found != expected {
                return Err(format!("{key} is '{found}'; only '{expected}' is known"));
            }
        }
        let name = setting("transformer-ffn-activation")?;
        let is_int8 = device == Device::CPU_INT8;
        if is_int8 && !model.items.iter().any(|item| item.name.ends_with("_QuantMultA")) {
            return Err("its weights are not int8".to_owned());
        }
        Ok(Self {
            heads: number("transformer-heads")? as i64,
            encoder_depth: number("enc-depth")?,
            decoder_depth: number("dec-depth")?,
            activation: Activation::parse(&name)
                .ok_or_else(|| format!("transformer-ffn-activation '{name}' is not known"))?,
            is_int8,
            model,
            device: if is_int8 { Device::CPU_F32 } else { device },
        })
    }

    /// The source's embedding.
    pub fn source_embedding(&self) -> Result<Embedding, String> {
        self.embedding(if self.has("Wemb") { "Wemb" } else { "encoder_Wemb" })
    }

    /// The target's embedding.
    pub fn target_embedding(&self) -> Result<Embedding, String> {
        self.embedding(self.target_table())
    }

    fn target_table(&self) -> &'static str {
        if self.has("Wemb") { "Wemb" } else { "decoder_Wemb" }
    }

    fn embedding(&self, name: &str) -> Result<Embedding, String> {
        let table = matrix(self.item(name)?, true)?;
        let width = table.size()[1];
        let positions = sinusoids(POSITIONS, width, width as f64 / 2.0 - 1.0).map_err(|error| error.to_string())?;
        Ok(Embedding::new(self.place(&table)?, (width as f64).sqrt(), self.place(&positions)?))
    }

    /// States to scores of all tokens: the target's embedding once more.
    pub fn output(&self) -> Result<Affine, String> {
        let table = self.target_table();
        Ok(Affine::new(self.place(&matrix(self.item(table)?, true)?)?, Some(self.vector("decoder_ff_logit_out_b")?)))
    }

    /// What the output's inputs are multiplied by to be int8; `None` where they stay as they are.
    pub fn output_multiplier(&self) -> Result<Option<f32>, String> {
        let names = ["none_QuantMultA", "decoder_Wemb_QuantMultA"];
        match names.iter().find(|name| self.is_int8 && self.has(name)) {
            Some(name) => self.scalar(name).map(Some),
            None => Ok(None),
        }
    }

    /// A block of the encoder, from 1.
    pub fn encoder_layer(&self, number: usize) -> Result<EncoderLayer, String> {
        let prefix = format!("encoder_l{number}");
        let attention = format!("{prefix}_self");
        Ok(EncoderLayer {
            attention: SelfAttention {
                inputs: self.attention_parts(&attention, &["q", "k", "v"])?,
                out: self.attention_parts(&attention, &["o"])?,
                heads: self.heads,
                norm: self.norm(&format!("{attention}_Wo"))?,
            },
            feed_forward: self.feed_forward(&prefix)?,
        })
    }

    /// The attention to the source of a block of the decoder, from 1.
    pub fn cross_attention(&self, number: usize) -> Result<CrossAttention, String> {
        let prefix = format!("decoder_l{number}_context");
        Ok(CrossAttention {
            query: self.attention_parts(&prefix, &["q"])?,
            memory: self.attention_parts(&prefix, &["k", "v"])?,
            out: self.attention_parts(&prefix, &["o"])?,
            heads: self.heads,
            norm: self.norm(&format!("{prefix}_Wo"))?,
        })
    }

    fn attention_parts(&self, prefix: &str, parts: &[&str]) -> Result<Layer, String> {
        let names: Vec<[String; 2]> =
            parts.iter().map(|part| [format!("{prefix}_W{part}"), format!("{prefix}_b{part}")]).collect();
        self.layer(names.iter().map(|[name, bias]| (name.as_str(), Some(bias.as_str()))))
    }

    /// The feed-forward block of `encoder_l1`, `decoder_l2` and so on.
    pub fn feed_forward(&self, prefix: &str) -> Result<FeedForward, String> {
        Ok(FeedForward {
            inner: self.affine(&format!("{prefix}_ffn_W1"), Some(&format!("{prefix}_ffn_b1")))?,
            outer: self.affine(&format!("{prefix}_ffn_W2"), Some(&format!("{prefix}_ffn_b2")))?,
            activation: self.activation,
            norm: self.norm(&format!("{prefix}_ffn_ffn"))?,
        })
    }

    /// A matrix and its bias.
    pub fn affine(&self, name: &str, bias: Option<&str>) -> Result<Layer, String> {
        self.layer([(name, bias)].into_iter())
    }

    /// Matrices over one input, with their biases.
    fn layer<'a>(&self, parts: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Result<Layer, String> {
        if self.is_int8 {
            return Ok(Layer::Int8(parts.map(|(name, bias)| self.int8(name, bias)).collect::<Result<_, _>>()?));
        }
        let float = |(name, bias): (&str, Option<&str>)| -> Result<Affine, String> {
            let bias = bias.map(|bias| self.vector(bias)).transpose()?;
            Ok(Affine::new(self.place(&matrix(self.item(name)?, false)?)?, bias))
        };
        let layers = parts.map(float).collect::<Result<Vec<_>, _>>()?;
        let layer = Affine::stacked(&layers).and_then(|layer| layer.by_columns());
        layer.map(Layer::Float).map_err(|error| error.to_string())
    }

    fn int8(&self, name: &str, bias: Option<&str>) -> Result<Int8Affine, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let item = self.item(name)?;
        let bytes = item.int8_transposed().map_err(|error| failed(&error))?;
        let own = item.quant_mult().map_err(|error| failed(&error))?;
        let inputs = self.scalar(&format!("{name}_QuantMultA"))?;
        let bias = match bias {
            Some(bias) => self.item(bias)?.to_f32().map_err(|error| format!("{bias}: {error}"))?,
            None => vec![0.0; item.shape.get(1).copied().unwrap_or(0).max(0) as usize],
        };
        Int8Affine::new(bytes, [own, inputs], &bias).map_err(|error| failed(&error))
    }

    /// A single value, whatever its format.
    fn scalar(&self, name: &str) -> Result<f32, String> {
        let item = self.item(name)?;
        let failed = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let value = match item.dtype {
            DType::Float32 => item.to_f32().map_err(|error| failed(&error))?.first().copied(),
            _ => {
                let bytes = item.int8_transposed().map_err(|error| failed(&error))?;
                let multiplier = item.quant_mult().map_err(|error| failed(&error))?;
                bytes.first().map(|&value| f32::from(value) / multiplier)
            }
        };
        value.ok_or_else(|| format!("{name} is empty"))
    }

    /// A normalisation by the name that its `_ln_scale` and `_ln_bias` follow.
    pub fn norm(&self, name: &str) -> Result<Norm, String> {
        let (scale, bias) = (self.vector(&format!("{name}_ln_scale"))?, self.vector(&format!("{name}_ln_bias"))?);
        Ok(Norm::new(scale, bias, EPSILON))
    }

    fn vector(&self, name: &str) -> Result<Tensor, String> {
        let values = self.item(name)?.to_f32().map_err(|error| format!("{name}: {error}"))?;
        self.place(&Tensor::f_from_slice(&values).map_err(|error| error.to_string())?)
    }

    fn place(&self, tensor: &Tensor) -> Result<Tensor, String> {
        let moved = tensor.f_to_kind(self.device.kind).and_then(|tensor| tensor.f_to(self.device.torch));
        moved.and_then(|tensor| tensor.f_contiguous()).map_err(|error| error.to_string())
    }

    fn has(&self, name: &str) -> bool {
        self.model.get(name).is_some()
    }

    fn item(&self, name: &str) -> Result<&ModelItem, String> {
        self.model.get(name).ok_or_else(|| format!("the model has no {name}"))
    }
}

/// The values of a matrix `[out, in]`. `is_table` is for embeddings, which lie `[out, in]` in both formats and whose
/// shape says so.
fn matrix(item: &ModelItem, is_table: bool) -> Result<Tensor, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", item.name);
    let &[first, second] = item.shape.as_slice() else {
        return Err(format!("{} has {} dimensions, not 2", item.name, item.shape.len()));
    };
    let (first, second) = (i64::from(first), i64::from(second));
    if item.dtype == DType::Float32 {
        let values = item.to_f32().map_err(|error| failed(&error))?;
        let values = Tensor::f_from_slice(&values).and_then(|values| values.f_view([first, second]));
        return values.and_then(|values| if is_table { Ok(values) } else { values.f_tr() }).map_err(|e| failed(&e));
    }
    let shape = if is_table { [first, second] } else { [second, first] };
    let bytes = item.int8_transposed().map_err(|error| failed(&error))?;
    let multiplier = f64::from(item.quant_mult().map_err(|error| failed(&error))?);
    let values = Tensor::f_from_slice(bytes).and_then(|values| values.f_view(shape)?.f_to_kind(Kind::Float));
    values.and_then(|values| values.f_div_scalar(multiplier)).map_err(|error| failed(&error))
}
