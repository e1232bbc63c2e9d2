//! A first look at the two parts that can be large, before calamine reads them.
//!
//! calamine keeps all shared strings, makes room for as many as a sheet claims to have, and
//! reads a cell in one go. This look finds parts that would take too much memory or too long;
//! calamine then reads the same bytes.

use std::ops::Range;

use quick_xml::events::{BytesStart, Event};

use crate::limits::{ENTRY_BYTES, ITEM_BYTES, STRINGS, STRINGS_BYTES};
use crate::package::Package;
use crate::xml::Xml;
use crate::{Limits, Rejected, address};

/// How many events pass between two looks at the time.
const EVENTS_PER_LOOK: u64 = 4096;

/// Checks the shared strings.
pub(crate) fn strings(
    package: &mut Package,
    path: &str,
    is_over: impl Fn() -> bool,
) -> Result<(), Rejected> {
    let too_many = || Rejected::too_large(format!("it has more than {STRINGS} different texts"));
    let mut xml = package.part(path, STRINGS_BYTES)?;
    let mut watch = Watch::new(is_over);
    let mut buffer = Vec::new();
    let mut count = 0;
    let mut item = Item::default();
    loop {
        watch.look()?;
        let before = xml.position();
        let event = xml.next(&mut buffer)?;
        match &event {
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                "sst" => {
                    let claim = xml.attribute(element, "uniqueCount")?;
                    let claim = claim.and_then(|claim| claim.parse::<u64>().ok());
                    if claim.is_some_and(|claim| claim > STRINGS) {
                        return Err(too_many());
                    }
                }
                "si" => count += 1,
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
        if count > STRINGS {
            return Err(too_many());
        }
        item.follow(&event, "si", before);
        if item.is_too_long(xml.position()) {
            return Err(Rejected::too_large(
                "a text has more than 32,767 characters",
            ));
        }
    }
    xml.drain()
}

/// Checks the sheet and returns the ranges that have to be cut out of it, in bytes after a
/// mark of the encoding: statements of its extent that calamine cannot read. They are only
/// hints, and often wrong.
pub(crate) fn sheet(
    package: &mut Package,
    path: &str,
    limits: &Limits,
    is_over: impl Fn() -> bool,
) -> Result<Vec<Range<u64>>, Rejected> {
    let mut xml = package.part(path, ENTRY_BYTES)?;
    let mut watch = Watch::new(is_over);
    let mut buffer = Vec::new();
    let mut cuts = Vec::new();
    let mut open_cut = None;
    let mut in_data = false;
    let (mut rows, mut cells) = (0, 0);
    let mut row_is_counted = false;
    let mut item = Item::default();
    loop {
        watch.look()?;
        let before = xml.position();
        let event = xml.next(&mut buffer)?;
        let at = xml.position();
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let is_empty = matches!(event, Event::Empty(_));
                match element.local_name().as_ref() {
                    "sheetData" => {
                        if is_empty {
                            break;
                        }
                        in_data = true;
                    }
                    "dimension" if !in_data && open_cut.is_none() => {
                        let extent = xml.attribute(element, "ref")?;
                        let is_fine = extent.is_some_and(|extent| address::is_range(&extent));
                        match (is_fine, is_empty) {
                            (true, _) => {}
                            (false, true) => cuts.push(before..at),
                            (false, false) => open_cut = Some(before),
                        }
                    }
                    "row" if in_data => {
                        row_is_counted = false;
                        each_value(&xml, element, "r", address::is_row)?;
                    }
                    "c" if in_data => {
                        cells += 1;
                        if !is_empty && !row_is_counted {
                            row_is_counted = true;
                            rows += 1;
                        }
                        each_value(&xml, element, "r", address::is_cell)?;
                    }
                    "f" if in_data => each_value(&xml, element, "ref", address::is_range)?,
                    _ => {}
                }
            }
            Event::End(element) => match element.local_name().as_ref() {
                "sheetData" => break,
                "dimension" => {
                    if let Some(start) = open_cut.take() {
                        cuts.push(start..at);
                    }
                }
                _ => {}
            },
            Event::Eof => return Err(xml.damaged("it is no worksheet")),
            _ => {}
        }
        // The header is a row more.
        if rows > u64::from(limits.rows) + 1 {
            return Err(Rejected::TooManyRows { limit: limits.rows });
        }
        if cells > limits.cells {
            return Err(Rejected::too_large(format!(
                "it has more than {} cells",
                limits.cells
            )));
        }
        item.follow(&event, "c", before);
        if item.is_too_long(at) {
            return Err(Rejected::too_large(
                "a cell has more than 32,767 characters",
            ));
        }
    }
    xml.drain()?;
    Ok(cuts)
}

/// Checks each value of an attribute: a parser may take the first or the last.
fn each_value<R: std::io::BufRead>(
    xml: &Xml<R>,
    element: &BytesStart<'_>,
    name: &str,
    is_fine: impl Fn(&str) -> bool,
) -> Result<(), Rejected> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| xml.damaged(error))?;
        if attribute.key.as_ref() == name && !is_fine(&attribute.value) {
            let place: String = attribute.value.chars().take(40).collect();
            return Err(xml.damaged(format!("\"{place}\" is no place in a sheet")));
        }
    }
    Ok(())
}

/// The bytes of an element that is read in one go.
#[derive(Default)]
struct Item {
    start: Option<u64>,
}

impl Item {
    fn follow(&mut self, event: &Event<'_>, name: &str, before: u64) {
        match event {
            Event::Start(element) if element.local_name().as_ref() == name => {
                self.start.get_or_insert(before);
            }
            Event::End(element) if element.local_name().as_ref() == name => self.start = None,
            _ => {}
        }
    }

    fn is_too_long(&self, at: u64) -> bool {
        self.start
            .is_some_and(|start| at.saturating_sub(start) > ITEM_BYTES)
    }
}

/// Looks at the time now and then.
pub(crate) struct Watch<F> {
    is_over: F,
    events: u64,
}

impl<F: Fn() -> bool> Watch<F> {
    pub(crate) fn new(is_over: F) -> Self {
        Self { is_over, events: 0 }
    }

    pub(crate) fn look(&mut self) -> Result<(), Rejected> {
        self.events += 1;
        if self.events % EVENTS_PER_LOOK == 1 && (self.is_over)() {
            return Err(Rejected::TooSlow);
        }
        Ok(())
    }
}
