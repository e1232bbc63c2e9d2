//! Uploads of users: files of all three types in all their variants, whole, turned,
//! damaged, or made to do harm.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{fs, io::Cursor, path::Path};

use image::{
    DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder, ImageFormat, Luma, RgbImage, Rgba,
    RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use labeler_local::{
    crop,
    labeler::{Labeler, decode},
};
use picture::Unreadable;
use proptest::prelude::*;

const KINDS: [&str; 7] = [
    "cat-alpha.webp",
    "cat-animated.webp",
    "cat-baseline.jpg",
    "cat-cmyk.jpg",
    "cat-grey.jpg",
    "cat-lossy.webp",
    "cat-progressive.jpg",
];

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    fs::read(folder.join(name)).unwrap()
}

fn cat() -> DynamicImage {
    image::load_from_memory(&file("cat-lossy.webp")).unwrap()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn seen(file: &[u8]) -> Box<[u8; labeler_local::network::INPUT]> {
    crop::square(&decode(file).unwrap())
}

/// The mean difference, of 255, between the network's inputs from two files.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    let (a, b) = (seen(a), seen(b));
    let sum: u64 = a
        .iter()
        .zip(b.iter())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len() as f64
}

fn is_invalid(file: &[u8]) -> bool {
    matches!(decode(file), Err(Unreadable::Invalid(_)))
}

fn is_too_large(file: &[u8]) -> bool {
    matches!(decode(file), Err(Unreadable::TooLarge(_)))
}

#[test]
fn a_cat_is_a_cat_in_every_kind_of_file() {
    let mut labeler = Labeler::new();
    for kind in KINDS {
        let labels = labeler.label(&file(kind), 60.0).unwrap();
        assert!(
            labels.iter().any(|label| label.name == "Cat"),
            "{kind}: {labels:?}"
        );
    }
}

#[test]
fn four_colours_of_ink_look_like_three_of_light() {
    let apart = difference(&file("cat-cmyk.jpg"), &file("cat-baseline.jpg"));
    assert!(apart < 3.0, "{apart}");
}

#[test]
fn a_progressive_photo_looks_like_a_baseline_one() {
    let apart = difference(&file("cat-progressive.jpg"), &file("cat-baseline.jpg"));
    assert!(apart < 1.0, "{apart}");
}

#[test]
fn a_large_photo_is_scaled_while_it_is_decoded_and_looks_the_same() {
    let large = cat().resize_exact(1800, 1800, image::imageops::FilterType::Triangle);
    let picture = decode(&encoded(&large, ImageFormat::Jpeg)).unwrap();
    assert_eq!((picture.width, picture.height), (450, 450));
    let apart = difference(
        &encoded(&large, ImageFormat::Jpeg),
        &encoded(&large, ImageFormat::Png),
    );
    assert!(apart < 2.0, "{apart}");
}

#[test]
fn what_is_transparent_is_seen_on_white() {
    let mut image = RgbaImage::from_pixel(300, 300, Rgba([0, 0, 0, 0]));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let file = encoded(&image.clone().into(), format);
        assert!(seen(&file).iter().all(|value| *value == 255), "{format:?}");
    }
    image.fill(127);
    assert!(
        seen(&encoded(&image.into(), ImageFormat::Png))
            .iter()
            .all(|value| value.abs_diff(191) <= 1)
    );
}

#[test]
fn sixteen_bits_a_sample_and_grey_are_read() {
    let grey: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_fn(300, 300, |_, _| Luma([0x8000]));
    let file = encoded(&grey.into(), ImageFormat::Png);
    assert!(seen(&file).iter().all(|value| *value == 0x80));
}

#[test]
fn an_image_of_one_pixel_is_an_image() {
    let mut labeler = Labeler::new();
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let file = encoded(&DynamicImage::new_rgb8(1, 1), format);
        assert!(labeler.label(&file, 0.0).is_ok(), "{format:?}");
    }
}

#[test]
fn a_very_long_image_is_cropped_to_its_middle() {
    let mut image = DynamicImage::new_rgb8(8000, 3).into_rgb8();
    for x in 3998..4001 {
        for y in 0..3 {
            image.put_pixel(x, y, image::Rgb([255, 0, 0]));
        }
    }
    let file = encoded(&image.into(), ImageFormat::Png);
    assert!(
        seen(&file)
            .as_chunks::<3>()
            .0
            .iter()
            .all(|rgb| *rgb == [255, 0, 0])
    );
}

/// The EXIF data of a camera that was held sideways: orientation 6.
const SIDEWAYS: [u8; 26] = [
    b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
];

/// A JPEG, PNG or WebP file with these pixels and [`SIDEWAYS`].
fn sideways(image: &RgbImage, mut encoder: impl ImageEncoder) {
    encoder.set_exif_metadata(SIDEWAYS.to_vec()).unwrap();
    let (width, height) = image.dimensions();
    encoder
        .write_image(image, width, height, ExtendedColorType::Rgb8)
        .unwrap();
}

#[test]
fn a_photo_taken_sideways_is_turned() {
    let turned = cat().rotate270().into_rgb8();
    let [mut jpeg, mut png, mut webp] = [const { Vec::new() }; 3];
    sideways(&turned, JpegEncoder::new_with_quality(&mut jpeg, 95));
    sideways(&turned, PngEncoder::new(&mut png));
    sideways(&turned, WebPEncoder::new_lossless(&mut webp));
    for file in [jpeg, png, webp] {
        let apart = difference(&file, &encoded(&cat(), ImageFormat::Png));
        assert!(apart < 2.0, "{apart}");
    }
}

