//! Workbooks by hand.

use std::convert::Infallible;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{Error, Limits, Rejected, Report, Table, convert};

/// A zip archive of these entries.
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The parts of a workbook. Each can be replaced.
pub struct Book {
    pub workbook: String,
    pub relationships: String,
    pub sheet: Vec<u8>,
    pub strings: Option<Vec<u8>>,
    pub styles: Option<String>,
}

const TYPE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

pub fn relationship(id: &str, kind: &str, target: &str) -> String {
    format!(r#"<Relationship Id="{id}" Type="{TYPE}/{kind}" Target="{target}"/>"#)
}

impl Book {
    /// A workbook of one sheet, which has this inside of its element.
    pub fn new(inside: &str) -> Self {
        let sheet = format!(
            r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{inside}</worksheet>"#
        );
        Self {
            workbook: r#"<workbook><sheets><sheet name="Datos" sheetId="1" r:id="rId1"/></sheets></workbook>"#
                .to_owned(),
            relationships: format!(
                "<Relationships>{}{}{}</Relationships>",
                relationship("rId1", "worksheet", "worksheets/sheet1.xml"),
                relationship("rId2", "sharedStrings", "sharedStrings.xml"),
                relationship("rId3", "styles", "styles.xml"),
            ),
            sheet: sheet.into_bytes(),
            strings: None,
            styles: None,
        }
    }

    /// A workbook of one sheet with these rows.
    pub fn rows(rows: &str) -> Self {
        Self::new(&format!("<sheetData>{rows}</sheetData>"))
    }

    pub fn strings(mut self, inside: &str) -> Self {
        self.strings = Some(format!("<sst>{inside}</sst>").into_bytes());
        self
    }

    /// Cell formats with these number formats.
    pub fn formats(mut self, own: &str, ids: &[u32]) -> Self {
        let formats: String = ids
            .iter()
            .map(|id| format!(r#"<xf numFmtId="{id}"/>"#))
            .collect();
        self.styles = Some(format!(
            "<styleSheet><numFmts>{own}</numFmts><cellXfs>{formats}</cellXfs></styleSheet>"
        ));
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let package = format!(
            "<Relationships>{}</Relationships>",
            relationship("rId1", "officeDocument", "xl/workbook.xml")
        );
        let mut entries = vec![
            ("_rels/.rels", package.as_bytes()),
            ("xl/workbook.xml", self.workbook.as_bytes()),
            ("xl/_rels/workbook.xml.rels", self.relationships.as_bytes()),
            ("xl/worksheets/sheet1.xml", &self.sheet),
        ];
        if let Some(strings) = &self.strings {
            entries.push(("xl/sharedStrings.xml", strings));
        }
        if let Some(styles) = &self.styles {
            entries.push(("xl/styles.xml", styles.as_bytes()));
        }
        archive(&entries)
    }
}

/// A cell with text in it.
pub fn text(cell: &str, text: &str) -> String {
    format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

/// The CSV of a workbook as it is.
pub fn csv(xlsx: Vec<u8>) -> Result<(String, Report), Rejected> {
    csv_within(xlsx, &Limits::default())
}

pub fn csv_within(xlsx: Vec<u8>, limits: &Limits) -> Result<(String, Report), Rejected> {
    let mut out = Vec::new();
    let same = Ok::<Table, Infallible>;
    match convert(xlsx, limits, || false, &mut out, same) {
        Ok(report) => Ok((String::from_utf8(out).unwrap(), report)),
        Err(Error::Rejected(rejected)) => Err(rejected),
        Err(error) => panic!("{error}"),
    }
}

/// The text of the rejection of a workbook.
pub fn reason(xlsx: Vec<u8>) -> String {
    match csv(xlsx) {
        Ok((csv, _)) => panic!("converted: {}", csv.chars().take(200).collect::<String>()),
        Err(rejected) => rejected.to_string(),
    }
}
