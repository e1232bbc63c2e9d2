//! WebP (RFC 9649). Of an animation, the first frame is decoded.
//!
//! Data after the pixels may be missing, as in browsers.

mod guarded;

use std::borrow::Cow;

use guarded::Guarded;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, codecs::webp::WebPDecoder};

use crate::pixels::{Channels, Layout, Picture};
use crate::unreadable::{Unreadable, WEBP, afford};

/// The header of the file: `RIFF`, the size of the rest, `WEBP`.
const HEADER: usize = 12;
/// The header of a chunk: its type and size.
const CHUNK: usize = 8;
/// The header of an animation's frame, before its chunks.
pub const FRAME: usize = 16;

/// The position of the flags in the first chunk, and the flags for a colour profile, EXIF
/// and XMP.
const FLAGS: usize = HEADER + CHUNK;
const METADATA: u8 = 0x2c;

// The maximum memory of the decoder, in bytes per pixel: the result, and a frame of four
// bytes or of luminance and chrominance. Opacity is separate, and an animation also has a
// canvas.
const STILL: u64 = 7;
const TRANSLUCENT: u64 = 11;
const ANIMATED: u64 = 19;

pub fn decode(file: &[u8]) -> Result<Picture, Unreadable> {
    let contents = Contents::of(body(file))?;
    let file = if contents.pixels && end(file) > file.len() {
        without_metadata(file)
    } else {
        Cow::Borrowed(file)
    };

    let decoder = WebPDecoder::new(Guarded::new(&file)).map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    let (channels, mut per_pixel) = match decoder.color_type() {
        ColorType::Rgba8 => (Channels::Rgba, TRANSLUCENT),
        _ => (Channels::Rgb, STILL),
    };
    if decoder.has_animation() {
        per_pixel = ANIMATED;
    }
    let copied = if let Cow::Owned(file) = &file {
        file.len()
    } else {
        0
    };
    afford(
        width,
        height,
        pixels(width, height) * per_pixel + copied as u64,
    )?;
    let mut bytes = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or_default()];
    decoder.read_image(&mut bytes).map_err(unreadable)?;
    Ok(Picture {
        width: width as usize,
        height: height as usize,
        layout: Layout {
            channels,
            wide: false,
        },
        bytes,
        orientation: contents
            .exif
            .and_then(Orientation::from_exif_chunk)
            .unwrap_or(Orientation::NoTransforms),
    })
}

/// The position where a file ends, as its header says.
fn end(file: &[u8]) -> usize {
    let announced = file.get(4..).and_then(|rest| rest.first_chunk());
    let announced = u32::from_le_bytes(*announced.unwrap_or(&[0; 4]));
    CHUNK.saturating_add(announced as usize)
}

/// The chunks of a file, as far as they are there.
pub fn body(file: &[u8]) -> &[u8] {
    file.get(HEADER..end(file).min(file.len()))
        .unwrap_or_default()
}

/// The file without the flags of its metadata: a file that ends after its pixels has
/// none, and the decoder insists on announced metadata.
fn without_metadata(file: &[u8]) -> Cow<'_, [u8]> {
    if file
        .get(HEADER..)
        .is_none_or(|rest| !rest.starts_with(b"VP8X"))
    {
        return Cow::Borrowed(file);
    }
    let mut file = file.to_vec();
    if let Some(flags) = file.get_mut(FLAGS) {
        *flags &= !METADATA;
    }
    Cow::Owned(file)
}

/// The relevant chunks of a file or frame.
#[derive(Default)]
struct Contents<'a> {
    /// Whether all pixels are there.
    pixels: bool,
    exif: Option<&'a [u8]>,
}

impl<'a> Contents<'a> {
    /// Walks over the chunks of a file.
    ///
    /// Checks the dimensions in lossy bitstreams themselves: they determine the memory, and
    /// the header of the file may differ.
    fn of(body: &'a [u8]) -> Result<Self, Unreadable> {
        let mut contents = Self::default();
        for chunk in chunks(body) {
            match chunk.kind {
                b"VP8 " | b"VP8L" | b"ANMF" if !contents.pixels && chunk.rest.is_none() => {
                    return Err(Unreadable::invalid(WEBP, "the end of the file is missing"));
                }
                b"VP8 " | b"VP8L" => contents.pixels = true,
                b"ANMF" => {
                    contents.pixels = true;
                    let frame = chunk.data.get(FRAME..).unwrap_or_default();
                    for chunk in chunks(frame) {
                        chunk.afford()?;
                    }
                }
                b"EXIF" if chunk.rest.is_some() && contents.exif.is_none() => {
                    contents.exif = Some(chunk.data);
                }
                _ => {}
            }
            chunk.afford()?;
        }
        Ok(contents)
    }
}

/// A chunk of a RIFF file.
pub struct Chunk<'a> {
    /// Its type.
    pub kind: &'a [u8; 4],
    /// Its data, as far as it is there.
    pub data: &'a [u8],
    /// The data after the chunk; `None` if some of the chunk's own data is missing.
    rest: Option<&'a [u8]>,
}

/// The chunks of a file or frame, as far as they are there, in their order.
pub fn chunks(body: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::successors(Chunk::first_of(body), |chunk| Chunk::first_of(chunk.rest?))
}

impl<'a> Chunk<'a> {
    /// The first chunk.
    fn first_of(chunks: &'a [u8]) -> Option<Self> {
        let (kind, rest) = chunks.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let size = u32::from_le_bytes(*size) as usize;
        Some(match rest.split_at_checked(size) {
            Some((data, rest)) => Self {
                kind,
                data,
                // A chunk of odd size has a padding byte.
                rest: Some(rest.get(size % 2..).unwrap_or_default()),
            },
            None => Self {
                kind,
                data: rest,
                rest: None,
            },
        })
    }

    /// Refuses a lossy bitstream that would take too much memory.
    fn afford(&self) -> Result<(), Unreadable> {
        // Three bytes of tag, three of start code, then the dimensions.
        if self.kind == b"VP8 "
            && let Some(&[a, b, c, d]) = self.data.get(6..).and_then(|data| data.first_chunk())
        {
            let width = u32::from(u16::from_le_bytes([a, b]) & 0x3fff);
            let height = u32::from(u16::from_le_bytes([c, d]) & 0x3fff);
            afford(width, height, pixels(width, height) * STILL)?;
        }
        Ok(())
    }
}

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

fn unreadable(error: ImageError) -> Unreadable {
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::OutOfMemory => {
            Unreadable::TooLarge(error.to_string())
        }
        _ => Unreadable::invalid(WEBP, error),
    }
}
