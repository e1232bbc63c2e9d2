//! The keys of the archive's objects, by table.

use purchases_domain::archive::Day;
use purchases_domain::compaction::part_number;

/// The folder of the changes.
pub(crate) const CHANGES: &str = "compras/";

/// The folder of the days.
pub(crate) const DAYS: &str = "compras_dia/";

/// The day of a key of `compras_dia/`, which ends in `/part-{NNN}.json`; `None` for another
/// key.
pub(crate) fn day_of_part(key: &str) -> Option<Day> {
    let (day, _) = key.strip_prefix(DAYS)?.rsplit_once('/')?;
    let day: Day = day.parse().ok()?;
    part_number(&day, key).map(|_| day)
}

/// The partition in which Athena reads an object: it reads all of a partition's folder but
/// hidden ones.
pub(crate) fn partition(key: &str, table: &str) -> Option<Day> {
    let (day, name) = key.strip_prefix(table)?.rsplit_once('/')?;
    let is_read = !name.is_empty() && !name.starts_with(['_', '.']);
    is_read.then(|| day.parse().ok())?
}

/// The year, month and day of a day.
pub(crate) fn date(day: &Day) -> impl Iterator<Item = &str> {
    day.date.split('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_numbered_parts() {
        let day = day_of_part("compras_dia/utec/2025/07/13/part-000.json").unwrap();
        assert_eq!(day.to_string(), "utec/2025/07/13");
        for key in [
            "compras_dia/utec/2025/07/13/part-0.json",
            "compras_dia/utec/2025/07/13/part-0000.json",
            "compras_dia/utec/2025/07/13/000.json",
            "compras_dia/utec/2025/07/part-000.json",
            "compras/utec/2025/07/13/part-000.json",
        ] {
            assert_eq!(day_of_part(key), None, "{key}");
        }
    }

    #[test]
    fn what_athena_reads_is_in_a_partition() {
        let day = partition("compras/a%2Fb/2025/07/13/any", CHANGES).unwrap();
        assert_eq!(date(&day).collect::<Vec<_>>(), ["2025", "07", "13"]);
        for key in [
            "compras/a b/2025/07/13/any",
            "compras/a/2025/07/13/",
            "compras/a/2025/07/13/_any",
            "compras/a/2025/07/13/.any",
            "compras/a/2025/07/any",
            "compras_dia/a/2025/07/13/any",
        ] {
            assert_eq!(partition(key, CHANGES), None, "{key}");
        }
    }
}
