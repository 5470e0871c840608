//! What a fragment tells the fakes to do: its first two 16-bit samples are an instruction and a number N.
//!
//! | first sample | the fake recogniser |
//! | --- | --- |
//! | 0 | hears nothing |
//! | 1 | hears "words N", after N ms |
//! | 2 | panics |
//! | 3 | fails on this fragment, and stays sound |
//! | 4 | panics the first time it meets this N, and then hears "words N" |
//! | 5 | hears "words N" once there is the file that FAKE_GATE names, with `-N` at its end |
//! | 10 to 17 | misbehaves as below, and hears "words N" where it gets that far |
//! | 20 to 39 | hears "words N order I": the translator (20 to 29) or the synthesiser (30 to 39) misbehaves |
//! | 40 to 43 | hears "words N order I": the synthesiser predicts that these last N % too long, as below |
//!
//! | last digit | the stage that the first digit names |
//! | --- | --- |
//! | 0 | takes N ms longer |
//! | 1 | panics |
//! | 2 | fails and says that its engine cannot be trusted any more |
//! | 3 | fails with `INTERNAL`, and stays sound |
//! | 4 | fails with `GPU_OUT_OF_MEMORY` |
//! | 5 | fails with `RATE_LIMIT_EXCEEDED` |
//! | 6 | fails with `QUOTA_EXCEEDED` |
//! | 7 | panics the first time it meets this N |
//! | 8 | the translator: fails with `STAGE_UNAVAILABLE`, as one whose process is gone |
//! | 9 | the translator: runs out of memory in a batch of more than N |
//! | 8 | the synthesiser: its dub is N % longer than the original (shorter, when N is negative) |
//! | 9 | the synthesiser: its words exceed their slot by N % at the fastest rate |
//!
//! | order | words that are translated a second time, to be shorter |
//! | --- | --- |
//! | 40 | fit |
//! | 41 | are half as much too long |
//! | 42 | are twice as much too long |
//! | 43 | are none: the translator fails with `STAGE_UNAVAILABLE` |

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sts_actors::stage::StageFailure;
use sts_protocol::{ErrorCode, Stage};

/// An instruction and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub order: i16,
    /// How much, how long or which.
    pub number: i16,
}

impl Instruction {
    /// Reads the first two samples.
    pub fn of_audio(pcm: &[u8]) -> Self {
        let sample =
            |index: usize| pcm.get(index * 2..index * 2 + 2).map_or(0, |raw| i16::from_le_bytes([raw[0], raw[1]]));
        Self { order: sample(0), number: sample(1) }
    }

    /// Reads what the fake recogniser wrote; the fake translator may have put it into capitals.
    pub fn of_text(text: &str) -> Self {
        // A translator may have put something before them.
        let said = text.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("words"));
        let said: Vec<&str> = said.collect();
        let number = |index: usize| said.get(index).and_then(|word| word.parse().ok());
        Self { order: number(3).unwrap_or(1), number: number(1).unwrap_or(0) }
    }

    /// What the fake recogniser hears.
    pub fn text(self) -> String {
        if self.order >= 20 {
            format!("words {} order {}", self.number, self.order)
        } else {
            format!("words {}", self.number)
        }
    }

    /// Does what is asked of this stage, if anything is.
    pub fn misbehave(self, stage: Stage) -> Result<(), StageFailure> {
        let tens = match stage {
            Stage::Asr => 1,
            Stage::Translation => 2,
            Stage::Tts => 3,
        };
        if self.order / 10 != tens {
            return Ok(());
        }
        let fail = |code: ErrorCode| Err(StageFailure::new(code, "told to fail"));
        match self.order % 10 {
            0 => std::thread::sleep(Duration::from_millis(self.number.unsigned_abs().into())),
            1 => panic!("told to panic"),
            2 => {
                let message = "told to be beyond repair".to_owned();
                return Err(StageFailure { code: ErrorCode::StageUnavailable, message, poisons: true });
            }
            3 => return fail(ErrorCode::Internal),
            4 => return fail(ErrorCode::GpuOutOfMemory),
            5 => return fail(ErrorCode::RateLimitExceeded),
            6 => return fail(ErrorCode::QuotaExceeded),
            7 => self.panic_once(stage),
            8 if stage == Stage::Translation => return fail(ErrorCode::StageUnavailable),
            _ => {}
        }
        Ok(())
    }

    /// Panics unless this stage has met this number before.
    pub fn panic_once(self, stage: Stage) {
        static MET: Mutex<BTreeSet<(&str, i16)>> = Mutex::new(BTreeSet::new());
        let is_new = MET.lock().unwrap_or_else(PoisonError::into_inner).insert((stage.as_str(), self.number));
        assert!(!is_new, "told to panic once");
    }

    /// Whether a batch of this size is done, where the translator is asked.
    pub fn fit_into_memory(self, batch: usize) -> Result<(), StageFailure> {
        if self.order == 29 && batch > usize::from(self.number.unsigned_abs()) {
            return Err(StageFailure::new(ErrorCode::GpuOutOfMemory, "told to be too large"));
        }
        Ok(())
    }

    /// By what fraction the dub is to be longer than the original.
    pub fn stretch(self) -> f64 {
        if self.order == 38 { f64::from(self.number) / 100.0 } else { 0.0 }
    }

    /// Whether a shorter translation is to be had.
    pub fn shorten(self) -> Result<(), StageFailure> {
        if self.order == 43 {
            return Err(StageFailure::new(ErrorCode::StageUnavailable, "told to have nothing shorter"));
        }
        Ok(())
    }

    /// By what fraction these words last too long: those of a first translation, or of a second.
    pub fn excess(self, is_second: bool) -> f64 {
        let excess = f64::from(self.number) / 100.0;
        match self.order {
            40 if is_second => 0.0,
            41 if is_second => excess / 2.0,
            42 if is_second => excess * 2.0,
            40..=43 => excess,
            _ => 0.0,
        }
    }

    /// By what fraction the words are to exceed their slot.
    pub fn overrun(self) -> f64 {
        if self.order == 39 { f64::from(self.number) / 100.0 } else { 0.0 }
    }
}
