//! A workbook with only those parts of another one that the conversion needs.

use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::ops::Range;

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::Rejected;
use crate::package::Package;
use crate::styles::Formats;
use crate::workbook::Workbook;

/// Name of the only sheet.
pub(crate) const SHEET: &str = "sheet";

const RELATIONSHIPS: &str = r#"<Relationships>
<Relationship Id="workbook" Type="/relationships/officeDocument" Target="xl/workbook.xml"/>
</Relationships>"#;

const SHEETS: &str = r#"<Relationships>
<Relationship Id="sheet" Type="/relationships/worksheet" Target="sheet.xml"/>
</Relationships>"#;

/// Makes a workbook of one sheet with the names that calamine looks for.
///
/// The sheet and the shared strings are copied as they are compressed, so that calamine reads
/// the checked bytes. The rest is written anew: styles, names and relationships of the
/// original may be large or wrong in a hundred ways.
pub(crate) fn workbook(
    package: &mut Package,
    workbook: &Workbook,
    formats: &Formats,
    cuts: &[Range<u64>],
) -> Result<Vec<u8>, Rejected> {
    let damaged = |error: zip::result::ZipError| Rejected::Damaged(error.to_string());
    let styles = formats.to_xml();
    let mut room = 4096 + styles.len() as u64;
    for path in std::iter::once(&workbook.sheet).chain(&workbook.strings) {
        room += package.entry(path)?.compressed_size();
    }
    let mut copy = ZipWriter::new(Cursor::new(Vec::with_capacity(room as usize)));
    let flag = u8::from(workbook.is_1904);
    let list = format!(
        r#"<workbook><workbookPr date1904="{flag}"/><sheets><sheet name="{SHEET}" id="sheet"/></sheets></workbook>"#
    );
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (path, text) in [
        ("_rels/.rels", RELATIONSHIPS),
        ("xl/_rels/workbook.xml.rels", SHEETS),
        ("xl/workbook.xml", &list),
        ("xl/styles.xml", &styles),
    ] {
        copy.start_file(path, stored).map_err(damaged)?;
        copy.write_all(text.as_bytes()).map_err(unreadable)?;
    }
    if let Some(strings) = &workbook.strings {
        let strings = package.entry(strings)?;
        copy.raw_copy_file_rename(strings, "xl/sharedStrings.xml")
            .map_err(damaged)?;
    }
    let sheet = package.entry(&workbook.sheet)?;
    if cuts.is_empty() {
        copy.raw_copy_file_rename(sheet, "xl/sheet.xml")
            .map_err(damaged)?;
    } else {
        let fast = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1));
        copy.start_file("xl/sheet.xml", fast).map_err(damaged)?;
        without(BufReader::new(sheet), cuts, &mut copy).map_err(unreadable)?;
    }
    Ok(copy.finish().map_err(damaged)?.into_inner())
}

fn unreadable(error: io::Error) -> Rejected {
    Rejected::Damaged(error.to_string())
}

/// Copies without some ranges, which are counted after a mark of the encoding.
fn without(mut from: impl BufRead, cuts: &[Range<u64>], to: &mut impl Write) -> io::Result<()> {
    if from.fill_buf()?.starts_with("\u{FEFF}".as_bytes()) {
        from.consume("\u{FEFF}".len());
    }
    let mut at = 0;
    for cut in cuts {
        io::copy(&mut from.by_ref().take(cut.start.saturating_sub(at)), to)?;
        let length = cut.end.saturating_sub(cut.start);
        io::copy(&mut from.by_ref().take(length), &mut io::sink())?;
        at = cut.end;
    }
    io::copy(&mut from, to).map(drop)
}

/// Opens a workbook that [`workbook`] made.
pub(crate) fn open(copy: Vec<u8>) -> Result<calamine::Xlsx<Cursor<Vec<u8>>>, Rejected> {
    use calamine::Reader as _;
    calamine::Xlsx::new(Cursor::new(copy)).map_err(|error| Rejected::Damaged(error.to_string()))
}
