//! How long to wait before the next attempt at what failed.

use std::time::Duration;

/// A random part, by `chance` (0 to 1), of a pause that is `first` after one failure and doubles with each further one, up
/// to `longest`; none without a failure.
pub fn back_off(first: Duration, longest: Duration, failures: u32, chance: f64) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
    first.saturating_mul(2u32.saturating_pow(doublings)).min(longest).mul_f64(0.1 + 0.9 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_never_nothing() {
        let ms = Duration::from_millis;
        let whole: Vec<Duration> = (0..6).map(|failures| back_off(ms(200), ms(1_000), failures, 1.0)).collect();
        assert_eq!(whole, [0, 200, 400, 800, 1_000, 1_000].map(ms));
        assert_eq!(back_off(ms(200), ms(1_000), u32::MAX, 0.0), ms(100));
    }
}
