//! Finds the sheet of a workbook that is converted, and its parts.

use std::collections::HashMap;

use quick_xml::events::Event;

use crate::Rejected;
use crate::limits::DESCRIPTION_BYTES;
use crate::package::Package;

/// The parts of the workbook that are needed for one sheet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workbook {
    /// Name of the sheet, as its tab shows it.
    pub(crate) sheet_name: String,
    /// Path of the sheet.
    pub(crate) sheet: String,
    /// Path of the shared strings, if there are any.
    pub(crate) strings: Option<String>,
    /// Path of the styles, if there are any.
    pub(crate) styles: Option<String>,
    /// Whether days are counted from 1904.
    pub(crate) is_1904: bool,
}

impl Workbook {
    pub(crate) fn find(package: &mut Package) -> Result<Self, Rejected> {
        if !package.has("_rels/.rels") {
            return Err(Rejected::NotXlsx);
        }
        let of_package = relationships(package, "")?;
        let path = first(&of_package, "officeDocument").ok_or(Rejected::NotXlsx)?;
        if path.ends_with(".bin") {
            return Err(Rejected::Xlsb);
        }
        if !package.has(&path) {
            return Err(Rejected::damaged(format!("{path} is missing")));
        }
        let parts = relationships(package, &path)?;
        let list = list(package, &path)?;
        let visible = list.sheets.into_iter().find_map(|(name, id)| {
            let part = parts.iter().find(|part| part.id == id)?;
            (part.kind == "worksheet").then(|| (name, part.target.clone()))
        });
        let (sheet_name, sheet) = visible.ok_or(Rejected::NoSheet)?;
        let existing = |kind| first(&parts, kind).filter(|path| package.has(path));
        Ok(Self {
            sheet_name,
            sheet,
            strings: existing("sharedStrings"),
            styles: existing("styles"),
            is_1904: list.is_1904,
        })
    }
}

struct Relationship {
    id: String,
    /// The last word of its type, which transitional and strict workbooks share.
    kind: String,
    /// A path from the root of the archive.
    target: String,
}

fn first(relationships: &[Relationship], kind: &str) -> Option<String> {
    let found = relationships.iter().find(|part| part.kind == kind)?;
    Some(found.target.clone())
}

/// The relationships of a part; of the package for an empty path.
fn relationships(package: &mut Package, part: &str) -> Result<Vec<Relationship>, Rejected> {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let path = resolve(folder, &format!("_rels/{name}.rels"));
    if !package.has(&path) {
        return Ok(Vec::new());
    }
    let mut xml = package.part(&path, DESCRIPTION_BYTES)?;
    let mut found = HashMap::new();
    let mut buffer = Vec::new();
    let mut order = Vec::new();
    loop {
        let element = match xml.next(&mut buffer)? {
            Event::Start(element) | Event::Empty(element) => element,
            Event::Eof => break,
            _ => continue,
        };
        if element.local_name().as_ref() != "Relationship" {
            continue;
        }
        let (Some(id), Some(kind), Some(target)) = (
            xml.attribute(&element, "Id")?,
            xml.attribute(&element, "Type")?,
            xml.attribute(&element, "Target")?,
        ) else {
            continue;
        };
        let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
        if found.insert(id.clone().into_owned(), ()).is_none() {
            order.push(Relationship {
                id: id.into_owned(),
                kind,
                target: resolve(folder, &target),
            });
        }
    }
    Ok(order)
}

/// A path from the root for a target, which is relative to the folder of its part.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let mut path: Vec<&str> = Vec::new();
    let folder = if target.starts_with('/') { "" } else { folder };
    for step in folder.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path.join("/")
}

struct List {
    /// Name and relationship of the sheets that aren't hidden.
    sheets: Vec<(String, String)>,
    is_1904: bool,
}

fn list(package: &mut Package, path: &str) -> Result<List, Rejected> {
    let mut xml = package.part(path, DESCRIPTION_BYTES)?;
    let mut list = List {
        sheets: Vec::new(),
        is_1904: false,
    };
    let mut buffer = Vec::new();
    loop {
        let element = match xml.next(&mut buffer)? {
            Event::Start(element) | Event::Empty(element) => element,
            Event::Eof => return Ok(list),
            _ => continue,
        };
        match element.local_name().as_ref() {
            "workbookPr" => {
                if let Some(flag) = xml.attribute(&element, "date1904")? {
                    list.is_1904 = matches!(flag.as_ref(), "1" | "true" | "on");
                }
            }
            "sheet" => {
                let state = xml.attribute(&element, "state")?;
                let hidden = matches!(state.as_deref(), Some("hidden" | "veryHidden"));
                let name = xml.attribute(&element, "name")?;
                let id = xml.attribute(&element, "id")?;
                if let (false, Some(name), Some(id)) = (hidden, name, id) {
                    list.sheets.push((name.into_owned(), id.into_owned()));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_relative_to_their_part_or_to_the_root() {
        for (folder, target, path) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            (
                "xl",
                "/xl/worksheets/sheet1.xml",
                "xl/worksheets/sheet1.xml",
            ),
            ("xl", "../custom/sheet.xml", "custom/sheet.xml"),
            ("xl", "../../../sheet.xml", "sheet.xml"),
            ("", "xl\\workbook.xml", "xl/workbook.xml"),
        ] {
            assert_eq!(resolve(folder, target), path);
        }
    }
}
