//! XML of strangers, read within bounds.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::Rejected;
use crate::limits::{DEPTH, ELEMENTS, EVENT_BYTES};

/// Reads the events of a part and stops where it grows too large, too deep or too long.
///
/// An event is read into memory as a whole, so the bytes are counted on their way in:
/// the sizes in an archive's headers may be lies. Document types, which would allow
/// entities that multiply, aren't accepted.
pub(crate) struct Xml<R> {
    reader: Reader<Bounded<R>>,
    part: String,
    depth: u32,
    elements: u64,
}

impl<R: BufRead> Xml<R> {
    /// `limit` is in inflated bytes of the part.
    pub(crate) fn new(inner: R, part: &str, limit: u64) -> Self {
        Self {
            reader: Reader::from_reader(Bounded {
                inner,
                left: limit,
                left_of_event: EVENT_BYTES,
                over: false,
            }),
            part: part.to_owned(),
            depth: 0,
            elements: 0,
        }
    }

    /// The next event. [`Event::Eof`] comes only after the last element is closed.
    pub(crate) fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<Event<'b>, Rejected> {
        buffer.clear();
        self.reader.get_mut().left_of_event = EVENT_BYTES;
        let event = match self.reader.read_event_into(buffer) {
            Ok(event) => event,
            Err(_) if self.reader.get_ref().over => {
                return Err(Rejected::too_large(format!("part {}", self.part)));
            }
            Err(error) => return Err(self.damaged(error)),
        };
        match &event {
            Event::Start(_) => {
                self.depth += 1;
                self.elements += 1;
            }
            Event::Empty(_) => self.elements += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(_) => return Err(self.damaged("it has a document type")),
            Event::Eof if self.depth > 0 => return Err(self.damaged("its end is missing")),
            _ => {}
        }
        if self.depth > DEPTH {
            return Err(self.damaged("its elements are nested too deep"));
        }
        if self.elements > ELEMENTS {
            return Err(Rejected::too_large(format!(
                "part {} has more than {ELEMENTS} elements",
                self.part
            )));
        }
        Ok(event)
    }

    /// How many elements are open.
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// Bytes so far, without a mark of the encoding.
    pub(crate) fn position(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// Reads the rest of the part without looking at it, so that its checksum is compared.
    pub(crate) fn drain(self) -> Result<(), Rejected> {
        let Self { reader, part, .. } = self;
        let mut rest = reader.into_inner();
        rest.left_of_event = usize::MAX;
        match io::copy(&mut rest, &mut io::sink()) {
            Ok(_) => Ok(()),
            Err(_) if rest.over => Err(Rejected::too_large(format!("part {part}"))),
            Err(error) => Err(Rejected::damaged(format!("{part}: {error}"))),
        }
    }

    pub(crate) fn damaged(&self, what: impl std::fmt::Display) -> Rejected {
        Rejected::damaged(format!("{}: {what}", self.part))
    }

    /// The value of an attribute, by its name without a prefix.
    pub(crate) fn attribute<'e>(
        &self,
        element: &'e BytesStart<'_>,
        name: &str,
    ) -> Result<Option<Cow<'e, str>>, Rejected> {
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.damaged(error))?;
            if attribute.key.local_name().as_ref() == name {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                return value.map(Some).map_err(|error| self.damaged(error));
            }
        }
        Ok(None)
    }
}

/// Counts bytes on their way to the parser.
struct Bounded<R> {
    inner: R,
    left: u64,
    left_of_event: usize,
    over: bool,
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.inner.fill_buf()?;
        if !bytes.is_empty() && (self.left == 0 || self.left_of_event == 0) {
            self.over = true;
            return Err(io::Error::other("too large"));
        }
        Ok(bytes)
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.left_of_event = self.left_of_event.saturating_sub(amount);
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
