/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the workbook, from 1: the header is row 1.
    pub number: u32,
    /// Its cells, as many as the header has.
    pub cells: Vec<String>,
}

/// Some rows with the names of their columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows, in the order of the workbook.
    pub rows: Vec<Row>,
}
