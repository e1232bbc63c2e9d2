//! When a notification that failed is sent again.

use std::time::Duration;

/// The max delays of a schedule.
const MAX_DELAYS: usize = 100;

/// The max delay of a schedule: an event should not reach its receiver long after it
/// happened.
const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);

/// The part of a delay that is added at most, so that notifications that failed together are
/// not sent again together.
const JITTER: f64 = 0.1;

/// The delays between the attempts at a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries(Vec<Duration>);

/// A text that is no schedule, as a text that follows the name of the variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRetries {
    /// A word is no delay.
    #[error("(delay {0}) must be a whole number and ms, s, m, h or d, as in 30m, and at most 7d")]
    Delay(usize),
    /// There are too many delays.
    #[error("must have at most {MAX_DELAYS} delays")]
    TooMany,
}

impl Retries {
    /// Reads delays such as `5s 5m 2h`, separated by commas or white space. Without any, a
    /// notification is sent once.
    ///
    /// # Errors
    /// A word is no delay, or there are more than a hundred.
    pub fn parse(text: &str) -> Result<Self, NoRetries> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        let words = words.filter(|word| !word.is_empty());
        let delays = words
            .enumerate()
            .map(|(place, word)| delay(word).ok_or(NoRetries::Delay(place + 1)));
        let delays = delays.collect::<Result<Vec<_>, _>>()?;
        match delays.len() > MAX_DELAYS {
            true => Err(NoRetries::TooMany),
            false => Ok(Self(delays)),
        }
    }

    /// The delay after a failed attempt (from 1), at least `not_before`; `None` after the last
    /// one. `random` is uniform in 0 to 1 and adds up to a tenth.
    pub fn after(&self, attempt: u32, random: f64, not_before: Duration) -> Option<Duration> {
        let place = usize::try_from(attempt.checked_sub(1)?).ok()?;
        let delay = self.0.get(place)?;
        let delay = delay.mul_f64(JITTER.mul_add(random.clamp(0.0, 1.0), 1.0));
        Some(delay.max(not_before).max(Duration::from_millis(1)))
    }
}

fn delay(word: &str) -> Option<Duration> {
    let unit = word.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = word.split_at_checked(unit)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::from_millis(millis)).filter(|delay| *delay <= MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default of the variable, in `spin.toml`.
    const DEFAULT: &str = "5s 5m 30m 2h 5h 10h 10h";

    #[test]
    fn a_receiver_may_be_away_for_more_than_a_day() {
        let retries = Retries::parse(DEFAULT).unwrap();
        let delays: Vec<_> = (1..)
            .map_while(|attempt| retries.after(attempt, 0.0, Duration::ZERO))
            .map(|delay| delay.as_secs())
            .collect();
        assert_eq!(delays, [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
        assert!(delays.iter().sum::<u64>() > 27 * 3_600);
        assert_eq!(retries.after(0, 0.0, Duration::ZERO), None);
        assert_eq!(retries.after(u32::MAX, 0.0, Duration::ZERO), None);
    }

    #[test]
    fn notifications_that_failed_together_come_again_a_little_apart() {
        let retries = Retries::parse("10m").unwrap();
        let seconds = |random| retries.after(1, random, Duration::ZERO).unwrap().as_secs();
        assert_eq!((seconds(0.0), seconds(0.5), seconds(1.0)), (600, 630, 660));
        assert_eq!(seconds(7.0), 660);
    }

    #[test]
    fn a_receiver_that_asks_for_more_time_gets_it() {
        let retries = Retries::parse("5s, 0ms").unwrap();
        let after = |attempt, seconds| {
            let asked = Duration::from_secs(seconds);
            retries
                .after(attempt, 0.0, asked)
                .map(|delay| delay.as_millis())
        };
        assert_eq!(after(1, 3), Some(5_000));
        assert_eq!(after(1, 86_400), Some(86_400_000));
        // A queue takes no delay of 0.
        assert_eq!(after(2, 0), Some(1));
        assert_eq!(after(3, 60), None);
    }

    #[test]
    fn what_is_no_schedule_is_told_by_its_place() {
        for (text, place) in [
            ("5", 1),
            ("5s 5", 2),
            ("5s,m", 2),
            ("1w", 1),
            ("-1s", 1),
            ("1.5h", 1),
            ("5 s", 1),
            ("8d", 1),
            ("99999999999999999999s", 1),
            ("9999999999999999999d", 1),
            ("é", 1),
        ] {
            assert_eq!(Retries::parse(text), Err(NoRetries::Delay(place)), "{text}");
        }
        assert_eq!(Retries::parse(&"1s ".repeat(101)), Err(NoRetries::TooMany));
        let once = Retries::parse(" , ").unwrap();
        assert_eq!(once.after(1, 0.0, Duration::ZERO), None);
    }
}
