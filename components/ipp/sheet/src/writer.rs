//! CSV, by RFC 4180.

use std::io::{self, Write};

use crate::error::Error;
use crate::{Rejected, Table};

/// Writes tables with one header as one CSV of bounded size.
pub(crate) struct CsvWriter<W: Write> {
    csv: csv::Writer<Counted<W>>,
    header: Option<Vec<String>>,
    rows: u32,
    limit: usize,
}

impl<W: Write> CsvWriter<W> {
    pub(crate) fn new(out: W, limit: usize) -> Self {
        let counted = Counted {
            out,
            left: limit,
            over: false,
        };
        let csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(8 << 10)
            .from_writer(counted);
        Self {
            csv,
            header: None,
            rows: 0,
            limit,
        }
    }

    /// Writes the rows, after the header if they are the first ones.
    pub(crate) fn write<E>(&mut self, table: Table) -> Result<(), Error<E>> {
        match &self.header {
            None => {
                if table.header.is_empty() {
                    return Err(Error::Provider("a table without columns".to_owned()));
                }
                let written = self.csv.write_record(&table.header);
                written.map_err(|error| self.failed(error.into()))?;
                self.header = Some(table.header);
            }
            Some(header) if *header != table.header => {
                return Err(Error::Provider(
                    "another header than for the rows before".to_owned(),
                ));
            }
            Some(_) => {}
        }
        let columns = self.columns();
        for row in &table.rows {
            if row.cells.len() != columns {
                return Err(Error::Provider(format!(
                    "{} cells in row {} for a header of {columns}",
                    row.cells.len(),
                    row.number
                )));
            }
            let written = self.csv.write_record(&row.cells);
            written.map_err(|error| self.failed(error.into()))?;
            self.rows += 1;
        }
        Ok(())
    }

    pub(crate) fn columns(&self) -> usize {
        self.header.as_ref().map_or(0, Vec::len)
    }

    /// Writes the rest of the CSV and returns the number of its rows.
    pub(crate) fn finish<E>(mut self) -> Result<u32, Error<E>> {
        self.csv.flush().map_err(|error| self.failed(error))?;
        Ok(self.rows)
    }

    fn failed<E>(&self, error: io::Error) -> Error<E> {
        if self.csv.get_ref().over {
            Error::Rejected(Rejected::CsvTooLarge { limit: self.limit })
        } else {
            Error::Write(error)
        }
    }
}

struct Counted<W> {
    out: W,
    left: usize,
    over: bool,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left {
            self.over = true;
            return Err(io::Error::other("too large"));
        }
        let written = self.out.write(bytes)?;
        self.left -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
