//! What an OPUS-MT model's folder says of it: `config.json`, and `generation_config.json` where there is one.

use std::path::Path;

use serde::Deserialize;

use super::layers::Activation;
use super::search::{EarlyStopping, SearchOptions};

/// The keys that count here, of both files.
#[derive(Clone, Debug, Default, Deserialize)]
struct Keys {
    model_type: Option<String>,
    activation_function: Option<String>,
    bad_words_ids: Option<Vec<Vec<i64>>>,
    d_model: Option<i64>,
    decoder_attention_heads: Option<i64>,
    decoder_layers: Option<usize>,
    decoder_start_token_id: Option<i64>,
    early_stopping: Option<EarlyStopping>,
    encoder_attention_heads: Option<i64>,
    encoder_layers: Option<usize>,
    eos_token_id: Option<i64>,
    forced_eos_token_id: Option<i64>,
    length_penalty: Option<f32>,
    max_length: Option<usize>,
    max_position_embeddings: Option<i64>,
    normalize_before: Option<bool>,
    num_beams: Option<usize>,
    renormalize_logits: Option<bool>,
    scale_embedding: Option<bool>,
    share_encoder_decoder_embeddings: Option<bool>,
    static_position_embeddings: Option<bool>,
}

/// An OPUS-MT model's shape, and how its translations are searched for.
#[derive(Clone, Debug)]
pub struct OpusConfig {
    /// Width of all states.
    pub width: i64,
    /// Heads of each of the encoder's attentions.
    pub encoder_heads: i64,
    /// Heads of each of the decoder's.
    pub decoder_heads: i64,
    /// Blocks of the encoder.
    pub encoder_layers: usize,
    /// Blocks of the decoder.
    pub decoder_layers: usize,
    /// Of the feed-forward blocks.
    pub activation: Activation,
    /// Whether embeddings are multiplied by the root of their width.
    pub scales_embedding: bool,
    /// How many positions there are.
    pub positions: i64,
    /// How the best translation is found, if nothing else is asked for.
    pub search: SearchOptions,
}

impl OpusConfig {
    /// Reads the folder's files.
    ///
    /// # Errors
    /// A sentence that names the file and the key that is missing or not known.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let model: Keys = read(&folder.join("config.json"))?;
        let generation = folder.join("generation_config.json");
        let search = if generation.is_file() { read(&generation)? } else { Keys::default() };
        let missing = |key: &str| format!("{} has no {key}", folder.join("config.json").display());
        let refused = |what: String| format!("{}: {what}", folder.join("config.json").display());
        if model.model_type.as_deref() != Some("marian") {
            return Err(refused(format!("model_type is {:?}, not marian", model.model_type.unwrap_or_default())));
        }
        if model.normalize_before == Some(true) || model.static_position_embeddings == Some(false) {
            return Err(refused(
                "only models with static positions that normalise after each block are known".to_owned(),
            ));
        }
        if model.share_encoder_decoder_embeddings == Some(false) {
            return Err(refused("only models with one vocabulary for both languages are known".to_owned()));
        }
        let name = model.activation_function.unwrap_or_else(|| "gelu".to_owned());
        let bad_words = search.bad_words_ids.or(model.bad_words_ids).unwrap_or_default();
        let forbidden = bad_words.iter().map(|word| match word.as_slice() {
            [token] => Ok(*token),
            _ => Err(refused(format!("bad_words_ids: {word:?} is not one token"))),
        });
        let start = search.decoder_start_token_id.or(model.decoder_start_token_id);
        Ok(Self {
            width: model.d_model.ok_or_else(|| missing("d_model"))?,
            encoder_heads: model.encoder_attention_heads.ok_or_else(|| missing("encoder_attention_heads"))?,
            decoder_heads: model.decoder_attention_heads.ok_or_else(|| missing("decoder_attention_heads"))?,
            encoder_layers: model.encoder_layers.ok_or_else(|| missing("encoder_layers"))?,
            decoder_layers: model.decoder_layers.ok_or_else(|| missing("decoder_layers"))?,
            activation: Activation::parse(&name)
                .ok_or_else(|| refused(format!("activation_function '{name}' is not one of relu, gelu, swish")))?,
            scales_embedding: model.scale_embedding.unwrap_or(false),
            positions: model.max_position_embeddings.unwrap_or(512),
            search: SearchOptions {
                beams: search.num_beams.or(model.num_beams).unwrap_or(1).max(1),
                length_penalty: search.length_penalty.or(model.length_penalty).unwrap_or(1.0),
                early_stopping: search.early_stopping.or(model.early_stopping).unwrap_or(EarlyStopping::When(false)),
                max_length: search.max_length.or(model.max_length).unwrap_or(512),
                renormalizes: search.renormalize_logits.or(model.renormalize_logits).unwrap_or(false),
                forbidden: forbidden.collect::<Result<_, _>>()?,
                start: start.ok_or_else(|| missing("decoder_start_token_id"))?,
                end: search.eos_token_id.or(model.eos_token_id).ok_or_else(|| missing("eos_token_id"))?,
                forced_end: search.forced_eos_token_id.or(model.forced_eos_token_id),
            },
        })
    }
}

fn read(path: &Path) -> Result<Keys, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}
