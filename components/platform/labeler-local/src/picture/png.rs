//! PNG (RFC 2083 and its third edition by the W3C).

use image::{ImageDecoder, Limits, codecs::png::PngDecoder};

use super::{Picture, Unreadable, afford, read, unreadable};

const NAME: &str = "PNG";

/// The chunk that ends every file: no data, its type, its checksum.
const END: &[u8] = b"\0\0\0\0IEND\xaeB\x60\x82";

/// What the decoder may take besides the pixels: metadata, rows.
const OVERHEAD: u64 = 4 << 20;

pub fn decode(file: &[u8]) -> Result<Picture, Unreadable> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(OVERHEAD);
    let decoder = PngDecoder::with_limits(std::io::Cursor::new(file), limits)
        .map_err(|error| unreadable(NAME, &error))?;
    let (width, height) = decoder.dimensions();
    afford(
        width,
        height,
        decoder.total_bytes().saturating_add(OVERHEAD),
    )?;
    if !file.windows(END.len()).any(|bytes| bytes == END) {
        return Err(Unreadable::invalid(NAME, "the end of the file is missing"));
    }
    read(NAME, decoder)
}
