use std::io::{Cursor, Write};

use calamine::{DataRef, XlsxCellFormulaMetadataRecord, XlsxCellReader};

use crate::error::Error;
use crate::header::header;
use crate::limits::{PART_BYTES, ROW_BYTES};
use crate::package::Package;
use crate::scan::{self, Watch};
use crate::styles::Formats;
use crate::workbook::Workbook;
use crate::writer::CsvWriter;
use crate::{Limits, Problem, Rejected, Report, Row, Table, Warning, address, cell, copy};

/// Converts a workbook to CSV.
///
/// The bytes are taken, so that they can be freed as soon as they are checked. The rows
/// are given to `transform` in parts of [`Limits::part_rows`] rows or fewer, all with the
/// same header; it is called once without rows when there are none. It must return the
/// same header each time. `is_over` tells whether the time for this workbook is used up;
/// it is asked every few thousand cells.
///
/// # Errors
/// [`Error`]. The text that was written to `out` until then is no complete CSV.
pub fn convert<E>(
    xlsx: Vec<u8>,
    limits: &Limits,
    is_over: impl Fn() -> bool,
    out: impl Write,
    transform: impl FnMut(Table) -> Result<Table, E>,
) -> Result<Report, Error<E>> {
    let (copy, sheet) = checked(xlsx, limits, &is_over)?;
    let mut workbook = copy::open(copy)?;
    let cells = workbook
        .worksheet_cells_reader(copy::SHEET)
        .map_err(|error| Rejected::Damaged(error.to_string()))?;
    let mut conversion = Conversion {
        limits,
        report: Report {
            sheet,
            ..Report::default()
        },
        header: None,
        row: Gathered::default(),
        part: Vec::new(),
        part_bytes: 0,
        rows: 0,
        csv: CsvWriter::new(out, limits.csv_bytes),
        transform,
    };
    conversion.read(cells, Watch::new(&is_over))?;
    conversion.finish()
}

/// Checks all that will be read and returns it as a workbook of its own, with the name of
/// the sheet.
fn checked(
    xlsx: Vec<u8>,
    limits: &Limits,
    is_over: &impl Fn() -> bool,
) -> Result<(Vec<u8>, String), Rejected> {
    let mut package = Package::open(xlsx, limits)?;
    let workbook = Workbook::find(&mut package)?;
    let formats = match &workbook.styles {
        Some(path) => Formats::read(&mut package, path)?,
        None => Formats::default(),
    };
    if let Some(path) = &workbook.strings {
        scan::strings(&mut package, path, is_over)?;
    }
    let cuts = scan::sheet(&mut package, &workbook.sheet, limits, is_over)?;
    let copy = copy::workbook(&mut package, &workbook, &formats, &cuts)?;
    Ok((copy, workbook.sheet_name))
}

struct Conversion<'a, W: Write, T> {
    limits: &'a Limits,
    report: Report,
    /// Known after row 1.
    header: Option<Vec<String>>,
    row: Gathered,
    part: Vec<Row>,
    part_bytes: usize,
    rows: u32,
    csv: CsvWriter<W>,
    transform: T,
}

/// The cells of one row, as far as they have come.
#[derive(Default)]
struct Gathered {
    /// From 0.
    index: u32,
    cells: Vec<String>,
    bytes: usize,
    has_content: bool,
}

