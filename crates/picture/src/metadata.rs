//! Removes data about the photographer from files: place, time, camera, texts, thumbnails and
//! other pictures within the file. The pixels stay as they are, bit by bit.
//!
//! Only the parts are kept that are known to be needed to show the picture: its data,
//! transparency, animation, colour profile and orientation.

mod exif;
mod jpeg;
mod png;
mod webp;

use image::ImageFormat;

use crate::unreadable::Unreadable;

/// A copy of a JPEG, PNG or WebP file without its metadata.
///
/// # Errors
/// The file is no such image, or its structure is damaged.
pub fn without_metadata(file: &[u8]) -> Result<Vec<u8>, Unreadable> {
    match crate::format(file)? {
        ImageFormat::Jpeg => jpeg::strip(file),
        ImageFormat::Png => png::strip(file),
        _ => webp::strip(file),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::metadata::Orientation;
    use image::{DynamicImage, RgbImage, RgbaImage};
    use proptest::prelude::*;

    use super::exif::exif;
    use super::*;

    const SECRET: &[u8] = b"SECRET";

    fn has_secret(file: &[u8]) -> bool {
        memchr::memmem::find(file, SECRET).is_some()
    }

    fn picture() -> DynamicImage {
        RgbImage::from_fn(40, 24, |x, y| {
            image::Rgb([(6 * x) as u8, (9 * y) as u8, 77])
        })
        .into()
    }

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    /// EXIF with an orientation, and a secret after it.
    fn telling(orientation: Orientation) -> Vec<u8> {
        [&exif(orientation), SECRET].concat()
    }

    fn segment(code: u8, contents: &[&[u8]]) -> Vec<u8> {
        let contents = contents.concat();
        let length = u16::try_from(contents.len() + 2).unwrap().to_be_bytes();
        [&[0xff, code], &length[..], &contents].concat()
    }

    fn jpeg(orientation: Orientation) -> Vec<u8> {
        let plain = encoded(&picture(), ImageFormat::Jpeg);
        let (start, rest) = plain.split_at(2);
        // The encoder begins with JFIF.
        let (jfif, rest) = rest.split_at(18);
        let parts = [
            start,
            jfif,
            &segment(0xe1, &[b"Exif\0\0", &telling(orientation)]),
            &segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0<x>SECRET</x>"]),
            &segment(0xe0, &[b"JFXX\0\x13SECRET"]),
            &segment(0xe2, &[b"MPF\0SECRET"]),
            &segment(0xe2, &[b"ICC_PROFILE\0\x01\x01profile"]),
            &segment(0xed, &[b"Photoshop 3.0\0SECRET"]),
            &segment(0xfe, &[SECRET]),
            rest,
            // A film, or another picture.
            SECRET,
            &plain,
        ];
        parts.concat()
    }

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let mut sum = crc32fast::Hasher::new();
        sum.update(kind);
        sum.update(data);
        [&length, &kind[..], data, &sum.finalize().to_be_bytes()].concat()
    }

    fn png(orientation: Orientation) -> Vec<u8> {
        let plain = encoded(&picture(), ImageFormat::Png);
        let (start, rest) = plain.split_at(33);
        let parts = [
            start,
            &chunk(b"eXIf", &telling(orientation)),
            &chunk(b"tEXt", b"Comment\0SECRET"),
            &chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0SECRET"),
            &chunk(b"tIME", SECRET),
            &chunk(b"prVt", SECRET),
            &chunk(b"gAMA", &[0, 0, 0xb1, 0x8f]),
            rest,
            SECRET,
        ];
        parts.concat()
    }

    fn riff(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let padding = &[0][..data.len() % 2];
        [&kind[..], &length, data, padding].concat()
    }

    fn webp(orientation: Orientation) -> Vec<u8> {
        let plain = encoded(&picture(), ImageFormat::WebP);
        // EXIF and XMP; 40 x 24 pixels.
        let extended = riff(b"VP8X", &[0x0c, 0, 0, 0, 39, 0, 0, 23, 0, 0]);
        let chunks = [
            b"WEBP".to_vec(),
            extended,
            plain[12..].to_vec(),
            riff(b"EXIF", &telling(orientation)),
            riff(b"XMP ", b"<x>SECRET</x>"),
            riff(b"PRIV", SECRET),
        ];
        [riff(b"RIFF", &chunks.concat()), SECRET.to_vec()].concat()
    }

    #[test]
    fn the_picture_stays_and_its_metadata_goes() {
        type Make = fn(Orientation) -> Vec<u8>;
        for (name, make) in [("jpeg", jpeg as Make), ("png", png), ("webp", webp)] {
            for orientation in [Orientation::NoTransforms, Orientation::Rotate90] {
                let file = make(orientation);
                assert!(has_secret(&file));
                let stripped = without_metadata(&file).unwrap();
                assert!(!has_secret(&stripped), "{name}");
                let (before, after) = (
                    crate::decode(&file, 16).unwrap(),
                    crate::decode(&stripped, 16).unwrap(),
                );
                assert_eq!(after.bytes, before.bytes, "{name}");
                assert_eq!(
                    (after.width, after.height),
                    (before.width, before.height),
                    "{name}"
                );
                assert_eq!(before.orientation, orientation, "{name}");
                assert_eq!(after.orientation, orientation, "{name}");
                assert!(
                    image::load_from_memory(&stripped).is_ok(),
                    "{name}: others read it too"
                );
                // Nothing is left to be removed.
                assert_eq!(without_metadata(&stripped).unwrap(), stripped, "{name}");
            }
        }
    }

    #[test]
    fn colours_stay() {
        let profile = memchr::memmem::find(
            &without_metadata(&jpeg(Orientation::NoTransforms)).unwrap(),
            b"ICC_PROFILE\0\x01\x01profile",
        );
        assert!(profile.is_some());
        let gamma = without_metadata(&png(Orientation::NoTransforms)).unwrap();
        assert!(memchr::memmem::find(&gamma, b"gAMA").is_some());
    }

    #[test]
    fn transparency_stays() {
        let picture = RgbaImage::from_pixel(8, 8, image::Rgba([1, 2, 3, 40])).into();
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let file = encoded(&picture, format);
            let stripped = without_metadata(&file).unwrap();
            let seen = image::load_from_memory(&stripped).unwrap();
            assert_eq!(seen, picture, "{format:?}");
        }
    }

    #[test]
    fn a_file_that_was_cut_off_gets_an_end() {
        for file in [jpeg(Orientation::Rotate90), png(Orientation::Rotate90)] {
            for end in 0..file.len() {
                if let Ok(stripped) = without_metadata(&file[..end]) {
                    assert!(!has_secret(&stripped));
                    assert_eq!(without_metadata(&stripped).unwrap(), stripped);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn damaged_files_are_refused_or_stripped(
            which in 0..3_usize,
            damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let make = [jpeg, png, webp][which];
            let mut file = make(Orientation::Rotate180);
            for (at, byte) in damages {
                let at = at.index(file.len());
                file[at] = byte;
            }
            if let Ok(stripped) = without_metadata(&file) {
                prop_assert!(stripped.len() <= file.len() + 64);
            }
        }
    }
}
