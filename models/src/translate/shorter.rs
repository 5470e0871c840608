//! A shorter translation among several.

/// A translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The text.
    pub text: String,
    /// The model's, of the whole.
    pub log_probability: f32,
    /// Tokens of it, the end included.
    pub tokens: usize,
}

impl Hypothesis {
    /// Log-probability of a token, on average.
    pub fn a_token(&self) -> f32 {
        self.log_probability / self.tokens as f32
    }
}

/// A translation that is less likely than the best by more than this (log-probability of a token, on average) leaves out
/// or distorts what the sentence says; at twice as much, that could be seen in every tenth of newstest2013.
const LARGEST_LOSS_A_TOKEN: f32 = 0.12;
/// What is not shorter by so many percent is not worth other words.
const LEAST_GAIN_PERCENT: usize = 5;

/// The most likely hypothesis that is short enough, or the shortest of those that are nearly as likely as the best.
pub fn choose(found: Vec<Hypothesis>, usual: String, percent: u32) -> String {
    let length = |text: &str| text.chars().count();
    let wanted = length(&usual) * usize::try_from(percent).unwrap_or(100) / 100;
    let Some(best) = found.iter().map(|hypothesis| hypothesis.a_token()).max_by(f32::total_cmp) else { return usual };
    let mut sound: Vec<Hypothesis> =
        found.into_iter().filter(|hypothesis| hypothesis.a_token() >= best - LARGEST_LOSS_A_TOKEN).collect();
    sound.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
    let fits = sound.iter().position(|hypothesis| length(&hypothesis.text) <= wanted);
    let shortest = || (0..sound.len()).min_by_key(|&index| length(&sound[index].text));
    match fits.or_else(shortest) {
        Some(index) if length(&sound[index].text) * 100 <= length(&usual) * (100 - LEAST_GAIN_PERCENT) => {
            sound.swap_remove(index).text
        }
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_shorter_translations_the_likeliest_that_is_sound_is_taken() {
        let hypothesis =
            |text: &str, log_probability: f32| Hypothesis { text: text.to_owned(), log_probability, tokens: 10 };
        let usual = "a".repeat(20);
        let found = || {
            vec![
                hypothesis(&usual, -2.0),
                hypothesis(&"b".repeat(17), -2.5),
                hypothesis(&"c".repeat(15), -3.0),
                // Likely by its shortness alone: by the token it is not.
                Hypothesis { tokens: 2, ..hypothesis("d", -1.9) },
            ]
        };
        let chosen = |percent| choose(found(), usual.clone(), percent).chars().next();
        assert_eq!([100, 90, 80, 60].map(chosen), [Some('a'), Some('b'), Some('c'), Some('c')]);
        assert_eq!(choose(vec![hypothesis(&"e".repeat(19), -1.0)], "f".repeat(19), 50), "f".repeat(19));
        assert_eq!(choose(Vec::new(), usual.clone(), 50), usual);
    }
}
