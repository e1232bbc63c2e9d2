//! The structure of a JPEG file (ITU T.81, annex B), read from its markers.
//!
//! The decoder has no limits on its work, and does not notice that the data of a scan
//! ends too early: it goes on with zero bits. This module checks both, in one walk over
//! the file that decodes nothing.

use std::io::{self, Read};

use crate::unreadable::{JPEG, Unreadable};

/// The maximum number of scans of one image. Encoders write 10 for a progressive photo;
/// programs with such a limit set it to 100 to 500.
const MAX_SCANS: usize = 100;

/// The maximum number of coefficients of all scans together: for each scan those of its
/// band, in each block of its components. A sequential photo has one to four per pixel, a
/// progressive one two to nine.
const MAX_COEFFICIENTS: u64 = 200_000_000;

/// The weight of a coefficient without bits. If the data between two restart markers ends
/// too early, the decoder goes on with zero bits, and may decode the slowest symbol in
/// each place.
const WITHOUT_BITS: u64 = 4;

/// The maximum length of the code of all zeros, which is the shortest of its table: the
/// decoder looks up codes of that length. With at most 256 symbols, the best table has
/// none longer.
const MAX_ZEROS: usize = 8;

/// The minimum cost of a scan per block, in coefficients, even if it has only one.
const MIN_BAND: u64 = 4;

/// The maximum number of bytes of Huffman tables. A scan uses up to eight tables of 273
/// bytes.
const MAX_TABLES: usize = 256 << 10;

/// The maximum number of segments outside of scans. A colour profile has up to 255, and
/// 15 MiB of metadata 240.
const MAX_SEGMENTS: usize = 2000;

const ALL: u64 = u64::MAX;

/// Bytes that are put after the data of a scan. The decoder reads up to eight bytes
/// ahead. If it reads further, it has not found all blocks, and the invalid marker makes
/// it fail. Between scans it skips these bytes.
const END_OF_SCAN: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0];

const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

/// A JPEG file prepared for the decoder: whole scans, or an error.
pub struct Outline<'a> {
    parts: std::vec::IntoIter<&'a [u8]>,
    part: &'a [u8],
}

impl<'a> Outline<'a> {
    /// Walks over a file. It checks costs and the end; the decoder finds all other
    /// errors.
    pub fn of(file: &'a [u8]) -> Result<Self, Unreadable> {
        let mut walk = Walk::new(file);
        walk.run()?;
        let mut parts = walk.parts;
        if walk.ended || parts.is_empty() {
            parts.push(walk.rest);
        } else if walk.components.iter().all(|one| one.read == ALL) {
            // Only the end marker is missing, and perhaps metadata.
            parts.push(END_OF_IMAGE);
        } else {
            return Err(Unreadable::invalid(JPEG, "the end of the file is missing"));
        }
        Ok(Self {
            parts: parts.into_iter(),
            part: &[],
        })
    }
}

impl Read for Outline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            match self.parts.next() {
                Some(part) => self.part = part,
                None => return Ok(0),
            }
        }
        self.part.read(buffer)
    }

    /// The decoder reads nearly all single bytes by this method.
    fn read_exact(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while buffer.len() > self.part.len() {
            match self.read(buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => buffer = buffer.get_mut(read..).unwrap_or_default(),
            }
        }
        self.part.read_exact(buffer)
    }
}

/// A component of the image, such as its luminance.
struct Component {
    id: u8,
    /// The number of its blocks, padded to whole units of interleaved scans.
    blocks: u64,
    /// The number of its blocks in one such unit.
    unit: u64,
    /// The coefficients, by bit, whose last digit has been read.
    read: u64,
}

/// The number of coefficients of a scan.
struct Cost {
    all: u64,
    /// Those of one unit of blocks; restart intervals are counted in units.
    unit: u64,
}

