//! PL-BERT: phonemes in context. An ALBERT encoder (Lan et al., 2020), whose 12 layers share one set of weights,
//! trained on phonemes (Li et al., "Phoneme-Level BERT", 2023).

use tch::{Kind, Tensor};

use super::layers::{LayerNorm, Linear};
use super::weights::Weights;
use crate::engine::EngineError;

const VOCABULARY: i64 = 178;
const POSITIONS: i64 = 512;
const EMBEDDING: i64 = 128;
const HIDDEN: i64 = 768;
const INNER: i64 = 2048;
const HEADS: i64 = 12;
const LAYERS: usize = 12;
const EPSILON: f64 = 1e-12;

/// The phoneme encoder.
pub struct PlBert {
    words: Tensor,
    positions: Tensor,
    token_type: Tensor,
    embedding_norm: LayerNorm,
    widen: Linear,
    layer: AlbertLayer,
    project: Linear,
}

impl PlBert {
    /// Takes the tensors under `bert.` and `bert_encoder.`.
    pub fn take(weights: &mut Weights) -> Result<Self, EngineError> {
        let kind = weights.device().kind;
        let table = |weights: &mut Weights, name: &str, rows: i64| {
            weights.take(&format!("bert.embeddings.{name}_embeddings.weight"), &[rows, EMBEDDING])
        };
        Ok(Self {
            words: table(weights, "word", VOCABULARY)?,
            positions: table(weights, "position", POSITIONS)?,
            token_type: table(weights, "token_type", 2)?.f_narrow(0, 0, 1)?,
            embedding_norm: norm(weights, "bert.embeddings.LayerNorm", EMBEDDING)?,
            widen: Linear::take(weights, "bert.encoder.embedding_hidden_mapping_in", EMBEDDING, HIDDEN)?
                .in_kind(kind)?,
            layer: AlbertLayer::take(weights, "bert.encoder.albert_layer_groups.0.albert_layers.0", kind)?,
            project: Linear::take(weights, "bert_encoder", HIDDEN, 512)?,
        })
    }

    /// Token ids `[batch, tokens]` (at most 512) to contextual states `[batch, tokens, 768]`, float32.
    pub fn states(&self, ids: &Tensor) -> Result<Tensor, EngineError> {
        let tokens = ids.size().last().copied().unwrap_or_default();
        let words = Tensor::f_embedding(&self.words, ids, -1, false, false)?;
        let positions = self.positions.f_narrow(0, 0, tokens)?;
        let embedded = words.f_add(&self.token_type)?.f_add(&positions)?;
        let embedded = self.embedding_norm.forward(&embedded)?;
        let mut states = self.widen.forward(&embedded.f_to_kind(self.layer.kind)?)?;
        for _ in 0..LAYERS {
            states = self.layer.forward(&states)?;
        }
        Ok(states.f_to_kind(Kind::Float)?)
    }

    /// The states brought to the width of the prosody predictor: `[batch, tokens, 512]`.
    pub fn project(&self, states: &Tensor) -> Result<Tensor, EngineError> {
        self.project.forward(states)
    }
}

fn norm(weights: &mut Weights, name: &str, features: i64) -> Result<LayerNorm, EngineError> {
    LayerNorm::take(weights, name, ["weight", "bias"], features, EPSILON)
}

/// The shared transformer layer: attention and a feed-forward part, each with a residual and a norm after it.
struct AlbertLayer {
    query: Linear,
    key: Linear,
    value: Linear,
    dense: Linear,
    attention_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    output_norm: LayerNorm,
    kind: Kind,
}

impl AlbertLayer {
    fn take(weights: &mut Weights, name: &str, kind: Kind) -> Result<Self, EngineError> {
        let mut linear = |part: &str, input: i64, output: i64| {
            Linear::take(weights, &format!("{name}.{part}"), input, output)?.in_kind(kind)
        };
        Ok(Self {
            query: linear("attention.query", HIDDEN, HIDDEN)?,
            key: linear("attention.key", HIDDEN, HIDDEN)?,
            value: linear("attention.value", HIDDEN, HIDDEN)?,
            dense: linear("attention.dense", HIDDEN, HIDDEN)?,
            widen: linear("ffn", HIDDEN, INNER)?,
            narrow: linear("ffn_output", INNER, HIDDEN)?,
            attention_norm: norm(weights, &format!("{name}.attention.LayerNorm"), HIDDEN)?,
            output_norm: norm(weights, &format!("{name}.full_layer_layer_norm"), HIDDEN)?,
            kind,
        })
    }

    fn forward(&self, states: &Tensor) -> Result<Tensor, EngineError> {
        let attended = self.attention_norm.forward(&states.f_add(&self.attend(states)?)?)?;
        let inner = self.widen.forward(&attended)?.f_gelu("tanh")?;
        self.output_norm.forward(&attended.f_add(&self.narrow.forward(&inner)?)?)
    }

    fn attend(&self, states: &Tensor) -> Result<Tensor, EngineError> {
        let size = states.size();
        let heads = |projected: Tensor| -> Result<Tensor, EngineError> {
            Ok(projected.f_unflatten(-1, [HEADS, HIDDEN / HEADS])?.f_transpose(1, 2)?)
        };
        let query = heads(self.query.forward(states)?)?;
        let key = heads(self.key.forward(states)?)?;
        let value = heads(self.value.forward(states)?)?;
        let mixed = Tensor::f_scaled_dot_product_attention(
            &query,
            &key,
            &value,
            None::<Tensor>,
            0.0,
            false,
            None::<f64>,
            false,
        )?;
        self.dense.forward(&mixed.f_transpose(1, 2)?.f_reshape(&size)?)
    }
}
