//! Small copies of pictures.

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::pixels::{Channels, Layout, Picture};
use crate::scale::{Area, scale};
use crate::unreadable::Unreadable;

/// The quality of thumbnails, of 1 to 100. Artefacts are hard to see, and a photo of 1024
/// pixels takes about 150 KiB.
const QUALITY: u8 = 80;

/// Copies of a file as JPEG, upright and without metadata. The longer side of each is at most
/// as long as one of `sides`, which go from the longest to the shortest. A smaller picture
/// keeps its size. Transparent pixels become white, and colour profiles are not applied.
///
/// # Errors
/// The file is no image that [`decode`](crate::decode) reads.
pub fn thumbnails(file: Vec<u8>, sides: &[u16]) -> Result<Vec<Vec<u8>>, Unreadable> {
    let max_side = sides.iter().copied().max().unwrap_or(1);
    let mut picture = crate::decode(&file, max_side)?;
    // The decoded picture takes much of a component's memory.
    drop(file);
    let mut thumbnails = Vec::with_capacity(sides.len());
    for side in sides {
        picture = fitted(&picture, usize::from(*side));
        thumbnails.push(encoded(&picture)?);
    }
    Ok(thumbnails)
}

/// The upright picture, whose longer side has at most `side` pixels.
fn fitted(picture: &Picture, side: usize) -> Picture {
    let longer = picture.width.max(picture.height).max(1);
    let fit = |length: usize| match longer > side {
        true => ((length * side + longer / 2) / longer).max(1),
        false => length,
    };
    let (width, height) = (fit(picture.width), fit(picture.height));
    let whole = Area {
        left: 0,
        top: 0,
        width: picture.width,
        height: picture.height,
    };
    let scaled = scale(picture, whole, width, height);
    // Sides have at most 16 bits.
    let scaled = RgbImage::from_raw(width as u32, height as u32, scaled).unwrap_or_default();
    let mut scaled = DynamicImage::ImageRgb8(scaled);
    scaled.apply_orientation(picture.orientation);
    Picture {
        width: scaled.width() as usize,
        height: scaled.height() as usize,
        layout: Layout {
            channels: Channels::Rgb,
            wide: false,
        },
        bytes: scaled.into_rgb8().into_raw(),
        orientation: Orientation::NoTransforms,
    }
}

fn encoded(picture: &Picture) -> Result<Vec<u8>, Unreadable> {
    let mut file = Vec::new();
    let (width, height) = (picture.width as u32, picture.height as u32);
    JpegEncoder::new_with_quality(&mut file, QUALITY)
        .encode(
            &picture.bytes,
            width,
            height,
            image::ExtendedColorType::Rgb8,
        )
        .map_err(|error| Unreadable::Invalid(format!("no thumbnail can be written: {error}")))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{GenericImageView, ImageFormat, Rgba, RgbaImage};

    use super::*;

    /// Red on the left, half transparent on the right.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbaImage::from_fn(width, height, |x, _| match x < width / 2 {
            true => Rgba([200, 0, 0, 255]),
            false => Rgba([0, 0, 0, 0]),
        });
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    fn sizes(file: Vec<u8>, sides: &[u16]) -> Vec<(u32, u32)> {
        let thumbnails = thumbnails(file, sides).unwrap();
        let sizes = thumbnails.iter().map(|file| {
            assert_eq!(image::guess_format(file).unwrap(), ImageFormat::Jpeg);
            image::load_from_memory(file).unwrap().dimensions()
        });
        sizes.collect()
    }

    #[test]
    fn the_longer_side_fits_and_the_shape_stays() {
        assert_eq!(
            sizes(png(3000, 2000), &[1024, 256]),
            [(1024, 683), (256, 171)]
        );
        assert_eq!(
            sizes(png(600, 1200), &[1024, 256]),
            [(512, 1024), (128, 256)]
        );
        assert_eq!(
            sizes(png(300, 100), &[1024, 256]),
            [(300, 100), (256, 85)],
            "nothing is made larger"
        );
        assert_eq!(sizes(png(4000, 1), &[256]), [(256, 1)]);
    }

    #[test]
    fn transparent_pixels_become_white() {
        let thumbnails = thumbnails(png(800, 800), &[256]).unwrap();
        let thumbnail = image::load_from_memory(&thumbnails[0]).unwrap().into_rgb8();
        let near = |pixel: &image::Rgb<u8>, wanted: [u8; 3]| {
            let off = |(one, other): (u8, u8)| one.abs_diff(other) < 8;
            pixel.0.into_iter().zip(wanted).all(off)
        };
        assert!(near(thumbnail.get_pixel(20, 100), [200, 0, 0]));
        assert!(near(thumbnail.get_pixel(230, 100), [255, 255, 255]));
    }

    #[test]
    fn a_picture_that_lies_on_its_side_stands_up() {
        let jpeg = RgbImage::from_fn(400, 200, |x, _| match x < 200 {
            true => image::Rgb([250, 250, 250]),
            false => image::Rgb([5, 5, 5]),
        });
        let mut file = Cursor::new(Vec::new());
        jpeg.write_to(&mut file, ImageFormat::Jpeg).unwrap();
        let mut file = file.into_inner();
        let exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        file.splice(2..2, exif.iter().copied());
        let thumbnails = thumbnails(file, &[256]).unwrap();
        let thumbnail = image::load_from_memory(&thumbnails[0]).unwrap().into_rgb8();
        assert_eq!(thumbnail.dimensions(), (128, 256));
        // Turned by 90 degrees, the left side is on top.
        assert!(thumbnail.get_pixel(64, 30).0[0] > 200);
        assert!(thumbnail.get_pixel(64, 220).0[0] < 50);
        assert!(memchr::memmem::find(&thumbnails[0], b"Exif").is_none());
    }

    #[test]
    fn what_is_no_image_has_no_thumbnail() {
        let none = thumbnails(b"no image".to_vec(), &[256]);
        assert!(matches!(none, Err(Unreadable::Invalid(_))));
    }
}