struct Walk<'a> {
    /// The part that is not walked over yet.
    rest: &'a [u8],
    /// The parts that were walked over, each but the last two with the data of a scan.
    parts: Vec<&'a [u8]>,
    components: Vec<Component>,
    progressive: bool,
    scans: usize,
    coefficients: u64,
    tables: usize,
    segments: usize,
    /// Units of blocks between two restart markers; 0 without restart markers.
    interval: u64,
    /// Whether the end marker was found.
    ended: bool,
}

impl<'a> Walk<'a> {
    fn new(file: &'a [u8]) -> Self {
        Self {
            rest: file,
            parts: Vec::new(),
            components: Vec::new(),
            progressive: false,
            scans: 0,
            coefficients: 0,
            tables: 0,
            segments: 0,
            interval: 0,
            ended: false,
        }
    }

    fn run(&mut self) -> Result<(), Unreadable> {
        // The start marker of the file has no segment.
        let mut at = 2;
        while let Some(marker) = marker(self.rest, at) {
            at = marker.end;
            match marker.code {
                0xd9 => {
                    self.ended = true;
                    return Ok(());
                }
                // Some encoders end a scan with a restart marker.
                0xd0..=0xd7 => continue,
                // Markers without a segment, which the decoder refuses.
                0x01..=0xbf | 0xd8 => return Ok(()),
                _ => {}
            }
            let Some(segment) = segment(self.rest, at) else {
                return Ok(());
            };
            at += 2 + segment.len();
            self.segments += 1;
            match marker.code {
                0xc4 => {
                    self.tables += segment.len();
                    slow_table(segment)?;
                }
                0xdd => {
                    let interval = segment.first_chunk().copied().unwrap_or_default();
                    self.interval = u16::from_be_bytes(interval).into();
                }
                0xc0..=0xcf if self.components.is_empty() => {
                    self.progressive = marker.code == 0xc2;
                    self.components = components(segment);
                }
                0xda => {
                    let cost = self.scan(segment);
                    at = self.data(at, cost);
                    let (scan, rest) = self.rest.split_at_checked(at).unwrap_or_default();
                    self.parts.extend([scan, END_OF_SCAN]);
                    (self.rest, at) = (rest, 0);
                }
                _ => {}
            }
            self.afford()?;
        }
        Ok(())
    }

    /// Adds the cost of a scan and its coefficients, from its header.
    fn scan(&mut self, header: &[u8]) -> Cost {
        self.scans += 1;
        let mut cost = Cost { all: 0, unit: 0 };
        let Some((&count, header)) = header.split_first() else {
            return cost;
        };
        let (ids, header) = header
            .split_at_checked(2 * usize::from(count))
            .unwrap_or_default();
        let Some(&[first, last, bits]) = header.first_chunk() else {
            return cost;
        };
        let band = if self.progressive && first <= last && last < 64 {
            (ALL >> (63 - (last - first))) << first
        } else {
            ALL
        };
        let width = u64::from(band.count_ones()).max(MIN_BAND);
        for component in &mut self.components {
            if ids.chunks(2).any(|id| id.first() == Some(&component.id)) {
                cost.all += component.blocks * width;
                // In a scan of one component, a unit is one block.
                cost.unit += width * if count == 1 { 1 } else { component.unit };
                if bits & 0xf == 0 {
                    component.read |= band;
                }
            }
        }
        cost
    }

    /// Walks over the data of a scan to the marker that ends it, and adds its cost.
    fn data(&mut self, mut at: usize, cost: Cost) -> usize {
        self.coefficients += cost.all;
        let mut left = cost.all;
        let mut start = at;
        let file = self.rest;
        while let Some(found) = file.get(at..).and_then(|data| memchr::memchr(0xff, data)) {
            at += found;
            match file.get(at + 1) {
                Some(0x00) => at += 2,
                Some(0xff) => at += 1,
                Some(0xd0..=0xd7) if self.interval > 0 => {
                    self.interval(at - start, &mut left, cost.unit);
                    at += 2;
                    start = at;
                }
                _ => {
                    self.interval(at - start, &mut left, cost.unit);
                    return at;
                }
            }
        }
        self.interval(file.len() - start, &mut left, cost.unit);
        file.len()
    }

