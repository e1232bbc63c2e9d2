//! How rows go through the transformation.

use std::convert::Infallible;

use rust_xlsxwriter::Workbook;

use super::make::{Book, text};
use crate::{Error, Limits, Row, Table, convert};

fn book(rows: u32) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, ["n", "text"]).unwrap();
    for row in 1..=rows {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, format!("fila {row}")).unwrap();
    }
    book.save_to_buffer().unwrap()
}

#[test]
fn rows_come_in_parts_with_the_header_and_their_numbers() {
    let mut parts = Vec::new();
    let mut out = Vec::new();
    let report = convert::<()>(
        book(1201),
        &Limits::default(),
        || false,
        &mut out,
        |table| {
            assert_eq!(table.header, ["n", "text"]);
            parts.push((table.rows.len(), table.rows[0].number));
            Ok(Table {
                header: vec!["double".into()],
                rows: table
                    .rows
                    .iter()
                    .map(|row| Row {
                        number: row.number,
                        cells: vec![(row.cells[0].parse::<u32>().unwrap() * 2).to_string()],
                    })
                    .collect(),
            })
        },
    )
    .unwrap();
    assert_eq!(parts, [(500, 2), (500, 502), (201, 1002)]);
    assert_eq!((report.columns, report.rows), (1, 1201));
    let csv = String::from_utf8(out).unwrap();
    assert!(csv.starts_with("double\r\n2\r\n4\r\n"));
    assert!(csv.ends_with("\r\n2402\r\n"));
}

#[test]
fn a_part_with_long_texts_has_fewer_rows() {
    let long = "x".repeat(30_000);
    let mut rows = format!(r#"<row>{}</row>"#, text("A1", "a"));
    for row in 2..30 {
        rows.push_str(&format!("<row>{}</row>", text(&format!("A{row}"), &long)));
    }
    let mut most = 0;
    convert::<()>(
        Book::rows(&rows).bytes(),
        &Limits::default(),
        || false,
        Vec::new(),
        |table| {
            most = most.max(table.rows.len());
            Ok(table)
        },
    )
    .unwrap();
    assert_eq!(most, 9);
}

#[test]
fn the_transformations_own_failure_comes_back() {
    let result = convert(
        book(3),
        &Limits::default(),
        || false,
        Vec::new(),
        |_| Err("no column Factor F"),
    );
    assert!(matches!(
        result,
        Err(Error::Transform("no column Factor F"))
    ));
}

#[test]
fn an_answer_that_is_no_table_is_the_providers_fault() {
    let limits = Limits {
        part_rows: 2,
        ..Limits::default()
    };
    let fault = |change: fn(&mut Table)| {
        let result = convert::<Infallible>(
            book(3),
            &limits,
            || false,
            Vec::new(),
            |mut table| {
                change(&mut table);
                Ok(table)
            },
        );
        result.unwrap_err().to_string()
    };
    assert_eq!(
        fault(|table| table.header.clear()),
        "the transformation returned a table without columns"
    );
    assert_eq!(
        fault(|table| table.header[0] = table.rows.len().to_string()),
        "the transformation returned another header than for the rows before"
    );
    assert_eq!(
        fault(|table| table.rows[0].cells.clear()),
        "the transformation returned 0 cells in row 2 for a header of 2"
    );
}

#[test]
fn a_csv_that_cannot_be_written_is_told_apart() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let result = convert(book(3), &Limits::default(), || false, Full, Ok::<_, ()>);
    assert!(matches!(result, Err(Error::Write(_))));
}

#[test]
fn thousands_of_rows_with_fractions_are_converted() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let header = ["a", "b", "c", "d", "e", "f", "g", "h"];
    sheet.write_row(0, 0, header).unwrap();
    for row in 1..=5_000_u32 {
        sheet.write(row, 0, row % 300).unwrap();
        sheet.write(row, 1, format!("{:07}", row)).unwrap();
        for column in 2..8 {
            sheet.write(row, column, f64::from(row) / 7.0).unwrap();
        }
    }
    let bytes = book.save_to_buffer().unwrap();
    let (csv, report) = super::make::csv(bytes).unwrap();
    assert_eq!(report.rows, 5_000);
    assert_eq!(csv.lines().count(), 5_001);
    assert!(csv.ends_with(
        "200,0005000,714.285714285714,714.285714285714,714.285714285714,714.285714285714,\
         714.285714285714,714.285714285714\r\n"
    ));
}
