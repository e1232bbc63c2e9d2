//! Workbooks that are made with good intentions.

use rust_xlsxwriter::Workbook;

use super::make::{Book, csv, csv_within, reason, relationship, text};
use crate::{Limits, Problem, Rejected};

fn named(columns: &[&str]) -> String {
    let cells: String = columns
        .iter()
        .zip(0..)
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, column)| text(&crate::address::name(0, column), name))
        .collect();
    format!(r#"<row r="1">{cells}</row>"#)
}

fn number(cell: &str, value: &str) -> String {
    let row = cell.trim_start_matches(|letter: char| letter.is_alphabetic());
    format!(r#"<row r="{row}"><c r="{cell}"><v>{value}</v></c></row>"#)
}

#[test]
fn far_away_cells_are_ignored_when_empty_and_reported_when_not() {
    let rows = named(&["a"])
        + &number("A2", "1")
        + r#"<row r="3"><c r="XFD3" s="1"/></row>"#
        + &number("XFD1048576", "9");
    let (csv, report) = csv(Book::rows(&rows).bytes()).unwrap();
    assert_eq!(csv, "a\r\n1\r\n");
    assert_eq!(report.rows, 1);
    let [warning] = report.warnings.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(warning.problem, Problem::OutsideTable);
    assert_eq!(
        warning.to_string(),
        "row 1048576, column \"XFD\" (XFD1048576): \"9\" is left out: no name in row 1 is above it"
    );
}

#[test]
fn a_statement_of_the_extent_is_not_believed() {
    let table = format!(
        "<sheetData>{}{}</sheetData>",
        named(&["a", "b"]),
        number("B2", "1")
    );
    for extent in [
        r#"<dimension ref="A1:XFD1048576"/>"#,
        r#"<dimension ref="A1"/>"#,
        r#"<dimension ref="A0:I4"/>"#,
        r#"<dimension ref="A0:I4"></dimension>"#,
        r#"<dimension ref="B5:A1"/>"#,
        r#"<dimension ref="A:I"/>"#,
        r#"<dimension ref=""/>"#,
        "<dimension/>",
        r#"<dimension ref="A0:I4"/><dimension ref="ZZZZZZZZZ99999999999"/>"#,
    ] {
        let book = Book::new(&format!("{extent}<sheetViews/>{table}"));
        assert_eq!(csv(book.bytes()).unwrap().0, "a,b\r\n,1\r\n", "{extent}");
        let mut marked = Book::new(&format!("{extent}<sheetViews/>{table}"));
        marked.sheet = [b"\xEF\xBB\xBF".as_slice(), &marked.sheet].concat();
        assert_eq!(csv(marked.bytes()).unwrap().0, "a,b\r\n,1\r\n", "{extent}");
    }
}

#[test]
fn missing_and_blank_rows_are_left_out_and_the_others_keep_their_numbers() {
    let rows = named(&["a"])
        + &number("A3", "3")
        + r#"<row r="4"><c r="A4" s="1"/></row><row r="5"/>"#
        + r#"<row r="6"><c r="A6" t="inlineStr"><is><t xml:space="preserve">  </t></is></c></row>"#
        + &number("A9", "9");
    let mut numbers = Vec::new();
    let mut out = Vec::new();
    crate::convert::<()>(
        Book::rows(&rows).bytes(),
        &Limits::default(),
        || false,
        &mut out,
        |table| {
            numbers.extend(table.rows.iter().map(|row| row.number));
            Ok(table)
        },
    )
    .unwrap();
    assert_eq!(numbers, [3, 9]);
    assert_eq!(out, b"a\r\n3\r\n9\r\n");
}

#[test]
fn rows_and_cells_without_places_follow_each_other() {
    let rows = r#"<row><c t="inlineStr"><is><t>a</t></is></c><c t="inlineStr"><is><t>b</t></is></c></row><row><c><v>1</v></c><c><v>2</v></c></row>"#;
    assert_eq!(csv(Book::rows(rows).bytes()).unwrap().0, "a,b\r\n1,2\r\n");
}

#[test]
fn the_first_visible_worksheet_is_read() {
    let mut book = Workbook::new();
    for (name, hidden) in [("oculta", true), ("Datos", false), ("otra", false)] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.write(0, 0, name).unwrap();
        sheet.set_hidden(hidden);
        if name == "Datos" {
            sheet.set_active(true);
        }
    }
    book.worksheet_from_index(1).unwrap().set_first_tab(true);
    let (text, report) = csv(book.save_to_buffer().unwrap()).unwrap();
    assert_eq!(
        (text.as_str(), report.sheet.as_str()),
        ("Datos\r\n", "Datos")
    );

    let mut book = Book::rows(&named(&["a"]));
    book.workbook = r#"<workbook><sheets><sheet name="Gráfico" r:id="rId9"/><sheet name="A &amp; B" r:id="rId1"/></sheets></workbook>"#.to_owned();
    book.relationships = book.relationships.replace(
        "<Relationships>",
        &format!(
            "<Relationships>{}",
            relationship("rId9", "chartsheet", "chartsheets/sheet1.xml")
        ),
    );
    assert_eq!(csv(book.bytes()).unwrap().1.sheet, "A & B");
    book.workbook = book
        .workbook
        .replace(r#" r:id="rId1""#, r#" state="veryHidden" r:id="rId1""#);
    assert_eq!(csv(book.bytes()).unwrap_err(), Rejected::NoSheet);
}

#[test]
fn a_column_without_a_name_is_called_by_its_letters() {
    let rows = named(&["", "Cliente", "  ", "Factor F", " "]) + &number("C2", "5");
    let (csv, report) = csv(Book::rows(&rows).bytes()).unwrap();
    assert_eq!(csv, "column A,Cliente,column C,Factor F\r\n,,5,\r\n");
    let named: Vec<_> = report.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        named,
        [
            "row 1, column \"A\" (A1): the column has no name, and is called \"column A\"",
            "row 1, column \"C\" (C1): the column has no name, and is called \"column C\"",
        ]
    );
}

