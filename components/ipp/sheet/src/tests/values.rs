//! The texts of cells' values in the CSV.

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

use super::make::{Book, csv, reason, text};
use crate::{Problem, Rejected};

fn warnings(report: &crate::Report) -> Vec<String> {
    report.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_workbook_of_a_planner_becomes_csv_with_its_accents_and_quotes() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("Datos").unwrap();
    let header = [
        " Cliente ",
        "Descripción",
        "Ponderación Tradicional",
        "Factor F",
    ];
    sheet.write_row(0, 0, header).unwrap();
    sheet.write(1, 0, "0070516").unwrap();
    sheet.write(1, 1, "Ñandú, \"extra\"\nniño 漢字 🚚").unwrap();
    sheet.write(1, 2, 1.47).unwrap();
    sheet.write(1, 3, 99.99 + 0.02).unwrap();
    sheet.write(2, 0, 7_501_055_300_105_f64).unwrap();
    sheet.write(2, 1, "  con espacios ").unwrap();
    let (csv, report) = csv(book.save_to_buffer().unwrap()).unwrap();
    assert_eq!(
        csv,
        "Cliente,Descripción,Ponderación Tradicional,Factor F\r\n\
         0070516,\"Ñandú, \"\"extra\"\"\nniño 漢字 🚚\",1.47,100.01\r\n\
         7501055300105,  con espacios ,,\r\n"
    );
    assert_eq!(
        (report.sheet.as_str(), report.columns, report.rows),
        ("Datos", 4, 2)
    );
    assert_eq!(report.warnings, []);
}

#[test]
fn booleans_dates_times_and_durations_have_one_form_each() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet
        .write_row(0, 0, ["a", "b", "c", "d", "e", "f"])
        .unwrap();
    sheet.write(1, 0, true).unwrap();
    sheet.write(1, 1, false).unwrap();
    let day = ExcelDateTime::from_ymd(2024, 2, 29).unwrap();
    let with = |format: &str| Format::new().set_num_format(format);
    sheet
        .write_with_format(1, 2, &day, &with("dd/mm/yyyy"))
        .unwrap();
    let moment = day.and_hms(8, 30, 0).unwrap();
    sheet
        .write_with_format(1, 3, &moment, &with("d mmm yyyy h:mm"))
        .unwrap();
    sheet
        .write_with_format(1, 4, 0.5, &with("h:mm AM/PM"))
        .unwrap();
    sheet
        .write_with_format(1, 5, 1.25, &with("[h]:mm:ss"))
        .unwrap();
    sheet
        .write_with_format(2, 0, 0.125, &with("0.00%"))
        .unwrap();
    sheet
        .write_with_format(2, 1, 1234.5, &with("[$€-C0A] #,##0.00"))
        .unwrap();
    let (csv, _) = csv(book.save_to_buffer().unwrap()).unwrap();
    assert_eq!(
        csv,
        "a,b,c,d,e,f\r\n\
         TRUE,FALSE,2024-02-29,2024-02-29T08:30:00,12:00:00,30:00:00\r\n\
         0.125,1234.5,,,,\r\n"
    );
}

#[test]
fn days_are_counted_from_1904_where_the_workbook_says_so() {
    let rows = format!(
        r#"<row r="1">{}</row><row r="2"><c r="A2" s="1"><v>43830.5</v></c></row>"#,
        text("A1", "día")
    );
    let mut book = Book::rows(&rows).formats("", &[0, 14]);
    book.workbook = book
        .workbook
        .replace("<sheets>", r#"<workbookPr date1904="1"/><sheets>"#);
    assert_eq!(
        csv(book.bytes()).unwrap().0,
        "día\r\n2024-01-01T12:00:00\r\n"
    );
    book.workbook = book.workbook.replace(r#"date1904="1""#, r#"date1904="0""#);
    assert_eq!(
        csv(book.bytes()).unwrap().0,
        "día\r\n2019-12-31T12:00:00\r\n"
    );
}

#[test]
fn dates_by_formats_of_the_workbooks_own_and_in_words_are_read() {
    let own = r#"<numFmt numFmtId="164" formatCode="dd\-mm\-yyyy"/><numFmt numFmtId="165" formatCode="0.0&quot; m&quot;"/>"#;
    let rows = format!(
        r#"<row>{}</row><row><c s="1"><v>45292</v></c><c s="2"><v>1.5</v></c><c t="d"><v>2024-03-01T00:00:00.000Z</v></c><c t="d"><v>2024-03-01T10:00:00</v></c></row>"#,
        ["A1", "B1", "C1", "D1"]
            .map(|cell| text(cell, cell))
            .concat()
    );
    let book = Book::rows(&rows).formats(own, &[0, 164, 165]);
    assert_eq!(
        csv(book.bytes()).unwrap().0,
        "A1,B1,C1,D1\r\n2024-01-01,1.5,2024-03-01,2024-03-01T10:00:00\r\n"
    );
}

#[test]
fn an_error_stays_its_text_and_is_reported_by_row_and_column() {
    let rows = format!(
        r#"<row r="1">{}{}</row><row r="7"><c r="A7" t="e"><v>#N/A</v></c><c r="B7" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>"#,
        text("A1", "Factor F"),
        text("B1", "Factor 9"),
    );
    let (csv, report) = csv(Book::rows(&rows).bytes()).unwrap();
    assert_eq!(csv, "Factor F,Factor 9\r\n#N/A,#DIV/0!\r\n");
    assert_eq!(
        warnings(&report),
        [
            "row 7, column \"Factor F\" (A7): the cell holds the error #N/A",
            "row 7, column \"Factor 9\" (B7): the cell holds the error #DIV/0!",
        ]
    );
    let unknown = rows.replace("#N/A", "#NOVEDAD!");
    assert_eq!(
        reason(Book::rows(&unknown).bytes()),
        "the workbook is damaged: Unsupported cell error value '#NOVEDAD!', in row 1 or soon \
         after it; open it in Excel and save it again"
    );
}

#[test]
fn a_formula_without_a_stored_value_is_reported_by_cell() {
    let rows = format!(
        r#"<row r="1">{}{}</row><row r="2"><c r="A2"><f>1+1</f></c><c r="B2"><f>1+1</f><v/></c></row><row r="3"><c r="A3"><f>1+1</f><v>2</v></c><c r="B3" t="str"><f>""</f><v></v></c></row>"#,
        text("A1", "a"),
        text("B1", "b"),
    );
    let (csv, report) = csv(Book::rows(&rows).bytes()).unwrap();
    assert_eq!(csv, "a,b\r\n2,\r\n");
    let found: Vec<_> = report
        .warnings
        .iter()
        .map(|warning| (warning.cell.as_str(), warning.problem))
        .collect();
    let missing = Problem::NoStoredValue;
    assert_eq!(found, [("A2", missing), ("B2", missing)]);
}

#[test]
fn a_formula_has_the_value_that_was_stored_with_it() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, ["a", "b"]).unwrap();
    sheet
        .write(1, 0, Formula::new("=1+1.5").set_result("2.5"))
        .unwrap();
    sheet
        .write(1, 1, Formula::new("=\"x\"&\"y\"").set_result("xy"))
        .unwrap();
    let (csv, report) = csv(book.save_to_buffer().unwrap()).unwrap();
    assert_eq!(csv, "a,b\r\n2.5,xy\r\n");
    assert_eq!(report.warning_count, 0);
}

