//! The definitions of the tables for Athena, whose partitions are projected: Athena looks for
//! no others than those of the tenants and years that they name.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use objects::Objects;
use outbound::Transport;
use purchases_domain::archive::Day;

use crate::Error;
use crate::archive::{self, Table};
use crate::key::date;

/// Fills `${bucket}`, `${tenants}` and `${years}` of `template` from the bucket.
///
/// The years are the given ones, or else those of the archive up to the year after
/// `this_year`, so that the tables do not miss the purchases of the next January.
///
/// # Errors
/// The archive was not read, or has no purchases.
pub async fn ddl<T: Transport>(
    objects: &Objects<T>,
    template: &str,
    years: Option<RangeInclusive<i32>>,
    this_year: i32,
) -> Result<String, Error> {
    let mut found = archive::years(objects, Table::Changes).await?;
    found.extend(archive::years(objects, Table::Days).await?);
    let first = found.iter().map(|(_, year)| *year).min();
    let last = found.iter().map(|(_, year)| *year).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Err(Error::Empty);
    };
    let years = years.unwrap_or(first..=last.max(this_year + 1));
    let tenants: BTreeSet<String> = found.into_iter().map(|(tenant, _)| tenant).collect();
    let tenants: Vec<String> = tenants.into_iter().collect();
    Ok(template
        .replace("${bucket}", objects.config().bucket())
        .replace("${tenants}", &tenants.join(","))
        .replace("${years}", &format!("{},{}", years.start(), years.end())))
}

