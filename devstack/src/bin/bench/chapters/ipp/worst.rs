//! Workbooks that are made to cost much, each at a limit of `ipp-sheet`.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The bytes of a sheet for one that cannot be compressed.
const RATIO: usize = 150;
/// The bytes of noise in a comment.
const COMMENT: usize = 1 << 10;

/// Makes a workbook of a part of its full size.
pub type Make = fn(f64) -> Result<Vec<u8>>;

/// The workbooks by what is large in them.
pub const WORKBOOKS: &[(&str, Make)] = &[
    ("2,990,000 cells without content", |share| {
        rows(share, 199_000, "<row>", "<c/>", 15)
    }),
    ("2,990,000 numbers", |share| {
        rows(share, 199_000, ROW, "<c><v>1</v></c>", 11)
    }),
    ("1,080,000 dates", |share| {
        rows(share, 180_000, ROW, r#"<c s="1"><v>1.5</v></c>"#, 6)
    }),
    ("1,990,000 formulas without a value", |share| {
        rows(share, 199_000, "<row>", "<c><f>A1</f></c>", 10)
    }),
    ("shared formulas, each for a whole sheet", |share| {
        let formula = r#"<c><f t="shared" si="0" ref="A1:XFD1048576">A1</f><v>1</v></c>"#;
        rows(share, 199_000, ROW, formula, 3)
    }),
    ("errors in 1,194,000 cells", |share| {
        rows(share, 199_000, ROW, r#"<c t="e"><v>#N/A</v></c>"#, 6)
    }),
    ("elements that are no cells", |share| {
        rows(share, 8_900, "", "<a/>", 1_000)
    }),
    ("attributes of 200 KiB", |share| {
        let attributes: String = (0..20_000).fold(String::new(), |mut all, number| {
            let _ = write!(all, " a{number}='1'");
            all
        });
        rows(share, 200, &format!("<row{attributes}>"), "", 0)
    }),
    ("texts in 200,000 pieces", |share| {
        let cell = format!(
            r#"<c t="inlineStr"><is>{}</is></c>"#,
            "<r><t>&amp;</t></r>".repeat(40)
        );
        rows(share, 19_900, ROW, &cell, 1)
    }),
    ("comments between cells", |share| {
        rows(
            share,
            199_000,
            "<row>",
            "<c><v>1</v></c><!-- some comment -->",
            4,
        )
    }),
    ("a statement of its extent that is cut out", |share| {
        let rows = repeated(share, 199_000, ROW, "<c><v>1</v></c>", 6);
        let mut book = Book::rows(&rows);
        book.sheet.insert_str(0, r#"<dimension ref="1:1"/>"#);
        book.bytes()
    }),
    ("399,000 different texts", |share| {
        let count = (399_000.0 * share) as u64;
        let strings = texts(count, 8)?;
        let mut rows = String::new();
        for number in (0..count.saturating_sub(1)).step_by(2) {
            let next = number + 1;
            let _ = write!(
                rows,
                r#"{ROW}<c t="s"><v>{number}</v></c><c t="s"><v>{next}</v></c></row>"#
            );
        }
        Book {
            strings,
            ..Book::rows(&rows)
        }
        .bytes()
    }),
    ("a picture, and texts as long as the CSV may be", |share| {
        let count = (310.0 * share).max(2.0) as u64;
        let strings = texts(count, 32_000)?;
        let cell = |number: u64| format!(r#"<c t="s"><v>{}</v></c>"#, number % count);
        let rows = (0..51_u64).fold(String::new(), |mut all, row| {
            let cells: String = (0..10).map(|column| cell(row * 10 + column)).collect();
            let _ = write!(all, "{ROW}{cells}</row>");
            all
        });
        let picture = noise((2_000_000.0 * share) as usize)?.into_bytes();
        Book {
            strings,
            picture,
            ..Book::rows(&rows)
        }
        .bytes()
    }),
    ("styles of 16,000 formats", |share| {
        let own = (0..900).fold(String::new(), |mut all, number| {
            let code = "d".repeat(250);
            let _ = write!(
                all,
                r#"<numFmt numFmtId="{}" formatCode="{code}"/>"#,
                200 + number
            );
            all
        });
        let formats: String = (0..16_000).fold(String::new(), |mut all, number| {
            let _ = write!(all, r#"<xf numFmtId="{}"/>"#, 200 + number % 900);
            all
        });
        let styles = format!(
            "<styleSheet><numFmts>{own}</numFmts><cellXfs>{formats}</cellXfs></styleSheet>"
        );
        let rows = repeated(share, 199_000, ROW, r#"<c s="15000"><v>1.5</v></c>"#, 4);
        Book {
            styles,
            ..Book::rows(&rows)
        }
        .bytes()
    }),
];

/// Row 1, with the columns that the rule reads.
const HEADER: [&str; 15] = [
    "Factor F",
    "Ponderación Tradicional",
    "Factor 9",
    "Factor D",
    "e",
    "f",
    "g",
    "h",
    "i",
    "j",
    "k",
    "l",
    "m",
    "n",
    "o",
];

/// The start of a row, with numbers in the columns that the rule reads.
const ROW: &str = "<row><c><v>1</v></c><c><v>1</v></c><c><v>1</v></c><c><v>1</v></c>";

/// Cell formats of which the second is a date.
const STYLES: &str =
    r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>"#;

/// A workbook of the same row again and again.
fn rows(share: f64, rows: usize, start: &str, cell: &str, cells: usize) -> Result<Vec<u8>> {
    Book::rows(&repeated(share, rows, start, cell, cells)).bytes()
}

fn repeated(share: f64, rows: usize, start: &str, cell: &str, cells: usize) -> String {
    let end = if start.is_empty() { "" } else { "</row>" };
    let row = format!("{start}{}{end}", cell.repeat(cells));
    row.repeat((rows as f64 * share).max(1.0) as usize)
}

/// Shared strings, all different, which hardly compress.
fn texts(count: u64, length: usize) -> Result<String> {
    let mut all = String::new();
    for _ in 0..count {
        let text = noise(length * 3 / 4)?;
        write!(all, "<si><t>{text}</t></si>")?;
    }
    Ok(all)
}

/// Text for which compression does little, of a third more bytes than these.
fn noise(bytes: usize) -> Result<String> {
    let mut noise = vec![0; bytes];
    getrandom::fill(&mut noise)?;
    Ok(STANDARD_NO_PAD.encode(noise))
}

/// The parts that matter of a workbook.
#[derive(Default)]
struct Book {
    /// The inside of the sheet's element.
    sheet: String,
    /// The inside of the element of shared strings.
    strings: String,
    styles: String,
    /// The bytes of a picture.
    picture: Vec<u8>,
}

const PACKAGE: &str = r#"<Relationships>
<Relationship Id="a" Type="/relationships/officeDocument" Target="xl/workbook.xml"/>
</Relationships>"#;
const RELATIONSHIPS: &str = r#"<Relationships>
<Relationship Id="a" Type="/relationships/worksheet" Target="sheet.xml"/>
<Relationship Id="b" Type="/relationships/sharedStrings" Target="strings.xml"/>
<Relationship Id="c" Type="/relationships/styles" Target="styles.xml"/>
</Relationships>"#;
const WORKBOOK: &str =
    r#"<workbook><sheets><sheet name="Datos" sheetId="1" id="a"/></sheets></workbook>"#;

impl Book {
    /// A sheet with these rows below the header.
    fn rows(rows: &str) -> Self {
        let texts = HEADER.map(|name| format!(r#"<c t="inlineStr"><is><t>{name}</t></is></c>"#));
        let header = texts.concat();
        let sheet = format!("<sheetData><row>{header}</row>{rows}</sheetData>");
        Self {
            sheet,
            styles: STYLES.to_owned(),
            ..Self::default()
        }
    }

    fn bytes(self) -> Result<Vec<u8>> {
        // Comments that do not compress keep the ratio of the sheet below its limit.
        let mut comments = String::new();
        for _ in 0..self.sheet.len() / RATIO / COMMENT {
            write!(comments, "<!--{}-->", noise(COMMENT)?)?;
        }
        let sheet = format!("<worksheet>{comments}{}</worksheet>", self.sheet);
        let strings = format!("<sst>{}</sst>", self.strings);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, part) in [
            ("_rels/.rels", PACKAGE.as_bytes()),
            ("xl/workbook.xml", WORKBOOK.as_bytes()),
            ("xl/_rels/workbook.xml.rels", RELATIONSHIPS.as_bytes()),
            ("xl/sheet.xml", sheet.as_bytes()),
            ("xl/strings.xml", strings.as_bytes()),
            ("xl/styles.xml", self.styles.as_bytes()),
            ("xl/media/picture.jpg", &self.picture),
        ] {
            zip.start_file(name, options)?;
            zip.write_all(part)?;
        }
        Ok(zip.finish()?.into_inner())
    }
}
