//! Files that aren't workbooks.

use super::make::{Book, archive, csv, csv_within, reason, relationship, text};
use crate::{Limits, Rejected};

fn small() -> Vec<u8> {
    Book::rows(&format!(r#"<row r="1">{}</row>"#, text("A1", "a"))).bytes()
}

/// The start of a compound file with the names of its streams.
fn compound(stream: &str) -> Vec<u8> {
    let mut bytes = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    bytes.resize(1024, 0);
    bytes.extend(stream.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.resize(4096, 0);
    bytes
}

#[test]
fn each_kind_of_file_has_a_reason_of_its_own() {
    for (bytes, rejected) in [
        (Vec::new(), Rejected::EmptyFile),
        (compound("EncryptedPackage"), Rejected::Password),
        (compound("Workbook"), Rejected::Xls),
        (compound("Book"), Rejected::Xls),
        (compound("WordDocument"), Rejected::NotXlsx),
        (b"Cliente,Factor F\n1,2\n".to_vec(), Rejected::Text),
        ("Descripción;ñ".as_bytes().to_vec(), Rejected::Text),
        (b"<html><table>".to_vec(), Rejected::Text),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), Rejected::NotXlsx),
        (archive(&[("photo.jpg", b"x")]), Rejected::NotXlsx),
        (archive(&[]), Rejected::NotXlsx),
    ] {
        assert_eq!(csv(bytes).unwrap_err(), rejected);
    }
}

#[test]
fn a_binary_workbook_has_a_reason_of_its_own() {
    let relationships = format!(
        "<Relationships>{}</Relationships>",
        relationship("rId1", "officeDocument", "xl/workbook.bin")
    );
    let file = archive(&[
        ("_rels/.rels", relationships.as_bytes()),
        ("xl/workbook.bin", b"x"),
    ]);
    assert_eq!(csv(file).unwrap_err(), Rejected::Xlsb);
}

#[test]
fn a_file_without_its_end_is_truncated_wherever_it_ends() {
    let whole = small();
    for length in [2, 4, 100, whole.len() / 2, whole.len() - 1] {
        let rejected = csv(whole[..length].to_vec()).unwrap_err();
        assert!(
            matches!(rejected, Rejected::Truncated | Rejected::Damaged(_)),
            "{length}: {rejected}"
        );
    }
    assert_eq!(csv(whole[..300].to_vec()).unwrap_err(), Rejected::Truncated);
}

#[test]
fn a_byte_that_was_changed_on_the_way_never_traps_and_is_found_in_what_is_read() {
    let whole = small();
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            if let Ok((text, _)) = csv(bytes) {
                assert_eq!(text, "a\r\n", "byte {at}");
            }
        }
    }
}

#[test]
fn a_file_above_the_size_is_not_looked_at() {
    let limits = Limits {
        file_bytes: 10,
        ..Limits::default()
    };
    let bytes = small().len();
    assert_eq!(
        csv_within(small(), &limits).unwrap_err(),
        Rejected::FileTooLarge { bytes, limit: 10 }
    );
}

#[test]
fn parts_that_are_missing_are_named() {
    let mut book = Book::rows("");
    book.relationships = book
        .relationships
        .replace("worksheets/sheet1.xml", "worksheets/sheet7.xml");
    assert_eq!(
        reason(book.bytes()),
        "the workbook is damaged: xl/worksheets/sheet7.xml is missing; open it in Excel and \
         save it again"
    );
}
