//! One text an item: the likeliest token at every step, or one drawn at random at a temperature.

use tch::{Kind, TchError, Tensor};

use super::decoder::Acoustics;
use super::decoding::{Ending, Hypothesis, Search, Start, Task};

/// Uniform random numbers from a seed (SplitMix64; Steele, Lea and Flood, 2014), the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, from 0 up to but not including 1.
    pub fn next_unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How the next token is chosen.
pub enum Choice<'a> {
    /// The likeliest.
    Likeliest,
    /// Drawn from the distribution sharpened or flattened by the temperature (> 0).
    Drawn {
        /// 1 draws from the model's own distribution, less from a sharper one.
        temperature: f64,
        /// Where chance comes from.
        random: &'a mut Random,
    },
}

/// A text that is still growing.
struct Row {
    item: usize,
    text: Vec<i64>,
    log_probability: f64,
    ending: Option<Ending>,
}

impl AsRef<[i64]> for Row {
    fn as_ref(&self) -> &[i64] {
        &self.text
    }
}

impl Search<'_> {
    /// Decodes all tasks together, one for each item of `acoustics`; the answers are in their order.
    pub fn one_by_one(
        &self,
        tasks: &[Task],
        acoustics: &Acoustics,
        mut choice: Choice<'_>,
    ) -> Result<Vec<Hypothesis>, TchError> {
        let Start { mut logits, mut cache, no_speech } = self.begin(tasks, acoustics)?;
        let mut rows: Vec<Row> =
            (0..tasks.len()).map(|item| Row { item, text: Vec::new(), log_probability: 0.0, ending: None }).collect();
        let mut done: Vec<Option<Hypothesis>> = vec![None; tasks.len()];
        let mut narrowed: Option<Acoustics> = None;
        loop {
            let allowed = self.rules.apply(&logits, &rows)?;
            for (row, (token, log_probability)) in rows.iter_mut().zip(choose(&allowed, &mut choice)?) {
                if row.ending.is_some() {
                    continue;
                }
                row.log_probability += log_probability;
                if token == self.vocabulary.end_of_text {
                    row.ending = Some(Ending::Complete);
                } else {
                    row.text.push(token);
                    row.ending = self.must_end(&row.text, &tasks[row.item]);
                }
                if let Some(ending) = row.ending {
                    let text = row.text.clone();
                    done[row.item] = Some(Hypothesis::new(text, row.log_probability, ending, no_speech[row.item]));
                }
            }
            let going: Vec<i64> = (0i64..).zip(&rows).filter(|(_, row)| row.ending.is_none()).map(|(i, _)| i).collect();
            if going.is_empty() {
                break;
            }
            // Leaving rows out costs a copy of the caches, so it waits until it halves the work.
            if going.len() * 2 <= rows.len() {
                let kept = Tensor::f_from_slice(&going)?.f_to(logits.device())?;
                cache.select(&kept)?;
                narrowed = Some(narrowed.as_ref().unwrap_or(acoustics).select(&kept)?);
                rows.retain(|row| row.ending.is_none());
            }
            let tokens: Vec<i64> =
                rows.iter().map(|row| row.text.last().copied().unwrap_or(self.vocabulary.end_of_text)).collect();
            let states = self.decoder.step(&tokens, narrowed.as_ref().unwrap_or(acoustics), &mut cache)?;
            logits = self.decoder.logits(&states)?;
        }
        Ok(done.into_iter().flatten().collect())
    }
}

/// A token and its log-probability for each row of `[rows, vocabulary]`; one read from the device.
fn choose(logits: &Tensor, choice: &mut Choice<'_>) -> Result<Vec<(i64, f64)>, TchError> {
    let (score, token) = match choice {
        Choice::Likeliest => logits.f_max_dim(1, true)?,
        Choice::Drawn { temperature, random } => {
            let chances = logits.f_div_scalar(*temperature)?.f_softmax(1, Kind::Float)?.f_cumsum(1, Kind::Double)?;
            let (rows, vocabulary) = chances.size2()?;
            let draws: Vec<f64> = (0..rows).map(|_| random.next_unit()).collect();
            let total = chances.f_narrow(1, vocabulary - 1, 1)?;
            let points = Tensor::f_from_slice(&draws)?.f_to(logits.device())?.f_unsqueeze(1)?.f_mul(&total)?;
            let drawn =
                points.f_searchsorted(&chances, false, true, "right", None::<&Tensor>)?.f_clamp_max(vocabulary - 1)?;
            (logits.f_gather(1, &drawn, false)?, drawn)
        }
    };
    let log_probability = score.f_sub(&logits.f_logsumexp(1, true)?)?;
    let pairs = Tensor::f_cat(&[token.f_to_kind(Kind::Double)?, log_probability.f_to_kind(Kind::Double)?], 1)?;
    let values = Vec::<f64>::try_from(pairs.f_flatten(0, 1)?)?;
    Ok(values.chunks_exact(2).map(|pair| (pair[0] as i64, pair[1])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_uniform_and_repeats_with_its_seed() {
        let draw = |seed| -> Vec<f64> {
            let mut random = Random::new(seed);
            (0..10_000).map(|_| random.next_unit()).collect()
        };
        let numbers = draw(1);
        assert_eq!(numbers, draw(1));
        assert_ne!(numbers, draw(2));
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
    }

    #[test]
    fn a_drawn_token_follows_its_probability() {
        let logits = Tensor::from_slice(&[0.1f32.ln(), 0.6f32.ln(), f32::NEG_INFINITY, 0.3f32.ln()]).unsqueeze(0);
        let mut random = Random::new(7);
        let mut counts = [0; 4];
        for _ in 0..2_000 {
            let mut choice = Choice::Drawn { temperature: 1.0, random: &mut random };
            let drawn = choose(&logits, &mut choice).expect("four finite or −∞ logits can be drawn from");
            counts[drawn[0].0 as usize] += 1;
        }
        assert_eq!(counts[2], 0, "what is forbidden is never drawn");
        assert!((1_100..1_300).contains(&counts[1]), "{counts:?}");
        assert!((520..680).contains(&counts[3]), "{counts:?}");
        let likeliest = choose(&logits, &mut Choice::Likeliest).expect("the maximum exists");
        assert_eq!(likeliest[0].0, 1);
        assert!((likeliest[0].1 - 0.6f64.ln()).abs() < 1e-5);
    }
}