#[test]
fn shared_formulas_and_rich_and_escaped_texts_are_read() {
    let strings = "<si><t>id</t></si>\
        <si><r><t>ro</t></r><r><rPr><b/></rPr><t xml:space=\"preserve\">jo </t></r></si>\
        <si><t>a &amp; b &lt;c&gt; &#241;_x000D_</t></si><si/>";
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c></row>
        <row r="2"><c r="A2" t="s"><v>1</v></c></row>
        <row r="3"><c r="A3" t="s"><v>2</v></c></row>
        <row r="4"><c r="A4" t="s"><v>3</v></c></row>
        <row r="5"><c r="A5"><f t="shared" ref="A5:A6" si="0">ROW()</f><v>5</v></c></row>
        <row r="6"><c r="A6"><f t="shared" si="0"/><v>6</v></c></row>"#;
    let book = Book::rows(rows).strings(strings);
    let (csv, report) = csv(book.bytes()).unwrap();
    assert_eq!(csv, "id\r\nrojo \r\n\"a & b <c> ñ\r\"\r\n5\r\n6\r\n");
    assert_eq!(report.warning_count, 0);
    let beyond = Book::rows(&rows.replace("<v>3</v>", "<v>4</v>")).strings(strings);
    assert!(matches!(
        super::make::csv(beyond.bytes()),
        Err(Rejected::Damaged(_))
    ));
}

#[test]
fn digits_that_a_number_does_not_keep_are_reported() {
    let rows = format!(
        r#"<row r="1">{}</row><row r="2"><c r="A2"><v>123456789012345678</v></c></row><row r="3"><c r="A3"><v>7.0000000000000009</v></c></row><row r="4"><c r="A4"><v>1.2E+3</v></c></row>"#,
        text("A1", "EAN")
    );
    let (csv, report) = csv(Book::rows(&rows).bytes()).unwrap();
    assert_eq!(csv, "EAN\r\n123456789012345680\r\n7\r\n1200\r\n");
    assert_eq!(
        warnings(&report),
        [
            "row 2, column \"EAN\" (A2): 123456789012345680 has more than 15 digits, of which a \
          number doesn't keep all: store it as text"
        ]
    );
}

#[test]
fn numbers_that_no_program_should_write_do_not_trap() {
    for (value, shown) in [
        ("NaN", "NaN"),
        ("inf", "inf"),
        ("-Infinity", "-inf"),
        ("1e400", "inf"),
        ("+7", "7"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("1e-999999999999", "0"),
    ] {
        for kind in ["", r#" t="n""#] {
            let rows = format!(
                r#"<row r="1">{}</row><row r="2"><c r="A2"{kind}><v>{value}</v></c></row>"#,
                text("A1", "a")
            );
            let (csv, _) = csv(Book::rows(&rows).bytes()).unwrap();
            assert_eq!(csv, format!("a\r\n{shown}\r\n"));
        }
    }
    for value in [
        ".", "-", "+", "1e", "0x10", "1_000", "e5", "1,5", "infinit", "-nan", "++1",
    ] {
        let rows = format!(
            r#"<row r="1">{}</row><row r="2"><c r="A2" t="n"><v>{value}</v></c></row>"#,
            text("A1", "a")
        );
        let _ = csv(Book::rows(&rows).bytes());
    }
}
