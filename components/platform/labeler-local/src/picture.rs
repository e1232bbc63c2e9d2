//! From an uploaded file to pixels.
//!
//! Each decoder limits the time and the memory of its worst file before it runs: a small
//! file with huge dimensions, or with forty thousand scans, is refused, and the guest
//! neither runs out of memory nor works without end. All pixels must be there, since
//! decoders would make up missing ones and the labels would be wrong. Data after the
//! pixels may be missing.

mod jpeg;
mod png;
mod webp;

use image::{ImageFormat, metadata::Orientation};

/// The maximum number of bytes of memory for decoding one image. By measurement, a file
/// of 15 MiB and everything but decoding take 37 MiB: together they stay below the 128
/// MiB of a guest.
const BUDGET: u64 = 90 << 20;

/// A decoded image, perhaps already scaled down.
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The format of a pixel.
    pub layout: Layout,
    /// All pixels, row by row.
    pub bytes: Vec<u8>,
    /// The rotation for viewing.
    pub orientation: Orientation,
}

/// The format of the pixels of a [`Picture`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The samples of a pixel.
    pub channels: Channels,
    /// Whether samples have sixteen bits, in native byte order, and not eight.
    pub wide: bool,
}

/// The samples of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Luminance.
    Grey,
    /// Luminance and opacity.
    GreyAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, opacity.
    Rgba,
    /// Cyan, magenta, yellow, black.
    Cmyk,
}

impl Layout {
    /// Bytes of one pixel.
    pub fn pixel_bytes(self) -> usize {
        let samples = match self.channels {
            Channels::Grey => 1,
            Channels::GreyAlpha => 2,
            Channels::Rgb => 3,
            Channels::Rgba | Channels::Cmyk => 4,
        };
        samples * if self.wide { 2 } else { 1 }
    }
}

/// Why a file cannot be decoded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are not a whole image of a known type.
    #[error("{0}")]
    Invalid(String),
    /// Decoding it would take too much memory or time.
    #[error("{0}")]
    TooLarge(String),
}

impl Unreadable {
    fn invalid(format: &str, problem: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("not a readable {format} image: {problem}"))
    }
}

/// Decodes a JPEG, PNG or WebP image; its bytes tell which.
pub fn decode(file: &[u8]) -> Result<Picture, Unreadable> {
    match image::guess_format(file) {
        Ok(ImageFormat::Jpeg) => jpeg::decode(file),
        Ok(ImageFormat::Png) => png::decode(file),
        Ok(ImageFormat::WebP) => webp::decode(file),
        _ => Err(Unreadable::Invalid(
            "not an image: the bytes are neither JPEG, PNG nor WebP".into(),
        )),
    }
}

/// Refuses a picture that would take more than the [`BUDGET`].
fn afford(width: u32, height: u32, bytes: u64) -> Result<(), Unreadable> {
    if bytes <= BUDGET {
        return Ok(());
    }
    Err(Unreadable::TooLarge(format!(
        "{width} x {height} pixels would take {} MiB to decode, at most {} MiB are allowed: \
         send a smaller image",
        bytes.div_ceil(1 << 20),
        BUDGET >> 20,
    )))
}
