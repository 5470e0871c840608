//! How long to wait before a call is repeated.

use std::time::{Duration, SystemTime};

/// Before the first repetition; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// No wait is longer, unless the other side asks for it.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The wait before repetition `number` (from 0): exponential, and by `jitter` (0 to 1) up to a half shorter, so that
/// callers that failed together do not come back together.
pub fn wait(number: u32, jitter: f64) -> Duration {
    let full = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(number)).min(LONGEST_WAIT);
    full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

/// The wait that a `Retry-After` header asks for (RFC 9110, section 10.2.3): seconds, or a date.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_jitter_halves_them_at_most() {
        let milliseconds = |number, jitter| wait(number, jitter).as_millis();
        assert_eq!([0, 1, 2, 9, u32::MAX].map(|number| milliseconds(number, 0.0)), [100, 200, 400, 2_000, 2_000]);
        assert_eq!((milliseconds(1, 1.0), milliseconds(1, 0.5)), (100, 150));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let seconds = |header| retry_after(header, now).map(|wait| wait.as_secs());
        assert_eq!(seconds(" 7 "), Some(7));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "a date that has passed");
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("-1"), None);
    }
}
