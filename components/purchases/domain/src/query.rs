//! The query of `GET /compras`.

use base::{Invalid, Query};
use records::Place;

use crate::Fecha;

const DAY: u64 = Fecha::DAY;

/// The query of `GET /compras`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// The first and the last moment, in milliseconds since the Unix epoch.
    pub between: (u64, u64),
    /// The maximum number of purchases, 1 to 100.
    pub limit: u32,
    /// The last purchase of the page before.
    pub after: Option<Place>,
}

impl ListQuery {
    /// Reads a query. `desde` and `hasta` are dates of purchases, both included; a day
    /// alone as `hasta` includes the whole day.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        let from = moment(query, "desde")?;
        let to = moment(query, "hasta")?;
        Ok(Self {
            between: (
                from.map_or(0, |(fecha, _)| fecha.millis()),
                to.map_or(u64::MAX, |(fecha, is_day)| match is_day {
                    true => fecha.millis() + DAY - 1,
                    false => fecha.millis(),
                }),
            ),
            limit: query.limit(20, 100)?,
            after: query.cursor()?,
        })
    }
}

/// A date of the query, and whether it is a day alone.
fn moment(query: &Query, name: &str) -> Result<Option<(Fecha, bool)>, Invalid> {
    let Some(text) = query.once(name)? else {
        return Ok(None);
    };
    let fecha = text.parse();
    let fecha = fecha.map_err(|error| Invalid::query(format!("{name} {error}")))?;
    Ok(Some((fecha, Fecha::of_day(text).is_ok())))
}

/// The days from one to another, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub from: Fecha,
    /// The last day.
    pub to: Fecha,
}

impl Days {
    /// Reads the days `desde` and `hasta` of a query.
    ///
    /// # Errors
    /// One is missing or no day, they are in the wrong order, or more than `max` days.
    pub fn parse(query: &Query, max: u64) -> Result<Self, Invalid> {
        let day = |name: &str| {
            let text = query.once(name)?;
            let day = text.and_then(|text| Fecha::of_day(text).ok());
            day.ok_or_else(|| Invalid::query(format!("{name} must be a day as in 2025-07-13")))
        };
        let days = Self {
            from: day("desde")?,
            to: day("hasta")?,
        };
        match days.count() {
            0 => Err(Invalid::query("desde must not be after hasta")),
            count if count > max => Err(Invalid::query(format!(
                "desde to hasta may be at most {max} days, and are {count}"
            ))),
            _ => Ok(days),
        }
    }

    fn count(&self) -> u64 {
        let (from, to) = (self.from.millis() / DAY, self.to.millis() / DAY);
        (to + 1).saturating_sub(from)
    }

    /// Each day in its order, as in `2025-07-13`.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        let first = self.from.millis();
        (0..self.count()).map(move |nth| Fecha::from_millis(first + nth * DAY).day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_any_time_or_between_two() {
        let parse = |query: &[(&str, &str)]| ListQuery::parse(&query.iter().copied().collect());
        assert_eq!(parse(&[]).unwrap().between, (0, u64::MAX));
        let days = parse(&[("desde", "1970-01-02"), ("hasta", "1970-01-02")]).unwrap();
        assert_eq!(days.between, (DAY, 2 * DAY - 1));
        let times = parse(&[("hasta", "1970-01-02 00:00:01")]).unwrap();
        assert_eq!(times.between, (0, DAY + 1_000));
        let error = parse(&[("desde", "ayer")]).unwrap_err();
        assert!(error.message.starts_with("desde must be"), "{error}");
    }

    #[test]
    fn days_follow_each_other_over_the_end_of_a_month() {
        let parse =
            |from, to| Days::parse(&[("desde", from), ("hasta", to)].into_iter().collect(), 366);
        let days = parse("2024-02-28", "2024-03-01").unwrap();
        assert_eq!(
            days.iter().collect::<Vec<_>>(),
            ["2024-02-28", "2024-02-29", "2024-03-01"]
        );
        for (from, to, told) in [
            ("2024-03-01", "2024-02-28", "after hasta"),
            ("2024-01-01", "2025-01-01", "at most 366 days, and are 367"),
            ("2024-01-01 00:00:00", "2025-01-01", "desde must be a day"),
        ] {
            assert!(
                parse(from, to).unwrap_err().message.contains(told),
                "{from}"
            );
        }
    }
}
