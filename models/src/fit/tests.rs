use proptest::prelude::*;

use super::*;

const GRID: Grid = Grid { rate_hz: 24_000, frame: 600 };
const BOUNDS: (f64, f64) = (0.7, 1.5);

/// A lead-in of 9 frames, `tokens` of 2 frames each, and an end of 1 frame.
fn rhythm(tokens: usize) -> Rhythm {
    let mut durations = vec![2.0; tokens + 2];
    durations[0] = 9.0;
    durations[tokens + 1] = 1.0;
    Rhythm { durations, heard: 1..tokens + 1 }
}

fn slot(duration_ms: f64, speech_start_ms: f64, speech_end_ms: f64) -> SpeechSlot {
    SpeechSlot { duration_ms, speech_start_ms, speech_end_ms }
}

fn words(rhythm: &Rhythm, plan: &Plan) -> usize {
    plan.frames[rhythm.heard.clone()].iter().sum()
}

#[test]
fn words_last_as_long_as_the_speaker_spoke() {
    // 40 tokens are 80 frames, 2 s; the speaker took 2.5 s.
    let rhythm = rhythm(40);
    let plan = plan(&rhythm, &slot(6000.0, 1000.0, 3500.0), BOUNDS, 0.0, GRID).expect("it fits");
    assert_eq!(words(&rhythm, &plan), 100);
    assert_eq!(plan.onset, 24_000);
    assert_eq!(plan.samples, 144_000);
    assert!((plan.speed_ratio - 0.8).abs() < 1e-9);
    assert_eq!(plan.overrun, 0.0);
}

#[test]
fn slow_words_keep_to_the_slowest_rate() {
    let rhythm = rhythm(20);
    let plan = plan(&rhythm, &slot(6000.0, 500.0, 5500.0), BOUNDS, 0.0, GRID).expect("it fits");
    assert_eq!(words(&rhythm, &plan), 57);
    assert_eq!(plan.onset, 12_000);
}

#[test]
fn hurried_words_run_on_after_the_speaker() {
    // 120 frames of words, 1 s of speaker: 80 frames at 1.5 times the rate, from where the speaker began.
    let rhythm = rhythm(60);
    let plan = plan(&rhythm, &slot(6000.0, 2000.0, 3000.0), BOUNDS, 0.0, GRID).expect("it fits");
    assert_eq!(words(&rhythm, &plan), 80);
    assert_eq!(plan.onset, 48_000);
}

#[test]
fn words_begin_earlier_when_the_time_after_does_not_do() {
    let rhythm = rhythm(60);
    let plan = plan(&rhythm, &slot(3000.0, 2000.0, 3000.0), BOUNDS, 0.0, GRID).expect("it fits");
    assert_eq!(words(&rhythm, &plan), 80);
    assert_eq!(plan.onset, 24_000, "the words end with the slot");
}

#[test]
fn a_small_excess_is_forced_and_reported() {
    // 180 frames at 1.5 are 120 frames, 3 s, in 2.8 s.
    let rhythm = rhythm(90);
    let slot = slot(2800.0, 100.0, 2500.0);
    let plan = plan(&rhythm, &slot, BOUNDS, 0.1, GRID).expect("the excess is allowed");
    assert_eq!(words(&rhythm, &plan), 112);
    assert!((plan.overrun - (3.0 / 2.8 - 1.0)).abs() < 1e-9, "{}", plan.overrun);
    assert!(plan.speed_ratio > 1.5);
    assert!(plan.onset < GRID.frame);
    let refused = super::plan(&rhythm, &slot, BOUNDS, 0.05, GRID);
    assert!(matches!(refused, Err(EngineError::DoesNotFit { overrun }) if (overrun - plan.overrun).abs() < 1e-9));
}

#[test]
fn a_token_never_gets_less_than_a_frame() {
    // 30 tokens of one frame each cannot be hurried into 25 frames, whatever the bounds say.
    let rhythm = Rhythm { durations: vec![1.0; 30], heard: 0..30 };
    let refused = plan(&rhythm, &slot(625.0, 0.0, 625.0), (0.5, 2.0), 1.0, GRID);
    assert!(matches!(refused, Err(EngineError::DoesNotFit { overrun }) if (overrun - 0.2).abs() < 1e-9));
}

