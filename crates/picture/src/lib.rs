//! Uploaded files: their pixels, their metadata, and small copies of them.
//!
//! Each decoder limits the time and the memory of its worst file before it runs: a small
//! file with huge dimensions, or with forty thousand scans, is refused, and the guest
//! neither runs out of memory nor works without end. All pixels must be there, since
//! decoders would make up missing ones and the labels would be wrong. Data after the
//! pixels may be missing.

mod jpeg;
mod metadata;
mod pixels;
mod png;
mod scale;
mod thumbnail;
mod unreadable;
mod webp;

use image::ImageFormat;

pub use metadata::without_metadata;
pub use pixels::{Channels, Layout, Picture, Rgb};
pub use scale::{Area, scale};
pub use thumbnail::thumbnails;
pub use unreadable::Unreadable;

/// Decodes a JPEG, PNG or WebP image; its bytes tell which. A JPEG may be scaled down while
/// it is decoded, as far as its shorter side has at least `enough` pixels.
///
/// # Errors
/// It is no such image, or its pixels take too much memory or time.
pub fn decode(file: &[u8], enough: u16) -> Result<Picture, Unreadable> {
    match format(file)? {
        ImageFormat::Jpeg => jpeg::decode(file, enough),
        ImageFormat::Png => png::decode(file),
        _ => webp::decode(file),
    }
}

/// The format of a file: JPEG, PNG or WebP.
fn format(file: &[u8]) -> Result<ImageFormat, Unreadable> {
    use ImageFormat::{Jpeg, Png, WebP};
    let format = image::guess_format(file).ok();
    let format = format.filter(|format| matches!(format, Jpeg | Png | WebP));
    format.ok_or_else(|| {
        let problem = "not an image: the bytes are neither JPEG, PNG nor WebP";
        Unreadable::Invalid(problem.to_owned())
    })
}
