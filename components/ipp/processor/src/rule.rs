//! The rule that `spin.toml` binds.

use ipp_sheet::{Row, Table};

use self::bindings::orilla::ipp::transform;

pub(crate) use self::bindings::orilla::ipp::transform::Failure;

mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/ipp" });
}

/// Applies the rule to some rows.
pub(crate) fn apply(table: Table) -> Result<Table, Failure> {
    let rows = table.rows.into_iter();
    let rows = rows.map(|Row { number, cells }| transform::Row { number, cells });
    let input = transform::Table {
        header: table.header,
        rows: rows.collect(),
    };
    let output = transform::transform(&input)?;
    let rows = output.rows.into_iter();
    let rows = rows.map(|transform::Row { number, cells }| Row { number, cells });
    Ok(Table {
        header: output.header,
        rows: rows.collect(),
    })
}