    /// Adds the cost of an interval between two restart markers beyond the bits in its
    /// bytes.
    fn interval(&mut self, bytes: usize, left: &mut u64, unit: u64) {
        if self.interval > 0 {
            let coefficients = (self.interval * unit).min(*left);
            *left -= coefficients;
            self.coefficients += coefficients.saturating_sub(8 * bytes as u64) * WITHOUT_BITS;
        }
    }

    fn afford(&self) -> Result<(), Unreadable> {
        let excess = if self.scans > MAX_SCANS {
            format!("it has more than {MAX_SCANS} scans")
        } else if self.coefficients > MAX_COEFFICIENTS {
            let millions = MAX_COEFFICIENTS / 1_000_000;
            format!("its scans go over more than {millions} million coefficients in all")
        } else if self.tables > MAX_TABLES {
            format!(
                "it has more than {} KiB of Huffman tables",
                MAX_TABLES >> 10
            )
        } else if self.segments > MAX_SEGMENTS + self.scans {
            format!("it has more than {MAX_SEGMENTS} segments")
        } else {
            return Ok(());
        };
        Err(Unreadable::TooLarge(format!(
            "{excess}: save it as a baseline JPEG or with fewer pixels"
        )))
    }
}

pub struct Marker {
    /// Its second byte.
    pub code: u8,
    /// The position after it.
    pub end: usize,
}

/// The next marker from a position on: a byte 0xff and one that is neither 0xff nor 0.
pub fn marker(file: &[u8], mut at: usize) -> Option<Marker> {
    loop {
        at += memchr::memchr(0xff, file.get(at..)?)? + 1;
        match file.get(at)? {
            0x00 | 0xff => {}
            &code => return Some(Marker { code, end: at + 1 }),
        }
    }
}

/// The segment after a marker, without its length.
pub fn segment(file: &[u8], at: usize) -> Option<&[u8]> {
    let (length, rest) = file.get(at..)?.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)).checked_sub(2)?)
}

/// Refuses Huffman tables that are slow to decode and that no encoder writes.
fn slow_table(mut tables: &[u8]) -> Result<(), Unreadable> {
    while let Some(([_, counts @ ..], rest)) = tables.split_first_chunk::<17>() {
        if counts.iter().take(MAX_ZEROS).all(|count| *count == 0) {
            let problem = format!("all codes of a Huffman table are longer than {MAX_ZEROS} bits");
            return Err(Unreadable::invalid(JPEG, problem));
        }
        let symbols = counts.iter().map(|count| usize::from(*count)).sum();
        tables = rest.get(symbols..).unwrap_or_default();
    }
    Ok(())
}

/// The components of a frame, from its header.
fn components(header: &[u8]) -> Vec<Component> {
    let Some((&[_, y1, y2, x1, x2, _], components)) = header.split_first_chunk() else {
        return Vec::new();
    };
    let components = components.as_chunks::<3>().0;
    let factors = |factors: u8| (u64::from(factors >> 4), u64::from(factors & 0xf));
    let max = components.iter().map(|[_, one, _]| factors(*one));
    let (max_x, max_y) = max.fold((1, 1), |(x, y), one| (one.0.max(x), one.1.max(y)));
    let units = |side, max: u64| u64::from(u16::from_be_bytes(side)).div_ceil(8 * max);
    let units = units([x1, x2], max_x) * units([y1, y2], max_y);
    let component = |[id, one, _]: &[u8; 3]| {
        let (x, y) = factors(*one);
        Component {
            id: *id,
            blocks: units * x * y,
            unit: x * y,
            read: 0,
        }
    };
    components.iter().map(component).collect()
}
