//! Workbooks that other programs made; see `foreign/make.py`.

use super::make::csv;
use crate::Rejected;

const ROWS: &str = "\
Cliente,Material,Factor F,Ponderación Tradicional,Factor 9,Factor D,Fecha,Importe\r
7051602,000000000000481516,1.2,0.27,0,0,2026-11-01,1199.88\r
7051603,000000000000234200,1.2,0.26,0,0,2026-11-02T08:30:00,-3\r
7051603,000000000000000815,0,0,3.9,0,,1E+21\r
";

#[test]
fn what_pandas_and_openpyxl_write_is_read() {
    for bytes in [
        &include_bytes!("foreign/pandas-openpyxl.xlsx")[..],
        include_bytes!("foreign/pandas-xlsxwriter.xlsx"),
        include_bytes!("foreign/openpyxl-write-only.xlsx"),
    ] {
        let (text, report) = csv(bytes.to_vec()).unwrap();
        assert_eq!(text, ROWS);
        assert_eq!(report.warning_count, 0, "{:?}", report.warnings);
    }
}

#[test]
fn a_formula_without_a_value_is_named() {
    let bytes = include_bytes!("foreign/openpyxl-formula.xlsx");
    let (text, report) = csv(bytes.to_vec()).unwrap();
    assert!(text.contains("1199.88,\r\n"), "{text}");
    assert_eq!(report.warning_count, 1, "{:?}", report.warnings);
    let warning = report.warnings.first().unwrap().to_string();
    assert!(warning.contains("I2"), "{warning}");
}

#[test]
fn a_workbook_with_a_password_says_so() {
    let bytes = include_bytes!("foreign/password.xlsx");
    assert_eq!(csv(bytes.to_vec()).unwrap_err(), Rejected::Password);
}