#[test]
fn a_header_that_cannot_be_used_is_named() {
    for (rows, reason_of_it) in [
        (
            named(&["Factor F", "x", " Factor F "]),
            "columns A and C have the same name, \"Factor F\"",
        ),
        (
            number("A2", "1"),
            "row 1 of sheet \"Datos\" is empty: it must hold the names of the columns",
        ),
        (
            String::new(),
            "row 1 of sheet \"Datos\" is empty: it must hold the names of the columns",
        ),
        (
            r#"<row r="1"><c r="B1" t="e"><v>#REF!</v></c></row>"#.to_owned(),
            "the name of a column is an error: #REF! in cell B1",
        ),
        (
            named(&["a"]).replace("</row>", &(text("IW1", "b") + "</row>")),
            "the sheet has more than 256 columns: cell IW1 holds a name",
        ),
    ] {
        assert_eq!(reason(Book::rows(&rows).bytes()), reason_of_it);
    }
    assert!(reason(Book::new("<sheetData/>").bytes()).contains("row 1"));
}

#[test]
fn a_sheet_with_only_a_header_is_a_csv_with_only_a_header() {
    let (csv, report) = csv(Book::rows(&named(&["a", "b"])).bytes()).unwrap();
    assert_eq!((csv.as_str(), report.rows), ("a,b\r\n", 0));
}

#[test]
fn limits_are_named_with_the_place() {
    let limits = Limits {
        rows: 2,
        columns: 2,
        cell_bytes: 5,
        csv_bytes: 100,
        ..Limits::default()
    };
    let within = |rows: &str| csv_within(Book::rows(rows).bytes(), &limits);
    let two = named(&["a", "b"]) + &number("A2", "1") + &number("A3", "2");
    assert!(within(&two).is_ok());
    assert_eq!(
        within(&(two + &number("A4", "3"))).unwrap_err(),
        Rejected::TooManyRows { limit: 2 }
    );
    assert_eq!(
        within(&named(&["a", "b", "c"])).unwrap_err(),
        Rejected::TooManyColumns {
            limit: 2,
            cell: "C1".into()
        }
    );
    assert_eq!(
        within(&named(&["a", "ñññ"])).unwrap_err(),
        Rejected::CellTooLong {
            cell: "B1".into(),
            limit: 5
        }
    );
    let limits = Limits {
        csv_bytes: 8,
        ..limits
    };
    assert_eq!(
        csv_within(Book::rows(&named(&["abc", "defgh"])).bytes(), &limits).unwrap_err(),
        Rejected::CsvTooLarge { limit: 8 }
    );
}

#[test]
fn parts_may_have_other_names_cases_and_prefixes() {
    let mut book = Book::rows(&named(&["a"]));
    book.sheet = String::from_utf8(book.sheet)
        .unwrap()
        .replace('<', "<x:")
        .replace("<x:/", "</x:")
        .replace("<x:?", "<?")
        .into_bytes();
    book.relationships = book
        .relationships
        .replace("worksheets/sheet1.xml", "/XL/Worksheets/Sheet1.xml");
    assert_eq!(csv(book.bytes()).unwrap().0, "a\r\n");
}
