//! The component: `wit/ipp` on the outside, variables on the inside.
//!
//! The bindings and the macro that exports them are unsafe code by wit-bindgen.
#![allow(unsafe_code, missing_docs)]

use self::exports::orilla::ipp::transform;
use crate::{Config, Row, Rule, Table};

wit_bindgen::generate!({
    world: "provider",
    path: "../../../wit/ipp",
});

struct Rounding;

export!(Rounding);

impl transform::Guest for Rounding {
    fn transform(input: transform::Table) -> Result<transform::Table, transform::Failure> {
        // The workbook is not at fault, and can be converted once the variable is right.
        let config = Config::from_variables(|name| spin_sdk::variables::get(name).ok())
            .map_err(|error| transform::Failure::Retry(error.to_string()))?;
        let table = Rule::new(config)
            .transform(input.into())
            .map_err(|invalid| transform::Failure::Invalid(invalid.to_string()))?;
        Ok(table.into())
    }
}

impl From<transform::Table> for Table {
    fn from(table: transform::Table) -> Self {
        let row = |row: transform::Row| Row {
            number: row.number,
            cells: row.cells,
        };
        Self {
            header: table.header,
            rows: table.rows.into_iter().map(row).collect(),
        }
    }
}

impl From<Table> for transform::Table {
    fn from(table: Table) -> Self {
        let row = |row: Row| transform::Row {
            number: row.number,
            cells: row.cells,
        };
        Self {
            header: table.header,
            rows: table.rows.into_iter().map(row).collect(),
        }
    }
}
