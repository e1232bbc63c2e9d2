/// Why a workbook can't be converted, for the person that made it. Another try won't help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There are no bytes.
    #[error("the file is empty")]
    EmptyFile,
    /// The file is larger than allowed.
    #[error("the file has {bytes} bytes, and at most {limit} are allowed")]
    FileTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An encrypted workbook, or an encrypted entry of the archive.
    #[error("the workbook is protected by a password: save it without one")]
    Password,
    /// A workbook of Excel 97 to 2003.
    #[error("the file is an old workbook (.xls): save it as .xlsx")]
    Xls,
    /// A binary workbook.
    #[error("the file is a binary workbook (.xlsb): save it as .xlsx")]
    Xlsb,
    /// Text, such as CSV, with the name of a workbook.
    #[error("the file is text, such as CSV, and not a workbook: save it as .xlsx")]
    Text,
    /// Some other kind of file.
    #[error("the file is not a workbook (.xlsx)")]
    NotXlsx,
    /// The start of a workbook without its end.
    #[error("the file is incomplete: its end is missing; send it again")]
    Truncated,
    /// Something in the file is not as the format demands.
    #[error("the workbook is damaged: {0}; open it in Excel and save it again")]
    Damaged(String),
    /// More would have to be read than a workbook of the allowed size needs.
    #[error("the workbook is too large: {0}")]
    TooLarge(String),
    /// A conversion took longer than its time.
    #[error("the workbook takes too long to convert: divide it")]
    TooSlow,
    /// The workbook has only hidden sheets, charts or macros.
    #[error("the workbook has no visible worksheet")]
    NoSheet,
    /// The first row is empty.
    #[error("row 1 of sheet \"{sheet}\" is empty: it must hold the names of the columns")]
    NoHeader {
        /// Name of the sheet.
        sheet: String,
    },
    /// Two columns have one name.
    #[error("columns {first} and {second} have the same name, \"{name}\"")]
    SameName {
        /// The name.
        name: String,
        /// Letters of the first column.
        first: String,
        /// Letters of the second column.
        second: String,
    },
    /// The name of a column is an error value.
    #[error("the name of a column is an error: {text} in cell {cell}")]
    HeaderError {
        /// The cell.
        cell: String,
        /// The error value.
        text: String,
    },
    /// There are more columns than allowed.
    #[error("the sheet has more than {limit} columns: cell {cell} holds a name")]
    TooManyColumns {
        /// The limit.
        limit: usize,
        /// The cell beyond it.
        cell: String,
    },
    /// There are more rows than allowed.
    #[error("the sheet has more than {limit} rows: divide it")]
    TooManyRows {
        /// The limit.
        limit: u32,
    },
    /// A cell holds more text than allowed.
    #[error("cell {cell} holds more than {limit} bytes of text")]
    CellTooLong {
        /// The cell.
        cell: String,
        /// The limit.
        limit: usize,
    },
    /// The CSV would be larger than allowed.
    #[error("the CSV of the sheet would have more than {limit} bytes: divide the sheet")]
    CsvTooLarge {
        /// The limit.
        limit: usize,
    },
}

impl Rejected {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    pub(crate) fn too_large(what: impl Into<String>) -> Self {
        Self::TooLarge(what.into())
    }
}
