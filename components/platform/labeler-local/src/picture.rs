//! From an uploaded file to pixels.
//!
//! Each decoder limits the time and the memory of its worst file before it runs: a small
//! file with huge dimensions, or with forty thousand scans, is refused, and the guest
//! neither runs out of memory nor works without end. All pixels must be there, since
//! decoders would make up missing ones and the labels would be wrong. Data after the
//! pixels may be missing.

mod jpeg;
mod pixels;
mod png;
mod unreadable;
mod webp;

use image::ImageFormat;

pub use pixels::{Channels, Layout, Picture};
pub use unreadable::Unreadable;

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
