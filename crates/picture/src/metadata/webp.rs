//! WebP (RFC 9649): chunks of a RIFF file.

use crate::metadata::exif::orientation;
use crate::unreadable::{Unreadable, WEBP};
use crate::webp::{FRAME, body, chunks};

/// The flags for EXIF and XMP, in the first byte of `VP8X`.
const EXIF_FLAG: u8 = 0x08;
const XMP_FLAG: u8 = 0x04;

pub(super) fn strip(file: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut kept = b"WEBP".to_vec();
    kept.reserve(file.len());
    let exif = chunks(body(file)).find(|chunk| chunk.kind == b"EXIF");
    let exif = orientation(exif.map(|chunk| chunk.data));
    let (mut has_data, mut is_extended) = (false, false);
    for chunk in chunks(body(file)) {
        match chunk.kind {
            b"VP8X" => {
                is_extended = true;
                let mut header = chunk.data.to_vec();
                if let Some(flags) = header.first_mut() {
                    *flags &= !(EXIF_FLAG | XMP_FLAG);
                    if exif.is_some() {
                        *flags |= EXIF_FLAG;
                    }
                }
                push(&mut kept, chunk.kind, &header);
            }
            b"ANMF" => {
                has_data = true;
                push(&mut kept, chunk.kind, &frame(chunk.data));
            }
            b"VP8 " | b"VP8L" => {
                has_data = true;
                push(&mut kept, chunk.kind, chunk.data);
            }
            b"ALPH" | b"ANIM" | b"ICCP" => push(&mut kept, chunk.kind, chunk.data),
            _ => {}
        }
    }
    if !has_data {
        return Err(Unreadable::invalid(WEBP, "it has no picture"));
    }
    if is_extended && let Some(exif) = exif {
        push(&mut kept, b"EXIF", &exif);
    }
    let mut stripped = Vec::with_capacity(kept.len() + 8);
    push(&mut stripped, b"RIFF", &kept);
    Ok(stripped)
}

/// A frame of an animation, without chunks that are not needed.
fn frame(data: &[u8]) -> Vec<u8> {
    let (header, body) = data.split_at_checked(FRAME).unwrap_or((data, &[]));
    let mut kept = header.to_vec();
    for chunk in chunks(body) {
        if matches!(chunk.kind, b"ALPH" | b"VP8 " | b"VP8L") {
            push(&mut kept, chunk.kind, chunk.data);
        }
    }
    kept
}

fn push(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend(kind);
    // A file has less than 4 GiB.
    file.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    file.extend(data);
    if data.len() % 2 == 1 {
        file.push(0);
    }
}
