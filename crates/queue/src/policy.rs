//! The policy of a queue: leases, batches and retries.

use std::time::Duration;

/// How a queue's messages are claimed and retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The time for which a claimed message is hidden from other workers.
    pub lease: Duration,
    /// The attempts at a message before it becomes a dead letter; 1 or more.
    pub attempts: u32,
    /// The max delay after the first failure; it doubles with each further one.
    pub base_delay: Duration,
    /// The max delay after any failure.
    pub max_delay: Duration,
    /// The max messages that a worker claims at once; 1 or more.
    pub batch: usize,
    /// The max messages that it handles side by side; 1 or more.
    pub concurrency: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            attempts: 5,
            base_delay: Duration::from_secs(2),
            max_delay: Duration::from_secs(300),
            batch: 32,
            concurrency: 8,
        }
    }
}

impl Policy {
    /// Whether `attempt` (from 1) is a message's last.
    pub fn is_last(&self, attempt: u32) -> bool {
        attempt >= self.attempts
    }

    /// The delay after a failed attempt (from 1), 1 ms or more. `random` is uniform in 0
    /// to 1: the delay is spread over its whole range ("full jitter"), so that messages
    /// that failed together are not retried together.
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(30);
        let bound = self
            .base_delay
            .saturating_mul(1 << doublings)
            .min(self.max_delay);
        bound
            .mul_f64(random.clamp(0.0, 1.0))
            .max(Duration::from_millis(1))
    }

    /// [`Self::delay`], but `min` or more, as a service asks for in `Retry-After`
    /// (RFC 9110, 10.2.3). It never exceeds `max_delay`.
    pub fn delay_with_min(&self, attempt: u32, random: f64, min: Duration) -> Duration {
        self.delay(attempt, random).max(min.min(self.max_delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let policy = Policy::default();
        let bounds: Vec<_> = (1..=9)
            .map(|attempt| policy.delay(attempt, 1.0).as_secs())
            .collect();
        assert_eq!(bounds, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(policy.delay(u32::MAX, 1.0), policy.max_delay);
    }

    #[test]
    fn jitter_spreads_a_delay_over_its_whole_range() {
        let policy = Policy::default();
        assert_eq!(policy.delay(3, 0.0), Duration::from_millis(1));
        assert_eq!(policy.delay(3, 0.5), Duration::from_secs(4));
        assert_eq!(policy.delay(3, 7.0), Duration::from_secs(8));
    }

    #[test]
    fn a_service_is_left_alone_as_long_as_it_asks_within_bounds() {
        let policy = Policy::default();
        for (asked, expected) in [(0, 2), (1, 2), (60, 60), (86_400, 300)] {
            let delay = policy.delay_with_min(1, 1.0, Duration::from_secs(asked));
            assert_eq!(delay.as_secs(), expected, "{asked}");
        }
    }

    #[test]
    fn the_last_attempt_is_the_one_the_policy_says() {
        let policy = Policy {
            attempts: 3,
            ..Policy::default()
        };
        assert!(!policy.is_last(2));
        assert!(policy.is_last(3));
        assert!(policy.is_last(4));
    }
}
