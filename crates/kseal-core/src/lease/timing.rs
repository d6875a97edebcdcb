//! The three durations of the protocol.

use std::time::Duration;

/// client-go's jitter factor: how many periods longer than one a candidate waits at most, in tenths.
const JITTER: u32 = 12;

/// The durations of the protocol, checked against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    duration: Duration,
    deadline: Duration,
    period: Duration,
}

/// Durations that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimingError {
    /// A Lease counts in whole seconds.
    #[error("the lease duration must be a whole number of seconds, and at least one")]
    Seconds,
    /// A leader would still lead when another may.
    #[error("the renew deadline must be shorter than the lease duration")]
    Deadline,
    /// A leader would give up after the first failure.
    #[error("the renew deadline must be longer than 1.2 retry periods, and those longer than nothing")]
    Period,
}

impl Timing {
    /// Checks the durations against each other.
    ///
    /// # Errors
    ///
    /// They do not go together.
    pub fn new(duration: Duration, deadline: Duration, period: Duration) -> Result<Self, TimingError> {
        if duration.subsec_nanos() != 0 || duration.is_zero() || u32::try_from(duration.as_secs()).is_err() {
            return Err(TimingError::Seconds);
        }
        if deadline >= duration {
            return Err(TimingError::Deadline);
        }
        if period.is_zero() || period.saturating_mul(JITTER) / 10 >= deadline {
            return Err(TimingError::Period);
        }
        Ok(Self { duration, deadline, period })
    }

    /// How long a record must stand still before another takes the lease.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// How long after its last renewal a leader stops to lead.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The time between two renewals.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// The time between two attempts to acquire: the period and up to 1.2 of it more, by a random `draw`, so that
    /// candidates do not come at once.
    #[must_use]
    pub fn pause(&self, draw: u8) -> Duration {
        self.period + self.period.saturating_mul(JITTER * u32::from(draw)) / (10 * u32::from(u8::MAX))
    }

    /// `leaseDurationSeconds`.
    pub(super) fn seconds(&self) -> u32 {
        u32::try_from(self.duration.as_secs()).unwrap_or(u32::MAX)
    }
}
