//! Files that are made to cost much.

use std::cell::Cell;

use super::make::{Book, archive, csv, csv_within, reason, text};
use crate::{Error, Limits, Rejected, convert};

const HEADER: &str = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>"#;

/// A small archive whose entries a test changes byte by byte.
fn with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Book::rows(HEADER).bytes();
    change(&mut bytes);
    bytes
}

/// Places of a record in an archive.
fn records(bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(bytes, signature).collect()
}

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// The central header of an entry.
fn central(bytes: &[u8], name: &str) -> usize {
    let named = |at: &usize| bytes[at + 46..].starts_with(name.as_bytes());
    records(bytes, CENTRAL).into_iter().find(named).unwrap()
}

const SHEET: &str = "xl/worksheets/sheet1.xml";

#[test]
fn rows_without_end_end_at_the_limit() {
    let limits = Limits {
        rows: 2_000,
        ..Limits::default()
    };
    let rows = HEADER.to_owned() + &"<row><c><v>1</v></c></row>".repeat(3_000);
    assert_eq!(
        csv_within(Book::rows(&rows).bytes(), &limits).unwrap_err(),
        Rejected::TooManyRows { limit: 2_000 }
    );
    let even = Book::rows(&format!("{HEADER}{}", " ".repeat(4 << 20)));
    assert!(reason(even.bytes()).contains("grows from"));
}

#[test]
fn many_cells_without_content_are_too_many_cells() {
    let limits = Limits {
        cells: 5_000,
        ..Limits::default()
    };
    let row = format!("<row>{}</row>", "<c/>".repeat(250));
    let book = |rows| Book::rows(&(HEADER.to_owned() + &row.repeat(rows))).bytes();
    assert_eq!(csv_within(book(19), &limits).unwrap().0, "a\r\n");
    assert_eq!(
        csv_within(book(20), &limits).unwrap_err().to_string(),
        "the workbook is too large: it has more than 5000 cells"
    );
}

