//! JPEG (ITU T.81): segments up to the end marker.

use crate::jpeg::outline::{marker, segment};
use crate::metadata::exif::{EXIF, orientation};
use crate::unreadable::{JPEG, Unreadable};

const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];

const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

const EXIF_PREFIX: &[u8] = b"Exif\0\0";
const JFIF_PREFIX: &[u8] = b"JFIF\0";

/// The version, the unit and two densities of JFIF, which a thumbnail's sides follow.
const JFIF: usize = 7;

pub(super) fn strip(file: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let damaged = || Unreadable::invalid(JPEG, "its segments are damaged");
    // All but the start marker and a JFIF header, which comes first.
    let mut kept = Vec::with_capacity(file.len());
    let (mut jfif, mut exif, mut scans) = (None, None, 0_usize);
    let mut at = START.len();
    while let Some(marker) = marker(file, at) {
        at = marker.end;
        match marker.code {
            0xd9 => break,
            0xd0..=0xd7 => continue,
            0x01..=0xbf | 0xd8 => return Err(damaged()),
            _ => {}
        }
        let contents = segment(file, at).ok_or_else(damaged)?;
        at += 2 + contents.len();
        match marker.code {
            APP0 if jfif.is_none() => {
                let fields = contents.strip_prefix(JFIF_PREFIX);
                jfif = fields.and_then(|fields| fields.first_chunk::<JFIF>());
            }
            APP1 if exif.is_none() => exif = contents.strip_prefix(EXIF_PREFIX),
            code if is_needed(code, contents) => {
                push(&mut kept, code, &[contents]);
                if code == 0xda {
                    scans += 1;
                    let end = end_of_scan(file, at);
                    kept.extend(file.get(at..end).unwrap_or_default());
                    at = end;
                }
            }
            _ => {}
        }
    }
    if scans == 0 {
        return Err(Unreadable::invalid(JPEG, "it has no picture"));
    }
    let mut stripped = Vec::with_capacity(kept.len() + 2 * EXIF + 40);
    stripped.extend(START);
    if let Some(fields) = jfif {
        push(&mut stripped, APP0, &[JFIF_PREFIX, fields, &[0, 0]]);
    }
    if let Some(exif) = orientation(exif) {
        push(&mut stripped, APP1, &[EXIF_PREFIX, &exif]);
    }
    stripped.extend(kept);
    stripped.extend(END);
    Ok(stripped)
}

/// Whether a segment is needed to show the picture: frames, tables and scans, the colour
/// profile, and Adobe's note on the colour space.
fn is_needed(code: u8, contents: &[u8]) -> bool {
    match code {
        0xc0..=0xcf | 0xda..=0xdf => true,
        APP2 => contents.starts_with(b"ICC_PROFILE\0"),
        APP14 => contents.starts_with(b"Adobe"),
        _ => false,
    }
}

fn push(file: &mut Vec<u8>, code: u8, contents: &[&[u8]]) {
    let length = 2 + contents.iter().map(|part| part.len()).sum::<usize>();
    file.extend([0xff, code]);
    // It came out of such a length, or is short.
    file.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    contents.iter().for_each(|part| file.extend(*part));
}

/// The position of the marker that ends a scan, or of the end of the file.
fn end_of_scan(file: &[u8], mut at: usize) -> usize {
    while let Some(next) = marker(file, at) {
        if !(0xd0..=0xd7).contains(&next.code) {
            return next.end - 2;
        }
        at = next.end;
    }
    file.len()
}
