//! When a key is followed by the next one.

use std::time::Duration;

/// Whether a key that was made at `made` is so far from `now` that another one is due; both in seconds since 1970.
///
/// Far in the future counts as far in the past: after a clock that was wrong was put right, its key is replaced. A little in
/// the future is another replica's clock, and nothing is due.
#[must_use]
pub fn is_due(made: Option<i64>, now: i64, period: Option<Duration>) -> bool {
    due_in(made, now, period).is_some_and(|left| left.is_zero())
}

/// How long it is until then; none where keys are not followed by others as time goes by.
#[must_use]
pub fn due_in(made: Option<i64>, now: i64, period: Option<Duration>) -> Option<Duration> {
    let period = period?;
    let Some(made) = made else { return Some(Duration::ZERO) };
    let apart = now.abs_diff(made);
    if apart >= period.as_secs() {
        return Some(Duration::ZERO);
    }
    let left = if made > now { period.as_secs() + apart } else { period.as_secs() - apart };
    Some(Duration::from_secs(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_323_600;
    const DAY: i64 = 86_400;

    fn is_due_after(days: i64) -> bool {
        is_due(Some(NOW), NOW + days * DAY, Some(Duration::from_hours(30 * 24)))
    }

    #[test]
    fn a_key_is_due_a_period_after_it_was_made() {
        assert!(!is_due_after(0) && !is_due_after(29) && is_due_after(30) && is_due_after(3_650));
        assert_eq!(due_in(Some(NOW), NOW + 20, Some(Duration::from_secs(30))), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_key_of_the_far_future_is_due_and_one_of_another_clock_is_not() {
        assert!(!is_due_after(-1) && is_due_after(-30) && is_due_after(-3_650));
        assert_eq!(due_in(Some(NOW + 5), NOW, Some(Duration::from_secs(30))), Some(Duration::from_secs(35)));
    }

    #[test]
    fn without_a_period_nothing_is_due_and_without_a_time_everything() {
        assert!(!is_due(Some(0), NOW, None) && !is_due(None, NOW, None));
        assert!(is_due(None, NOW, Some(Duration::from_secs(1))));
    }
}
