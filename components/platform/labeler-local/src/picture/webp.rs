//! WebP (RFC 9649). Of an animation the first frame counts.

use image::{ColorType, ImageDecoder, codecs::webp::WebPDecoder};

use super::{Picture, Unreadable, afford, read, unreadable};

const NAME: &str = "WebP";

/// The header of the file: `RIFF`, the size of what follows, `WEBP`.
const HEADER: usize = 12;
/// The header of a chunk: its type and size.
const CHUNK: usize = 8;
/// What comes before the chunks within a frame of an animation.
const FRAME: usize = 16;

// The most that the decoder holds at once, in bytes a pixel: the result, and a
// frame of four bytes or of luminance and chrominance. Opacity is kept apart,
// and an animation has a canvas besides.
const STILL: u64 = 7;
const TRANSLUCENT: u64 = 11;
const ANIMATED: u64 = 19;

pub fn decode(file: &[u8]) -> Result<Picture, Unreadable> {
    let announced = file.get(4..).and_then(|rest| rest.first_chunk());
    let announced = u32::from_le_bytes(*announced.unwrap_or(&[0; 4]));
    let body = file
        .get(HEADER..CHUNK.saturating_add(announced as usize))
        .ok_or_else(|| Unreadable::invalid(NAME, "the end of the file is missing"))?;
    let metadata = chunks(body, Within::File)?;

    let decoder =
        WebPDecoder::new(std::io::Cursor::new(file)).map_err(|error| unreadable(NAME, &error))?;
    let (width, height) = decoder.dimensions();
    let most = if decoder.has_animation() {
        ANIMATED
    } else if decoder.color_type() == ColorType::Rgba8 {
        TRANSLUCENT
    } else {
        STILL
    };
    afford(width, height, pixels(width, height) * most + metadata)?;
    read(NAME, decoder)
}

/// What chunks are in: frames are only in the file itself.
#[derive(PartialEq)]
enum Within {
    File,
    Frame,
}

/// Checks the dimensions that lossy bitstreams have in themselves: they decide
/// on the memory, whatever the header of the file says. Counts the bytes of
/// metadata, which the decoder copies.
fn chunks(mut chunks: &[u8], within: Within) -> Result<u64, Unreadable> {
    let mut metadata = 0;
    while let Some((header, rest)) = chunks.split_first_chunk::<CHUNK>() {
        let [kind @ .., a, b, c, d] = header;
        let size = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let data = rest.get(..size).unwrap_or(rest);
        match kind {
            b"VP8 " => {
                // Three bytes of tag, three of start code, then the dimensions.
                if let Some(&[a, b, c, d]) = data.get(6..).and_then(|data| data.first_chunk()) {
                    let width = u32::from(u16::from_le_bytes([a, b]) & 0x3fff);
                    let height = u32::from(u16::from_le_bytes([c, d]) & 0x3fff);
                    afford(width, height, pixels(width, height) * STILL)?;
                }
            }
            b"ANMF" if within == Within::File => {
                let frame = data.get(FRAME..).unwrap_or_default();
                metadata += self::chunks(frame, Within::Frame)?;
            }
            b"EXIF" => metadata += data.len() as u64,
            _ => {}
        }
        let next = size.checked_next_multiple_of(2);
        chunks = next.and_then(|next| rest.get(next..)).unwrap_or_default();
    }
    Ok(metadata)
}

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}