#[test]
fn nonsense_is_refused() {
    let rhythm = rhythm(5);
    let good = slot(6000.0, 0.0, 6000.0);
    for bounds in [(0.0, 1.0), (1.2, 1.0), (f64::NAN, 1.0), (0.5, f64::INFINITY)] {
        assert!(matches!(plan(&rhythm, &good, bounds, 0.0, GRID), Err(EngineError::InvalidInput(_))), "{bounds:?}");
    }
    for slot in [slot(0.0, 0.0, 0.0), slot(f64::NAN, 0.0, 0.0), slot(1000.0, 0.0, f64::INFINITY), slot(1e12, 0.0, 1.0)]
    {
        assert!(matches!(plan(&rhythm, &slot, BOUNDS, 0.0, GRID), Err(EngineError::InvalidInput(_))), "{slot:?}");
    }
    let empty = Rhythm { durations: vec![1.0, 1.0], heard: 1..1 };
    assert!(matches!(plan(&empty, &good, BOUNDS, 0.0, GRID), Err(EngineError::InvalidInput(_))));
}

#[test]
fn without_a_slot_nothing_is_stretched() {
    let rhythm = rhythm(10);
    let plan = unhurried(&rhythm, GRID);
    assert_eq!(plan.frames, [9, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1]);
    assert_eq!(plan.samples, 30 * 600);
    assert_eq!(plan.onset, 9 * 600);
}

proptest! {
    #[test]
    fn a_plan_keeps_what_it_promises(
        durations in prop::collection::vec(0.5_f64..6.0, 3..150),
        duration_ms in 400.0_f64..12_000.0,
        start in 0.0_f64..1.0,
        end in 0.0_f64..1.0,
        slowest in 0.5_f64..1.0,
        fastest in 1.0_f64..2.0,
        max_overrun in 0.0_f64..0.5,
    ) {
        let rhythm = Rhythm { heard: 1..durations.len() - 1, durations };
        let slot = slot(duration_ms, duration_ms * start.min(end), duration_ms * start.max(end));
        let tokens = rhythm.heard.len();
        let whole = GRID.samples(duration_ms) as f64 / 600.0;
        let needed = rhythm.natural() / fastest / whole - 1.0;
        match plan(&rhythm, &slot, (slowest, fastest), max_overrun, GRID) {
            Err(EngineError::DoesNotFit { overrun }) => {
                prop_assert!(overrun > max_overrun || tokens as f64 > whole.floor());
            }
            Err(error) => prop_assert!(false, "{error}"),
            Ok(plan) => {
                let words = words(&rhythm, &plan);
                prop_assert_eq!(plan.samples, GRID.samples(duration_ms));
                prop_assert_eq!(plan.frames.len(), rhythm.durations.len());
                prop_assert!(plan.frames.iter().all(|&frames| frames >= 1));
                prop_assert!(plan.onset + words * 600 <= plan.samples, "the words end after the slot");
                prop_assert!((plan.overrun - needed.max(0.0)).abs() < 1e-9);
                prop_assert!((plan.speed_ratio - rhythm.natural() / words as f64).abs() < 1e-9);
                // Half a frame of rounding either way, and tokens that cannot be shortened.
                let slower = rhythm.natural() / slowest + 1.0;
                prop_assert!(words as f64 <= slower.max(tokens as f64));
                if needed <= 0.0 && whole.fract() == 0.0 {
                    prop_assert!(words as f64 >= rhythm.natural() / fastest - 1e-9, "faster than allowed");
                }
                let wanted = GRID.samples(slot.speech_start_ms);
                if wanted + words * 600 <= plan.samples {
                    prop_assert!(plan.onset.abs_diff(wanted) <= 600, "onset {} for {wanted}", plan.onset);
                }
            }
        }
    }
}
