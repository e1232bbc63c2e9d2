//! From an uploaded file to pixels.
//!
//! Each decoder has a limit on the time and the memory that its worst file takes,
//! which is checked before it runs: a small file with huge dimensions, or with
//! forty thousand scans, is an answer and not a guest that is out of memory or
//! works on and on. All pixels must be there: decoders that make up missing ones
//! would have them labeled. What follows the pixels may be missing.

mod jpeg;
mod png;
mod webp;

use image::{ImageFormat, metadata::Orientation};

/// Bytes of memory that decoding one image may take. Measured, a file of 15 MiB
/// and all that is not decoding take 37 MiB: together they stay below the 128
/// MiB that a guest may have.
const BUDGET: u64 = 90 << 20;

/// A decoded image, perhaps already scaled down.
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// How pixels are stored.
    pub layout: Layout,
    /// All pixels, row by row.
    pub bytes: Vec<u8>,
    /// How to turn it for viewing.
    pub orientation: Orientation,
}

/// How the pixels of a [`Picture`] are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What a pixel is made of.
    pub channels: Channels,
    /// Whether a sample has sixteen bits, in native byte order, not eight.
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

/// Why there is no picture.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are no whole image of a known type.
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

/// Decodes a JPEG, PNG or WebP image; which one it is, its bytes say.
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

/// Refuses what would take more than the [`BUDGET`].
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
