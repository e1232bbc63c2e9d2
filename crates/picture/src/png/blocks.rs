//! The number of deflate blocks (RFC 1951) in a PNG.
//!
//! A block can hold nothing and still have Huffman codes of its own. The decoder makes
//! tables of them, which takes up to 10 microseconds for a dozen bytes of the file.
//! Encoders start a block for some kilobytes, or for each row.

use miniz_oxide::inflate::TINFLStatus::{BlockBoundary, Done, HasMoreOutput, NeedsMoreInput};
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER,
    TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::unreadable::{PNG, Unreadable};

/// The maximum number of blocks: one for each row of the tallest image.
const MAX: usize = 1 << 16;

/// The min length of a block with codes of its own, in bytes.
const MIN_BLOCK_BYTES: usize = 10;

/// The window of deflate, in bytes.
const WINDOW: usize = 32 << 10;

/// The length after the pixels at which the decoder certainly inflates no more, in bytes.
/// An interlaced image has some bytes more than another of its size, too.
const MARGIN: usize = 1 << 20;

/// The length of the signature of a file.
pub const SIGNATURE: usize = 8;
/// The length of the checksum of a chunk.
pub const CHECKSUM: usize = 4;

/// Refuses a file whose pixels, of so many bytes, are in too many blocks. It inflates
/// them for that, unless the file is too short to have as many.
pub fn afford(file: &[u8], pixels: usize) -> Result<(), Unreadable> {
    let mut inflating = Box::<DecompressorOxide>::default();
    let mut window = vec![0; WINDOW];
    let (mut blocks, mut inflated) = (0, 0);
    let mut chunks = file.get(SIGNATURE..).unwrap_or_default();
    while let Some((kind, mut data, rest)) = chunk(chunks) {
        chunks = rest;
        if kind != b"IDAT" {
            continue;
        }
        loop {
            if blocks > MAX {
                return Err(Unreadable::TooLarge(format!(
                    "its pixels are in more than {MAX} deflate blocks: save it again with \
                     another program"
                )));
            }
            if blocks + (data.len() + rest.len()) / MIN_BLOCK_BYTES <= MAX {
                return Ok(());
            }
            let flags = TINFL_FLAG_PARSE_ZLIB_HEADER
                | TINFL_FLAG_IGNORE_ADLER32
                | TINFL_FLAG_HAS_MORE_INPUT
                | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
            let at = inflated % WINDOW;
            let (status, read, written) = decompress(&mut inflating, data, &mut window, at, flags);
            data = data.get(read..).unwrap_or_default();
            inflated += written;
            match status {
                BlockBoundary => blocks += 1,
                HasMoreOutput if inflated <= pixels.saturating_add(MARGIN) => {}
                HasMoreOutput | Done => return Ok(()),
                NeedsMoreInput => break,
                _ => return Err(Unreadable::invalid(PNG, "its data does not inflate")),
            }
        }
    }
    Ok(())
}

/// The type and the data of the first chunk, as far as it is there, and the chunks after it.
pub fn chunk(chunks: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = chunks.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (data, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some((kind, data, rest.get(CHECKSUM..).unwrap_or_default()))
}
