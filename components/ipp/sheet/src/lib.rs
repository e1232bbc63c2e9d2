//! Workbooks (`.xlsx`) become CSV.
//!
//! [`convert`] reads the first visible worksheet of a workbook, hands its rows in parts to a
//! transformation and writes the transformed rows as CSV. Workbooks come from outside: each
//! part that is read is bounded in size, count and time before any of it is kept in memory,
//! see [`Limits`].
//!
//! # Input
//! - The first worksheet that isn't hidden. Its first row holds the names of the columns.
//! - Rows without content are left out; the others keep their numbers.
//! - Values as Excel shows them in a wide column without a format: see [`Report`] for values
//!   that are only reported.
//!
//! # Output
//! CSV as RFC 4180 says: UTF-8 without a mark, commas, lines end in `\r\n`.

mod address;
mod cell;
mod convert;
mod copy;
mod error;
mod header;
mod limits;
mod package;
mod rejected;
mod report;
mod scan;
mod styles;
mod table;
mod workbook;
mod writer;
mod xml;

pub use convert::convert;
pub use error::Error;
pub use limits::Limits;
pub use rejected::Rejected;
pub use report::{Problem, Report, Warning};
pub use table::{Row, Table};

#[cfg(test)]
mod tests;
