//! Decoded pictures, which all decoders return.

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

/// Red, green, blue.
pub type Rgb = [u8; 3];

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

    /// The colour of a pixel of this format, on a white page.
    pub fn rgb(self, samples: &[u8]) -> Rgb {
        let sample = |index: usize| {
            if self.wide {
                let sample = samples.get(2 * index..).and_then(<[u8]>::first_chunk);
                (sample.map_or(0, |bytes| u16::from_ne_bytes(*bytes)) >> 8) as u8
            } else {
                samples.get(index).copied().unwrap_or_default()
            }
        };
        let scale = |value: u8, by: u8| ((u16::from(value) * u16::from(by) + 127) / 255) as u8;
        let on_white = |value: u8, alpha: u8| scale(value, alpha) + (255 - alpha);
        match self.channels {
            Channels::Grey => [sample(0); 3],
            Channels::GreyAlpha => [on_white(sample(0), sample(1)); 3],
            Channels::Rgb => [sample(0), sample(1), sample(2)],
            Channels::Rgba => [0, 1, 2].map(|index| on_white(sample(index), sample(3))),
            Channels::Cmyk => [0, 1, 2].map(|index| scale(255 - sample(index), 255 - sample(3))),
        }
    }
}
