//! PNG (RFC 2083 and its third edition by the W3C). Of an animation, the default image is
//! decoded.
//!
//! Pixels are read row by row. Data after the last row is not inflated and may be
//! missing, as in browsers. Texts and colour profiles, which may inflate to a thousand
//! times their size, are skipped.

pub mod blocks;

use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, DecodingError, InterlaceInfo, Reader, Transformations};

use crate::pixels::{Channels, Layout, Picture};
use crate::unreadable::{PNG, Unreadable, afford};

/// The maximum number of pixels in a row, and of rows, as in a JPEG: each row has a cost,
/// even a short one.
const MAX_SIDE: u32 = u16::MAX as u32;

/// The memory that the decoder may take besides the pixels, in bytes: metadata, rows.
const OVERHEAD: usize = 4 << 20;

type File<'a> = std::io::Cursor<&'a [u8]>;

pub fn decode(file: &[u8]) -> Result<Picture, Unreadable> {
    let limits = png::Limits { bytes: OVERHEAD };
    let mut decoder = Decoder::new_with_limits(File::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(unreadable)?;
    let (width, height) = reader.info().size();
    let size = reader.output_buffer_size().unwrap_or(usize::MAX);
    afford(width, height, size.saturating_add(OVERHEAD) as u64)?;
    if width.max(height) > MAX_SIDE {
        return Err(Unreadable::TooLarge(format!(
            "{width} x {height} pixels: at most {MAX_SIDE} a side are allowed"
        )));
    }
    blocks::afford(file, reader.info().raw_bytes())?;
    let layout = layout(reader.output_color_type())?;
    let mut bytes = vec![0; size];
    rows(
        &mut reader,
        &mut bytes,
        width as usize * layout.pixel_bytes(),
    )?;
    if layout.wide {
        for sample in bytes.as_chunks_mut().0 {
            *sample = u16::from_be_bytes(*sample).to_ne_bytes();
        }
    }
    let exif = reader.info().exif_metadata.as_deref();
    Ok(Picture {
        width: width as usize,
        height: height as usize,
        layout,
        bytes,
        orientation: exif
            .and_then(Orientation::from_exif_chunk)
            .unwrap_or(Orientation::NoTransforms),
    })
}

/// Reads all rows, of `line` bytes each.
fn rows(reader: &mut Reader<File>, bytes: &mut [u8], line: usize) -> Result<(), Unreadable> {
    if reader.info().interlaced {
        let (color, depth) = reader.output_color_type();
        let bits = color.samples() as u8 * depth as u8;
        for _ in 0..interlaced_rows(reader.info().size()) {
            let row = reader.next_interlaced_row().map_err(unreadable)?;
            if let Some(row) = row
                && let InterlaceInfo::Adam7(pass) = row.interlace()
            {
                png::expand_interlaced_row(bytes, line, row.data(), pass, bits);
            }
        }
    } else {
        for row in bytes.chunks_exact_mut(line) {
            reader.read_row(row).map_err(unreadable)?;
        }
    }
    // The rest is checked as far as it is there, and not inflated.
    match reader.next_row() {
        Err(DecodingError::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Ok(())
        }
        Err(error) => Err(unreadable(error)),
        Ok(_) => Ok(()),
    }
}

/// Rows in the seven passes over an interlaced image.
fn interlaced_rows((width, height): (u32, u32)) -> u32 {
    // The first column and row of each pass, and its step between rows.
    const PASSES: [[u32; 3]; 7] = [
        [0, 0, 8],
        [4, 0, 8],
        [0, 4, 8],
        [2, 0, 4],
        [0, 2, 4],
        [1, 0, 2],
        [0, 1, 2],
    ];
    let passes = PASSES.iter().filter(|[column, ..]| *column < width);
    let rows = passes.map(|[_, row, step]| height.saturating_sub(*row).div_ceil(*step));
    rows.sum()
}

fn layout((color, depth): (ColorType, BitDepth)) -> Result<Layout, Unreadable> {
    let channels = match color {
        ColorType::Grayscale => Channels::Grey,
        ColorType::GrayscaleAlpha => Channels::GreyAlpha,
        ColorType::Rgb => Channels::Rgb,
        ColorType::Rgba => Channels::Rgba,
        ColorType::Indexed => return Err(Unreadable::invalid(PNG, "its palette is missing")),
    };
    let wide = depth == BitDepth::Sixteen;
    Ok(Layout { channels, wide })
}

fn unreadable(error: DecodingError) -> Unreadable {
    match error {
        DecodingError::LimitsExceeded => Unreadable::TooLarge(error.to_string()),
        _ => Unreadable::invalid(PNG, error),
    }
}
