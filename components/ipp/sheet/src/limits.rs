/// The limits of a workbook. The defaults keep a conversion below 64 MiB of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: usize,
    /// Rows with content below the header.
    pub rows: u32,
    /// Cells with and without content, wherever they are.
    pub cells: u64,
    /// Columns of the header.
    pub columns: usize,
    /// Bytes of a cell's text in UTF-8.
    pub cell_bytes: usize,
    /// Bytes of the CSV. A short text that many cells share takes little room in a
    /// workbook, and much in CSV.
    pub csv_bytes: usize,
    /// Rows of a part, at least 1. A part ends earlier when its cells reach
    /// [`PART_BYTES`].
    pub part_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 10 << 20,
            rows: 200_000,
            cells: 3_000_000,
            columns: 256,
            cell_bytes: 32 << 10,
            csv_bytes: 16 << 20,
            part_rows: 500,
        }
    }
}

/// Bytes of cells from which on a part is complete.
pub(crate) const PART_BYTES: usize = 256 << 10;
/// Bytes of cells that one row may have.
pub(crate) const ROW_BYTES: usize = 1 << 20;

/// Entries of the zip archive. A workbook of a hundred sheets with pictures has fewer.
pub(crate) const ENTRIES: u64 = 1_000;
/// Inflated bytes of one entry.
pub(crate) const ENTRY_BYTES: u64 = 64 << 20;
/// Inflated bytes of all entries, as the archive declares them.
pub(crate) const ARCHIVE_BYTES: u64 = 128 << 20;
/// How many times smaller an entry of more than [`RATIO_FROM`] bytes may be. Sheets
/// with much repetition reach 50.
pub(crate) const RATIO: u64 = 250;
/// Inflated bytes from which on [`RATIO`] holds.
pub(crate) const RATIO_FROM: u64 = 1 << 20;

/// Inflated bytes of parts that only describe: relationships and the workbook.
pub(crate) const DESCRIPTION_BYTES: u64 = 2 << 20;
/// Inflated bytes of the styles.
pub(crate) const STYLES_BYTES: u64 = 8 << 20;
/// Cell formats. Excel allows 65,490; a file with a table has some dozens.
pub(crate) const FORMATS: usize = 16_384;
/// Number formats of the workbook's own. Excel allows some 250.
pub(crate) const NUMBER_FORMATS: usize = 1_000;
/// Characters of a number format, as in Excel.
pub(crate) const FORMAT_CHARS: usize = 255;
/// Inflated bytes of the shared strings, which are all kept in memory.
pub(crate) const STRINGS_BYTES: u64 = 10 << 20;
/// Shared strings.
pub(crate) const STRINGS: u64 = 400_000;

/// Bytes of one tag or one piece of text in XML.
pub(crate) const EVENT_BYTES: usize = 256 << 10;
/// Bytes of XML from the start to the end of a cell or a shared string. Excel allows
/// 32,767 characters, which take up to seven bytes each.
pub(crate) const ITEM_BYTES: u64 = 256 << 10;
/// How deep elements may be nested. A sheet needs six.
pub(crate) const DEPTH: u32 = 32;
/// Elements in a part: three for each of three million cells.
pub(crate) const ELEMENTS: u64 = 9_000_000;

/// Warnings that a report keeps. The others are only counted.
pub(crate) const WARNINGS: usize = 100;
