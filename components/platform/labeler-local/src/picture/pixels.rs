//! What all decoders make of a file.

use image::metadata::Orientation;

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
