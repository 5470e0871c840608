//! Whole frames from fractions of frames.

/// Whole numbers that are proportional to `shares`, as nearly as can be, each at least 1, with the sum `total`
/// (or the number of shares where that is more): the method of the largest remainder (Hamilton), after those
/// whose share would be under 1 were given 1.
pub fn apportion(shares: &[f64], total: usize) -> Vec<usize> {
    let ideal = at_least_one(shares, total.max(shares.len()) as f64);
    let mut whole: Vec<usize> = ideal.iter().map(|share| share.floor() as usize).collect();
    let missing = total.max(shares.len()).saturating_sub(whole.iter().sum());
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    by_remainder.sort_by(|&a, &b| ideal[b].fract().total_cmp(&ideal[a].fract()));
    for &index in by_remainder.iter().cycle().take(missing) {
        whole[index] += 1;
    }
    whole
}

/// The shares scaled to the total, where none is under 1: those that would be are set to 1, and the others share
/// what is left, until none is.
fn at_least_one(shares: &[f64], total: f64) -> Vec<f64> {
    let mut raised = vec![false; shares.len()];
    loop {
        let count = raised.iter().filter(|&&is| is).count();
        let free: f64 = shares.iter().zip(&raised).filter(|&(_, &is)| !is).map(|(share, _)| share.max(0.0)).sum();
        let scale = if free > 0.0 { (total - count as f64) / free } else { 0.0 };
        let mut again = false;
        for (share, raised) in shares.iter().zip(&mut raised) {
            if !*raised && share.max(0.0) * scale < 1.0 {
                *raised = true;
                again = true;
            }
        }
        if !again {
            // A share of exactly 1 must not fall under it by the last bit.
            let scaled = |(share, &raised): (&f64, &bool)| if raised { 1.0 } else { (share * scale).max(1.0) };
            return shares.iter().zip(&raised).map(scaled).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::apportion;

    #[test]
    fn largest_remainders_are_rounded_up() {
        assert_eq!(apportion(&[1.0, 2.5, 3.4], 7), [1, 3, 3]);
        assert_eq!(apportion(&[2.0, 4.0], 12), [4, 8]);
    }

    #[test]
    fn none_is_under_one() {
        assert_eq!(apportion(&[0.1, 0.1, 10.0], 5), [1, 1, 3]);
        assert_eq!(apportion(&[5.0, 5.0, 5.0], 2), [1, 1, 1]);
        assert_eq!(apportion(&[0.0, 0.0], 5).iter().sum::<usize>(), 5);
        assert!(apportion(&[], 5).is_empty());
    }

    proptest! {
        #[test]
        fn sum_is_exact_and_shares_are_kept(
            shares in prop::collection::vec(0.05_f64..20.0, 1..200),
            stretch in 0.4_f64..3.0,
        ) {
            let natural: f64 = shares.iter().sum();
            let total = ((natural * stretch).round() as usize).max(shares.len());
            let whole = apportion(&shares, total);
            prop_assert_eq!(whole.iter().sum::<usize>(), total);
            prop_assert!(whole.iter().all(|&frames| frames >= 1));
            for (a, &share_a) in shares.iter().enumerate() {
                // A longer token never becomes shorter than a shorter one by more than the rounding.
                if let Some(&share_b) = shares.get(a + 1) && share_a > share_b {
                    prop_assert!(whole[a] + 1 >= whole[a + 1]);
                }
            }
        }
    }
}
