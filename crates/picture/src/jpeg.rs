//! JPEG (ITU T.81), scaled down while it is decoded.
//!
//! Decodes with `jpeg-decoder` and not with the decoder of `image`, because it can leave
//! out the frequencies that a small image does not show: half the time, and an eighth to
//! a sixty-fourth of the memory for a large photo.

pub mod outline;

use image::metadata::Orientation;
use jpeg_decoder::{CodingProcess, Decoder, ImageInfo, PixelFormat};
use outline::Outline;

use crate::pixels::{Channels, Layout, Picture};
use crate::unreadable::{JPEG, Unreadable, afford};

/// Decodes a file, scaled down as far as its shorter side stays as long as `enough`.
pub fn decode(file: &[u8], enough: u16) -> Result<Picture, Unreadable> {
    let mut decoder = Decoder::new(Outline::of(file)?);
    decoder.read_info().map_err(unreadable)?;
    let full = info(&decoder)?;
    let channels = match full.pixel_format {
        PixelFormat::L8 => Channels::Grey,
        PixelFormat::RGB24 => Channels::Rgb,
        PixelFormat::CMYK32 => Channels::Cmyk,
        PixelFormat::L16 => return Err(lossless()),
    };
    if full.coding_process == CodingProcess::Lossless {
        return Err(lossless());
    }
    let layout = Layout {
        channels,
        wide: false,
    };
    let (width, height) = decoder
        .scale(
            scaled(full.width, full, enough),
            scaled(full.height, full, enough),
        )
        .map_err(unreadable)?;
    afford(
        full.width.into(),
        full.height.into(),
        // Colour profiles and other metadata are copied out of the file.
        memory(full, (width, height), layout) + file.len() as u64,
    )?;
    let bytes = decoder.decode().map_err(unreadable)?;
    Ok(Picture {
        width: width.into(),
        height: height.into(),
        layout,
        bytes,
        orientation: decoder
            .exif_data()
            .and_then(Orientation::from_exif_chunk)
            .unwrap_or(Orientation::NoTransforms),
    })
}

/// The length of a side when the shorter one is scaled to the minimum.
fn scaled(side: u16, full: ImageInfo, enough: u16) -> u16 {
    let shorter = u32::from(full.width.min(full.height)).max(1);
    let wanted = shorter.min(enough.into());
    let scaled = (u32::from(side) * wanted).div_ceil(shorter);
    u16::try_from(scaled).unwrap_or(side)
}

/// The maximum memory of the decoder: planes and the result, and all coefficients at full
/// size if they come in several scans.
fn memory(full: ImageInfo, scaled: (u16, u16), layout: Layout) -> u64 {
    let samples = layout.pixel_bytes() as u64;
    // Rows and columns are padded to whole blocks of up to 32 pixels.
    let padded = |side: u16| u64::from(side).next_multiple_of(32);
    let pixels = padded(scaled.0) * padded(scaled.1);
    let mut bytes = 2 * samples * pixels;
    if full.coding_process == CodingProcess::DctProgressive {
        bytes += 2 * samples * padded(full.width) * padded(full.height);
    }
    bytes
}

fn info(decoder: &Decoder<Outline>) -> Result<ImageInfo, Unreadable> {
    decoder
        .info()
        .ok_or_else(|| Unreadable::invalid(JPEG, "it has no frame"))
}

fn lossless() -> Unreadable {
    Unreadable::invalid(JPEG, "lossless JPEG is not supported")
}

fn unreadable(error: jpeg_decoder::Error) -> Unreadable {
    Unreadable::invalid(JPEG, error)
}
