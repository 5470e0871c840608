//! Other translations of a sentence than the likeliest: a beam search over the engine's decoder.

use fxtranslate::engine::Engine;
use fxtranslate::spm::SpmVocab;

use super::shorter::Hypothesis;

/// Unfinished translations that are followed at once.
const BEAM: usize = 8;
/// Finished ones that end the search.
const ENOUGH: usize = 16;
/// Layers of the decoder that there is room for; the models have up to four.
const LAYERS: usize = 8;
/// As the engine's own search: an output has at most so many times the source's tokens, and so many more.
const MOST_TIMES: usize = 2;
const AND_MORE: usize = 4;

/// A translation that goes on.
#[derive(Clone)]
struct Path {
    tokens: Vec<u32>,
    cells: Vec<Vec<f32>>,
    log_probability: f32,
}

/// Finds translations of a sentence, given as its tokens with the end; in no set order.
///
/// The lexical shortlist is not used: it has the likeliest words, and others are looked for here.
pub fn search(engine: &Engine, target: &SpmVocab, source: &[u32]) -> Vec<Hypothesis> {
    let context = engine.encode(source);
    let width = context.len() / source.len().max(1);
    let end = target.eos_id();
    let mut finished: Vec<Hypothesis> = Vec::new();
    let cells = vec![vec![0.0; width]; LAYERS + 1];
    let mut beam = vec![Path { tokens: Vec::new(), cells, log_probability: 0.0 }];
    for position in 0..source.len() * MOST_TIMES + AND_MORE {
        let mut steps: Vec<(usize, u32, f32)> = Vec::new();
        for (index, path) in beam.iter_mut().enumerate() {
            let previous = path.tokens.last().copied().unwrap_or(end);
            let state = engine.decode_step(previous, position, &context, source.len(), &mut path.cells);
            let likely = likeliest(&engine.project(&state));
            steps.extend(likely.into_iter().map(|(token, value)| (index, token, path.log_probability + value)));
        }
        steps.sort_by(|a, b| b.2.total_cmp(&a.2));
        let mut next = Vec::with_capacity(BEAM);
        for (index, token, log_probability) in steps.into_iter().take(2 * BEAM) {
            let path = &beam[index];
            if token == end {
                let (text, tokens) = (target.decode(&path.tokens).trim().to_owned(), path.tokens.len() + 1);
                finished.push(Hypothesis { text, log_probability, tokens });
            } else if next.len() < BEAM {
                let tokens = [path.tokens.as_slice(), &[token]].concat();
                next.push(Path { tokens, cells: path.cells.clone(), log_probability });
            }
        }
        if next.is_empty() || finished.len() >= ENOUGH {
            break;
        }
        beam = next;
    }
    finished
}

/// The likeliest tokens, twice as many as paths that go on, with their log-probabilities.
fn likeliest(logits: &[f32]) -> Vec<(u32, f32)> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let normaliser = largest + sum.ln();
    let mut order: Vec<u32> = (0..u32::try_from(logits.len()).unwrap_or(u32::MAX)).collect();
    let value = |token: &u32| logits[*token as usize];
    let count = (2 * BEAM).min(order.len());
    if count == 0 {
        return Vec::new();
    }
    order.select_nth_unstable_by(count - 1, |a, b| value(b).total_cmp(&value(a)));
    order.truncate(count);
    order.into_iter().map(|token| (token, logits[token as usize] - normaliser)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_tokens_come_with_their_probabilities() {
        let mut logits = vec![-5.0; 100];
        (logits[7], logits[42]) = (3.0, 2.0);
        let mut found = likeliest(&logits);
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        assert_eq!((found.len(), found[0].0, found[1].0), (2 * BEAM, 7, 42));
        let all = likeliest(&logits[..3]);
        let sum: f32 = all.iter().map(|(_, value)| value.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        assert!(likeliest(&[]).is_empty());
    }
}
