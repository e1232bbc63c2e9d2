//! The number formats of a workbook, which tell dates from numbers.

use std::collections::BTreeMap;

use quick_xml::escape::escape;
use quick_xml::events::Event;

use crate::Rejected;
use crate::limits::{FORMAT_CHARS, FORMATS, NUMBER_FORMATS, STYLES_BYTES};
use crate::package::Package;

/// The number formats of the styles. Fonts, fills and borders are left out.
#[derive(Debug, Default)]
pub(crate) struct Formats {
    /// The number format of each cell format.
    of_cells: Vec<u32>,
    /// Number formats that the workbook defines itself.
    own: BTreeMap<u32, String>,
}

impl Formats {
    pub(crate) fn read(package: &mut Package, path: &str) -> Result<Self, Rejected> {
        let mut xml = package.part(path, STYLES_BYTES)?;
        let mut formats = Self::default();
        let mut buffer = Vec::new();
        // The element that the others are in: number formats are also in other places.
        let mut list = String::new();
        loop {
            let event = xml.next(&mut buffer)?;
            let depth = xml.depth();
            let element = match &event {
                Event::Start(element) if depth == 2 => {
                    element.local_name().as_ref().clone_into(&mut list);
                    continue;
                }
                Event::Start(element) if depth == 3 => element,
                Event::Empty(element) if depth == 2 => element,
                Event::Eof => return Ok(formats),
                _ => continue,
            };
            let id = xml
                .attribute(element, "numFmtId")?
                .and_then(|id| id.trim().parse().ok());
            match (list.as_str(), element.local_name().as_ref()) {
                ("numFmts", "numFmt") => {
                    let code = xml.attribute(element, "formatCode")?;
                    if formats.own.len() == NUMBER_FORMATS {
                        return Err(Rejected::too_large(format!(
                            "it has more than {NUMBER_FORMATS} number formats"
                        )));
                    }
                    if let (Some(id), Some(code)) = (id, code) {
                        formats.own.insert(id, shortened(&code));
                    }
                }
                ("cellXfs", "xf") => {
                    if formats.of_cells.len() == FORMATS {
                        return Err(Rejected::too_large(format!(
                            "it has more than {FORMATS} cell formats"
                        )));
                    }
                    formats.of_cells.push(id.unwrap_or(0));
                }
                _ => {}
            }
        }
    }

    /// Styles with nothing but the formats that were read.
    pub(crate) fn to_xml(&self) -> String {
        use std::fmt::Write as _;
        let mut xml = String::from("<styleSheet><numFmts>");
        for (id, code) in &self.own {
            let code = escape(code.as_str());
            let _ = write!(xml, r#"<numFmt numFmtId="{id}" formatCode="{code}"/>"#);
        }
        xml.push_str("</numFmts><cellXfs>");
        for id in &self.of_cells {
            let _ = write!(xml, r#"<xf numFmtId="{id}"/>"#);
        }
        xml.push_str("</cellXfs></styleSheet>");
        xml
    }
}

/// A format code as long as Excel allows. One without any letter of a date or a time is
/// as good as none, and each cell format keeps a copy of its code.
fn shortened(code: &str) -> String {
    let of_dates = |letter: char| "dmyhsapDMYHSAP".contains(letter);
    if code.contains(of_dates) {
        code.chars().take(FORMAT_CHARS).collect()
    } else {
        String::from("0")
    }
}
