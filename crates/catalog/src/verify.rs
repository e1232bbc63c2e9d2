use objects::Objects;
use outbound::Transport;
use purchases_domain::archive::{Day, Key};

use crate::Error;
use crate::archive::{self, Content, Table};
use crate::ddl::Ranges;
use crate::document::Document;
use crate::key::day_of_part;
use crate::purchases::Purchases;
use crate::report::{Class, Report, Row};

/// Checks the archive class by class, up to the first [`Class`] that fails. It reads each
/// object once. Where `compras_dia/` has lines, they count as changes, too: their originals
/// may have been removed.
///
/// `ddl` is the definition of the tables, if its ranges are to be checked.
///
/// # Errors
/// The archive was not read.
pub async fn verify<T: Transport>(
    objects: &Objects<T>,
    ddl: Option<&str>,
) -> Result<Report, Error> {
    let changes = archive::keys(objects, Table::Changes.prefix()).await?;
    let days = archive::keys(objects, Table::Days.prefix()).await?;
    let mut report = Report::default();
    if !report.add(Class::Keys, keys(&changes, &days)) {
        return Ok(report);
    }

    let mut found = Found::default();
    archive::for_each(objects, Table::Changes, &changes, |key, content| {
        found.change(key, content);
    })
    .await?;
    archive::for_each(objects, Table::Days, &days, |key, content| {
        found.part(key, content);
    })
    .await?;
    report.gone = found.gone;

    let classes = [
        (Class::Lines, Some(found.lines)),
        (Class::Places, Some(found.places)),
        (Class::Versions, Some(found.purchases.check())),
        (Class::Sums, Some(found.sums)),
        (Class::Ranges, ddl.map(|ddl| ranges(ddl, &changes, &days))),
        (Class::Days, (!days.is_empty()).then_some(found.days)),
    ];
    for (class, row) in classes {
        if row.is_some_and(|row| !report.add(class, row)) {
            break;
        }
    }
    Ok(report)
}

impl Report {
    /// Adds the result of a class. Whether nothing was wrong.
    fn add(&mut self, class: Class, row: Row) -> bool {
        let right = row.wrong == 0;
        self.rows.push((class, row));
        right
    }
}

fn keys(changes: &[String], days: &[String]) -> Row {
    let mut row = Row::default();
    for key in changes {
        let parsed = key.parse::<Key>().map(drop);
        row.check(|| key.clone(), parsed.map_err(|error| error.to_string()));
    }
    for key in days {
        let is_part = day_of_part(key).map(drop);
        let problem = || "it is not as in compras_dia/utec/2025/07/13/part-000.json".to_owned();
        row.check(|| key.clone(), is_part.ok_or_else(problem));
    }
    row
}

fn ranges(ddl: &str, changes: &[String], days: &[String]) -> Row {
    let ranges = Ranges::read(ddl);
    let mut row = Row::default();
    let of_changes = changes.iter().filter_map(|key| {
        let key: Key = key.parse().ok()?;
        Some(key.day)
    });
    let of_parts = days.iter().filter_map(|key| day_of_part(key));
    let mut partitions: Vec<Day> = of_changes.chain(of_parts).collect();
    partitions.sort();
    partitions.dedup();
    for day in partitions {
        row.check(|| day.to_string(), ranges.cover(&day));
    }
    row
}

/// The results of reading the objects.
#[derive(Default)]
struct Found {
    lines: Row,
    places: Row,
    sums: Row,
    days: Row,
    purchases: Purchases,
    gone: u64,
}

impl Found {
    fn change(&mut self, key: &str, content: Content) {
        let Some(content) = content else {
            self.gone += 1;
            return;
        };
        let text = content.and_then(one_line);
        let read = text.as_deref().map_err(String::clone).and_then(|line| {
            let document = Document::read(line)?;
            Ok((line, document))
        });
        let (line, document) = match read {
            Ok(read) => read,
            Err(problem) => return self.lines.check(|| key.to_owned(), Err(problem)),
        };
        let at = || key.to_owned();
        self.lines.check(at, Ok(()));
        if let Ok(parsed) = key.parse() {
            self.places.check(at, document.is_at(&parsed));
        }
        self.sums.check(at, document.sums.clone());
        self.purchases.add(key, document, line);
    }

    fn part(&mut self, key: &str, content: Content) {
        let Some(content) = content else {
            self.gone += 1;
            return;
        };
        let text = match content.and_then(text) {
            Ok(text) => text,
            Err(problem) => return self.lines.check(|| key.to_owned(), Err(problem)),
        };
        let Some(day) = day_of_part(key) else {
            return;
        };
        for (n, line) in (1..).zip(text.split_terminator('\n')) {
            let at = || format!("{key}:{n}");
            let document = match Document::read(line) {
                Ok(document) => document,
                Err(problem) => {
                    self.lines.check(at, Err(problem));
                    continue;
                }
            };
            self.lines.check(at, Ok(()));
            self.places.check(at, document.is_in(&day));
            self.sums.check(at, document.sums.clone());
            let added = self.purchases.add_to_day(document, line);
            self.days.check(at, added);
        }
    }
}

/// The lines of an object.
fn text(content: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())?;
    if !text.ends_with('\n') {
        return Err("it does not end in a line feed".to_owned());
    }
    // Hadoop's reader takes it for the end of a line.
    if text.contains('\r') {
        return Err("it contains a carriage return".to_owned());
    }
    Ok(text)
}

/// The line of an object, without its line feed.
fn one_line(content: Vec<u8>) -> Result<String, String> {
    let mut text = text(content)?;
    text.pop();
    match text.split('\n').count() {
        1 => Ok(text),
        lines => Err(format!("it has {lines} lines")),
    }
}

#[cfg(test)]
mod tests;
