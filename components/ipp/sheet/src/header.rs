//! The names of the columns.

use crate::{Problem, Rejected, Report, Warning, address};

/// Makes the header of the texts of row 1, trimmed. Empty ones at the end are no columns.
/// An empty one between others is named after its letters, such as `column C`: there may
/// be content below it.
///
/// # Errors
/// If the row is empty or two columns have the same name: a rule could mean
/// either.
pub(crate) fn header(
    mut cells: Vec<String>,
    sheet: &str,
    report: &mut Report,
) -> Result<Vec<String>, Rejected> {
    for cell in &mut cells {
        *cell = cell.trim().to_owned();
    }
    while cells.last().is_some_and(String::is_empty) {
        cells.pop();
    }
    if cells.is_empty() {
        return Err(Rejected::NoHeader {
            sheet: sheet.to_owned(),
        });
    }
    let mut seen = std::collections::HashMap::new();
    for (column, name) in (0..).zip(&mut cells) {
        let letters = address::letters(column);
        if name.is_empty() {
            *name = format!("column {letters}");
            report.warn(|| Warning {
                row: 1,
                column: letters.clone(),
                cell: address::name(0, column),
                problem: Problem::NoName,
                text: name.clone(),
            });
        }
        if let Some(first) = seen.insert(name.clone(), letters.clone()) {
            return Err(Rejected::SameName {
                name: name.clone(),
                first,
                second: letters,
            });
        }
    }
    Ok(cells)
}
