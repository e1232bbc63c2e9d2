use std::fmt;

use serde::Serialize;

use crate::limits::WARNINGS;

/// The result of a conversion.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Name of the sheet.
    pub sheet: String,
    /// Columns of the CSV.
    pub columns: usize,
    /// Rows of the CSV without its header.
    pub rows: u32,
    /// The first hundred warnings, in the order of the cells.
    pub warnings: Vec<Warning>,
    /// All warnings, with those that aren't kept.
    pub warning_count: u64,
}

impl Report {
    pub(crate) fn warn(&mut self, warning: impl FnOnce() -> Warning) {
        self.warning_count += 1;
        if self.warnings.len() < WARNINGS {
            self.warnings.push(warning());
        }
    }
}

/// A cell that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Its row, from 1.
    pub row: u32,
    /// The name of its column. The column's letters, where it has none.
    pub column: String,
    /// The cell, such as `C17`.
    pub cell: String,
    /// The problem with it.
    pub problem: Problem,
    /// The cell's text in the CSV, or the text that it would have there. At most 100
    /// characters.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row, column, cell, ..
        } = self;
        write!(f, "row {row}, column \"{column}\" ({cell}): ")?;
        let text = &self.text;
        match self.problem {
            Problem::ErrorValue => write!(f, "the cell holds the error {text}"),
            Problem::NoStoredValue => f.write_str(
                "the formula has no stored value, and the cell counts as empty: \
                 open the workbook in Excel and save it",
            ),
            Problem::OutsideTable => {
                write!(f, "\"{text}\" is left out: no name in row 1 is above it")
            }
            Problem::DigitsLost => write!(
                f,
                "{text} has more than 15 digits, of which a number doesn't keep all: \
                 store it as text"
            ),
            Problem::NoDate => write!(f, "{text} has the format of a date, and is none"),
            Problem::NoName => write!(f, "the column has no name, and is called \"{text}\""),
        }
    }
}

/// The problem with a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// An error such as `#N/A`. The CSV has its text, never 0.
    ErrorValue,
    /// A formula whose value the program that wrote the workbook left out. The cell is
    /// empty in the CSV.
    NoStoredValue,
    /// Content to the right of the named columns. It isn't in the CSV.
    OutsideTable,
    /// A number so long that a workbook doesn't keep all of its digits.
    DigitsLost,
    /// A number with the format of a date that is before or after Excel's calendar. The
    /// CSV has the number.
    NoDate,
    /// A column without a name between named ones. It is named after its letters.
    NoName,
}