/// The partitions that the tables of a DDL have.
pub(crate) struct Ranges {
    /// The tenants of each table.
    tenants: Vec<BTreeSet<String>>,
    /// Whether a table takes the tenants from the query.
    is_injected: bool,
    /// The name, and the first and last value in each table, of year, month and day.
    numbers: [(&'static str, Vec<Option<RangeInclusive<u32>>>); 3],
}

impl Ranges {
    /// Reads the properties of the projection.
    pub(crate) fn read(ddl: &str) -> Self {
        let tenants = values(ddl, "projection.tenant_id.values");
        let types = values(ddl, "projection.tenant_id.type");
        let numbers = ["year", "month", "day"].map(|column| {
            let ranges = values(ddl, &format!("projection.{column}.range"));
            (column, ranges.into_iter().map(range).collect())
        });
        Self {
            tenants: tenants
                .into_iter()
                .map(|list| {
                    list.split(',')
                        .map(|tenant| tenant.trim().to_owned())
                        .collect()
                })
                .collect(),
            is_injected: types.contains(&"injected"),
            numbers,
        }
    }

    /// Whether every table has this partition.
    pub(crate) fn cover(&self, day: &Day) -> Result<(), String> {
        if self.tenants.is_empty() && !self.is_injected {
            return Err("the DDL projects no tenant_id".to_owned());
        }
        if self.tenants.iter().any(|list| !list.contains(&day.tenant)) {
            return Err(format!("the DDL has not the tenant `{}`", day.tenant));
        }
        for ((column, ranges), value) in self.numbers.iter().zip(date(day)) {
            let covers = |range: &Option<RangeInclusive<u32>>| {
                let value = value.parse().ok();
                value
                    .is_some_and(|value| range.as_ref().is_some_and(|range| range.contains(&value)))
            };
            if ranges.is_empty() || !ranges.iter().all(covers) {
                return Err(format!("the DDL has not the {column} {value}"));
            }
        }
        Ok(())
    }
}

fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once(',')?;
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

/// The values of a property, `'property' = 'value'`, one for each table that has it.
fn values<'a>(ddl: &'a str, property: &str) -> Vec<&'a str> {
    let quoted = format!("'{property}'");
    ddl.split(quoted.as_str())
        .skip(1)
        .filter_map(|rest| {
            let value = rest.trim_start().strip_prefix('=')?.trim_start();
            let (value, _) = value.strip_prefix('\'')?.split_once('\'')?;
            Some(value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{bucket, objects};

    const SHIPPED: &str = include_str!("../../../deploy/athena/compras.sql");

    fn keys() -> impl Iterator<Item = (String, &'static str)> {
        let changes = [
            "a/2025/07/13",
            "a/2025/07/14",
            "a/2027/01/01",
            "a-b/2024/12/31",
        ]
        .map(|day| format!("compras/{day}/insert_x_20250713_103045_000001.json"));
        let day = "compras_dia/gone/2026/01/01/part-000.json".to_owned();
        let foreign = [
            "compras/",
            "compras/readme.txt",
            "compras/error/2025/x.json",
            "compras/a b/2020/01/01/x.json",
        ];
        changes
            .into_iter()
            .chain([day])
            .chain(foreign.map(str::to_owned))
            .map(|key| (key, ""))
    }

    #[tokio::test]
    async fn the_definition_names_the_tenants_and_years_that_are_there() {
        let store = bucket(keys());
        let template = "${bucket}|${tenants}|${years}|${tenant_id}/${year}";
        let store = objects(&store);
        let ddl = ddl(&store, template, None, 2025).await.unwrap();
        assert_eq!(ddl, "purchases|a,a-b,gone|2024,2027|${tenant_id}/${year}");
        let ddl = super::ddl(&store, "${years}", None, 2026).await.unwrap();
        assert_eq!(ddl, "2024,2027");
        let ddl = super::ddl(&store, "${years}", None, 2030).await.unwrap();
        assert_eq!(ddl, "2024,2031");
        let ddl = super::ddl(&store, "${years}", Some(2020..=2035), 2030).await;
        assert_eq!(ddl.unwrap(), "2020,2035");
    }

    #[tokio::test]
    async fn listing_tenants_and_years_costs_no_more_for_more_purchases() {
        let many = (1..=300).map(|n| {
            let key = format!("compras/a/2025/07/13/insert_{n}_20250713_103045_000001.json");
            (key, "")
        });
        let store = bucket(many);
        let ddl = ddl(&objects(&store), "${tenants}", None, 2025).await;
        assert_eq!(ddl.unwrap(), "a");
        assert_eq!(store.sent().len(), 3, "one for the year, two ends");
    }

    #[tokio::test]
    async fn an_archive_without_purchases_has_no_definition() {
        let store = bucket([("errors/2025/07/13/x.json", "")]);
        let ddl = ddl(&objects(&store), SHIPPED, None, 2025).await;
        assert!(matches!(ddl, Err(Error::Empty)));
    }

    #[tokio::test]
    async fn the_shipped_definition_covers_what_it_was_made_of_and_not_more() {
        let store = bucket(keys());
        let ddl = ddl(&objects(&store), SHIPPED, None, 2025).await.unwrap();
        assert!(ddl.contains("LOCATION 's3://purchases/compras/'"), "{ddl}");
        let ranges = Ranges::read(&ddl);
        let covers = |day: &str| ranges.cover(&day.parse().unwrap());
        for day in ["a/2024/01/01", "gone/2027/12/31"] {
            assert_eq!(covers(day), Ok(()));
        }
        assert!(covers("b/2025/07/13").unwrap_err().contains("tenant `b`"));
        assert!(covers("a/2028/01/01").unwrap_err().contains("year 2028"));
        assert!(covers("a/2023/12/31").unwrap_err().contains("year 2023"));
    }

    #[test]
    fn the_shipped_definition_has_no_column_twice() {
        let tables: Vec<&str> = SHIPPED.split("CREATE EXTERNAL TABLE").skip(1).collect();
        assert_eq!(tables.len(), 2);
        for table in tables {
            let (columns, rest) = table.split_once("PARTITIONED BY").unwrap();
            let (partitions, _) = rest.split_once("ROW FORMAT").unwrap();
            let names = |text: &str| -> Vec<String> {
                let lines = text.lines().map(|line| line.trim().trim_start_matches('('));
                let words = lines.filter_map(|line| line.split_once(' '));
                words.map(|(name, _)| name.to_lowercase()).collect()
            };
            let columns = names(columns);
            assert!(columns.iter().any(|name| name == "metadata"), "{columns:?}");
            for partition in ["tenant_id", "year", "month", "day"] {
                assert!(partitions.contains(partition), "{partitions}");
                assert!(!columns.iter().any(|name| name == partition), "{columns:?}");
            }
        }
    }

    #[test]
    fn a_definition_without_a_range_covers_nothing() {
        let day = "a/2025/07/13".parse().unwrap();
        for ddl in [
            "",
            "'projection.tenant_id.values' = 'a'",
            "'projection.tenant_id.values' = 'a', 'projection.year.range' = 'NOW', \
             'projection.month.range' = '1,12', 'projection.day.range' = '1,31'",
        ] {
            assert!(Ranges::read(ddl).cover(&day).is_err(), "{ddl}");
        }
        let injected = "'projection.tenant_id.type'='injected','projection.year.range'='2025,2026',\
             'projection.month.range' = '1,12','projection.day.range'= '1,31'";
        assert_eq!(Ranges::read(injected).cover(&day), Ok(()));
    }
}