impl<W, T, E> Conversion<'_, W, T>
where
    W: Write,
    T: FnMut(Table) -> Result<Table, E>,
{
    fn read(
        &mut self,
        mut cells: XlsxCellReader<'_, Cursor<Vec<u8>>>,
        mut watch: Watch<&impl Fn() -> bool>,
    ) -> Result<(), Error<E>> {
        loop {
            watch.look()?;
            let cell = cells.next_cell_with_formula_metadata().map_err(|error| {
                let row = u64::from(self.row.index) + 1;
                Rejected::Damaged(format!("{error}, in row {row} or soon after it"))
            })?;
            let Some(cell) = cell else {
                self.end_row()?;
                return Ok(());
            };
            let (row, column) = cell.pos;
            if row < self.row.index {
                let cell = address::name(row, column);
                return Err(Rejected::Damaged(format!(
                    "cell {cell} comes after row {}",
                    self.row.index + 1
                ))
                .into());
            }
            if row > self.row.index {
                self.end_row()?;
                self.row.index = row;
            }
            self.add(&cell)?;
        }
    }

    /// Adds a cell to the row that is gathered.
    fn add(&mut self, cell: &XlsxCellFormulaMetadataRecord<'_>) -> Result<(), Error<E>> {
        let (row, column) = cell.pos;
        if matches!(cell.value, DataRef::Empty) {
            if cell.formula.is_some() {
                self.warn(cell.pos, Problem::NoStoredValue, "");
            }
            return Ok(());
        }
        let (text, problem) = cell::text(&cell.value);
        if text.is_empty() {
            return Ok(());
        }
        let name = || address::name(row, column);
        if text.len() > self.limits.cell_bytes {
            return Err(Rejected::CellTooLong {
                cell: name(),
                limit: self.limits.cell_bytes,
            }
            .into());
        }
        let place = column as usize;
        match &self.header {
            // Notes beside a table and far cells that programs leave behind are common.
            Some(header) if place >= header.len() => {
                self.warn(cell.pos, Problem::OutsideTable, &text);
                return Ok(());
            }
            None if place >= self.limits.columns => {
                return Err(Rejected::TooManyColumns {
                    limit: self.limits.columns,
                    cell: name(),
                }
                .into());
            }
            None if problem == Some(Problem::ErrorValue) => {
                return Err(Rejected::HeaderError {
                    cell: name(),
                    text: text.into_owned(),
                }
                .into());
            }
            _ => {}
        }
        if let Some(problem) = problem {
            self.warn(cell.pos, problem, &text);
        }
        let gathered = &mut self.row;
        gathered.bytes += text.len();
        if gathered.bytes > ROW_BYTES {
            let row = u64::from(row) + 1;
            return Err(Rejected::too_large(format!("row {row} has too much text")).into());
        }
        gathered.has_content |= !text.trim().is_empty();
        if gathered.cells.len() <= place {
            gathered.cells.resize(place + 1, String::new());
        }
        if let Some(cell) = gathered.cells.get_mut(place) {
            *cell = text.into_owned();
        }
        Ok(())
    }

    /// Takes the row that was gathered into the part, or makes the header of row 1.
    fn end_row(&mut self) -> Result<(), Error<E>> {
        let row = std::mem::take(&mut self.row);
        let Some(header) = &self.header else {
            self.header = Some(header(
                row.cells,
                &self.report.sheet.clone(),
                &mut self.report,
            )?);
            return Ok(());
        };
        if !row.has_content {
            return Ok(());
        }
        if self.rows == self.limits.rows {
            return Err(Rejected::TooManyRows {
                limit: self.limits.rows,
            }
            .into());
        }
        self.rows += 1;
        let mut cells = row.cells;
        cells.resize(header.len(), String::new());
        self.part.push(Row {
            number: row.index.saturating_add(1),
            cells,
        });
        self.part_bytes += row.bytes;
        if self.part.len() >= self.limits.part_rows || self.part_bytes >= PART_BYTES {
            self.end_part()?;
        }
        Ok(())
    }

    fn end_part(&mut self) -> Result<(), Error<E>> {
        let part = Table {
            header: self.header.clone().unwrap_or_default(),
            rows: std::mem::take(&mut self.part),
        };
        self.part_bytes = 0;
        let table = (self.transform)(part).map_err(Error::Transform)?;
        self.csv.write(table)
    }

    fn finish(mut self) -> Result<Report, Error<E>> {
        if !self.part.is_empty() || self.rows == 0 {
            self.end_part()?;
        }
        self.report.columns = self.csv.columns();
        self.report.rows = self.csv.finish()?;
        Ok(self.report)
    }

    fn warn(&mut self, (row, column): (u32, u32), problem: Problem, text: &str) {
        let name = self
            .header
            .as_ref()
            .and_then(|header| header.get(column as usize));
        self.report.warn(|| Warning {
            row: row.saturating_add(1),
            column: name.cloned().unwrap_or_else(|| address::letters(column)),
            cell: address::name(row, column),
            problem,
            text: text.chars().take(100).collect(),
        });
    }
}