/// One file of each kind.
fn of_all_kinds() -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = KINDS.iter().map(|name| file(name)).collect();
    files.push(encoded(&cat(), ImageFormat::Png));
    files.push(encoded(&cat(), ImageFormat::WebP));
    files
}

#[test]
fn a_file_that_ends_too_early_is_no_image() {
    for whole in of_all_kinds() {
        assert!(decode(&whole).is_ok());
        let kind = image::guess_format(&whole);
        for end in (0..32).map(|part| whole.len() * part / 32) {
            assert!(is_invalid(&whole[..end]), "{kind:?}, {end} bytes");
        }
    }
}

#[test]
fn a_file_with_all_pixels_is_an_image_without_its_end() {
    for whole in of_all_kinds() {
        let kind = image::guess_format(&whole).unwrap();
        // The end marker of a JPEG; the last chunk of a PNG and the checksum before it.
        let missing = match kind {
            ImageFormat::Jpeg => 1..=2,
            ImageFormat::Png => 1..=16,
            _ => continue,
        };
        for missing in missing {
            let file = &whole[..whole.len() - missing];
            assert_eq!(seen(file), seen(&whole), "{kind:?} without {missing} bytes");
        }
    }
    // Metadata comes last in a WebP file.
    let mut webp = Vec::new();
    sideways(&cat().into_rgb8(), WebPEncoder::new_lossless(&mut webp));
    let upright = seen(&encoded(&cat(), ImageFormat::WebP));
    for missing in 1..=SIDEWAYS.len() + 8 {
        assert_eq!(
            seen(&webp[..webp.len() - missing]),
            upright,
            "{missing} bytes"
        );
    }
}

#[test]
fn a_file_that_lacks_some_pixels_is_no_image_even_with_its_end() {
    for name in [
        "cat-baseline.jpg",
        "cat-progressive.jpg",
        "cat-cmyk.jpg",
        "cat-grey.jpg",
    ] {
        let mut jpeg = file(name);
        let pixels = jpeg.len() * 4 / 5;
        jpeg.truncate(pixels);
        jpeg.extend([0xff, 0xd9]);
        assert!(is_invalid(&jpeg), "{name}");
    }
}

#[test]
fn other_files_are_no_images() {
    for file in [
        &b""[..],
        b"GIF89a\x01\0\x01\0\0\0\0;",
        b"<svg/>",
        b"%PDF-1.7",
    ] {
        assert!(is_invalid(file));
    }
}

#[test]
fn a_small_file_with_huge_dimensions_is_refused() {
    let side = 50_000_u32;
    let mut png = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
    png[16..20].copy_from_slice(&side.to_be_bytes());
    png[20..24].copy_from_slice(&side.to_be_bytes());
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert!(is_too_large(&png));

    for name in ["cat-baseline.jpg", "cat-progressive.jpg"] {
        let mut jpeg = file(name);
        let frame = jpeg
            .windows(2)
            .position(|bytes| bytes == [0xff, 0xc0] || bytes == [0xff, 0xc2])
            .unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xf0, 0xff, 0xf0]);
        assert!(is_too_large(&jpeg), "{name}");
    }

    // The bitstream decides, even if the header says otherwise.
    for name in ["cat-lossy.webp", "cat-alpha.webp", "cat-animated.webp"] {
        let mut webp = file(name);
        let bitstream = webp
            .windows(3)
            .position(|bytes| bytes == [0x9d, 0x01, 0x2a])
            .unwrap();
        webp[bitstream + 3..bitstream + 7].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
        assert!(is_too_large(&webp), "{name}");
    }
}

/// A WebP file of these chunks: their types, announced sizes and data follow
/// one another.
fn riff(chunks: &[u8]) -> Vec<u8> {
    let size = u32::try_from(chunks.len() + 4).unwrap();
    [b"RIFF", &size.to_le_bytes()[..], b"WEBP", chunks].concat()
}

#[test]
fn frames_in_frames_and_impossible_sizes_are_refused() {
    let depth = 200_000_u32;
    let nested: Vec<u8> = (0..depth)
        .rev()
        .flat_map(|left| [b"ANMF", &(left * 24 + 16).to_le_bytes()[..], &[0; 16]].concat())
        .collect();
    assert!(is_invalid(&riff(&nested)));
    assert!(is_invalid(&riff(b"EXIF\xff\xff\xff\xff")));
}

/// The checksum of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn the_photos_of_phones_fit() {
    let image = DynamicImage::new_rgb8(4032, 3024);
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        let picture = decode(&encoded(&image, format)).unwrap();
        assert!(picture.width.min(picture.height) >= 448, "{format:?}");
    }
}

proptest! {
    #[test]
    fn a_damaged_file_is_decoded_or_refused(
        kind in 0..KINDS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_the_head in any::<bool>(),
    ) {
        let mut file = file(KINDS[kind]);
        let reach = if in_the_head { 700 } else { file.len() };
        for (at, byte) in damage {
            file[at.index(reach)] = byte;
        }
        if let Ok(picture) = decode(&file) {
            crop::square(&picture);
        }
    }
}
