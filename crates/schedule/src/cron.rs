//! `cron(minutes hours day-of-month month day-of-week year)` as EventBridge has it, by
//! croner behind checks of our own.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use croner::parser::{CronParser, Seconds, Year};

/// The years that an expression may name, as in EventBridge.
const YEARS: RangeInclusive<u16> = 1970..=2199;

/// A field whose values are numbers or names.
struct Field {
    /// The field's name in errors.
    what: &'static str,
    values: RangeInclusive<u16>,
    /// Names of the values, from the first one on.
    names: &'static [&'static str],
}

const MINUTES: Field = Field::of("the minutes", 0..=59);
const HOURS: Field = Field::of("the hours", 0..=23);
const DAYS: Field = Field::of("the day of the month", 1..=31);
const MONTHS: Field = Field {
    what: "the month",
    values: 1..=12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
/// 1 is Sunday.
const WEEKDAYS: Field = Field {
    what: "the day of the week",
    values: 1..=7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEAR: Field = Field::of("the year", YEARS);

/// The times of a cron expression, in UTC.
#[derive(Clone, Debug)]
pub(crate) struct Cron {
    croner: croner::Cron,
    /// Its last time. croner looks for times up to the year 5000, which takes long where
    /// there is none.
    last: DateTime<Utc>,
}

impl Cron {
    /// Reads the six fields.
    ///
    /// # Errors
    /// The fault in them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_uppercase();
        let fields: Vec<_> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields.as_slice() else {
            return Err(format!(
                "cron() has six fields (minutes, hours, day of the month, month, day of the week, year), and not {}",
                fields.len()
            ));
        };
        if (*day == "?") == (*weekday == "?") {
            return Err(
                "one of the day of the month and the day of the week must be `?`, and not both"
                    .to_owned(),
            );
        }
        let fields = [
            // croner has seconds.
            "0".to_owned(),
            MINUTES.translate(minutes)?,
            HOURS.translate(hours)?,
            day_of_month(day)?,
            MONTHS.translate(month)?,
            day_of_week(weekday)?,
            YEAR.translate(year)?,
        ];
        let croner = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .alternative_weekdays(true)
            .build()
            .parse(&fields.join(" "))
            .map_err(|error| error.to_string())?;
        let last = last(&croner).ok_or("there is no such day in any of the years")?;
        Ok(Self { croner, last })
    }

    /// The first time after `after`, in milliseconds since the Unix epoch.
    pub(crate) fn next(&self, after: u64) -> Option<u64> {
        let after = time(after)?;
        if after >= self.last {
            return None;
        }
        let next = self.croner.find_next_occurrence(&after, false).ok()?;
        u64::try_from(next.timestamp_millis()).ok()
    }

    /// The last time at or before `at`.
    pub(crate) fn last_until(&self, at: u64) -> Option<u64> {
        let at = time(at)?.min(self.last);
        let last = self.croner.find_previous_occurrence(&at, true).ok()?;
        u64::try_from(last.timestamp_millis()).ok()
    }
}

fn time(millis: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(millis).ok()?)
}

/// The last time of an expression in [`YEARS`].
fn last(croner: &croner::Cron) -> Option<DateTime<Utc>> {
    let pattern = &croner.pattern;
    let hour = u32::from(*pattern.hours.values().last()?);
    let minute = u32::from(*pattern.minutes.values().last()?);
    let years = YEARS.rev().map(i32::from);
    let years = years.filter(|year| pattern.year_match(*year).unwrap_or(false));
    let months = || {
        let months = (1..=12).rev();
        months.filter(|month| pattern.month_match(*month).unwrap_or(false))
    };
    years
        .flat_map(|year| months().map(move |month| (year, month)))
        .flat_map(|(year, month)| (1..=31).rev().map(move |day| (year, month, day)))
        .filter_map(|(year, month, day)| {
            let day = NaiveDate::from_ymd_opt(year, month, day)?;
            Some(day.and_hms_opt(hour, minute, 0)?.and_utc())
        })
        .find(|time| croner.is_time_matching(time).unwrap_or(false))
}

/// A day of the month for croner: also `?`, `L` (the last day), `LW` (the last weekday) and
/// `15W` (the weekday nearest to the 15th).
fn day_of_month(text: &str) -> Result<String, String> {
    if matches!(text, "?" | "L" | "LW") {
        return Ok(text.to_owned());
    }
    match text.strip_suffix('W') {
        Some(day) => Ok(format!("{}W", DAYS.value(day)?)),
        None => DAYS.translate(text),
    }
}

/// A day of the week for croner: also `?`, `L` (Saturday), `6L` (the last Friday) and `6#3`
/// (the third Friday).
fn day_of_week(text: &str) -> Result<String, String> {
    match text {
        "?" => return Ok(text.to_owned()),
        "L" => return Ok("7".to_owned()),
        _ => {}
    }
    if let Some((day, nth)) = text.split_once('#') {
        if !matches!(nth, "1" | "2" | "3" | "4" | "5") {
            return Err(WEEKDAYS.wrong(text));
        }
        return Ok(format!("{}#{nth}", WEEKDAYS.value(day)?));
    }
    match text.strip_suffix('L') {
        Some(day) => Ok(format!("{}L", WEEKDAYS.value(day)?)),
        None => WEEKDAYS.translate(text),
    }
}

impl Field {
    const fn of(what: &'static str, values: RangeInclusive<u16>) -> Self {
        Self {
            what,
            values,
            names: &[],
        }
    }

    /// The field for croner: `*`, or a list of numbers.
    fn translate(&self, text: &str) -> Result<String, String> {
        if text == "*" {
            return Ok(text.to_owned());
        }
        let mut numbers = Vec::new();
        for part in text.split(',') {
            numbers.extend(self.part(part)?.iter().map(u16::to_string));
        }
        Ok(numbers.join(","))
    }

    /// The values of a value, a range or a step. croner has neither steps from a value on
    /// (`a/b`) nor ranges that go on at the first value (`20-2`).
    fn part(&self, text: &str) -> Result<Vec<u16>, String> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (min, max) = (*self.values.start(), *self.values.end());
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if range == "*" && step.is_some() => (min, max),
            None => {
                let value = self.value(range)?;
                (value, step.map_or(value, |_| max))
            }
        };
        let step = match step {
            None => 1,
            Some(step) => number(step)
                .filter(|step| *step > 0)
                .ok_or_else(|| self.wrong(text))?,
        };
        let step_by = usize::from(step);
        if first <= last {
            return Ok((first..=last).step_by(step_by).collect());
        }
        // Years do not come round.
        if self.values == YEARS {
            return Err(self.wrong(text));
        }
        Ok((first..=max).chain(min..=last).step_by(step_by).collect())
    }

    /// A number or a name.
    fn value(&self, text: &str) -> Result<u16, String> {
        let named = || {
            let at = self.names.iter().position(|name| *name == text)?;
            self.values.clone().nth(at)
        };
        number(text)
            .or_else(named)
            .filter(|value| self.values.contains(value))
            .ok_or_else(|| self.wrong(text))
    }

    fn wrong(&self, text: &str) -> String {
        format!(
            "{} cannot be {text:?}: it has values from {} to {}",
            self.what,
            self.values.start(),
            self.values.end()
        )
    }
}

/// Up to four digits.
fn number(text: &str) -> Option<u16> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
