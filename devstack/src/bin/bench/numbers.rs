//! Percentiles and medians.

use std::time::Duration;

/// The times that requests took.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds those of another run.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// The number of times.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The nearest-rank percentile in milliseconds; 0 where there are no times.
    pub fn percentile(&self, percent: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        let found = sorted.get(rank.saturating_sub(1));
        found.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }

    /// Median and 99th percentile in milliseconds, as text.
    pub fn summary(&self) -> String {
        let (p50, p99) = (self.percentile(50.0), self.percentile(99.0));
        format!("{p50:.2} / {p99:.2}")
    }
}

/// The median; of an even number of values the upper one of the two in the
/// middle, and 0 where there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A number with separated thousands.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies(millis.into_iter().map(Duration::from_millis).collect())
    }

    #[test]
    fn a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() {
        let hundred = of((1..=100).rev());
        assert_eq!(hundred.percentile(50.0), 50.0);
        assert_eq!(hundred.percentile(99.0), 99.0);
        assert_eq!(hundred.percentile(100.0), 100.0);
        assert_eq!(of([7]).percentile(99.0), 7.0);
        assert_eq!(of([]).percentile(50.0), 0.0);
    }

    #[test]
    fn an_outlier_does_not_move_the_median() {
        assert_eq!(median([3.0, 1.0, 900.0]), 3.0);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (7.4, "7"),
            (999.0, "999"),
            (1e3, "1,000"),
            (1234567.0, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }
}
