//! Beam search: several texts an item grow side by side, and the likeliest a token is kept
//! (as in Radford et al., 2022, section 4.5, with a patience of 1).

use tch::{Kind, TchError, Tensor};

use super::decoder::Acoustics;
use super::decoding::{Ending, Hypothesis, Search, Start, Task, average};

/// A text that is still growing.
#[derive(Clone)]
struct Beam {
    text: Vec<i64>,
    log_probability: f64,
}

impl AsRef<[i64]> for Beam {
    fn as_ref(&self) -> &[i64] {
        &self.text
    }
}

/// A way to go on: the beam of the item that it continues, and the token.
struct Candidate {
    beam: usize,
    token: i64,
    log_probability: f64,
}

/// The search for one item's text.
struct Item {
    index: usize,
    finished: Vec<(Beam, Ending)>,
    done: bool,
}

impl Search<'_> {
    /// Decodes all tasks together with `width` beams each, one for each item of `acoustics`; the answers are in
    /// their order.
    pub fn beams(&self, tasks: &[Task], acoustics: &Acoustics, width: usize) -> Result<Vec<Hypothesis>, TchError> {
        let Start { mut logits, mut cache, no_speech } = self.begin(tasks, acoustics)?;
        let mut items: Vec<Item> =
            (0..tasks.len()).map(|index| Item { index, finished: Vec::new(), done: false }).collect();
        let mut beams = vec![Beam { text: Vec::new(), log_probability: 0.0 }; tasks.len()];
        let mut done: Vec<Option<Hypothesis>> = vec![None; tasks.len()];
        let mut narrowed: Option<Acoustics> = None;
        loop {
            let old_width = beams.len() / items.len();
            let candidates = self.candidates(&logits, &beams, items.len(), width)?;
            let mut next = Vec::with_capacity(items.len() * width);
            let mut origins = Vec::with_capacity(items.len() * width);
            for (place, (item, ways)) in items.iter_mut().zip(candidates).enumerate() {
                let own = &beams[place * old_width..(place + 1) * old_width];
                let grown = self.grow(item, own, ways, width, &tasks[item.index]);
                for (origin, beam) in grown {
                    origins.push((place * old_width + origin) as i64);
                    next.push(beam);
                }
                if item.done && done[item.index].is_none() {
                    done[item.index] = best(&item.finished, no_speech[item.index]);
                }
            }
            beams = next;
            let going: Vec<i64> = (0i64..).zip(&items).filter(|(_, item)| !item.done).map(|(i, _)| i).collect();
            if going.is_empty() {
                break;
            }
            if going.len() * 2 <= items.len() {
                let kept = Tensor::f_from_slice(&going)?.f_to(logits.device())?;
                narrowed = Some(narrowed.as_ref().unwrap_or(acoustics).select(&kept)?);
                let stays = |row: usize| !items[row / width].done;
                origins = origins.into_iter().enumerate().filter(|&(row, _)| stays(row)).map(|(_, o)| o).collect();
                beams = beams.into_iter().enumerate().filter(|&(row, _)| stays(row)).map(|(_, b)| b).collect();
                items.retain(|item| !item.done);
            }
            if (0i64..).zip(&origins).any(|(row, &origin)| row != origin) || origins.len() != cache.rows() {
                cache.select(&Tensor::f_from_slice(&origins)?.f_to(logits.device())?)?;
            }
            let tokens: Vec<i64> =
                beams.iter().map(|beam| beam.text.last().copied().unwrap_or(self.vocabulary.end_of_text)).collect();
            let states = self.decoder.step(&tokens, narrowed.as_ref().unwrap_or(acoustics), &mut cache)?;
            logits = self.decoder.logits(&states)?;
        }
        Ok(done.into_iter().flatten().collect())
    }

    /// The `2 · width` likeliest ways to go on for each item, best first. Twice, because each beam may end.
    fn candidates(
        &self,
        logits: &Tensor,
        beams: &[Beam],
        items: usize,
        width: usize,
    ) -> Result<Vec<Vec<Candidate>>, TchError> {
        let vocabulary = logits.size()[1];
        let so_far: Vec<f64> = beams.iter().map(|beam| beam.log_probability).collect();
        let so_far = Tensor::f_from_slice(&so_far)?.f_to_kind(Kind::Float)?.f_to(logits.device())?.f_unsqueeze(1)?;
        let scores = self.rules.apply(logits, beams)?.f_log_softmax(1, Kind::Float)?.f_add(&so_far)?;
        let (best, place) = scores.f_view([items as i64, -1])?.f_topk(2 * width as i64, 1, true, true)?;
        let pairs = Tensor::f_stack(&[place.f_to_kind(Kind::Double)?, best.f_to_kind(Kind::Double)?], 2)?;
        let values = Vec::<f64>::try_from(pairs.f_flatten(0, 2)?)?;
        let candidate = |pair: &[f64]| {
            let place = pair[0] as i64;
            Candidate { beam: (place / vocabulary) as usize, token: place % vocabulary, log_probability: pair[1] }
        };
        Ok(values.chunks_exact(4 * width).map(|item| item.chunks_exact(2).map(candidate).collect()).collect())
    }

    /// Takes the `width` best ways to go on, each with the beam that it continues; moves texts that end to
    /// the finished ones.
    fn grow(
        &self,
        item: &mut Item,
        beams: &[Beam],
        ways: Vec<Candidate>,
        width: usize,
        task: &Task,
    ) -> Vec<(usize, Beam)> {
        let mut grown = Vec::with_capacity(width);
        for way in ways {
            let mut beam = beams[way.beam].clone();
            beam.log_probability = way.log_probability;
            if way.token != self.vocabulary.end_of_text {
                beam.text.push(way.token);
                grown.push((way.beam, beam));
            } else if !item.done && item.finished.len() < width {
                item.finished.push((beam, Ending::Complete));
            }
            if grown.len() == width {
                break;
            }
        }
        if item.done {
            return grown;
        }
        let forced = grown.first().and_then(|(_, beam)| self.must_end(&beam.text, task));
        if let (Some(ending), true) = (forced, item.finished.is_empty()) {
            item.finished.extend(grown.iter().map(|(_, beam)| (beam.clone(), ending)));
        }
        item.done = forced.is_some() || item.finished.len() >= width;
        grown
    }
}

/// The finished text whose tokens are likeliest on average.
fn best(finished: &[(Beam, Ending)], no_speech_probability: f64) -> Option<Hypothesis> {
    let score = |beam: &Beam| average(beam.log_probability, beam.text.len());
    let (beam, ending) = finished.iter().max_by(|(a, _), (b, _)| score(a).total_cmp(&score(b)))?;
    Some(Hypothesis::new(beam.text.clone(), beam.log_probability, *ending, no_speech_probability))
}