/// The workbook without compression.
fn stored(book: &Book) -> Vec<u8> {
    use std::io::{Cursor, Write as _};
    use zip::write::SimpleFileOptions;
    let packed = book.bytes();
    let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).unwrap();
        out.start_file(entry.name().unwrap().as_ref(), options)
            .unwrap();
        out.write_all(&bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn one_text_of_many_megabytes_is_refused_where_it_begins() {
    // Noise, so that the ratio doesn't refuse it.
    let noise: String = (0..400_000_u64)
        .map(|number| format!("{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    for book in [
        Book::rows(HEADER).strings(&format!("<si><t>{noise}</t></si>")),
        Book::rows(&(HEADER.to_owned() + &text("A2", &noise))),
        Book::rows(&format!("{HEADER}<row a='{noise}'/>")),
        Book::rows(&format!("{HEADER}<!--{noise}-->")),
        Book::rows(&format!("{HEADER}<row><{noise}/></row>")),
        Book::rows(&format!("{HEADER}<?x {noise}?>")),
    ] {
        assert!(reason(book.bytes()).contains("is too large"));
    }
    // In pieces that are small by themselves.
    let pieces: String = noise
        .as_bytes()
        .chunks(1000)
        .fold(String::new(), |all, piece| {
            all + std::str::from_utf8(piece).unwrap() + "&amp;"
        });
    for book in [
        Book::rows(HEADER).strings(&format!("<si><t>{pieces}</t></si>")),
        Book::rows(&(HEADER.to_owned() + &text("A2", &pieces))),
    ] {
        assert!(reason(book.bytes()).contains("more than 32,767 characters"));
    }
}

#[test]
fn shared_strings_are_bounded_in_bytes_in_number_and_in_what_they_claim() {
    let claim = |claim: &str| {
        let mut book = Book::rows(HEADER).strings("<si><t>a</t></si>");
        book.strings = Some(format!(r#"<sst uniqueCount="{claim}"/>"#).into_bytes());
        csv(book.bytes())
    };
    assert!(claim("400000").is_ok());
    assert!(claim("-5").is_ok());
    assert!(claim("99999999999999999999999").is_ok());
    for number in ["400001", "4294967295", "18446744073709551615"] {
        let reason = claim(number).unwrap_err().to_string();
        assert_eq!(
            reason,
            "the workbook is too large: it has more than 400000 different texts"
        );
    }
    let many = Book::rows(HEADER).strings(&"<si/>".repeat(400_001));
    let many = csv_within(stored(&many), &Limits::default());
    assert!(many.unwrap_err().to_string().contains("different texts"));

    let noise = |number: u64| format!("{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let large: String = (0..390_000)
        .map(|number| format!("<si><t>{}</t></si>", noise(number)))
        .collect();
    let large = Book::rows(HEADER).strings(&large);
    assert_eq!(
        reason(large.bytes()),
        "the workbook is too large: part xl/sharedStrings.xml"
    );
}

#[test]
fn elements_within_elements_within_elements_are_refused() {
    for sheet in [
        format!("<sheetData>{}", "<a>".repeat(100_000)),
        format!("<sheetData>{HEADER}<row><c><is>{}", "<r>".repeat(100_000)),
        "<a>".repeat(100_000),
    ] {
        assert!(reason(Book::new(&sheet).bytes()).contains("nested too deep"));
    }
    // Ends that don't belong to their starts would hide where a cell ends.
    let crossed = format!("<sheetData>{HEADER}<row><c><is></c></is></row></sheetData>");
    assert!(reason(Book::new(&crossed).bytes()).contains("damaged"));
}

#[test]
fn entities_do_not_multiply() {
    let mut book = Book::rows(&text("A1", "&b;"));
    let sheet = String::from_utf8(book.sheet).unwrap();
    let sheet = sheet.replace(
        "<worksheet",
        r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet"#,
    );
    book.sheet = sheet.into_bytes();
    assert!(reason(book.bytes()).contains("document type"));
    let unknown = Book::rows(&format!(r#"<row r="1">{}</row>"#, text("A1", "&b;")));
    assert!(reason(unknown.bytes()).contains("damaged"));
}

#[test]
fn a_short_text_in_many_cells_ends_at_the_size_of_the_csv() {
    let long = "x".repeat(32_000);
    let row = r#"<row><c t="s"><v>0</v></c></row>"#;
    let rows = HEADER.to_owned() + &row.repeat(1000);
    let book = Book::rows(&rows).strings(&format!("<si><t>{long}</t></si>"));
    assert_eq!(
        csv(book.bytes()).unwrap_err(),
        Rejected::CsvTooLarge { limit: 16 << 20 }
    );
    let columns: String = (0..60)
        .map(|column| text(&crate::address::name(0, column), &format!("n{column}")))
        .collect();
    let wide = format!(
        r#"<row r="1">{columns}</row><row>{}</row>"#,
        r#"<c t="s"><v>0</v></c>"#.repeat(60)
    );
    let book = Book::rows(&wide).strings(&format!("<si><t>{long}</t></si>"));
    assert_eq!(
        reason(book.bytes()),
        "the workbook is too large: row 2 has too much text"
    );
}

#[test]
fn styles_that_multiply_are_refused_or_forgotten() {
    let own = |number: u32, length: usize| {
        let code = "d".repeat(length);
        format!(r#"<numFmt numFmtId="{number}" formatCode="{code}"/>"#)
    };
    let long = Book::rows(HEADER).formats(&own(164, 200_000), &[164; 16_000]);
    assert!(csv(long.bytes()).is_ok());
    let formats = Book::rows(HEADER).formats("", &[0; 16_385]);
    assert!(reason(formats.bytes()).contains("16384 cell formats"));
    let own: String = (0..1001).map(|number| own(200 + number, 1)).collect();
    let own = Book::rows(HEADER).formats(&own, &[0]);
    assert!(reason(own.bytes()).contains("1000 number formats"));
}

#[test]
fn places_that_overflow_are_refused() {
    for row in [
        r#"<row r="1"><c r="ZZZZZZZZZZ1"/></row>"#,
        r#"<row r="99999999999"><c/></row>"#,
        r#"<row r="1"><c r="A99999999999"/></row>"#,
        r#"<row r="1"><c r="A0"/></row>"#,
        r#"<row r="1"><c r="A2" r="A99999999999"/></row>"#,
        r#"<row r="2"><c r="A2"><f t="shared" si="0" ref="B9:A1">1</f><v>1</v></c></row>"#,
    ] {
        let book = Book::rows(&format!("{HEADER}{row}"));
        assert!(
            reason(book.bytes()).contains("is no place in a sheet"),
            "{row}"
        );
    }
    let index =
        r#"<row r="2"><c r="A2"><f t="shared" si="4000000000" ref="A2:A3">1</f><v>1</v></c></row>"#;
    let book = Book::rows(&format!("{HEADER}{index}"));
    assert_eq!(csv(book.bytes()).unwrap().0, "a\r\n1\r\n");
    let back = r#"<row r="9"><c r="A9"><v>1</v></c></row><row r="3"><c r="A3"><v>1</v></c></row>"#;
    let book = Book::rows(&format!("{HEADER}{back}"));
    assert!(reason(book.bytes()).contains("cell A3 comes after row 9"));
}

#[test]
fn elements_that_are_no_cells_end_with_the_time() {
    // Nine million of them take a test too long: the time ends it before.
    let book = Book::rows(&format!("{HEADER}{}", "<a/>".repeat(100_000)));
    let looks = Cell::new(0);
    let is_over = || {
        looks.set(looks.get() + 1);
        looks.get() > 5
    };
    let result = convert(
        book.bytes(),
        &Limits::default(),
        is_over,
        Vec::new(),
        Ok::<_, ()>,
    );
    assert!(matches!(result, Err(Error::Rejected(Rejected::TooSlow))));
    assert_eq!(looks.get(), 6);
}

#[test]
fn the_time_also_ends_a_conversion_in_its_second_half() {
    let row = format!("<row>{}</row>", "<c><v>1</v></c>".repeat(100));
    let book = Book::rows(&(HEADER.to_owned() + &row.repeat(200))).bytes();
    let looks = Cell::new(0);
    let count = || {
        looks.set(looks.get() + 1);
        false
    };
    let all = Limits::default();
    convert(book.clone(), &all, count, Vec::new(), Ok::<_, ()>).unwrap();
    let before_last = looks.replace(0) - 1;
    let is_over = || looks.replace(looks.get() + 1) >= before_last;
    let mut out = Vec::new();
    let result = convert(book, &all, is_over, &mut out, Ok::<_, ()>);
    assert!(matches!(result, Err(Error::Rejected(Rejected::TooSlow))));
}

#[test]
fn sizes_that_the_directory_declares_are_bounded() {
    let declared = with(|bytes| {
        let at = central(bytes, SHEET);
        put(bytes, at + 24, &(65_u32 << 20).to_le_bytes());
    });
    assert!(reason(declared).contains("has 68157440 bytes"));
    let ratio = with(|bytes| {
        let at = central(bytes, SHEET);
        put(bytes, at + 24, &(60_u32 << 20).to_le_bytes());
    });
    assert!(reason(ratio).contains("grows from"));
}

#[test]
fn a_size_that_is_a_lie_does_not_help() {
    // The directory says 100 bytes, and the content is larger than a part may be.
    let noise = |number: u64| format!("{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let large: String = (0..390_000)
        .map(|number| format!("<si><t>{}</t></si>", noise(number)))
        .collect();
    let mut bytes = Book::rows(HEADER).strings(&large).bytes();
    let at = central(&bytes, "xl/sharedStrings.xml");
    put(&mut bytes, at + 24, &100_u32.to_le_bytes());
    let reason = reason(bytes);
    assert!(
        reason.contains("too large") || reason.contains("damaged"),
        "{reason}"
    );
}

#[test]
fn too_many_entries_are_refused_before_there_is_room_for_them() {
    let many: Vec<String> = (0..1001).map(|number| format!("e{number}")).collect();
    let entries: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert!(reason(archive(&entries)).contains("more than 1000 entries"));

    // A second directory record with room for larger numbers, and one that claims millions.
    let claims = |entries: u64| {
        with(|bytes| {
            let end = records(bytes, END)[0];
            let record = bytes.split_off(end);
            let start = bytes.len() as u64;
            let (size, offset) = (&record[12..16], &record[16..20]);
            bytes.extend(b"PK\x06\x06");
            bytes.extend(44_u64.to_le_bytes());
            bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            bytes.extend(entries.to_le_bytes());
            bytes.extend(entries.to_le_bytes());
            bytes.extend([size, &[0; 4], offset, &[0; 4]].concat());
            bytes.extend(b"PK\x06\x07\0\0\0\0");
            bytes.extend(start.to_le_bytes());
            bytes.extend(1_u32.to_le_bytes());
            let mut record = record.clone();
            put(&mut record, 8, &[0xFF; 12]);
            bytes.extend(record);
        })
    };
    assert!(reason(claims(90_000_000)).contains("more than 1000 entries"));
    assert_eq!(csv(claims(4)).unwrap().0, "a\r\n");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let overlapping = with(|bytes| {
        let (sheet, workbook) = (central(bytes, SHEET), central(bytes, "xl/workbook.xml"));
        let place = bytes[sheet + 42..sheet + 46].to_vec();
        put(bytes, workbook + 42, &place);
    });
    assert!(reason(overlapping).contains("overlap"));
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let same = archive(&[("xl/A.xml", b"1"), ("xl/B.xml", b"2")]);
    for name in [b"xl/A.xml", b"xl/a.xml"] {
        let mut bytes = same.clone();
        let at = central(&bytes, "xl/B.xml");
        put(&mut bytes, at + 46, name);
        let local = records(&bytes, LOCAL)[1];
        put(&mut bytes, local + 30, name);
        assert!(reason(bytes).contains("same name"));
    }
}

#[test]
fn names_that_leave_the_archive_lead_nowhere() {
    let mut book = Book::rows(HEADER);
    book.relationships = book
        .relationships
        .replace("sharedStrings.xml", "../../../../etc/passwd");
    assert_eq!(csv(book.bytes()).unwrap().0, "a\r\n");
    let odd = archive(&[("../../x", b""), ("/etc/passwd", b""), ("C:\\x", b"")]);
    assert_eq!(csv(odd).unwrap_err(), Rejected::NotXlsx);
}

#[test]
fn encrypted_entries_and_unusual_compression_have_their_reasons() {
    let encrypted = with(|bytes| {
        for (signature, at) in [(CENTRAL, 8), (LOCAL, 6)] {
            for record in records(bytes, signature) {
                bytes[record + at] |= 1;
            }
        }
    });
    assert_eq!(csv(encrypted).unwrap_err(), Rejected::Password);
    for method in [9_u16, 12, 14, 93, 99, 12345] {
        let unusual = with(|bytes| {
            for (signature, at) in [(CENTRAL, 10), (LOCAL, 8)] {
                for record in records(bytes, signature) {
                    put(bytes, record + at, &method.to_le_bytes());
                }
            }
        });
        let reason = reason(unusual);
        assert!(reason.contains("damaged"), "{method}: {reason}");
    }
    assert_eq!(csv(stored(&Book::rows(HEADER))).unwrap().0, "a\r\n");
}
