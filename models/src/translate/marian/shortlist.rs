//! Which tokens a translation may be made of: all, or for each sentence those that its lexical shortlist names.

use fxtranslate::shortlist::Shortlist;
use tch::{Device, Kind, TchError, Tensor};

use super::layers::Affine;

/// Added to the score of a token that is not on a sentence's own list.
const FORBIDDEN: f64 = -1e9;

/// The rule for all sentences of a model.
pub struct Outputs {
    /// The model's list, where it has one.
    pub shortlist: Option<Shortlist>,
    /// Whether source and target have one vocabulary: then a token of the source may also stay as it is.
    pub is_shared: bool,
    /// What rounds the inputs of the scores to int8, where the shortlist is scored in int8.
    pub multiplier: Option<f32>,
}

/// The tokens that some sentences may be made of, and the layer that scores them.
pub struct Choice {
    layer: Affine,
    /// Tokens by place in the scores; `None` where these are the same.
    tokens: Option<Vec<i64>>,
    /// What is added to the scores `[rows, tokens]`, where the sentences' lists differ.
    forbidden: Option<Tensor>,
    multiplier: Option<f32>,
}

impl Outputs {
    /// The choice for these sentences: the tokens on any of their lists are scored, and each has its own among them.
    pub fn choice(
        &self,
        sources: &[Vec<i64>],
        output: &Affine,
        device: Device,
        kind: Kind,
    ) -> Result<Choice, TchError> {
        let Some(shortlist) = &self.shortlist else {
            return Ok(Choice { layer: output.shallow_clone(), tokens: None, forbidden: None, multiplier: None });
        };
        let own = |source: &Vec<i64>| {
            let ids: Vec<u32> = source.iter().map(|&id| id as u32).collect();
            shortlist.candidates(&ids, self.is_shared)
        };
        let lists: Vec<Vec<u32>> = sources.iter().map(own).collect();
        let mut tokens: Vec<i64> = lists.iter().flatten().map(|&token| i64::from(token)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let layer = output.select(&Tensor::f_from_slice(&tokens)?.f_to(device)?)?;
        let forbidden = || {
            let mut scores = vec![FORBIDDEN; lists.len() * tokens.len()];
            for (row, list) in lists.iter().enumerate() {
                for token in list {
                    if let Ok(place) = tokens.binary_search(&i64::from(*token)) {
                        scores[row * tokens.len() + place] = 0.0;
                    }
                }
            }
            let scores = Tensor::f_from_slice(&scores)?.f_view([lists.len() as i64, tokens.len() as i64])?;
            scores.f_to_kind(kind)?.f_to(device)
        };
        let forbidden = if lists.len() > 1 { Some(forbidden()?) } else { None };
        Ok(Choice { layer, tokens: Some(tokens), forbidden, multiplier: self.multiplier })
    }
}

/// What is left of values that are multiplied, rounded to int8 and divided again.
fn round(x: &Tensor, multiplier: f64) -> Result<Tensor, TchError> {
    x.f_mul_scalar(multiplier)?.f_round_()?.f_clamp_(-127.0, 127.0)?.f_div_scalar_(multiplier)
}

impl Choice {
    /// The likeliest token after each state, `[rows, width]`.
    pub fn likeliest(&self, states: &Tensor) -> Result<Vec<i64>, TchError> {
        let mut scores = match self.multiplier {
            Some(multiplier) => self.layer.forward(&round(states, f64::from(multiplier))?)?,
            None => self.layer.forward(states)?,
        };
        if let Some(forbidden) = &self.forbidden {
            scores = scores.f_add_(forbidden)?;
        }
        // Less than half as long on a CPU as `argmax`.
        let places = Vec::<i64>::try_from(scores.f_max_dim(1, false)?.1)?;
        Ok(match &self.tokens {
            Some(tokens) => places.into_iter().map(|place| tokens[place as usize]).collect(),
            None => places,
        })
    }

    /// Only these rows.
    pub fn keep(&mut self, rows: &Tensor) -> Result<(), TchError> {
        self.forbidden = self.forbidden.as_ref().map(|scores| scores.f_index_select(0, rows)).transpose()?;
        Ok(())
    }
}
