//! How Whisper is run: context, beams, timestamps, and when a text is not believed.

use crate::engine::RECOGNIZER_RATE_HZ;

/// How much of Whisper's 30 s window the encoder hears. Its cost grows with it; short fragments leave most
/// of the window empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AudioContext {
    /// The whole window: 1 500 frames of 20 ms.
    Full,
    /// So many frames, or as many as the fragment needs if those are more.
    Frames(usize),
    /// The smallest context that was measured to keep the word error rate for a fragment of this length.
    #[default]
    Auto,
}

/// Encoder frames a second.
const FRAMES_PER_SECOND: usize = 50;
/// Contexts that `Auto` chooses from, so that few different shapes occur.
const STEPS: [usize; 3] = [512, 768, 1024];
/// Frames of silence that a fragment must leave at the end of a shortened context.
const MARGIN: usize = 128;

impl AudioContext {
    /// Encoder frames for a fragment of so many samples, at most `full`.
    pub fn frames(self, samples: usize, full: usize) -> usize {
        let own = (samples * FRAMES_PER_SECOND).div_ceil(RECOGNIZER_RATE_HZ as usize);
        let frames = match self {
            Self::Full => full,
            Self::Frames(frames) => frames.max(own),
            Self::Auto => STEPS.into_iter().find(|&step| step >= own + MARGIN).unwrap_or(full),
        };
        frames.min(full)
    }
}

/// Options of [`super::WhisperRecognizer`].
#[derive(Clone, Debug, PartialEq)]
pub struct WhisperOptions {
    /// How much of the window the encoder hears.
    pub context: AudioContext,
    /// Texts that grow side by side; 1 is greedy. Five cost about 15 % more than one (bfloat16, one CPU thread), and
    /// mend seams (base, 77 clips cut every 6 s: word error rate 12.5 % against 13.8 %; whole: 9.8 % against 9.7 %).
    pub beams: usize,
    /// Whether segments with times are wanted.
    pub timestamps: bool,
    /// Whether the text said before goes into the prompt. Off by default: on fragments that are cut blindly it
    /// makes the model say the seam twice (base, 125 pieces of 6 s: word error rate 17.4 % with it, 14.6 % without).
    pub previous_text: bool,
    /// Most tokens of hints and previous text together that go into the prompt; 0 leaves it out. At most 223 count.
    pub prompt_tokens: usize,
    /// Sampling temperatures, tried in turn while the text is not believed; the first is usually 0 (no sampling).
    pub temperatures: Vec<f64>,
    /// A text that deflates better than this is taken for a loop.
    pub max_compression_ratio: f32,
    /// The same, for a text from a shortened context, which is then heard again in full.
    pub max_compression_ratio_shortened: f32,
    /// A text whose mean log-probability is lower is not believed.
    pub min_average_log_probability: f64,
    /// Above this, an unlikely text is taken for silence and not tried again.
    pub no_speech_threshold: f64,
    /// Seed of the sampling.
    pub seed: u64,
}

impl Default for WhisperOptions {
    fn default() -> Self {
        Self {
            context: AudioContext::Auto,
            beams: 5,
            timestamps: false,
            previous_text: false,
            prompt_tokens: 96,
            temperatures: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            max_compression_ratio: 2.4,
            max_compression_ratio_shortened: 2.0,
            min_average_log_probability: -1.0,
            no_speech_threshold: 0.6,
            seed: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_always_holds_the_fragment() {
        for seconds in 1..=30 {
            let samples = seconds * RECOGNIZER_RATE_HZ as usize;
            for context in [AudioContext::Full, AudioContext::Auto, AudioContext::Frames(1)] {
                let frames = context.frames(samples, 1_500);
                assert!((seconds * 50..=1_500).contains(&frames), "{context:?} gives {frames} for {seconds} s");
            }
        }
        assert_eq!(AudioContext::Auto.frames(6 * 16_000, 1_500), 512);
        assert_eq!(AudioContext::Auto.frames(30 * 16_000, 1_500), 1_500);
    }
}
