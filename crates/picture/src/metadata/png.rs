//! PNG (its third edition by the W3C): chunks up to `IEND`.

use crate::metadata::exif::orientation;
use crate::png::blocks::{CHECKSUM, SIGNATURE, chunk};
use crate::unreadable::{PNG, Unreadable};

/// The length and the type of a chunk.
const HEADER: usize = 8;

/// The chunks that are needed to show the picture: data and palette, transparency, colours
/// and their depth, density, animation.
const NEEDED: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP",
    b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

pub(super) fn strip(file: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut stripped = Vec::with_capacity(file.len() + 64);
    let (signature, mut chunks) = file.split_at_checked(SIGNATURE).unwrap_or_default();
    stripped.extend(signature);
    let exif = exif(chunks);
    let mut has_data = false;
    while let Some((kind, data, rest)) = chunk(chunks) {
        let whole = chunks.get(..chunks.len() - rest.len()).unwrap_or_default();
        chunks = rest;
        if kind == b"IEND" {
            break;
        }
        if !NEEDED.contains(&kind) {
            continue;
        }
        if kind == b"IDAT" && !has_data {
            has_data = true;
            if let Some(exif) = orientation(exif) {
                push(&mut stripped, b"eXIf", &exif);
            }
        }
        if whole.len() == HEADER + data.len() + CHECKSUM {
            stripped.extend(whole);
        } else {
            // The file was cut off here, and its pixels may be whole.
            push(&mut stripped, kind, data);
        }
    }
    if !has_data {
        return Err(Unreadable::invalid(PNG, "it has no picture"));
    }
    push(&mut stripped, b"IEND", &[]);
    Ok(stripped)
}

/// The data of the first chunk with EXIF.
fn exif(mut chunks: &[u8]) -> Option<&[u8]> {
    while let Some((kind, data, rest)) = chunk(chunks) {
        if kind == b"eXIf" {
            return Some(data);
        }
        chunks = rest;
    }
    None
}

fn push(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut sum = crc32fast::Hasher::new();
    sum.update(kind);
    sum.update(data);
    file.reserve(HEADER + data.len() + CHECKSUM);
    // The data is short.
    file.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(sum.finalize().to_be_bytes());
}
