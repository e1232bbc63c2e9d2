//! Expressions: the times of a schedule.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::cron::Cron;

/// The max times that are counted one by one; more of them than a week has minutes.
const MAX_COUNTED: u64 = 20_000;

/// The times of a schedule, in UTC, as Amazon EventBridge writes them: `cron(0 8 * * ? *)` or
/// `rate(5 minutes)`.
///
/// `cron` has minutes, hours, day of the month, month, day of the week and year, with `*`,
/// `?`, lists, ranges, steps, `L`, `W` and `#`; 1 is Sunday. Names and words may be in
/// capitals or not. A range may go on at the first value (`20-2` in hours). `L`, `W` and `#`
/// stand alone.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    times: Times,
}

#[derive(Clone, Debug)]
enum Times {
    Cron(Box<Cron>),
    /// The milliseconds between two times.
    Rate(u64),
}

/// The error of a text that is no expression: its fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoExpression(String);

/// Times that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The latest of them.
    pub latest: u64,
    /// Their number. Of a cron expression, no more than about 20,000 are counted.
    pub count: u64,
    /// The first time after them.
    pub next: Option<u64>,
}

impl FromStr for Expression {
    type Err = NoExpression;

    fn from_str(text: &str) -> Result<Self, NoExpression> {
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        let text = words.join(" ");
        let call = text.strip_suffix(')').and_then(|text| text.split_once('('));
        let times = match call {
            Some((kind, fields)) if kind.eq_ignore_ascii_case("cron") => {
                Cron::parse(fields).map(|cron| Times::Cron(Box::new(cron)))
            }
            Some((kind, rate)) if kind.eq_ignore_ascii_case("rate") => {
                parse_rate(rate).map(Times::Rate)
            }
            _ => Err("an expression is cron(...) or rate(...)".to_owned()),
        };
        let times = times.map_err(NoExpression)?;
        Ok(Self { text, times })
    }
}

/// Reads a number of minutes, hours or days; milliseconds. `1` has the singular, as
/// EventBridge demands.
fn parse_rate(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "rate() has a number from 1 to 999999 and minutes, hours or days (1 minute, 5 minutes), and not {text:?}"
        )
    };
    let (count, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let is_number = (1..=6).contains(&count.len()) && count.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = count
        .parse()
        .ok()
        .filter(|count| is_number && *count > 0)
        .ok_or_else(wrong)?;
    let unit = unit.to_ascii_lowercase();
    let minutes = match (count, unit.as_str()) {
        (1, "minute") | (2.., "minutes") => 1,
        (1, "hour") | (2.., "hours") => 60,
        (1, "day") | (2.., "days") => 24 * 60,
        _ => return Err(wrong()),
    };
    Ok(count * minutes * 60_000)
}

impl Expression {
    /// The first time after `after`, both in milliseconds since the Unix epoch; `None` where
    /// there is none. For a rate, `after` is one of its times, or when it starts.
    pub fn next(&self, after: u64) -> Option<u64> {
        match &self.times {
            Times::Cron(cron) => cron.next(after),
            Times::Rate(period) => after.checked_add(*period),
        }
    }

    /// The times from `first`, which is one of them, to `now`; `now` is not before `first`.
    pub fn due(&self, first: u64, now: u64) -> Due {
        match &self.times {
            Times::Rate(period) => {
                let more = now.saturating_sub(first) / period;
                let latest = first.saturating_add(more.saturating_mul(*period));
                Due {
                    latest,
                    count: more + 1,
                    next: self.next(latest),
                }
            }
            Times::Cron(cron) => {
                let (mut latest, mut count) = (first, 1);
                loop {
                    let next = cron.next(latest);
                    match next {
                        Some(next) if next <= now && count < MAX_COUNTED => {
                            latest = next;
                            count += 1;
                        }
                        Some(next) if next <= now => {
                            latest = cron.last_until(now).unwrap_or(next).max(next);
                            count += 1;
                        }
                        next => {
                            return Due {
                                latest,
                                count,
                                next,
                            };
                        }
                    }
                }
            }
        }
    }
}

/// The text, with single blanks.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Texts that differ in capitals only are the same expression.
impl PartialEq<str> for Expression {
    fn eq(&self, text: &str) -> bool {
        self.text.eq_ignore_ascii_case(text)
    }
}
