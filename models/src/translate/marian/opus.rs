//! OPUS-MT's models (Tiedemann and Thottingal, 2020): the standard transformer, from a folder as transformers lays
//! it out.

use std::collections::HashMap;
use std::path::Path;

use tch::Tensor;

use super::encoder::{Encoder, Padded};
use super::opus_config::OpusConfig;
use super::opus_decoder::{OpusDecoder, TextCache};
use super::opus_weights::OpusWeights;
use super::pieces::Pieces;
use super::search::{Hypothesis, SearchOptions, search};
use crate::device::Device;
use crate::engine::EngineError;

/// What stands for a piece that the vocabulary lacks.
const UNKNOWN: &str = "<unk>";

/// A model, loaded.
pub struct OpusModel {
    encoder: Encoder,
    decoder: OpusDecoder,
    /// How translations are searched for.
    pub options: SearchOptions,
    pieces: Pieces,
    ids: HashMap<String, i64>,
    written: HashMap<i64, String>,
    unknown: i64,
    device: Device,
}

impl OpusModel {
    /// Loads `config.json`, `generation_config.json`, `vocab.json`, `source.spm` and the weights, in
    /// `model.safetensors` or `pytorch_model.bin`. Matrices have the device's format; [`Precision`](super::Precision)
    /// says which ones there are.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] that names the folder, and the file that is missing or not what it should be.
    pub fn load(folder: &Path, device: Device) -> Result<Self, EngineError> {
        let loaded = Self::read(folder, device);
        loaded.map_err(|why| EngineError::Unavailable(format!("model {}: {why}", folder.display())))
    }

    fn read(folder: &Path, device: Device) -> Result<Self, String> {
        if device == Device::CPU_INT8 {
            return Err("its weights are not int8".to_owned());
        }
        let config = OpusConfig::read(folder)?;
        let path = folder.join("vocab.json");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let ids: HashMap<String, i64> =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let weights = OpusWeights::read(folder, &config, device)?;
        Ok(Self {
            encoder: weights.encoder()?,
            decoder: weights.decoder()?,
            pieces: Pieces::load(&folder.join("source.spm"))?,
            unknown: *ids.get(UNKNOWN).ok_or_else(|| format!("{} has no {UNKNOWN}", path.display()))?,
            written: ids.iter().map(|(piece, id)| (*id, piece.clone())).collect(),
            ids,
            options: config.search,
            device,
        })
    }

    /// Whether the vocabulary has this piece, as the mark `>>spa<<` of a target language.
    pub fn has_piece(&self, piece: &str) -> bool {
        self.ids.contains_key(piece)
    }

    /// Ids of a text and its end. A mark as `>>spa<<` before it is one token.
    ///
    /// # Errors
    /// [`EngineError::Poisoned`] where `source.spm` proves to be damaged.
    pub fn tokens(&self, text: &str) -> Result<Vec<i64>, EngineError> {
        let mark = text.starts_with(">>").then(|| text.find("<<")).flatten().map(|end| end + 2);
        let (mark, text) = text.split_at(mark.unwrap_or(0));
        let pieces = self.pieces.written(text)?;
        let id = |piece: &str| self.ids.get(piece).copied().unwrap_or(self.unknown);
        let mark = (!mark.is_empty()).then(|| id(mark));
        Ok(mark.into_iter().chain(pieces.iter().map(|piece| id(piece))).chain([self.options.end]).collect())
    }

    /// The text that tokens make.
    pub fn text(&self, tokens: &[i64]) -> String {
        let special = [self.unknown, self.options.end, self.options.start];
        let written =
            tokens.iter().filter(|token| !special.contains(token)).filter_map(|token| self.written.get(token));
        written.map(String::as_str).collect::<String>().replace('\u{2581}', " ").trim().to_owned()
    }

    /// Longest source, in tokens, its end included.
    pub fn max_tokens(&self) -> usize {
        self.encoder.embedding.max_length()
    }

    /// For each source, as [`Self::tokens`] gives it, its translations, best first.
    ///
    /// # Errors
    /// [`EngineError::InvalidInput`] for a source that is too long; libtorch's own.
    pub fn generate(&self, sources: &[Vec<i64>], options: &SearchOptions) -> Result<Vec<Vec<Hypothesis>>, EngineError> {
        let (longest, most) = (sources.iter().map(Vec::len).max().unwrap_or(0), self.max_tokens());
        if longest > most {
            return Err(EngineError::InvalidInput(format!("a text of {longest} tokens; {most} is the most")));
        }
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let _guard = tch::no_grad_guard();
        let source = Padded::new(sources, self.options.start, self.device.torch, self.device.kind)?;
        let memory = self.decoder.remember(&self.encoder.forward(&source)?, source.mask)?;
        Ok(search(&self.decoder, memory, sources.len(), options)?)
    }

    /// Scores of all tokens after the start and after each token of `target`, `[tokens + 1, vocabulary]`.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn logits(&self, source: &[i64], target: &[i64]) -> Result<Tensor, EngineError> {
        let _guard = tch::no_grad_guard();
        let source = Padded::new(&[source.to_vec()], self.options.start, self.device.torch, self.device.kind)?;
        let memory = self.decoder.remember(&self.encoder.forward(&source)?, source.mask)?;
        let mut cache = TextCache::default();
        let tokens = std::iter::once(&self.options.start).chain(target);
        let steps = tokens.map(|token| self.decoder.step(&[*token], &memory, &mut cache));
        Ok(Tensor::f_cat(&steps.collect::<Result<Vec<_>, _>>()?, 0)?)
    }
}
